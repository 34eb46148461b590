"""A learned network in sentences: which features, in what direction, from where on, and how much it matters."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from limbeck._learner.report.comparison import clipped, r2_interval
from limbeck._learner.report.numbers import number
from limbeck._learner.report.parts import INPUTS, TEXT, PartSentences, Typography, has_slopes
from limbeck._learner.tabular.cross_validation import FEWEST_HELD_OUT, CrossValidation

if TYPE_CHECKING:
    from limbeck._learner.model.clumps import Clump
    from limbeck._learner.pipeline.result import Learned

__all__ = [
    "INPUTS",
    "LOWEST_R2",
    "clump_lines",
    "cost_text",
    "describe",
    "headline",
    "notes",
    "part_sentences",
    "quality",
    "r2_text",
    "width_table",
    "widths",
]

_WIDTH = 96
_CLUMPS = 8
_UNKNOWN = "?: the rows leave it open."
_NOTHING = 1e-12  # relative: what is smaller is rounding
LOWEST_R2 = -10.0  # below, how far a prediction is off says nothing but that it is useless
# Simulated, by rows for each parameter: Gaussian features, one to three neurons, noise of one size or not. The upper
# ends are of refinements that begin at the true network, the lower ones of networks that were searched for.
_COVERED = ((7, "65 to 90"), (13, "75 to 93"), (27, "80 to 94"), (np.inf, "90 to 94"))
_ENOUGH_ROWS = 50  # for each parameter: with more, intervals of 1.96 errors cover what they should to a point or two


def describe(learned: Learned) -> str:
    """The whole result as text; with standard errors and smaller widths up to 500 parameters."""
    evidence = learned._evidence
    sentences = part_sentences(learned, TEXT)
    paragraphs = [f"{title}: {text}" for title, text, _ in sentences.all()]
    lines = [headline(learned), quality(learned), "", *(_wrapped(text) for text in paragraphs)]
    note = notes(learned)
    if note:
        lines += ["", _wrapped(note, "")]
    if learned.width > 1:
        lines += ["", *clump_lines(learned.clumps)]
    if learned.width and evidence.refined and evidence.quick:
        lines += ["", *_width_lines(learned)]
    if evidence.refined and not evidence.quick:
        lines += ["", "standard_errors and narrower take longer for so many parameters: ask for them."]
    if learned.stopped_early:
        lines += ["", "stopped early: the time limit was reached, this is the best so far"]
    return "\n".join(lines)


def part_sentences(learned: Learned, typography: Typography) -> PartSentences:
    """The sentences about the parts of a result."""
    return PartSentences(learned.reading, learned.feature_names, learned.target_name, typography)


def _wrapped(text: str, indent: str = "    ") -> str:
    lines = textwrap.wrap(text, _WIDTH, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False)
    return "\n".join(lines).replace("\N{NO-BREAK SPACE}", " ")


def headline(learned: Learned) -> str:
    """What the result is of."""
    k, d = learned.width, learned.network.n_features
    neurons = f"{k} neuron{'' if k == 1 else 's'}"
    linear = " and a linear part" if has_slopes(learned.reading) else ""
    features = f"{d:,} feature{'' if d == 1 else 's'}"
    return f"{clipped(learned.target_name)}: {neurons}{linear}, of {features} ({INPUTS[learned.inputs]})"


def quality(learned: Learned) -> str:
    """How good it is."""
    noise = float(np.sqrt(np.maximum(learned.noise_variance, 0.0)))
    size = "nothing unexplained" if _is_exact(learned) else f"unexplained {number(noise)} (standard deviation)"
    if np.isnan(noise):
        size = "too few rows, or too little time, to tell what is unexplained"
    return f"{_judged(learned)}; {size}"


def _is_exact(learned: Learned) -> bool:
    """Whether what is left over is rounding."""
    reading = learned.reading
    # Labels far from 0 are themselves rounded by some units of their last place.
    rounding = _NOTHING * reading.spread + 8 * np.finfo(np.float64).eps * abs(reading.constant)
    return bool(learned.noise_variance <= rounding**2)


def _judged(learned: Learned) -> str:
    found = learned._evidence.cross_validation
    if found is not None:
        return f"cross-validated R2 {r2_text(found.r2[0])} {_folds(found)}"
    rows, r2 = len(learned.validation_targets), learned.validation_r2
    if not rows:
        return "no rows held out"
    held_out = f"on {rows:,} row{'' if rows == 1 else 's'} held out"
    if np.isnan(r2):
        return f"no R2: the labels of the {held_out.removeprefix('on ')} do not differ"
    if rows >= FEWEST_HELD_OUT or r2 > 0.99:
        return f"R2 {r2_text(r2)} {held_out}"
    interval = r2_interval(learned.validation_residuals, learned.validation_targets)
    return f"R2 {r2_text(r2)} {held_out} (few: 95 % interval {r2_text(interval.low, 2)} to {r2_text(interval.high, 2)})"


def _folds(found: CrossValidation) -> str:
    """How R2 was cross-validated."""
    folds = "each left out once" if found.folds == found.rows else f"{found.folds} folds"
    return f"({found.rows} rows, {folds}, the search repeated for each)"


def r2_text(value: float, digits: int = 3) -> str:
    """So many digits, but never 1 for what is not, and none of what is far below 0."""
    if value < LOWEST_R2:
        return f"below {LOWEST_R2:.0f}"
    if np.isfinite(value) and 0.99 < value < 1:
        return f"1 - {1 - value:.1e}" if value > 0.9999 else f"{value:.4f}"
    return f"{round(value, digits) + 0.0:.{digits}f}"  # + 0.0: no -0.00


def _coverage(ratio: float) -> str:
    """What intervals of 1.96 standard errors cover with so many rows for each parameter, in per cent."""
    return next(text for most, text in _COVERED if ratio < most)


def notes(learned: Learned, typography: Typography = TEXT) -> str:
    """How the sentences are to be read."""
    reading, evidence, said = learned.reading, learned._evidence, []
    if not learned.width:
        return _UNKNOWN if _has_question_marks(learned) else ""
    comparison = evidence.line_comparison(learned.validation_residuals)
    if comparison is not None and comparison.is_no_worse:
        said.append("On rows left out a line does as well, within chance: there may be no such neurons.")
    if reading.counts_in_deviations:
        said.append("Standardised: features count in standard deviations from their means, coefficients have length 1.")
    else:
        said.append("Sums have coefficients of length 1.")
    sentences = part_sentences(learned, TEXT)
    if reading.curves:
        taken = " and holds its slope in the linear part" if sentences.absorbed else ""
        said.append(f"A curve is 0 at its first kink{taken}.")
    if (sentences.shares() < -0.005).any():
        said.append("A part that others cancel has a negative share.")
    if sentences.has_errors:
        said.append(
            f"Errors ({typography.sign}) take the neurons as given: they do not tell whether there is such a neuron."
        )
        if evidence.rows_per_parameter < _ENOUGH_ROWS and not _is_exact(learned):
            ratio = max(1, round(evidence.rows_per_parameter))
            said.append(
                f"With {ratio} row{'' if ratio == 1 else 's'} for each parameter they are too small: 1.96 of them hold "
                f"the true value in {_coverage(ratio)}{typography.percent} of cases, not in 95{typography.percent}."
            )
    if _has_question_marks(learned):
        said.append(_UNKNOWN)
    return " ".join(said)


def _has_question_marks(learned: Learned) -> bool:
    """Whether an error, or the cost of a clump, is told as "?"."""
    sentences = part_sentences(learned, TEXT)
    sentences.all()
    return sentences.has_unknown_errors or any(
        len(clump.members) > 1 and not np.isfinite(clump.cost) for clump in learned.clumps
    )


# ---- Clumps and widths ----


def clump_lines(clumps: Sequence[Clump]) -> list[str]:
    """The mergers of the clump tree, finest first."""
    mergers = [clump for clump in clumps if len(clump.members) > 1]
    lines = ["Clumps: neurons alike from this angle on; the change if their sum stood in, nothing refitted"]
    for clump in mergers[:_CLUMPS]:
        scale = clump.scale if clump.scale > _NOTHING else 0.0
        members = ", ".join(map(str, clump.members))
        lines.append(f"  {scale:>7.2g} rad  {members:<24}  {cost_text(clump.cost)} of the variance")
    return lines if len(mergers) <= _CLUMPS else [*lines, f"  and {len(mergers) - _CLUMPS} more"]


def cost_text(cost: float) -> str:
    """A part of the variance; where nothing is refitted it may exceed the whole, which no neurons at all would cost."""
    if not np.isfinite(cost):
        return "?"
    if round(100 * cost, 1) > 100:
        return "more than 100 %"
    if abs(cost) < _NOTHING:
        return "0 %"
    return f"{cost:.0e}" if 0 < cost < 5e-4 else f"{100 * cost:.1f} %"


def widths(learned: Learned) -> list[tuple[int, float]]:
    """Numbers of neurons, falling, and the R2 of so many; those that are known."""
    found = [(learned.width, learned.validation_r2), *((one.width, one.r2) for one in learned.narrower)]
    return [(width, r2) for width, r2 in found if np.isfinite(r2)]


def width_table(learned: Learned) -> tuple[str, list[tuple[str, str]]]:
    """What is in the table of smaller widths, and its columns: number of neurons and R2."""
    found = learned._evidence.cross_validation
    if found is None:
        return "With fewer neurons", [(str(width), r2_text(r2)) for width, r2 in widths(learned)]
    title = "With at most so many neurons, R2 on rows left out"
    return title, [(str(learned.width - i), r2_text(r2)) for i, r2 in enumerate(found.r2)]


def _width_lines(learned: Learned) -> list[str]:
    title, cells = width_table(learned)
    sizes = [max(map(len, cell)) for cell in cells]
    lines = [title]
    for name, k in (("neurons", 0), ("R2", 1)):
        row = "  ".join(cell[k].rjust(width) for cell, width in zip(cells, sizes, strict=True))
        lines += [f"  {name:<8}{row}"[: 2 * _WIDTH].rstrip()]
    return lines

"""A learned network in sentences: which features, in what direction, from where on, and how much it matters."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np

from limbeck._base.text_table import text_table
from limbeck._learner.model.clumps import Clump
from limbeck._learner.report.columns import column_notes
from limbeck._learner.report.content import ReportContent
from limbeck._learner.report.intervals import r2_interval
from limbeck._learner.report.numbers import NOTHING, clipped, number
from limbeck._learner.report.sentences import PartSentences, has_slopes
from limbeck._learner.report.typography import TEXT, Typography
from limbeck._learner.tabular.bag import Bag
from limbeck._learner.tabular.cross_validation import FEWEST_HELD_OUT, CrossValidation

__all__ = [
    "INPUT_KINDS",
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
]

INPUT_KINDS = {"standard": "standard Gaussian", "gaussian": "Gaussian", "any": "of any distribution"}
_LINE_WIDTH = 96  # characters: a screen of 100 with a margin
_MOST_CLUMPS = 8  # lines of the clump tree; those beyond are counted
_UNKNOWN = "?: the rows leave it open."
LOWEST_R2 = -10.0  # below, how far a prediction is off says nothing but that it is useless
_NEARLY_ALL = 0.99  # R2 from which no interval is printed: nearly nothing is unexplained, wherever in it the truth is
_NEGATIVE_SHARE = -0.005  # of the variance: shares below are printed with a minus
# Simulated, by rows for each parameter: Gaussian features, one to three neurons, noise of one size or not. The upper
# ends are of refinements that begin at the true network, the lower ones of networks that were searched for.
_COVERED = ((7, "65 to 90"), (13, "75 to 93"), (27, "80 to 94"), (np.inf, "90 to 94"))
_ENOUGH_ROWS = 50  # for each parameter: with more, intervals of 1.96 errors cover what they should to a point or two


def describe(content: ReportContent) -> str:
    """The whole result as text."""
    sentences = part_sentences(content, TEXT)
    paragraphs = [f"{title}: {text}" for title, text, _ in sentences.all()]
    lines = [headline(content), _wrapped(quality(content)), "", *(_wrapped(text) for text in paragraphs)]
    note = notes(content)
    if note:
        lines += ["", _wrapped(note, "")]
    if columns := column_notes(content.encoding):
        lines += ["", _wrapped(columns, "")]
    if content.width > 1:
        lines += ["", *clump_lines(content.clumps)]
    if content.has_width_table:
        lines += ["", *_width_lines(content)]
    if content.is_refined and not content.is_complete:
        lines += ["", "standard_errors and narrower take longer for so many parameters: ask for them."]
    if content.stopped_early:
        lines += ["", "stopped early: the time limit was reached, this is the best so far"]
    return "\n".join(lines)


def part_sentences(content: ReportContent, typography: Typography) -> PartSentences:
    """The sentences about the parts of a result."""
    return PartSentences(content.reading, content.names, content.target, typography, content.features)


def _wrapped(text: str, indent: str = "    ") -> str:
    lines = textwrap.wrap(text, _LINE_WIDTH, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False)
    return "\n".join(lines).replace("\N{NO-BREAK SPACE}", " ")


def headline(content: ReportContent) -> str:
    """Label, number of neurons and features, and kind of the inputs."""
    k, d = content.width, content.n_features
    neurons = f"{k} neuron{'' if k == 1 else 's'}"
    linear = " and a linear part" if has_slopes(content.reading) else ""
    features = f"{d:,} feature{'' if d == 1 else 's'}"
    return f"{clipped(content.target)}: {neurons}{linear}, of {features} ({INPUT_KINDS[content.inputs]})"


def quality(content: ReportContent) -> str:
    """R2 on rows left out, and the size of errors on them, or of what the network does not explain."""
    if content.bag is not None:
        return f"{_r2_sentence(content)}; {_bag_sentence(content.bag)}"
    validation = content.cross_validation
    if validation is not None and not _is_exact(content):
        size = f"root mean square error {number(float(np.sqrt(validation.mse)))}"
        fitted = validation.rows - len(content.held_out.targets)
        return f"{_r2_sentence(content)}; {size}" + (
            f"; learned from {fitted:,} rows" if fitted < validation.rows else ""
        )
    noise = float(np.sqrt(np.maximum(content.noise_variance, 0.0)))
    size = "nothing unexplained" if _is_exact(content) else f"unexplained {number(noise)} (standard deviation)"
    if np.isnan(noise):
        size = "too few rows, or too little time, to tell what is unexplained"
    return f"{_r2_sentence(content)}; {size}"


def _bag_sentence(bag: Bag) -> str:
    """What a mean of networks is made of."""
    widths = ", ".join(map(str, bag.widths))
    if len(bag.widths) == 1:
        return f"one network of a bag that time cut short, R2 {r2_text(bag.r2)} on rows that it was learned without"
    of = f"mean of {len(bag.widths)} networks of {widths} neurons"
    return f"{of}, each learned without one part of the rows, R2 {r2_text(bag.r2)} on what each was learned without"


def _is_exact(content: ReportContent) -> bool:
    """Whether the residuals are no larger than rounding."""
    reading = content.reading
    rounding = NOTHING * reading.spread + 8 * np.finfo(np.float64).eps * abs(reading.constant)
    return bool(content.noise_variance <= rounding**2)


def _r2_sentence(content: ReportContent) -> str:
    """R2 by cross-validation or on the rows held out, of few rows with an interval."""
    if content.cross_validation is not None:
        return f"cross-validated R2 {r2_text(content.cross_validation.r2[0])} {_folds(content.cross_validation)}"
    rows, r2 = len(content.held_out.targets), content.held_out.r2
    if not rows:
        return "no rows held out"
    held_out = f"on {rows:,} row{'' if rows == 1 else 's'} held out"
    if np.isnan(r2):
        return f"no R2: the labels of the {held_out.removeprefix('on ')} do not differ"
    if rows >= FEWEST_HELD_OUT or r2 > _NEARLY_ALL:
        return f"R2 {r2_text(r2)} {held_out}"
    interval = r2_interval(content.held_out.residuals, content.held_out.targets)
    return f"R2 {r2_text(r2)} {held_out} (few: 95 % interval {r2_text(interval.low, 2)} to {r2_text(interval.high, 2)})"


def _folds(validation: CrossValidation) -> str:
    """Numbers of rows and folds of a cross-validation."""
    folds = "each left out once" if validation.folds == validation.rows else f"{validation.folds} folds"
    return f"({validation.rows} rows, {folds}, the search repeated for each)"


def r2_text(value: float, digits: int = 3) -> str:
    """R2 in so many digits, but never as 1 where it is less, and without digits where it is far below 0."""
    if value < LOWEST_R2:
        return f"below {LOWEST_R2:.0f}"
    if np.isfinite(value) and 0.99 < value < 1:
        return f"1 - {1 - value:.1e}" if value > 0.9999 else f"{value:.4f}"
    return f"{round(value, digits) + 0.0:.{digits}f}"  # + 0.0: no -0.00


def _coverage(ratio: float) -> str:
    """Coverage of intervals of 1.96 standard errors with so many rows for each parameter, in per cent."""
    return next(text for most, text in _COVERED if ratio < most)


def notes(content: ReportContent, typography: Typography = TEXT) -> str:
    """What to know when reading the sentences."""
    said = [*_part_notes(content, typography), *([_UNKNOWN] if _has_question_marks(content) else [])]
    if content.prediction_range is not None:
        low, high = (number(end) for end in content.prediction_range)
        said.append(f"Predictions are kept between {low} and {high}, a tenth beyond the labels learned from.")
    return " ".join(said)


def _part_notes(content: ReportContent, typography: Typography) -> list[str]:
    """What to know when reading the sentences about neurons."""
    reading, percent, said = content.reading, typography.percent_sign, list[str]()
    if not content.width:
        return said
    if content.line_is_no_worse:
        said.append("On rows left out a line does as well, within chance: there may be no such neurons.")
    sentences = part_sentences(content, TEXT)
    sentences.all()
    if sentences.has_sums and reading.counts_in_deviations:
        said.append("Standardised: features count in standard deviations from their means, coefficients have length 1.")
    elif sentences.has_sums:
        said.append("Sums have coefficients of length 1.")
    if reading.curves:
        taken = " and holds its slope in the linear part" if sentences.absorbed else ""
        said.append(f"A curve is 0 at its first kink{taken}.")
    if (sentences.shares() < _NEGATIVE_SHARE).any():
        said.append("A part that others cancel has a negative share.")
    if sentences.has_errors:
        said.append(
            f"Errors ({typography.sign}) take the neurons as given: they do not tell whether there is such a neuron."
        )
        if content.rows_per_parameter < _ENOUGH_ROWS and not _is_exact(content):
            ratio = max(1, round(content.rows_per_parameter))
            said.append(
                f"With {ratio} row{'' if ratio == 1 else 's'} for each parameter they are too small: 1.96 of them hold "
                f"the true value in {_coverage(ratio)}{percent} of cases, not in 95{percent}."
            )
    return said


def _has_question_marks(content: ReportContent) -> bool:
    """Whether an error, or the cost of a clump, is printed as "?"."""
    sentences = part_sentences(content, TEXT)
    sentences.all()
    return sentences.has_unknown_errors or any(
        len(clump.members) > 1 and not np.isfinite(clump.cost) for clump in content.clumps
    )


# ---- Clumps and widths ----


def clump_lines(clumps: Sequence[Clump]) -> list[str]:
    """The mergers of the clump tree, finest first."""
    mergers = [clump for clump in clumps if len(clump.members) > 1]
    lines = ["Clumps: neurons alike from this angle on; the change if their sum stood in, nothing refitted"]
    for clump in mergers[:_MOST_CLUMPS]:
        scale = clump.scale if clump.scale > NOTHING else 0.0
        members = ", ".join(map(str, clump.members))
        lines.append(f"  {scale:>7.2g} rad  {members:<24}  {cost_text(clump.cost)} of the variance")
    return lines if len(mergers) <= _MOST_CLUMPS else [*lines, f"  and {len(mergers) - _MOST_CLUMPS} more"]


def cost_text(cost: float) -> str:
    """A part of the variance; where nothing is refitted it may exceed the whole, which no neurons at all would cost."""
    if not np.isfinite(cost):
        return "?"
    if round(100 * cost, 1) > 100:
        return "more than 100 %"
    if abs(cost) < NOTHING:
        return "0 %"
    return f"{cost:.0e}" if 0 < cost < 5e-4 else f"{100 * cost:.1f} %"


def width_table(content: ReportContent) -> tuple[str, list[tuple[str, str]]]:
    """Title of the table of smaller widths, and its columns: number of neurons and R2."""
    validation = content.cross_validation
    if validation is None:
        return "With fewer neurons", [(str(width), r2_text(r2)) for width, r2 in content.widths]
    title = "With at most so many neurons, R2 on rows left out"
    return title, [(str(content.width - i), r2_text(r2)) for i, r2 in enumerate(validation.r2)]


def _width_lines(content: ReportContent) -> list[str]:
    title, cells = width_table(content)
    rows = text_table(list(zip(*cells, strict=True)), left=()) if cells else ["", ""]
    named = [f"  {name:<8}{row}" for name, row in zip(("neurons", "R2"), rows, strict=True)]
    return [title, *(line[: 2 * _LINE_WIDTH].rstrip() for line in named)]

"""A learned network in sentences: which features, in what direction, from where on, and how much it matters."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from limbeck._model import Float64Array
from limbeck._reading import Reading
from limbeck._report import clipped, number

if TYPE_CHECKING:
    from limbeck._learned import Learned
    from limbeck.scales import Clump

__all__ = [
    "INPUTS",
    "clump_lines",
    "describe",
    "headline",
    "linear_sentence",
    "neuron_sentence",
    "notes",
    "quality",
    "r2_text",
    "widths",
]

INPUTS = {"standard": "standard Gaussian", "gaussian": "Gaussian", "any": "of any distribution"}
_WIDTH = 96
_ALONE = 0.99  # of a direction's squared length: its one feature speaks for it, in its own unit
_ALMOST_ALONE, _WITHIN = 0.8, 2.5  # the same where the other features are within so many errors of nothing
_SHOWN, _FAINT = 5, 0.1  # features of a direction, and relative to the largest
_CLUMPS = 8
_HELD = "\N{NO-BREAK SPACE}"
_DIGITS = 5  # after the point
_NOTHING = 1e-12  # relative: what is smaller is rounding


def describe(learned: Learned) -> str:
    """The whole result as text; with standard errors and smaller widths where they are quickly found."""
    reading, evidence = learned.reading, learned._evidence
    names, target = learned.feature_names, learned.target_name
    paragraphs = [
        *(f"Neuron {i}: {neuron_sentence(i, reading, names, target)}" for i in range(learned.width)),
        f"Linear part: {linear_sentence(reading, names)}",
    ]
    lines = [headline(learned), quality(learned), "", *(_wrapped(text) for text in paragraphs)]
    note = notes(learned)
    if note:
        lines += ["", _wrapped(note, "")]
    if learned.width > 1:
        lines += ["", *clump_lines(learned.clumps)]
    if learned.width and evidence.knows("narrower"):
        lines += ["", *_narrower_lines(learned)]
    if evidence.refined and not evidence.knows("narrower"):
        lines += ["", "standard_errors and narrower take longer for so many parameters: ask for them."]
    if learned.stopped_early:
        lines += ["", "stopped early: the time limit was reached, this is the best so far"]
    return "\n".join(lines)


def _wrapped(text: str, indent: str = "    ") -> str:
    for together in (" %", " +- "):
        text = text.replace(together, together.replace(" ", _HELD))
    lines = textwrap.wrap(text, _WIDTH, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False)
    return "\n".join(lines).replace(_HELD, " ")


def headline(learned: Learned) -> str:
    """What the result is of."""
    k, d = learned.width, learned.network.n_features
    neurons = f"{k} neuron{'' if k == 1 else 's'}"
    net = learned.network
    linear = " and a linear part" if np.linalg.norm(net.linear) > _NOTHING * np.abs(net.output).sum() else ""
    features = f"{d:,} feature{'' if d == 1 else 's'}"
    return f"{clipped(learned.target_name)}: {neurons}{linear}, of {features} ({INPUTS[learned.inputs]})"


def quality(learned: Learned) -> str:
    """How good it is."""
    rows = len(learned.validation_targets)
    noise = float(np.sqrt(np.maximum(learned.noise_variance, 0.0)))
    spread = float(np.ptp(learned.validation_targets)) if rows else 0.0
    size = "nothing unexplained" if noise <= _NOTHING * spread else f"unexplained {number(noise)} (standard deviation)"
    if np.isnan(noise):
        size = "too few rows, or too little time, to tell what is unexplained"
    judged = f"R2 {r2_text(learned.validation_r2)} on {rows:,} rows held out" if rows else "no rows held out"
    return f"{judged}; {size}"


def r2_text(value: float, digits: int = 3) -> str:
    """So many digits, but never 1 for what is not."""
    if np.isfinite(value) and 0.99 < value < 1:
        return f"1 - {1 - value:.1e}" if value > 0.9999 else f"{value:.4f}"
    return f"{round(value, digits) + 0.0:.{digits}f}"  # + 0.0: no -0.00


def notes(learned: Learned) -> str:
    """How the sentences are to be read."""
    if not learned.width:
        return ""
    reading, said = learned.reading, []
    if learned.inputs == "standard":
        said.append("Sums have coefficients of length 1.")
    else:
        said.append("Standardised: features count in standard deviations from their means, coefficients have length 1.")
    if (reading.shares < -0.005).any():
        said.append("A part that others cancel has a negative share.")
    if reading.errors is not None:
        said.append("Errors (+-) take the neurons as given: they do not tell whether there is such a neuron.")
        values = (reading.errors.directions, reading.errors.output, reading.errors.thresholds, reading.errors.linear)
        if not all(np.isfinite(value).all() for value in values):
            said.append("Where an error is ?, the rows do not determine the number.")
    return " ".join(said)


# ---- Parts ----


def neuron_sentence(i: int, reading: Reading, names: Sequence[str], target: str) -> str:
    """Where a neuron is on, what it does there, and how much that matters."""
    direction, weight, threshold = reading.directions[i], float(reading.weights[i]), float(reading.thresholds[i])
    errors = reading.errors
    weight_error = None if errors is None else float(errors.output[i])
    threshold_error = None if errors is None else float(errors.thresholds[i])
    moves = f"{clipped(target)} {'rises' if weight > 0 else 'falls'} by"
    lead = int(np.argmax(np.abs(direction)))
    if _speaks_for_all(lead, i, reading):
        name, unit = clipped(names[lead]), float(reading.scales[lead] / abs(direction[lead]))
        side = "above" if direction[lead] > 0 else "below"
        at = float(reading.means[lead] + np.sign(direction[lead]) * threshold * unit)
        slope = _with_error(abs(weight) / unit, _times(weight_error, 1 / unit))
        where = f"where {name} is {side} {_with_error(at, _times(threshold_error, unit), scale=unit)}"
        does = f"{moves} {slope} for each unit of {name} {side} that"
    else:
        standardised = " (standardised)" if reading.means.any() else ""
        where = (
            f"where {_sum(direction, names)}{standardised} is above {_with_error(threshold, threshold_error, scale=1)}"
        )
        does = f"{moves} {_with_error(abs(weight), weight_error)} per unit beyond"
        largest = 0.0 if errors is None else float(errors.directions[i].max())
        if not largest <= _NOTHING:
            where += f" (coefficients +- {_short(largest)})"
    active, share = _percent(reading.active[i]), _percent(reading.shares[i])
    return f"{where}, {does}. On in {active} of the rows, {share} of the variance."


def _speaks_for_all(lead: int, i: int, reading: Reading) -> bool:
    """Whether one feature is all there is to a direction, for all that the rows tell."""
    direction = reading.directions[i]
    if direction[lead] ** 2 > _ALONE or len(direction) == 1:
        return True
    others = np.arange(len(direction)) != lead
    if reading.errors is None or direction[lead] ** 2 < _ALMOST_ALONE:
        return False
    return bool((np.abs(direction) < _WITHIN * reading.errors.directions[i])[others].all())


def linear_sentence(reading: Reading, names: Sequence[str]) -> str:
    """The constant and the slopes of the linear part."""
    size = float(np.abs(reading.weights).sum())
    if max(abs(reading.constant), float(np.linalg.norm(reading.linear))) <= _NOTHING * size:
        return "none."
    start = _with_error(reading.constant, None if reading.errors is None else float(reading.errors.bias), scale=size)
    if np.linalg.norm(reading.linear) <= _NOTHING * size:
        return f"{start}, a constant."
    standard = not reading.means.any()
    shown = _largest(reading.linear)
    errors = None if reading.errors is None else reading.errors.linear
    slopes = ", ".join(
        f"{_with_error(reading.linear[j], None if errors is None else float(errors[j]), True, size)} "
        f"for {clipped(names[j])}"
        for j in shown
    )
    where, unit = ("0", "unit") if standard else ("the mean of every feature", "standard deviation")
    share = _percent(reading.shares[-1])
    return f"{start} at {where}; per {unit} {slopes}{_rest(reading.linear, shown)}. {share} of the variance."


def _largest(direction: Float64Array) -> list[int]:
    size = np.abs(direction)
    order = np.argsort(-size, kind="stable")[:_SHOWN]
    return [int(j) for j in order if size[j] > _FAINT * size[order[0]]]


def _rest(direction: Float64Array, shown: Sequence[int]) -> str:
    left = int((np.abs(direction) > _NOTHING * np.abs(direction).max()).sum()) - len(shown)
    return f" and {left} smaller" if left > 0 else ""


def _sum(direction: Float64Array, names: Sequence[str]) -> str:
    """The largest coefficients as a sum."""
    shown = _largest(direction)
    text = ""
    for place, j in enumerate(shown):
        sign = "-" if direction[j] < 0 else "+"
        text += (f" {sign} " if place else "-" if sign == "-" else "") + f"{abs(direction[j]):.2f} {clipped(names[j])}"
    rest = _rest(direction, shown)
    return f"{text}{f' ({rest.strip()})' if rest else ''}"


# ---- Clumps and widths ----


def clump_lines(clumps: Sequence[Clump]) -> list[str]:
    """The mergers of the clump tree, finest first."""
    mergers = [clump for clump in clumps if len(clump.members) > 1]
    lines = ["Clumps: neurons that look like one from this angle on, and what one in their place would cost"]
    lines += [
        f"  {clump.scale:>7.2g} rad  {', '.join(map(str, clump.members)):<24}  {cost_text(clump.cost)} of the variance"
        for clump in mergers[:_CLUMPS]
    ]
    return lines if len(mergers) <= _CLUMPS else [*lines, f"  and {len(mergers) - _CLUMPS} more"]


def cost_text(cost: float) -> str:
    """A part of the variance."""
    if not np.isfinite(cost):
        return "?"
    if abs(cost) < _NOTHING:
        return "0 %"
    return f"{cost:.0e}" if 0 < cost < 5e-4 else f"{100 * cost:.1f} %"


def widths(learned: Learned) -> list[tuple[int, float]]:
    """Numbers of neurons, falling, and the R2 of so many; those that are known."""
    found = [(learned.width, learned.validation_r2), *((one.width, one.r2) for one in learned.narrower)]
    return [(width, r2) for width, r2 in found if np.isfinite(r2)]


def _narrower_lines(learned: Learned) -> list[str]:
    cells = [(str(width), r2_text(r2)) for width, r2 in widths(learned)]
    sizes = [max(map(len, cell)) for cell in cells]
    lines = ["With fewer neurons"]
    for title, k in (("neurons", 0), ("R2", 1)):
        row = "  ".join(cell[k].rjust(width) for cell, width in zip(cells, sizes, strict=True))
        lines += [f"  {title:<8}{row}"[: 2 * _WIDTH].rstrip()]
    return lines


# ---- Numbers ----


def _percent(part: float) -> str:
    text = f"{100 * part:.0f} %"
    return "less than 1 %" if text == "0 %" and part > 0 else text.replace("-0 %", "0 %")


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * float(factor)


def _short(error: float) -> str:
    """Two digits of an error."""
    if not np.isfinite(error):
        return "?"
    return f"{error:.1e}" if 0 < error < 1e-4 or error >= 1e6 else f"{float(f'{error:.2g}'):g}"


def _with_error(value: float, error: float | None, signed: bool = False, scale: float = 0.0) -> str:
    """A number, and its standard error if it has one above rounding, for numbers of some scale."""
    value = float(value) + 0.0
    if abs(value) <= _NOTHING * scale:
        value = 0.0
    if error is not None and not np.isfinite(error):
        return f"{number(value, signed)} +- ?"
    if error is None or error <= _NOTHING * max(abs(value), scale):
        return number(value, signed)
    digits = 1 - int(np.floor(np.log10(error)))
    if digits > _DIGITS or max(abs(value), error) >= 1e9:
        return f"{number(value, signed)} +- {error:.1e}"
    value, error = round(value, digits), round(error, digits)
    commas = "," if max(abs(value), error) >= 1e4 else ""
    places = max(digits, 0)
    return f"{value:{'+' if signed else ''}{commas}.{places}f} +- {error:{commas}.{places}f}"

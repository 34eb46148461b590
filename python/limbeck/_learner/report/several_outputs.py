"""A network of several outputs in a table: each neuron's input and threshold, and what it adds to each output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._base.text_table import text_table
from limbeck._learner.report.numbers import NOTHING, clipped, number
from limbeck._learner.report.text import INPUT_KINDS, r2_text
from limbeck.network import ReLUNetwork

__all__ = ["OutputsContent", "describe_outputs"]

_MOST_OUTPUTS = 6  # columns of a table, and values in a line
_MOST_NEURONS = 20  # lines of a table
_MOST_TERMS = 4  # of a sum of features
_FAINT = 0.1  # of a direction's largest coefficient: smaller ones are counted


@dataclass(frozen=True)
class OutputsContent:
    """What is printed of a network of several outputs.

    Attributes
    ----------
    network : ReLUNetwork
        The network; outputs (q, k).
    names : sequence of str
        Names of the features.
    target : str
        Name of the labels, which are numbered.
    inputs : str
        Kind of the inputs.
    targets, residuals : ndarray of shape (m, q)
        Labels of the rows held out, and labels less predictions.
    stopped_early : bool
        Whether the time limit ended the search.
    """

    network: ReLUNetwork
    names: Sequence[str]
    target: str
    inputs: str
    targets: Float64Array
    residuals: Float64Array
    stopped_early: bool

    def outputs(self) -> list[str]:
        """Names of the outputs."""
        return [clipped(f"{self.target}{j}") for j in range(self.network.n_outputs)]


def describe_outputs(content: OutputsContent) -> str:
    """The whole result as text."""
    lines = [_headline(content), _quality(content)]
    if content.network.width:
        lines += ["", *_neurons(content)]
    if content.stopped_early:
        lines += ["", "stopped early: the time limit was reached, this is the best so far"]
    return "\n".join(lines)


def _headline(content: OutputsContent) -> str:
    network = content.network
    k, d, names = network.width, network.n_features, content.outputs()
    neurons = f"{k} neuron{'' if k == 1 else 's'} that {len(names)} outputs share"
    linear = " and a linear part" if np.abs(network.linear).max(initial=0.0) > _nothing(network) else ""
    label = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
    return f"{label}: {neurons}{linear}, of {d:,} feature{'' if d == 1 else 's'} ({INPUT_KINDS[content.inputs]})"


def _nothing(network: ReLUNetwork) -> float:
    """Size of a coefficient that is rounding."""
    sizes = np.abs(network.output) @ np.linalg.norm(network.weights, axis=1)
    return float(NOTHING * sizes.max(initial=0.0))


def _quality(content: OutputsContent) -> str:
    """R2 of each output on rows left out."""
    rows = len(content.targets)
    if not rows:
        return "no rows held out"
    spread = content.targets.var(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        r2 = 1 - np.square(content.residuals).mean(axis=0) / spread
    texts = [
        f"{name} {r2_text(float(value)) if size else 'constant'}"
        for name, value, size in zip(content.outputs(), r2, spread, strict=True)
    ]
    more = f" and {len(texts) - _MOST_OUTPUTS} more" if len(texts) > _MOST_OUTPUTS else ""
    return f"R2 on {rows:,} row{'' if rows == 1 else 's'} held out: {', '.join(texts[:_MOST_OUTPUTS])}{more}"


def _neurons(content: OutputsContent) -> list[str]:
    """Table of the neurons, largest first."""
    network, outputs = content.network.normalized(), content.outputs()[:_MOST_OUTPUTS]
    head = ["where", "is above", *outputs]
    if len(outputs) < network.n_outputs:
        head.append(f"({network.n_outputs - len(outputs)} more)")
    table = [head]
    for i in range(min(network.width, _MOST_NEURONS)):
        weights = [number(float(value), signed=True) for value in network.output[: len(outputs), i]]
        rest = [""] * (len(head) - 2 - len(weights))
        table.append([_sum(network.weights[i], content.names), number(-float(network.thresholds[i])), *weights, *rest])
    lines = text_table(table)
    if network.width > _MOST_NEURONS:
        lines.append(f"and {network.width - _MOST_NEURONS} smaller ones")
    return [*lines, "Under each output its change per unit beyond. Sums have coefficients of length 1."]


def _sum(direction: Float64Array, names: Sequence[str]) -> str:
    """A direction as a sum of features, largest coefficients first."""
    order = np.argsort(-np.abs(direction), kind="stable")
    shown = [j for j in order[:_MOST_TERMS] if abs(direction[j]) > _FAINT * abs(direction[order[0]])]
    text = ""
    for j in shown:
        sign = "-" if direction[j] < 0 else "+"
        text += (f" {sign} " if text else sign.replace("+", "")) + f"{abs(direction[j]):.2f} {clipped(names[j])}"
    left = int(np.count_nonzero(direction)) - len(shown)
    return text + (f" (and {left} smaller)" if left else "")

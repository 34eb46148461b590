"""The clump tree as an SVG picture, angles on a logarithmic axis."""

from __future__ import annotations

from collections.abc import Sequence
from string import Template

import numpy as np

from limbeck._learner.model.clumps import Clump, Merger, clump_tree
from limbeck._learner.report.numbers import NOTHING
from limbeck._learner.report.text import cost_text

__all__ = ["clump_svg"]

# Pixels: of the picture, from neuron to neuron, of the neurons' names, of the axis, and of "more than 100 %", the
# longest label behind a joint.
_WIDTH, _ROW, _LEFT, _FOOT, _LABEL = 420, 22, 70, 34, 90
_AXIS = 16  # pixels between the last neuron and the axis
_MARGIN = 0.3  # decades before the finest joint
_PICTURE = Template('<svg width="$width" height="$height" role="img">$marks</svg>')
_NEURON = Template('<text x="4" y="$y" font-size="12">neuron $leaf</text>')
_JOINT = Template('<path d="M$start,$top H$x V$bottom H$end" fill="none" stroke="#0072B2" stroke-width="1.5"/>')
_COST = Template('<text x="$x" y="$y" font-size="11" fill="#666">$cost</text>')
_TICK = Template('<path d="M$x,$top v4" stroke="#222"/>')
_ANGLE = Template('<text x="$x" y="$y" font-size="11" text-anchor="middle">$angle</text>')
_LINE = Template('<path d="M$left,$y H$right" stroke="#222"/>')


class _Axes:
    """Places of angles and neurons, in pixels."""

    def __init__(self, mergers: Sequence[Merger], n_neurons: int) -> None:
        finest = min((m.scale for m in mergers if m.scale > NOTHING), default=1.0)
        self.first = np.floor(np.log10(finest)) - _MARGIN  # power of ten at the left end
        self._last = np.log10(np.pi / 2)
        self.foot = self.down(n_neurons - 1) + _AXIS

    def across(self, angle: float) -> float:
        place = (np.log10(max(angle, 10**self.first)) - self.first) / (self._last - self.first)
        return float(_LEFT + place * (_WIDTH - _LEFT - _LABEL))

    @staticmethod
    def down(place: float) -> float:
        return _ROW * (place + 0.7)


def clump_svg(clumps: Sequence[Clump]) -> str:
    """The clump tree, angles on a logarithmic axis; at the joints the cost of collapsing what they join."""
    order, mergers = clump_tree(list(clumps))
    axes = _Axes(mergers, len(order))
    marks = [_NEURON.substitute(y=f"{axes.down(i) + 4:.0f}", leaf=leaf) for i, leaf in enumerate(order)]
    for merger in mergers:
        marks += _joint(axes, merger)
    marks += _axis(axes)
    height = axes.foot + _FOOT - _AXIS
    return _PICTURE.substitute(width=_WIDTH, height=f"{height:.0f}", marks="".join(marks))


def _joint(axes: _Axes, merger: Merger) -> list[str]:
    (top, bottom), x = merger.ends, axes.across(merger.scale)
    start, end = (axes.across(angle) for angle in merger.starts)
    joint = _JOINT.substitute(
        start=f"{start:.1f}",
        top=f"{axes.down(top):.1f}",
        x=f"{x:.1f}",
        bottom=f"{axes.down(bottom):.1f}",
        end=f"{end:.1f}",
    )
    middle = axes.down((top + bottom) / 2) - 3
    return [joint, _COST.substitute(x=f"{x + 4:.1f}", y=f"{middle:.1f}", cost=cost_text(merger.cost))]


def _axis(axes: _Axes) -> list[str]:
    """Powers of ten, and the line that they are on."""
    marks = []
    for power in range(int(np.ceil(axes.first)), 1):
        x = axes.across(10.0**power)
        marks.append(_TICK.substitute(x=f"{x:.1f}", top=f"{axes.foot - 4:.1f}"))
        marks.append(_ANGLE.substitute(x=f"{x:.1f}", y=f"{axes.foot + 12:.1f}", angle=f"{10.0**power:g}"))
    return [*marks, _LINE.substitute(left=_LEFT, y=f"{axes.foot:.1f}", right=f"{axes.across(np.pi / 2):.1f}")]

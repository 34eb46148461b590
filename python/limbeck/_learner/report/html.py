"""A learned network as HTML: sentences, shares, the clump tree, smaller widths. No scripts, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from limbeck._learner.model.clumps import Clump, clump_tree
from limbeck._learner.report.numbers import NOTHING, percent
from limbeck._learner.report.parts import HTML
from limbeck._learner.report.text import cost_text, headline, notes, part_sentences, quality, width_table

if TYPE_CHECKING:
    from limbeck._learner.pipeline.result import Learned

__all__ = ["to_html", "to_page"]

_STYLE = """
.limbeck {font-family: system-ui, sans-serif; font-size: 14px; line-height: 1.45; max-width: 62em; color: #222;
  background: #fff; padding: 0.5em}
.limbeck h3 {margin: 0 0 0.2em; font-size: 1.15em} .limbeck h4 {margin: 1.2em 0 0.3em; font-size: 1em}
.limbeck p {margin: 0.2em 0} .limbeck .faint {color: #666}
.limbeck table {border-collapse: collapse} .limbeck td, .limbeck th {padding: 0.3em 0.8em 0.3em 0; text-align: left;
  vertical-align: top; background: none; color: inherit} .limbeck tr {background: none; border-top: 1px solid #ddd}
.limbeck .bar {display: inline-block; height: 0.7em; background: #0072B2} .limbeck .less {background: #D55E00}
.limbeck .number {white-space: nowrap}
"""
_BAR = 90  # pixels of a whole share
_TREE_WIDTH, _ROW, _LEFT, _FOOT = 420, 22, 70, 34
_LABEL = 90  # pixels of "more than 100 %", the longest label behind a joint


def to_page(learned: Learned) -> str:
    """A whole page."""
    title = escape(headline(learned))
    head = f'<meta charset="utf-8"><title>{title}</title>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>\n{to_html(learned)}\n</body></html>\n'


def to_html(learned: Learned) -> str:
    """A part of a page, as notebooks show it."""
    note, evidence = notes(learned, HTML), learned._evidence
    parts = [
        f"<style>{_STYLE}</style>",
        f"<h3>{escape(headline(learned))}</h3><p>{escape(quality(learned))}</p>",
        _parts_table(learned),
        f'<p class="faint">{note}</p>' if note else "",
        _tree(learned.clumps) if learned.width > 1 else "",
        _narrower(learned) if learned.width and evidence.refined and evidence.quick else "",
        "<p>Stopped early: the time limit was reached, this is the best so far.</p>" if learned.stopped_early else "",
    ]
    return '<div class="limbeck">\n' + "\n".join(part for part in parts if part) + "\n</div>"


def _parts_table(learned: Learned) -> str:
    rows = [
        f'<tr><td class="number">{title[0].lower()}{title[1:]}</td><td>{_capital(text)}</td>'
        f'<td class="number">{_bar(share)}</td></tr>'
        for title, text, share in part_sentences(learned, HTML).all()
    ]
    return f"<table><tr><th></th><th></th><th>share</th></tr>{''.join(rows)}</table>"


def _capital(text: str) -> str:
    """A sentence that begins with a word of its own, not with a number or an entity, with a capital."""
    return text[0].upper() + text[1:] if text.startswith(("where ", "together ", "a curve of ", "none")) else text


def _bar(share: float) -> str:
    length = round(_BAR * min(abs(float(share)), 2.0))
    kind = "bar" if share >= 0 else "bar less"
    text = percent(share, HTML.space)
    text = HTML.minus + text[1:] if text.startswith("-") else text
    return f'<span class="{kind}" style="width:{length}px"></span> {text}'


def _tree(clumps: Sequence[Clump]) -> str:
    """The clump tree, angles on a logarithmic axis."""
    order, mergers = clump_tree(list(clumps))
    least = min((m.scale for m in mergers if m.scale > NOTHING), default=1.0)
    first = np.floor(np.log10(least)) - 0.3
    last = np.log10(np.pi / 2)

    def across(scale: float) -> float:
        place = (np.log10(max(scale, 10**first)) - first) / (last - first)
        return float(_LEFT + place * (_TREE_WIDTH - _LEFT - _LABEL))

    def down(place: float) -> float:
        return _ROW * (place + 0.7)

    foot = down(len(order) - 1) + 16
    marks = [f'<text x="4" y="{down(i) + 4:.0f}" font-size="12">neuron {leaf}</text>' for i, leaf in enumerate(order)]
    for m in mergers:
        (top, bottom), x = m.ends, across(m.scale)
        path = f"M{across(m.starts[0]):.1f},{down(top):.1f} H{x:.1f} V{down(bottom):.1f} H{across(m.starts[1]):.1f}"
        marks.append(f'<path d="{path}" fill="none" stroke="#0072B2" stroke-width="1.5"/>')
        middle = down((top + bottom) / 2) - 3
        marks.append(f'<text x="{x + 4:.1f}" y="{middle:.1f}" font-size="11" fill="#666">{cost_text(m.cost)}</text>')
    for power in range(int(np.ceil(first)), 1):
        x = across(10.0**power)
        marks.append(f'<path d="M{x:.1f},{foot - 4:.1f} v4" stroke="#222"/>')
        marks.append(
            f'<text x="{x:.1f}" y="{foot + 12:.1f}" font-size="11" text-anchor="middle">{10.0**power:g}</text>'
        )
    marks.append(f'<path d="M{_LEFT},{foot:.1f} H{across(np.pi / 2):.1f}" stroke="#222"/>')
    height = foot + _FOOT - 16
    svg = f'<svg width="{_TREE_WIDTH}" height="{height:.0f}" role="img">{"".join(marks)}</svg>'
    note = (
        "Angle (radians) from which neurons look like one; at the joints, the change (of the variance) if their sum "
        "stood in, nothing refitted."
    )
    return f'<h4>Clumps</h4>{svg}<p class="faint">{note}</p>'


def _narrower(learned: Learned) -> str:
    title, cells = width_table(learned)
    if not cells:
        return ""
    first = "".join(f"<td>{width}</td>" for width, _ in cells)
    second = "".join(f"<td>{r2}</td>" for _, r2 in cells)
    return f"<h4>{title}</h4><table><tr><th>neurons</th>{first}</tr><tr><th>R2</th>{second}</tr></table>"

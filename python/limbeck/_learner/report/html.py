"""A learned network as HTML: sentences, shares, the clump tree, smaller widths. No scripts, nothing from elsewhere."""

from __future__ import annotations

from html import escape
from string import Template

from limbeck._learner.report.clump_svg import clump_svg
from limbeck._learner.report.columns import column_notes
from limbeck._learner.report.content import ReportContent
from limbeck._learner.report.text import headline, notes, part_sentences, quality, width_table
from limbeck._learner.report.typography import HTML

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
_LONGEST_BAR = 2.0  # shares: a longer bar would push the page apart
_PAGE = Template(
    '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>$title</title></head><body>\n$body\n</body>'
    "</html>\n"
)
_BODY = Template('<div class="limbeck">\n$parts\n</div>')
_HEAD = Template("<style>$style</style>\n<h3>$headline</h3><p>$quality</p>")
_PARTS = Template("<table><tr><th></th><th></th><th>share</th></tr>$rows</table>")
_PART = Template('<tr><td class="number">$title</td><td>$text</td><td class="number">$bar</td></tr>')
_SHARE = Template('<span class="$kind" style="width:${length}px"></span> $share')
_NOTE = Template('<p class="faint">$note</p>')
_CLUMPS = Template('<h4>Clumps</h4>$tree<p class="faint">$note</p>')
_CLUMPS_NOTE = (
    "Angle (radians) from which neurons look like one; at the joints, the change (of the variance) if their sum stood "
    "in, nothing refitted."
)
_WIDTHS = Template(
    "<h4>$title</h4><table><tr><th>neurons</th>$widths</tr><tr><th>R2</th>$r2</tr></table>",
)
_CELL = Template("<td>$text</td>")
_STOPPED = "<p>Stopped early: the time limit was reached, this is the best so far.</p>"


def to_page(content: ReportContent) -> str:
    """A whole page."""
    return _PAGE.substitute(title=escape(headline(content)), body=to_html(content))


def to_html(content: ReportContent) -> str:
    """A part of a page, as notebooks show it."""
    note, columns = notes(content, HTML), column_notes(content.encoding)
    parts = [
        _HEAD.substitute(style=_STYLE, headline=escape(headline(content)), quality=escape(quality(content))),
        _parts_table(content),
        _NOTE.substitute(note=note) if note else "",
        _NOTE.substitute(note=escape(columns)) if columns else "",
        _CLUMPS.substitute(tree=clump_svg(content.clumps), note=_CLUMPS_NOTE) if content.width > 1 else "",
        _widths_table(content) if content.has_width_table else "",
        _STOPPED if content.stopped_early else "",
    ]
    return _BODY.substitute(parts="\n".join(part for part in parts if part))


def _parts_table(content: ReportContent) -> str:
    rows = [
        _PART.substitute(title=f"{title[0].lower()}{title[1:]}", text=_capital(text), bar=_bar(share))
        for title, text, share in part_sentences(content, HTML).all()
    ]
    return _PARTS.substitute(rows="".join(rows))


def _capital(text: str) -> str:
    """A sentence that begins with a word of its own, not with a number or an entity, with a capital."""
    return text[0].upper() + text[1:] if text.startswith(("where ", "together ", "a curve of ", "none")) else text


def _bar(share: float) -> str:
    length = round(_BAR * min(abs(float(share)), _LONGEST_BAR))
    return _SHARE.substitute(kind="bar" if share >= 0 else "bar less", length=length, share=HTML.percentage(share))


def _widths_table(content: ReportContent) -> str:
    title, cells = width_table(content)
    if not cells:
        return ""
    widths, r2 = ("".join(_CELL.substitute(text=text) for text in texts) for texts in zip(*cells, strict=True))
    return _WIDTHS.substitute(title=title, widths=widths, r2=r2)

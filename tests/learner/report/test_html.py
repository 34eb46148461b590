"""A result as HTML."""

import dataclasses
import xml.etree.ElementTree as ET

import numpy as np

import limbeck
from limbeck import ReLUNetwork
from limbeck._learner.diagnostics.reading import read
from limbeck._learner.report.content import HeldOut, ReportContent
from limbeck._learner.report.html import to_html, to_page

changed = dataclasses.replace


def parsed(content):
    """The part of the page as XML: it is well-formed."""
    return ET.fromstring(to_html(content).replace("&nbsp;", "\N{NO-BREAK SPACE}"))


def words(element):
    return " ".join("".join(element.itertext()).replace("\N{NO-BREAK SPACE}", " ").split())


def test_a_page_holds_the_part_and_a_title(content):
    page = to_page(content)
    assert page.startswith('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>price: 1 neuron')
    assert to_html(content) in page
    assert "<script" not in page


def test_names_are_escaped_and_kept(content):
    names = ("pre - post %", "a +- b - c % <i>")
    tree = parsed(changed(content, names=names, target="x - y % of $z & co"))
    for name in (*names, "x - y % of $z & co"):
        assert name in words(tree)


def test_every_part_has_a_bar_as_long_as_its_share(content):
    tree = parsed(content)
    bars = tree.findall(".//span[@style]")
    lengths = [int(bar.get("style").removeprefix("width:").removesuffix("px")) for bar in bars]
    assert lengths == [round(90 * share) for share in content.reading.shares]
    assert [row.find("td").text for row in tree.find("table").findall("tr")[1:]] == ["neuron 0", "linear part"]


def test_negative_shares_have_a_minus_and_a_colour_of_their_own():
    """The neuron takes back what the linear part gives."""
    X = np.random.default_rng(0).standard_normal((500, 2))
    network = ReLUNetwork([[0.6, 0.8]], [-1.0], linear=[1.2, 1.6])
    reading = read(network, X)
    assert reading.shares[0] < -0.1
    content = ReportContent("y", ("a", "b"), "any", reading, 0.01, HeldOut(np.nan, np.empty(0), np.empty(0)))
    page = to_html(content)
    assert f'<span class="bar less" style="width:{round(-90 * reading.shares[0])}px"></span> &#8722;' in page
    assert "-0" not in "".join(parsed(content).itertext())


def test_smaller_widths_are_a_table(content):
    tables = parsed(content).findall("table")
    assert [[words(cell) for cell in row] for row in tables[1]] == [["neurons", "1", "0"], ["R2", "0.988", "0.250"]]
    assert len(parsed(changed(content, is_complete=False)).findall("table")) == 1


def test_what_was_cut_short_says_so(content):
    assert "Stopped early" in to_html(changed(content, stopped_early=True))
    assert "Stopped early" not in to_html(content)


def test_html_says_the_same_and_escapes(rooms, tmp_path):
    found = limbeck.learn(*rooms, 3, inputs="any", feature_names=["<b>rooms</b>", "age & co"], target_name="a<b")
    page = found.to_html(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page
    assert "<b>rooms</b>" not in page
    assert "&lt;b&gt;rooms&lt;/b&gt;" in page
    assert "<script" not in page
    body = page[page.index('<div class="limbeck">') : page.index("</body>")].replace("&nbsp;", " ")
    tree = ET.fromstring(body)  # well-formed
    text = " ".join("".join(tree.itertext()).split())
    assert "a<b: " in text
    assert "of the variance" in text
    assert len(tree.findall(".//svg/path")) >= found.width - 1
    assert found._repr_html_() in page

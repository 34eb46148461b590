"""The clump tree as a picture."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from limbeck._learner.model.clumps import Clump
from limbeck._learner.report.clump_svg import clump_svg

TREE = [Clump((i,), 0.0) for i in range(3)] + [Clump((0, 2), 0.01, 0.125), Clump((0, 1, 2), 1.0, np.nan)]


def joints(svg):
    """Left end, top, x, bottom, left end of the lower branch, of every joint."""
    paths = [path.get("d") for path in svg.findall("path") if path.get("fill") == "none"]
    return [tuple(map(float, re.fullmatch(r"M(.*),(.*) H(.*) V(.*) H(.*)", path).groups())) for path in paths]


def test_neurons_and_costs_are_written():
    svg = ET.fromstring(clump_svg(TREE))
    texts = [text.text for text in svg.findall("text")]
    assert texts == ["neuron 0", "neuron 2", "neuron 1", "12.5 %", "?", "0.01", "0.1", "1"]


def test_angles_are_on_a_logarithmic_axis():
    svg = ET.fromstring(clump_svg(TREE))
    first, second = joints(svg)
    ticks = {text.text: float(text.get("x")) for text in svg.findall("text[@text-anchor]")}
    assert first[2] == ticks["0.01"]
    assert second[2] == ticks["1"]
    # Places have one decimal.
    assert ticks["0.1"] - ticks["0.01"] == pytest.approx(ticks["1"] - ticks["0.1"], abs=0.2)
    assert second[0] == first[2]  # a branch begins where its own joint is
    assert second[1] == pytest.approx((first[1] + first[3]) / 2, abs=0.1)


def test_neurons_that_are_equal_have_a_tree_too():
    equal = [Clump((0,), 0.0), Clump((1,), 0.0), Clump((0, 1), 0.0, 0.0)]
    assert len(joints(ET.fromstring(clump_svg(equal)))) == 1

"""Numbers and names as text and HTML set them."""

import numpy as np
import pytest

from limbeck._learner.report.typography import HTML, TEXT


@pytest.mark.parametrize(
    ("typography", "number", "percentage"),
    [
        (TEXT, "-0.500\N{NO-BREAK SPACE}+-\N{NO-BREAK SPACE}0.012", "-5\N{NO-BREAK SPACE}%"),
        (HTML, "&#8722;0.500&nbsp;&#177;&nbsp;0.012", "&#8722;5&nbsp;%"),
    ],
    ids=["text", "HTML"],
)
def test_signs_and_spaces(typography, number, percentage):
    assert typography.number(-0.5, 0.0123) == number
    assert typography.percentage(-0.05) == percentage


def test_only_the_sign_of_a_number_becomes_a_minus():
    assert HTML.number(-1.5e-30, np.inf) == "&#8722;1.50e-30&nbsp;&#177;&nbsp;?"


def test_names_are_escaped_in_html_alone():
    assert HTML.name("a<b - c %") == "a&lt;b - c %"
    assert TEXT.name("a<b - c %") == "a<b - c %"

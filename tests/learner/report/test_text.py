"""A result as plain text."""

import dataclasses

import numpy as np
import pytest

from limbeck._learner.model.clumps import Clump
from limbeck._learner.report.content import HeldOut
from limbeck._learner.report.text import (
    INPUT_KINDS,
    clump_lines,
    cost_text,
    describe,
    headline,
    notes,
    quality,
    r2_text,
)
from limbeck._learner.tabular.cross_validation import CrossValidation, LineComparison

changed = dataclasses.replace


def test_a_content_is_printed_in_full(content):
    assert describe(content) == "\n".join(
        [
            "price: 1 neuron and a linear part, of 2 features (of any distribution)",
            "R2 0.988 on 200 rows held out; unexplained 0.5000 (standard deviation)",
            "",
            "Neuron 0: where rooms is above 6.0000, price rises by 10.00 for each unit of rooms above that.",
            "    On in 56 % of the rows, 3 % of the variance.",
            "Linear part: -69.48 at the mean of every feature; per standard deviation -67.91 for age. 97 % of",
            "    the variance.",
            "",
            "Standardised: features count in standard deviations from their means, coefficients have length",
            "1.",
            "",
            "With fewer neurons",
            "  neurons     1      0",
            "  R2      0.988  0.250",
        ]
    )


@pytest.mark.parametrize("inputs", INPUT_KINDS)
def test_the_headline_names_the_kind_of_inputs(content, inputs):
    assert headline(changed(content, inputs=inputs)).endswith(f"of 2 features ({INPUT_KINDS[inputs]})")


def cross_validation(folds, rows):
    return CrossValidation(folds, rows, [0.5, 0.25], LineComparison(True))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"noise_variance": 0.0}, "R2 0.988 on 200 rows held out; nothing unexplained"),
        (
            {"noise_variance": np.nan},
            "R2 0.988 on 200 rows held out; too few rows, or too little time, to tell what is unexplained",
        ),
        ({"held_out": HeldOut(np.nan, np.empty(0), np.empty(0))}, "no rows held out; unexplained 0.5000"),
        (
            {"held_out": HeldOut(np.nan, np.ones(1), np.ones(1))},
            "no R2: the labels of the 1 row held out do not differ;",
        ),
        ({"held_out": HeldOut(0.995, np.arange(3.0), np.zeros(3))}, "R2 0.9950 on 3 rows held out;"),
        # Without residuals every resample has an R2 of 1.
        (
            {"held_out": HeldOut(0.9, np.arange(30.0), np.zeros(30))},
            "R2 0.900 on 30 rows held out (few: 95 % interval 1.00 to 1.00);",
        ),
        (
            {"cross_validation": cross_validation(5, 60)},
            "cross-validated R2 0.500 (60 rows, 5 folds, the search repeated for each);",
        ),
        (
            {"cross_validation": cross_validation(12, 12)},
            "cross-validated R2 0.500 (12 rows, each left out once, the search repeated for each);",
        ),
    ],
)
def test_quality_is_told_by_what_is_known(content, changes, text):
    assert quality(changed(content, **changes)).startswith(text)


def test_cross_validated_widths_are_at_most_so_many(content):
    text = describe(changed(content, cross_validation=cross_validation(5, 60)))
    assert text.endswith(
        "With at most so many neurons, R2 on rows left out\n  neurons     1      0\n  R2      0.500  0.250"
    )


def test_what_takes_long_or_was_cut_short_is_said(content):
    assert describe(changed(content, is_complete=False)).endswith(
        "\n\nstandard_errors and narrower take longer for so many parameters: ask for them."
    )
    assert describe(changed(content, stopped_early=True)).endswith(
        "\n\nstopped early: the time limit was reached, this is the best so far"
    )
    assert "neurons  " not in describe(changed(content, is_refined=False))


def test_notes_call_neurons_in_question_where_a_line_does_as_well(content):
    assert "a line does as well" not in notes(content)
    assert notes(changed(content, line_is_no_worse=True)).startswith("On rows left out a line does as well")


def test_costs_that_are_not_known_are_explained(content):
    clumps = [Clump((0,), 0.0), Clump((0, 1), 0.5)]
    assert "?: the rows leave it open." not in notes(content)
    assert notes(changed(content, clumps=clumps)).endswith("?: the rows leave it open.")


def test_r2_has_no_digits_where_they_say_nothing():
    values = {
        -191213906.877: "below -10",
        -10.5: "below -10",
        -9.5: "-9.500",
        -0.25: "-0.250",
        -1e-9: "0.000",
        0.99: "0.990",
        0.999: "0.9990",
        0.99999: "1 - 1.0e-05",
        1.0: "1.000",
    }
    assert {value: r2_text(value) for value in values} == values


def test_costs_above_the_whole_are_not_told_in_digits():
    costs = {
        4.128: "more than 100 %",
        1.001: "more than 100 %",
        1.0: "100.0 %",
        0.999: "99.9 %",
        1e-4: "1e-04",
        0.0: "0 %",
    }
    assert {cost: cost_text(cost) for cost in costs} == costs
    assert cost_text(np.nan) == "?"


def test_clumps_are_told_finest_first_and_the_rest_counted():
    assert clump_lines([Clump((0, 1), 0.5, 4.128), Clump((0, 1, 2), 1.2e-17, 0.5)]) == [
        "Clumps: neurons alike from this angle on; the change if their sum stood in, nothing refitted",
        "      0.5 rad  0, 1                      more than 100 % of the variance",
        "        0 rad  0, 1, 2                   50.0 % of the variance",  # an angle that is rounding
    ]
    many = [Clump(tuple(range(i)), 0.1 * i, 0.5) for i in range(1, 12)]
    assert len(clump_lines(many)) == 10
    assert clump_lines(many)[-1] == "  and 2 more"

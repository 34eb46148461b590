"""A result as plain text."""

import dataclasses
import re

import numpy as np
import pytest

import limbeck
from limbeck._learner.diagnostics.diagnostics import Diagnostics, FitRecord
from limbeck._learner.model.clumps import Clump
from limbeck._learner.model.model import model_of
from limbeck._learner.model.rows import Rows
from limbeck._learner.report.content import HeldOut
from limbeck._learner.report.html import to_html
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
            "Linear part: -69.48 at the mean of every feature; per unit -3.000 for age. 97 % of the variance.",
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
    return CrossValidation(folds, rows, [0.5, 0.25], LineComparison(True), 4.0)


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
            "cross-validated R2 0.500 (60 rows, 5 folds, the search repeated for each); root mean square error 2",
        ),
        (
            {"cross_validation": cross_validation(12, 12)},
            "cross-validated R2 0.500 (12 rows, each left out once, the search repeated for each);",
        ),
    ],
)
def test_quality_is_told_by_what_is_known(content, changes, text):
    assert quality(changed(content, **changes)).startswith(text)


def test_rows_that_were_held_out_as_well_are_told(content):
    held_out = HeldOut(0.9, np.arange(6.0), np.ones(6))
    text = quality(changed(content, cross_validation=cross_validation(5, 60), held_out=held_out))
    assert text.endswith("; learned from 54 rows")


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


def test_sentences_are_in_the_units_of_the_data(learned):
    text = str(learned)
    assert text.startswith("price: 1 neuron and a linear part, of 2 features (of any distribution)")
    match = re.search(r"rooms is (above|below) ([\d.]+) \+- ([\d.]+), price rises by ([\d.]+) \+- ([\d.]+)", text)
    side, at, at_error, slope, slope_error = match[1], *map(float, match.groups()[1:])
    assert side in ("above", "below")  # either way round, with the linear part to match
    assert abs(at - 6) < 4 * at_error < 0.5
    assert abs(slope - 10) < 4 * slope_error < 1.0
    assert "per unit" in text
    assert re.search(r"neurons +1 +0\n +R2 ", text)


def test_a_network_of_no_neurons_prints():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 3))
    found = limbeck.learn(X, X @ [1.0, 2.0, 0.0] + 0.1 * rng.standard_normal(300), 0)
    assert str(found).startswith("y: 0 neurons and a linear part")
    assert re.search(r"Linear part: -?0\.\d+ \+- 0\.\d+ at the mean of every feature", str(found))
    assert found.narrower == []
    assert "linear part" in found.to_html()


@pytest.mark.slow
def test_many_parameters_print_at_once():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1500, 300))
    found = limbeck.learn(X, np.maximum(X[:, 0], 0) + 0.1 * rng.standard_normal(1500), 1)
    assert "+-" not in str(found)
    assert "ask for them" in str(found)


def test_what_the_rows_do_not_determine_is_said():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 6))
    planted = limbeck.ReLUNetwork([[1.0, 0, 0, 0, 0, 0]], [1.0], thresholds=[-2.3])  # on for some four rows
    y = planted(X) + X[:, 1] + 0.01 * rng.standard_normal(400)
    origin = FitRecord(
        model=model_of(planted),
        rows=Rows(X, y),
        original=Rows(X, y),
        used=np.arange(400),
        held_out=np.arange(0),
        joined=True,
        thresholds=True,
        standard=True,
    )
    found = dataclasses.replace(
        limbeck.learn(X, y, 1, inputs="standard"), network=planted, _diagnostics=Diagnostics(planted, origin)
    )
    assert np.isinf(found.standard_errors.output).all()
    assert "+- ?" in str(found)
    assert "?: the rows leave it open." in " ".join(str(found).split())


def test_rows_too_many_to_search_again_on_have_an_interval(one_line):
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(600, 40))
    found = limbeck.learn(X, X[:, 0] + rng.standard_normal(600), 0)
    r2, low, high = map(
        float,
        re.search(r"R2 (\S+) on 60 rows held out \(few: 95 % interval (\S+) to (\S+)\)", one_line(found)).groups(),
    )
    assert low < r2 < high
    assert high - low > 0.1


def test_an_exact_fit_leaves_nothing_unexplained(one_line):
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(300, 2))
    y = 3 * np.maximum(X[:, 0] - 0.5, 0) + X[:, 1]
    for validation in (0.0, 0.1):
        for offset in (0.0, 1e9):
            found = limbeck.learn(X, offset + y, 1, validation=validation)
            assert "; nothing unexplained" in one_line(found)
    assert "nothing unexplained" not in str(limbeck.learn(X, y + 1e-6 * rng.standard_normal(300), 1, validation=0.0))


def test_few_rows_for_each_parameter_are_said(one_line):
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(4000, 3))
    y = np.maximum(X[:, 0] - 0.5, 0) + 0.1 * rng.standard_normal(4000)
    few = one_line(limbeck.learn(X[:80], y[:80], 1))
    assert "With 10 rows for each parameter they are too small: 1.96 of them hold the true value in 75 to 93 % " in few
    assert "rows for each parameter" not in str(limbeck.learn(X, y, 1))


def test_r2_far_below_0_is_not_told_in_digits(learned, one_line):
    content = learned._content()
    validation = dataclasses.replace(content.cross_validation, r2=[-2.36e16, 0.5])
    content = dataclasses.replace(content, cross_validation=validation)
    text = one_line(describe(content))
    assert "cross-validated R2 below -10 (800 rows" in text
    assert text.endswith("neurons 1 0 R2 below -10 0.500")
    assert "<td>below -10</td>" in to_html(content)


def test_question_marks_are_explained_wherever_they_are(one_line):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((12, 12))
    found = limbeck.learn(X, rng.standard_normal(12), 0, validation=0.0)  # as many rows as slopes
    note = "?: the rows leave it open."
    assert "+- ?" in str(found)
    assert one_line(found).count(note) == found.to_html().count(note) == 1
    X = rng.standard_normal((100, 2))
    assert note not in str(limbeck.learn(X, X[:, 0] + rng.standard_normal(100), 0))

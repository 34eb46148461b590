"""Sentences about parts: slopes in the unit that is named, and no rounding told."""

import dataclasses
import re

import numpy as np
import pytest

import limbeck
from limbeck import ReLUNetwork
from limbeck._learner.diagnostics.reading import read
from limbeck._learner.report.sentences import PartSentences
from limbeck._learner.report.typography import TEXT


@pytest.mark.parametrize("inputs", ["standard", "gaussian", "any"])
@pytest.mark.parametrize("levels", [[-6.0, -3.0, -1.0, 1.0, 3.0, 6.0], [-0.5, 0.5], [-1.0, 1.0]])
def test_slopes_are_per_the_unit_that_is_printed(inputs, levels):
    """A symmetric design: every mean is exactly 0, whatever the standard deviations are."""
    X = np.array(np.meshgrid(levels, levels, levels)).reshape(3, -1).T
    X = np.repeat(X, -(-40 // len(X)), axis=0)
    assert not X.mean(axis=0).any()
    y = 5 + X @ [2.0, 1.0, -0.5]
    found = limbeck.learn(X, y, 0, inputs=inputs, validation=0.0)
    text = " ".join(str(found).split())
    line = re.search(r"Linear part: (\S+)(?: \+- \S+)? at (.*?); per unit (.*?)\. [\dL]", text)
    constant, where = float(line[1]), line[2]
    slopes = {name: float(slope) for slope, name in re.findall(r"([+-]\S+)(?: \+- \S+)? for (x\d)", line[3])}
    by_hand = constant + X @ [slopes[f"x{j}"] for j in range(3)]
    # Four digits of each.
    np.testing.assert_allclose(by_hand, found.predict(X), atol=2e-3 * np.abs(y).max())
    assert where == ("the mean of every feature" if found.reading.counts_in_deviations else "0")


def test_a_neuron_of_symmetric_features_says_that_they_are_standardised():
    rng = np.random.default_rng(0)
    X = np.repeat(
        np.array(np.meshgrid([-6.0, -3.0, -1.0, 1.0, 3.0, 6.0], [-2.0, -1.0, 1.0, 2.0])).reshape(2, -1).T, 20, 0
    )
    y = np.maximum(X @ [0.3, 0.9] - 0.2, 0) + 0.01 * rng.standard_normal(len(X))
    found = limbeck.learn(X, y, 1, inputs="any", validation=0.0)
    text = " ".join(str(found).split())
    sides, threshold, weight = re.search(
        r"where (.*?) \(standardised\) is above (\S+) .*?y (?:rises|falls) by (\S+)", text
    ).groups()
    terms = {name: float(f"{sign}{size}") for sign, size, name in re.findall(r"([+-]?) ?([\d.]+) (x\d)", sides)}
    u = X / X.std(axis=0) @ [terms["x0"], terms["x1"]]
    told = float(weight) * np.maximum(u - float(threshold), 0) * np.sign(found.reading.weights[0])
    rest = found.predict(X) - told
    line = np.column_stack([X, np.ones(len(X))])
    # What is left is the linear part: coefficients have two digits, so the hinge is right to a hundredth.
    assert np.std(rest - line @ np.linalg.lstsq(line, rest)[0]) < 0.02 * np.std(told)


def test_rounding_is_0_where_there_are_no_neurons(one_line):
    for seed in range(0, 10, 3):
        U = np.random.default_rng(seed).standard_normal((200, 3)) * 10.0**seed
        found = limbeck.learn(U, U[:, 1] - U[:, 1].mean(), 0, inputs="any")
        assert "Linear part: 0 at the mean of every feature; per unit +" in one_line(found)
        assert re.search(r"unit \+\S+ for x1\. 100 %", one_line(found))  # none that is rounding beside it
        assert "e-" not in one_line(found).partition("Linear part")[2]
    # Features far from 0: their means times the slopes are rounded, too.
    far = np.random.default_rng(0).standard_normal((200, 2)) + 1e6
    assert "Linear part: 0 at the mean" in one_line(limbeck.learn(far, far[:, 0] - far[:, 0].mean(), 0))
    narrow = np.random.default_rng(2).standard_normal((400, 2)) * 1e-6 + 10  # a neuron's, too: 1e12 times 10 is rounded
    hinge = 1e12 * (np.maximum(narrow[:, 0] - narrow[:, 0].mean(), 0) + narrow[:, 1] - narrow[:, 1].mean())
    assert "Linear part: 0 at the mean" in one_line(limbeck.learn(narrow, hinge, 1, inputs="any"))
    student = limbeck.distill(lambda X: X[:, 1], 2)
    assert "Linear part: 0 at 0; per unit +1.000 for x1. 100 %" in one_line(student)
    constant = one_line(limbeck.distill(lambda X: np.full(len(X), 5.0), 2))
    assert constant.startswith("y: 0 neurons, of 2 features")
    assert "Linear part: 5.000, a constant." in constant


def test_small_numbers_that_are_not_rounding_are_told(one_line):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 2))
    found = limbeck.learn(X, 1e-30 * (X @ [1.0, 1e-6] + 1e-5), 0, inputs="standard")
    assert re.search(r"Linear part: 1\.0000*e-35 at 0; per unit \+1\.000e-30 for x0 and 1 smaller", one_line(found)), (
        one_line(found)
    )
    noisy = one_line(limbeck.learn(X, X[:, 0] + rng.standard_normal(400), 0))
    assert re.search(r"Linear part: -?0\.\d+ \+- 0\.\d+ at", noisy)


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(s, marks=pytest.mark.slow) for s in (2, 3))])
def test_slopes_of_a_tariff_without_noise_are_told_without_rounding(seed):
    rng = np.random.default_rng(seed)
    for n in (60, 600):
        x = rng.uniform(0, 60_000, n)
        y = 0.14 * np.maximum(x - 10_000, 0) + 0.16 * np.maximum(x - 30_000, 0)
        text = " ".join(str(limbeck.learn(x[:, None], y, 2, inputs="any")).split())
        assert (
            "slope 0 for each unit of x0 up to 10,000, then slope +0.1400 up to 30,000, and beyond slope +0.3000"
            in text
        )


def test_slopes_are_rounding_relative_to_the_spread():
    """Slopes of 7e-12 of the spread with errors of 2e-12 are 0; those of 1e-8, or of larger errors, are not."""
    X = np.linspace(-1, 1, 400)[:, None] * 3**0.5
    for slope, error, shown in [
        (7e-12, 2e-12, "slope 0"),
        (1e-8, 1e-12, "slope +1.00"),
        (7e-12, 1e-3, "slope +0.0000\N{NO-BREAK SPACE}+-\N{NO-BREAK SPACE}0.0010"),
    ]:
        net = ReLUNetwork([[1.0], [1.0]], [1.0, 1.0], linear=[slope], thresholds=[0.0, -0.5])
        reading = read(net, X)
        (curve,) = reading.curves
        curve = dataclasses.replace(
            curve, slope_errors=np.full(3, error), knot_errors=np.full(2, error), start_error=0.0
        )
        reading = dataclasses.replace(reading, curves=(curve,))
        text = PartSentences(reading, ["x0"], "y", TEXT).curve(curve)
        assert shown in text.partition(" up to")[0]
        # The first kink is at 0 to rounding, too, and its error is told where it is more than that.
        assert ("up to 0," in text) == (error < 1e-10), text


def test_a_neuron_of_almost_one_feature_is_told_in_its_unit():
    X = np.random.default_rng(0).standard_normal((2000, 3)) * [4.0, 1.0, 1.0] + [20.0, 0.0, 0.0]
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    y = 3 * np.maximum(Z @ [1.0, -0.1, -0.05] - 0.5, 0)
    text = " ".join(str(limbeck.learn(X, y, 1, inputs="any")).split())
    # The threshold is half a standard deviation of the first feature above its mean.
    assert f"where x0 is above {X[:, 0].mean() + X[:, 0].std() / 2:.3f}"[:-1] in text
    assert " (all else at its mean, which takes from it: 0.10 of standardised x1 most), " in text

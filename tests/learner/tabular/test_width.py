"""The width: no neuron too many, none too few."""

import numpy as np
import pytest

import limbeck
from limbeck._learner.tabular.settings import TABULAR
from limbeck._learner.tabular.width import smallest_as_good, widths_to_try


@pytest.mark.parametrize(
    ("max_width", "n", "d", "widths"),
    [
        (16, 10_000, 5, [0, 1, 2, 4, 8, 16]),
        (5, 10_000, 5, [0, 1, 2, 4, 5]),
        (0, 10_000, 5, [0]),
        (16, 20, 5, [0, 1, 2, 4]),  # few neurons may have more parameters than rows
        (16, 54, 5, [0, 1, 2, 4, 8]),  # 9 groups of 6 parameters
    ],
)
def test_widths_to_try(max_width, n, d, widths):
    assert widths_to_try(max_width, n, d, TABULAR) == widths


def test_the_smallest_width_that_is_as_good():
    """The first mean is above the least by 1 with a standard error of 0.5, the second by 0.5 with one of 1."""
    least = np.zeros(4)
    clearly_more, within_chance = 1 + np.array([1.0, 1, -1, -1]), 0.5 + np.array([2.0, 2, -2, -2])
    for line, widths, place in ((1.0, 1.0, 1), (1.0, 0.25, 2), (2.0, 1.0, 0), (0.25, 1.0, 1), (2.0, 0.25, 0)):
        assert smallest_as_good([clearly_more, within_chance, least], widths, line) == place


def tax(income):
    """Brackets of 10, 25 and 40 %, from 20,000 and 50,000 on."""
    return 0.1 * np.minimum(income, 2e4) + 0.25 * np.clip(income - 2e4, 0, 3e4) + 0.4 * np.maximum(income - 5e4, 0)


def counted(rng, n=1000):
    x = np.arange(float(n))
    return np.column_stack([x, x[::-1]])


# Rows, labels calculated from them, and the number of neurons that does.
CALCULATED = {
    "distance": (lambda rng: rng.uniform(size=(500, 2)), lambda X: np.abs(X[:, 0] - 0.5), 1),
    "line": (lambda rng: rng.standard_normal((300, 3)), lambda X: X @ [1.0, 2.0, 3.0], 0),
    "line of few rows": (lambda rng: rng.gamma(2.0, size=(14, 3)), lambda X: X @ [1.0, 2.0, 3.0] + 1e4, 0),
    "temperature": (lambda rng: rng.uniform(-30, 45, (200, 1)).round(1), lambda X: 1.8 * X[:, 0] + 32, 0),
    "tax": (lambda rng: rng.uniform(0, 1.2e5, (1000, 1)), lambda X: tax(X[:, 0]), 2),
    "tax of whole incomes": (lambda rng: rng.lognormal(10.3, 0.6, (1000, 1)).round(), lambda X: tax(X[:, 0]), 2),
    "four slopes": (
        lambda rng: rng.uniform(size=(400, 1)),
        lambda X: np.interp(X[:, 0], [0, 0.2, 0.5, 0.7, 1], [0, 1, -1, 2, 0]),
        3,
    ),
    "step": (lambda rng: rng.uniform(size=(2000, 1)), lambda X: 1.0 * (X[:, 0] > 0.3), 2),
    "step both ways": (counted, lambda X: 1.0 * (X[:, 0] >= 500), 2),
    "maximum": (lambda rng: rng.uniform(size=(500, 2)), lambda X: np.maximum(X[:, 0], X[:, 1]), 1),
    "flags": (lambda rng: rng.integers(0, 2, (200, 4)), lambda X: 1.0 * (X[:, 0] != X[:, 1]) + X[:, 2], 1),
    "seconds": (
        lambda rng: 1.7e9 + rng.integers(0, 86_400, (400, 1)),
        lambda X: np.maximum(X[:, 0] - 1.70004e9, 0) / 3600,
        1,
    ),
}


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("case", CALCULATED)
def test_labels_that_are_calculated_have_no_neuron_too_many(case, seed):
    rows, labels, width = CALCULATED[case]
    X = rows(np.random.default_rng(seed)).astype(float)
    y = labels(X)
    for validation in (0.0, 0.1):
        found = limbeck.learn(X, y, inputs="any", seed=seed, validation=validation)
        assert found.width == width
        learned = ~np.isin(y, found.validation_targets)
        # A row held out may lie in a gap that a kink could be anywhere in.
        np.testing.assert_allclose(found.predict(X)[learned], y[learned], atol=1e-8 * np.abs(y).max())


def test_a_little_noise_is_no_rounding():
    for seed in range(2):
        rng = np.random.default_rng(seed)
        X = rng.uniform(size=(1000, 1))
        y = np.abs(X[:, 0] - 0.5) + 1e-6 * rng.standard_normal(1000)
        found = limbeck.learn(X, y, inputs="any", seed=seed, validation=0.0)
        assert found.width == 1
        assert found.noise_variance == pytest.approx(1e-12, rel=0.2)  # a standard deviation is .045 of it


def line_in_noise(seed, n, d):
    rng = np.random.default_rng(seed)
    X = [rng.uniform, rng.standard_normal, rng.standard_exponential][seed % 3](size=(n, d))
    return X, X.sum(axis=1) + 0.5 * rng.standard_normal(n)


@pytest.mark.parametrize(
    ("n", "d", "draws", "most"),
    [(15, 1, 8, 3), *(pytest.param(*case, marks=pytest.mark.slow) for case in [(30, 3, 12, 4), (300, 10, 20, 4)])],
)
def test_a_line_in_noise_has_no_neurons(n, d, draws, most):
    # Of 100 draws some 5 have one, of 15 rows 8: more than this many come up less than once in 300 times. When the
    # choice of the hinges was not counted, a third to a half of the draws had neurons.
    widths = [limbeck.learn(*line_in_noise(s, n, d), inputs="any", validation=0.0).width for s in range(draws)]
    assert np.count_nonzero(widths) <= most


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "d"), [(15, 1), (20, 1), (30, 1), (30, 3), (60, 3), (100, 3), (100, 10), (300, 10), (400, 30)]
)
def test_a_line_in_noise_has_no_neurons_at_any_size(n, d):
    # Up to 8 % of draws have some, and then more than 14 of 80 less than once in 300 times.
    widths = [limbeck.learn(*line_in_noise(s, n, d), inputs="any", validation=0.0).width for s in range(80)]
    assert np.count_nonzero(widths) <= 14


def test_a_clear_hinge_of_few_rows_is_found():
    for seed in range(2):
        X, y = line_in_noise(seed, 60, 2)
        y += 6 * np.maximum(X[:, 0] - np.median(X[:, 0]), 0)
        assert limbeck.learn(X, y, inputs="any", validation=0.0).width >= 1


def test_labels_that_are_constant_in_a_fold_are_learned_from():
    X, y = np.random.default_rng(0).uniform(size=(12, 1)), np.zeros(12)
    y[5] = 3.0  # four of five times the rows of a fold hold it, and once they do not
    found = limbeck.learn(X, y, inputs="any", validation=0.0)
    assert np.isfinite(found.predict(X)).all()

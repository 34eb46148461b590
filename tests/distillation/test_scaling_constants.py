"""Constants of scaling laws: against predicted risks, integrals of another kind, and at the ends of their range."""

from itertools import pairwise

import numpy as np
import pytest

from limbeck.distillation import Task, optimal_mask, optimal_surrogate, risk, scaling_constants

TEN = [(1.5, 1.8), (2, 1.5), (2, 1.8), (3, 2.5), (2, 3), (2, 3.8), (1.3, 2.2), (4, 6.0), (6, 1.9), (1.2, 2.0)]


def without_end(p, alpha, r, n):
    """Predicted risks for features that do not end at p, on the three labels.

    Eigenvalues beyond p are far below the effective ridge, and act as a ridge; what is to be learned of those features
    is left over, and acts as noise of true labels.
    """
    ridge, hidden = ((p + 0.5) ** (1 - s) / (s - 1) for s in (alpha, r))
    task, ridge = Task.power_law(p, alpha, r), ridge / n
    best, mask = optimal_surrogate(task, n, ridge), task.beta * optimal_mask(task, n, ridge)
    true = risk(task, n, ridge=ridge, label_noise=hidden)
    return np.array([true, risk(task, n, best, ridge), risk(task, n, mask, ridge)]) + hidden


@pytest.mark.parametrize(
    ("alpha", "r", "p", "n"),
    [
        *((alpha, r, 200_000, 4000) for alpha, r in TEN[:2]),
        *(pytest.param(alpha, r, 2_000_000, 20_000, marks=pytest.mark.slow) for alpha, r in TEN),
    ],
)
def test_constants_are_those_of_predicted_risks(alpha, r, p, n):
    found = scaling_constants(alpha, r)
    law = np.array([found.true_labels, found.best, found.mask]) * n**-found.exponent
    # Sums over i = 1, 2, ... are integrals for n + 1/2 rows, with 1 - Omega = (n + 1/2) / (n alpha): the effective
    # ridge is lower by alpha / (2 n), 1 - Omega higher by 1 / (2 n), its odds lower by alpha / (alpha - 1) / (2 n).
    first_order = (r - 1 + alpha / (alpha - 1)) / (2 * n)
    np.testing.assert_allclose(without_end(p, alpha, r, n) / law, 1, atol=1.1 * first_order)


def integral(function, low, high):
    """Of a smooth function, by panels of Gauss points."""
    x, weights = np.polynomial.legendre.leggauss(20)
    edges = np.linspace(low, high, 400)
    width = np.diff(edges)
    return float((function(edges[:-1, None] + width[:, None] * (x + 1) / 2) @ weights * width / 2).sum())


@pytest.mark.parametrize("alpha", [1.1, 1.5, 2.0, 3.999, 5.0, 30.0])
@pytest.mark.parametrize("q", [0.3, 0.9, 1.0, 1.0 + 1e-9, 1.3, 1.8])
def test_constants_are_integrals(alpha, q):
    found, c = scaling_constants(alpha, 1 + q * alpha), alpha - 1
    # In the logarithm s of w; parts beyond these limits are below 1e-16.
    low, high, last = -40 / (2 - q), 40 / q, -np.log(alpha**0.5 - 1)
    edges = (low, min(max(last, low), high), high)
    sums = {
        "true_labels": lambda s: alpha * np.exp((2 - q) * s) / np.square(1 + np.exp(s)),
        "best": lambda s: c * np.exp((2 - q) * s) / (1 + c * np.exp(2 * s)),
        "mask": lambda s: np.minimum(alpha * np.exp(2 * s) / np.square(1 + np.exp(s)), 1) * np.exp(-q * s),
    }
    T = found.effective_ridge
    rows = integral(lambda s: np.exp(s / alpha) / (1 + np.exp(s)), -40 * alpha, 40 * alpha / (alpha - 1)) / alpha
    assert rows == pytest.approx(T, rel=1e-10)
    for name, function in sums.items():
        value = sum(integral(function, a, b) for a, b in pairwise(edges))
        assert getattr(found, name) == pytest.approx(T ** (q * alpha) * value / alpha, rel=1e-9), name


def test_constants_at_the_ends_of_their_range():
    for alpha in (1 + 1e-9, 1.2, 2.0, 7.0):
        flat, corner = scaling_constants(alpha, 1 + 1e-13), scaling_constants(alpha, (2 * alpha + 1) * (1 - 1e-15))
        # Almost nothing is learned of a flat spectrum: beyond any feature lies most of what there is.
        for found, ratios in ((flat, (1 / alpha, 1 / alpha)), (corner, ((alpha - 1) / alpha, 1.0))):
            # Towards an end the rest is the distance to it times logarithms.
            np.testing.assert_allclose([found.best_ratio, found.mask_ratio], ratios, rtol=1e-11)
        # The pole at either end is that of 1 / q and 1 / (2 - q).
        assert flat.true_labels * flat.exponent == pytest.approx(alpha, rel=1e-11)
        gap = 2 * alpha - corner.exponent
        assert corner.true_labels * gap == pytest.approx(alpha * corner.effective_ridge ** (2 * alpha), rel=1e-11)
    middle = scaling_constants(3.0, 4.0)  # q = 1
    assert middle.true_labels == pytest.approx(middle.effective_ridge**3, rel=1e-14)
    assert middle.best_ratio == pytest.approx(np.pi / 2 * 2**0.5 / 3, rel=1e-14)
    # L is a logarithm there: int dw / (1 + w)^2 w^0 = u / (1 + u).
    assert middle.mask_ratio == pytest.approx(3**-0.5 + (3**0.5 - 1) / 3, rel=1e-14)


def test_best_labels_are_best():
    for alpha in (1.01, 1.5, 3.0, 20.0):
        for q in np.linspace(0.05, 1.95, 12):
            found = scaling_constants(alpha, 1 + q * alpha, 0.5)
            assert 0 < found.best_ratio < found.mask_ratio < 1
            assert found.floor == 0.5 * (alpha - 1)


def test_constants_are_printed():
    text = str(scaling_constants(2, 1.5, 0.1)).splitlines()
    assert text[0].startswith(
        "alpha = 2, r = 1.5, noise = 0.1: risk = 0.1 + constant n^-0.5; effective ridge (1.571 / n)"
    )
    assert [line.split()[0] for line in text[1:]] == ["trained", "true", "best", "best"]
    assert "risk = constant" in str(scaling_constants(2, 1.5))


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ((1.0, 1.5), ValueError, "alpha must exceed 1, .* got 1.0"),
        ((2.0, 1.0), ValueError, "r must exceed 1, .* got 1.0"),
        ((2.0, 5.0), ValueError, r"r must be below 2 alpha \+ 1 = 5, .* got 5.0"),
        ((2.0, 3.0, -1.0), ValueError, "noise must be at least 0"),
        ((np.inf, 3.0), ValueError, "alpha must be finite"),
        ((2.0, "three"), TypeError, "r must be a number, got 'three'"),
    ],
)
def test_arguments_of_constants(arguments, error, said):
    with pytest.raises(error, match=said):
        scaling_constants(*arguments)

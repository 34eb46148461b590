"""The effective ridge: in 60 digits, its definition and its limits."""

import itertools

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.distillation import (
    Task,
    effective_ridge,
    risk,
    simulate,
    two_stage_risk,
)
from limbeck.distillation.fixed_point import edge, edge_width

SPECTRA = {
    "flat": np.ones(40),
    "power 2": np.arange(1, 61.0) ** -2,
    "power 1/2": np.arange(1, 101.0) ** -0.5,
    "30 decades": np.logspace(0, -30, 50),
    "two levels": np.r_[np.ones(20), np.full(20, 1e-30)],
    "unsorted": np.r_[1e-30, 1, 1e-15, np.full(10, 1e-8)],
}


def excess(eigenvalues, n, ridge, tau):
    """What the equation of the effective ridge is off by at tau, in units of rows."""
    parts = [mpmath.mpf(v) / (mpmath.mpf(v) + tau) for v in eigenvalues.tolist()]
    return mpmath.fsum(parts) + n * mpmath.mpf(ridge) / tau - n


def assert_root(eigenvalues, n, ridge, tau, tolerance=1e-12):
    """The excess changes its sign within the relative tolerance; spectra have up to 36 decades."""
    with mpmath.workdps(60):
        tau, width = mpmath.mpf(tau), abs(mpmath.mpf(tau)) * mpmath.mpf(tolerance)
        below, above = (excess(eigenvalues, n, ridge, t) for t in (tau - width, tau + width))
        # It falls with tau, but rises where a negative ridge of more rows than features makes tau negative.
        assert below > 0 > above if tau > 0 else below < 0 < above


@pytest.mark.parametrize("name", SPECTRA)
def test_effective_ridge_in_60_digits(name):
    eigenvalues = SPECTRA[name]
    p = len(eigenvalues)
    for n, ridge in itertools.product(sorted({1, 2, p // 4, p // 2, 20, p - 2, p - 1, p + 5}), (0, 1e-3, 1e-20, 1e3)):
        if n >= 1 and (n < p or ridge):
            assert_root(eigenvalues, n, ridge, effective_ridge(eigenvalues, n, ridge))


def test_effective_ridge_of_the_definition_and_its_limits():
    eigenvalues = SPECTRA["power 2"]
    counts = np.array([[1, 5], [20, 70]])
    taus = effective_ridge(eigenvalues, counts)
    assert taus.shape == (2, 2)
    assert taus[1, 1] == 0
    for n, tau in zip(counts.ravel()[:3], taus.ravel()[:3], strict=True):
        assert np.sum(eigenvalues / (eigenvalues + tau)) == pytest.approx(n, rel=1e-12)
    assert effective_ridge(eigenvalues[::-1], 5) == pytest.approx(taus[0, 1], rel=1e-13)
    assert effective_ridge(np.r_[eigenvalues, 0, 0], 5) == pytest.approx(taus[0, 1], rel=1e-13)
    assert effective_ridge(1e-200 * eigenvalues, 5) == pytest.approx(1e-200 * taus[0, 1], rel=1e-13)
    assert effective_ridge([1.0] * 100, 25) == pytest.approx(3, rel=1e-14)


RIDGES = st.sampled_from([0.0, 1e-20, 1e-3, 1.0, 1e6])


@given(data=st.data(), n=st.integers(1, 45), ridge=RIDGES)
def test_effective_ridge_of_any_spectrum(any_tasks, data, n, ridge):
    task = data.draw(any_tasks(40))
    l, tau = task.eigenvalues[task.eigenvalues > 0], effective_ridge(task.eigenvalues, n, ridge)
    if not ridge and n >= len(l):
        assert tau == 0
        return
    assert_root(l, n, ridge, tau)


INDEX = np.arange(1.0, 101)
quiet = pytest.mark.filterwarnings("ignore::limbeck.distillation.NearPeakWarning")


@pytest.mark.parametrize("n", [5, 30, 99, 101, 150, 400])
def test_the_effective_ridge_of_a_negative_ridge_in_60_digits(n):
    for power in (0.5, 1.5, 4):
        l = INDEX**-power
        tau_limit, limit = edge(l, n)
        assert np.sum(np.square(l / (l + tau_limit))) == pytest.approx(n, rel=1e-9)
        for part in (1e-6, 0.1, 0.5, 0.9, 0.999):
            ridge = part * limit
            tau = effective_ridge(l, n, ridge)
            assert tau_limit < tau < effective_ridge(l, n) or 0 > tau > tau_limit
            # Rounding counts for more next to the limit, where the ridge hardly depends on tau.
            assert_root(l, n, ridge, tau, 1e-12 / (1 - part))


def test_the_lowest_ridge_is_minus_the_smallest_eigenvalue():
    assert edge(np.ones(100), 25) == pytest.approx((1, -1))  # (1 - sqrt(p / n))^2, Marchenko and Pastur
    assert edge(np.full(50, 2.0), 200)[1] == pytest.approx(-2 * 0.25)
    rng = np.random.default_rng(0)
    for n, l in ((60, np.repeat([100.0, 1.0], [10, 190])), (100, np.ones(50))):
        smallest = []
        for _ in range(300):
            X = rng.standard_normal((n, len(l))) * np.sqrt(l)
            smallest.append(np.linalg.eigvalsh(X @ X.T if n < len(l) else X.T @ X)[0] / n)
        units = (-edge(l, n)[1] - np.array(smallest)) / edge_width(l, n)
        # Tracy and Widom's law has mean -1.21 and deviation 1.27, of which 300 draws show 0.07 and 0.05; rows are few.
        assert units.mean() == pytest.approx(-1.21, abs=0.4)
        assert units.std() == pytest.approx(1.27, rel=0.2)


@pytest.mark.parametrize(
    "call",
    [
        lambda task, ridge: risk(task, 25, ridge=ridge),
        lambda task, ridge: effective_ridge(task.eigenvalues, 25, ridge),
        lambda task, ridge: effective_ridge(task.eigenvalues, [[25, 400]], ridge),
        lambda task, ridge: simulate(task, 25, ridge=ridge),
        lambda task, ridge: two_stage_risk(task, 50, task, 25, surrogate_ridge=ridge),
        lambda task, ridge: simulate(task, 50, surrogate_task=task, m=25, surrogate_ridge=ridge),
    ],
)
def test_ridges_below_the_limit_are_refused(call):
    task = Task(np.ones(100), np.ones(100), 0.1)
    for ridge in (-1.0, -3.0):
        with pytest.raises(ValueError, match=r"ridge must exceed -1 for n = 25 rows and these eigenvalues, got -"):
            call(task, ridge)


def test_no_ridge_is_below_zero_for_as_many_rows_as_features():
    with pytest.raises(ValueError, match=r"ridge must exceed 0 for n = 100 rows"):
        effective_ridge(np.r_[np.ones(100), 0], 100, -1e-9)

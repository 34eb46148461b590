"""Negative ridges, and what labels' noise adds to a risk near and at its peak."""

import mpmath
import numpy as np
import pytest

from limbeck.distillation import (
    NearPeakWarning,
    Task,
    compare_labels,
    effective_ridge,
    optimal_ridge,
    risk,
    simulate,
    surrogate_risk,
    two_stage_risk,
)
from limbeck.distillation.fixed_point import edge, edge_width

INDEX = np.arange(1.0, 101)
quiet = pytest.mark.filterwarnings("ignore::limbeck.distillation.NearPeakWarning")


def aligned():
    """Ten large eigenvalues with all of beta, and a tail that acts as more of a ridge than is good."""
    spikes = np.arange(200) < 10
    return Task(np.where(spikes, 100.0, 1.0), spikes * 1.0, noise=0.01)


# ---- What noise adds ----


@quiet
@pytest.mark.parametrize("rank", [*range(1, 60), 117, 264, 399])
def test_next_to_the_peak_noise_adds_infinity(rank):
    # E (X' X)^-1 and E X' (X X')^-2 X exist only for |n - p| > 1; zero eigenvalues are no features.
    for zeros in (0, 3):
        task = Task(np.r_[np.ones(rank), np.zeros(zeros)], np.ones(rank + zeros), 1.0)
        for n in range(max(rank - 1, 1), rank + 2):
            assert risk(task, n).noise == np.inf
            assert surrogate_risk(task, task, n) == np.inf
            assert two_stage_risk(task, 3 * rank + 5, task, n) == np.inf
        assert risk(task, rank + 2).noise == pytest.approx(rank, rel=1e-12)
        assert np.isfinite(surrogate_risk(task, task, rank + 2))
        if rank > 2:
            assert risk(task, rank - 2).noise == pytest.approx(rank - 2, rel=1e-9)


@quiet
def test_a_surrogates_peak_is_that_of_what_it_sees():
    task, seen = Task(np.ones(20), np.ones(20), 0.5), np.arange(20) < 7
    for m in (6, 7, 8):
        assert surrogate_risk(task, task, m, features=seen) == np.inf
        assert two_stage_risk(task, 50, task, m, features=seen) == np.inf
    # Thirteen hidden features of variance one are noise: 13.5 / (9 - 7 - 1) for each of seven coefficients.
    assert surrogate_risk(task, task, 9, features=seen) == pytest.approx(7 * 13.5 + 13)
    tiny = Task(np.r_[np.ones(7), np.full(13, 1e-200)], np.zeros(20), 1.0)
    assert risk(tiny, 21) == np.inf
    assert risk(tiny, 22).noise == pytest.approx(20)


@pytest.mark.parametrize("n", [1, 2, 5, 20, 50, 80, 95, 98])
@quiet
def test_noise_is_exact_for_equal_eigenvalues(n):
    task = Task(np.full(100, 3.0), np.ones(100), 0.7)
    assert risk(task, n).noise == pytest.approx(0.7 * n / (100 - n - 1), rel=1e-9)


SPECTRA = {
    "power 1/2": (INDEX**-0.5, [5, 50, 85, 95]),
    "power 1.2": (INDEX**-1.2, [5, 50, 80, 90]),
    "power 2": (INDEX**-2, [5, 20, 80, 95]),
    "ten spikes": (np.r_[np.full(10, 1e4), np.ones(90)], [5, 12, 15, 20, 90]),
    "two levels": (np.r_[np.ones(50), np.full(50, 0.05)], [20, 48, 52, 80]),
    "twenty": (INDEX[:20] ** -1, [5, 10, 15]),
}


@pytest.mark.parametrize("name", SPECTRA)
@quiet
def test_noise_near_the_peak_is_that_of_trials(name):
    # 23 settings: trials leave four standard errors in one of 16,000. The formula may be off by 2 % and, where the
    # rows that are left are few, by half of the square of what they are over: the order that follows.
    eigenvalues, sizes = SPECTRA[name]
    task = Task(eigenvalues, np.zeros(len(eigenvalues)), 1.0)
    for n in sizes:
        found = simulate(task, n, trials=3000, seed=n)
        tau = effective_ridge(eigenvalues, n)
        left = n - np.sum(np.square(eigenvalues / (eigenvalues + tau)))
        assert abs(risk(task, n) - found.mean) < 4 * found.standard_error + (0.02 + 0.5 / left**2) * found.mean


@quiet
def test_noise_of_a_shifted_test_and_of_a_surrogate():
    task = Task(INDEX**-1.2, np.zeros(100), 1.0)
    for test in (np.ones(100), (INDEX <= 10) * 1.0, (INDEX > 90) * 1.0):
        found = simulate(task, 90, trials=3000, test_eigenvalues=test)
        assert abs(risk(task, 90, test_eigenvalues=test) - found.mean) < 4 * found.standard_error + 0.02 * found.mean
    assert surrogate_risk(task, task, 90) == pytest.approx(risk(task, 90))
    beta = Task(task.eigenvalues, np.ones(100), 0.3)
    assert surrogate_risk(beta, beta, 85) == pytest.approx(risk(beta, 85))


@quiet
def test_a_vanishing_ridge_is_none():
    for zeros in (0, 7):
        task = Task(np.r_[INDEX**-0.5, np.zeros(zeros)], np.ones(100 + zeros), 1.0)
        for n in (50, 90, 97, 103, 130):
            for ridge in (1e-13, -1e-13):
                assert risk(task, n, ridge=ridge) == pytest.approx(risk(task, n), rel=1e-6)


@quiet
@pytest.mark.parametrize("ridge", [1e-3, 0.03, 1.0])
@pytest.mark.parametrize("n", [20, 90, 100, 110])
def test_noise_with_a_ridge(n, ridge):
    task = Task(np.ones(100), np.zeros(100), 1.0)
    found = simulate(task, n, ridge=ridge, trials=2000)
    assert abs(risk(task, n, ridge=ridge) - found.mean) < 4 * found.standard_error + 0.02 * found.mean


def to_first_order(l, t, n, ridge):
    """The noise part by its definition: minus the derivative of E tr (X X' + n ridge)^-1, differences in 40 digits."""
    with mpmath.workdps(60):
        l, t, ridge, step = (
            [mpmath.mpf(v) for v in l.tolist()],
            [mpmath.mpf(v) for v in t.tolist()],
            mpmath.mpf(ridge),
            mpmath.mpf(10) ** -20,
        )

        def trace(e, order):
            m = [v + e * v * w for v, w in zip(l, t, strict=True)]
            start = mpmath.mpf(effective_ridge(np.array([float(v) for v in m]), n, float(ridge)))
            tau = mpmath.findroot(
                lambda x: mpmath.fsum(v / (v + x) for v in m) + n * ridge / x - n,
                (start, start * (1 + mpmath.mpf(10) ** -12)),
            )
            z = [tau / (v + tau) for v in m]
            left = 1 - mpmath.fsum((1 - x) ** 2 for x in z) / n
            return (1 + order * mpmath.fsum((1 - x) ** 2 * x for x in z) / n / (n * left**2)) / tau

        leading, both = (-(trace(step, order) - trace(-step, order)) / (2 * step) for order in (0, 1))
        return float(leading), float(both)


@pytest.mark.parametrize(("n", "ridge"), [(20, 0.0), (60, 0.0), (60, 0.05), (130, 0.05), (60, -0.002), (130, -1e-4)])
@quiet
def test_noise_has_the_term_of_order_one_over_n(n, ridge):
    l = INDEX**-0.8
    for t in (l, np.ones(100), (INDEX > 30) * 1.0):
        leading, both = to_first_order(l, t, n, ridge)
        found = risk(Task(l, np.zeros(100), 1.0), n, ridge=ridge, test_eigenvalues=t).noise
        # Beyond that term there is the pole at n = p - 1: 1 / (d (d - 1)) for d = |n - p|, at most.
        pole = leading / (abs(n - 100) * (abs(n - 100) - 1))
        assert both * (1 - 1e-9) <= found <= both + pole * (1 + 1e-9)
        assert abs(both / leading - 1) > 1e-4


# ---- Negative ridges ----


@pytest.mark.parametrize("n", [5, 30, 99, 101, 150, 400])
def test_the_effective_ridge_of_a_negative_ridge_to_50_digits(n):
    for power in (0.5, 1.5, 4):
        l = INDEX**-power
        tau_limit, limit = edge(l, n)
        assert np.sum(np.square(l / (l + tau_limit))) == pytest.approx(n, rel=1e-9)
        for part in (1e-6, 0.1, 0.5, 0.9, 0.999):
            ridge = part * limit
            tau = effective_ridge(l, n, ridge)
            assert tau_limit < tau < effective_ridge(l, n) or 0 > tau > tau_limit
            with mpmath.workdps(50):

                def excess(t, ridge=ridge, l=l):
                    return mpmath.fsum(mpmath.mpf(v) / (v + t) for v in l.tolist()) + n * mpmath.mpf(ridge) / t - n

                exact = mpmath.findroot(excess, (mpmath.mpf(tau), mpmath.mpf(tau) * (1 + mpmath.mpf(10) ** -9)))
                # Rounding counts for more next to the limit, where the ridge hardly depends on tau.
                assert abs(exact / mpmath.mpf(tau) - 1) < 1e-12 / (1 - part)


def test_the_lowest_ridge_is_minus_the_smallest_eigenvalue():
    assert edge(np.ones(100), 25) == pytest.approx((1, -1))  # (1 - sqrt(p / n))^2, Marchenko and Pastur
    assert edge(np.full(50, 2.0), 200)[1] == pytest.approx(-2 * 0.25)
    rng = np.random.default_rng(0)
    for n, l in ((60, aligned().eigenvalues), (100, np.ones(50))):
        smallest = []
        for _ in range(300):
            X = rng.standard_normal((n, len(l))) * np.sqrt(l)
            smallest.append(np.linalg.eigvalsh(X @ X.T if n < len(l) else X.T @ X)[0] / n)
        units = (-edge(l, n)[1] - np.array(smallest)) / edge_width(l, n)
        # Tracy and Widom's law has mean -1.21 and deviation 1.27, of which 300 draws show 0.07 and 0.05; rows are few.
        assert units.mean() == pytest.approx(-1.21, abs=0.4)
        assert units.std() == pytest.approx(1.27, rel=0.2)


def test_a_negative_ridge_is_best_for_aligned_spikes():
    task = aligned()
    ridge, least = optimal_ridge(task, 60)
    assert ridge < -0.35
    assert least == risk(task, 60, ridge=ridge) == compare_labels(task, 60).best_ridge
    assert least < risk(task, 60, ridge=-0.35) < risk(task, 60, ridge=-0.2) < risk(task, 60) < risk(task, 60, ridge=0.1)
    # Predictions are some 5 % low at any ridge: n = 60, of ten large eigenvalues. Four standard errors beside that.
    without = simulate(task, 60, trials=400)
    for value in (-0.2, -0.35, ridge):
        found = simulate(task, 60, ridge=value, trials=400)
        assert abs(risk(task, 60, ridge=value) - found.mean) < 4 * found.standard_error + 0.07 * found.mean
        assert found.mean + 4 * found.standard_error < without.mean


@pytest.mark.parametrize("unit", [1e-300, 1.0, 1e300])
def test_no_ridge_is_best_where_none_helps(unit):
    # Equal eigenvalues and no noise: any ridge, of either sign, shrinks or grows what is right already.
    for n in (10, 20, 80):
        assert optimal_ridge(Task(np.full(50, unit), np.ones(50)), n)[0] == 0
    assert optimal_ridge(Task(np.full(50, unit), np.ones(50), 5 * unit), 20)[0] > 0


def test_more_rows_than_features_and_a_surrogate_that_shrinks():
    # A surrogate of half the coefficients is made up for by a negative ridge.
    task = Task(np.ones(40), np.ones(40), 0.01)
    ridge, least = optimal_ridge(task, 400, 0.5 * task.beta)
    assert ridge < 0
    found = simulate(task, 400, 0.5 * task.beta, ridge, trials=300)
    assert abs(least - found.mean) < 4 * found.standard_error + 0.02 * found.mean
    assert effective_ridge(task.eigenvalues, 400, ridge) < 0
    assert least < 0.8 * risk(task, 400, 0.5 * task.beta)


def test_fits_with_a_negative_ridge_are_those_of_the_definition():
    rng, task = np.random.default_rng(2), Task(INDEX[:50] ** -0.3, np.ones(50), 0.1)
    for n, ridge in ((15, -0.1), (200, -0.05)):
        plain = []
        for _ in range(400):
            X = rng.standard_normal((n, 50)) * np.sqrt(task.eigenvalues)
            y = X @ task.beta + np.sqrt(0.1) * rng.standard_normal(n)
            b = X.T @ np.linalg.solve(X @ X.T + n * ridge * np.eye(n), y)
            plain.append(task.eigenvalues @ np.square(b - task.beta))
        found = simulate(task, n, ridge=ridge, trials=400)
        spread = np.hypot(found.standard_error, np.std(plain, ddof=1) / 20)
        assert abs(found.mean - np.mean(plain)) < 4 * spread
        assert abs(risk(task, n, ridge=ridge) - np.mean(plain)) < 4 * spread + 0.05 * np.mean(plain)
        first = simulate(task, 400, surrogate_task=task, m=n, surrogate_ridge=ridge, trials=400)
        predicted = two_stage_risk(task, 400, task, n, surrogate_ridge=ridge)
        assert abs(predicted - first.mean) < 4 * first.standard_error + 0.05 * first.mean


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


def test_close_to_the_limit_it_says_so():
    task = Task(np.ones(100), np.ones(100), 0.1)
    with pytest.warns(NearPeakWarning, match=r"ridge = -0.9 is close to its limit of -1 for n = 25 rows"):
        risk(task, 25, ridge=-0.9)
    with pytest.raises(FloatingPointError, match=r"X X' / n \+ ridge is not positive definite for them, ridge = -0.99"):
        simulate(task, 25, ridge=-0.99, trials=100)

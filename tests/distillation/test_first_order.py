"""The term of order 1/n of what a fit makes of the signal."""

import pickle

import numpy as np
import pytest

from limbeck.distillation import GradientFlow, NearPeakWarning, Task, effective_ridge, risk, simulate

quiet = pytest.mark.filterwarnings("ignore::limbeck.distillation.NearPeakWarning")
INDEX = np.arange(1.0, 101)


@pytest.mark.parametrize("scale", [1, 10, 100])
def test_a_random_subspace_has_known_moments(scale):
    """Without a ridge and with equal eigenvalues what is left over is a projection onto a uniform subspace of p - n.

    Of its entries ``E P_11^2 = q (q + 2) / (p (p + 2))`` and ``E P_1j^2 = q (p - q) / (p (p - 1) (p + 2))``.
    """
    p, n = 50 * scale, 20 * scale
    q = p - n
    task = Task(np.full(p, 2.0), np.arange(p) < 1)
    t = np.r_[1.0, np.full(p - 1, 0.1)]
    exact = q * (q + 2) / (p * (p + 2)) + 0.1 * q * (p - q) / (p * (p + 2))
    found = risk(task, n, test_eigenvalues=t)
    assert abs(found - exact) > 0.1 * exact / n
    # The term of order 1 / n^2, with a constant of about one.
    assert abs(found + found.first_order - exact) < 2 * exact / n**2
    # The risk itself is exact, for the length of a projection is.
    assert risk(task, n).first_order == pytest.approx(0, abs=1e-12)


def log_det_term(l, m, n):
    """``log(1 - Omega) / 2`` for the matrix S + diag(m)."""
    tau = effective_ridge(l / m, n, 1.0)
    return np.log(1 - np.square(l / (l + m * tau)).sum() / n) / 2


def test_the_term_is_a_second_derivative_of_the_log_determinant():
    l, n, ridge, step = INDEX[:12] ** -1.2, 30, 0.1, 1e-3
    beta, s, t = np.random.default_rng(0).standard_normal((3, 12))
    t = np.abs(t)

    def change(log_m):
        return log_det_term(l, ridge * np.exp(log_m), n)

    def first(i, log_m):
        h = step * np.eye(12)[i]
        return (change(log_m + h) - change(log_m - h)) / (2 * step)

    C = np.array([first(i, np.zeros(12)) for i in range(12)])
    moved = np.array([first(i, step * t) - first(i, -step * t) for i in range(12)]) / (2 * step)
    wanted = 2 * t * s * (beta - s) @ C + np.square(s) @ (t * C - moved)
    found = risk(Task(l, beta), n, s, ridge, test_eigenvalues=t).first_order
    assert found == pytest.approx(wanted, rel=1e-4)  # differences: the step's square


@pytest.mark.parametrize(("n", "ridge"), [(30, 0.0), (60, 0.01), (130, 0.1)])
def test_risks_along_few_directions_are_those_of_trials(n, ridge):
    # Four standard errors of three means come once in 5,000 times; 1 % is for the orders that follow.
    task = Task(INDEX**-2, INDEX <= 2)
    found, trials = risk(task, n, ridge=ridge), simulate(task, n, ridge=ridge, trials=1500, seed=n)
    assert abs(found + found.first_order - trials.mean) < 4 * trials.standard_error + 0.01 * trials.mean


@quiet
def test_where_no_term_is_known():
    task = Task(INDEX**-1, np.ones(100), 0.1)
    assert risk(task, 130).first_order == 0  # nothing is left over
    assert np.isnan(risk(task, 50, stage=GradientFlow(1.0)).first_order)
    found = risk(task, 50)
    assert pickle.loads(pickle.dumps(found)).first_order == found.first_order
    for n in range(1, 140, 9):
        found = risk(task, n)
        assert found.first_order >= -0.75 * (found.bias + found.variance)
        assert abs(found.first_order) <= found.bias + found.variance


@quiet
@pytest.mark.parametrize("unit", [1e-140, 1e140])
def test_units_of_eigenvalues_and_coefficients_cancel(unit):
    small = Task(INDEX**-1, np.ones(100))
    other = Task(unit * INDEX**-1, np.full(100, unit**-0.5))
    assert risk(other, 40).first_order == pytest.approx(risk(small, 40).first_order, rel=1e-9)
    with pytest.warns(NearPeakWarning):
        assert np.isfinite(risk(other, 1).first_order)

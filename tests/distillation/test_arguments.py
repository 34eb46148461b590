"""Arguments of all functions of distillation that are refused."""

import numpy as np
import pytest

from limbeck.distillation import (
    Ridge,
    SelfDistillation,
    Task,
    advise,
    chain_risk,
    covariance_shift_as_model_shift,
    effective_ridge,
    model_shift_as_covariance_shift,
    optimal_ridge,
    optimal_split,
    risk,
    self_distillation,
    simulate,
    two_stage_risk,
    weak_to_strong,
)

GOOD = Task([1.0, 0.5], [1.0, 1.0])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Task([], []), ValueError, "eigenvalues is empty"),
        (lambda: Task([1.0, -1], [1, 1]), ValueError, "eigenvalues must not be negative, got -1 at index 1"),
        (lambda: Task([0.0, 0], [1, 1]), ValueError, "eigenvalues are all zero"),
        (lambda: Task([1.0, np.nan], [1, 1]), ValueError, "eigenvalues holds nan at index 1"),
        (lambda: Task([1.0, 1], [1]), ValueError, r"beta of shape \(1,\)"),
        (lambda: Task([1.0], [np.inf]), ValueError, "beta holds inf"),
        (lambda: Task([1.0], [1.0], -1), ValueError, "noise must be at least 0, got -1"),
        (lambda: Task([1.0], [1.0], "a"), TypeError, "noise must be a number"),
        (lambda: Task.power_law(0, 1, 1), ValueError, "p must be at least 1"),
        (lambda: Task.power_law(3, np.inf, 1), ValueError, "alpha must be finite"),
        (lambda: Task.from_covariance([[1.0, 1], [0, 1]], [1, 1]), ValueError, "covariance must be symmetric"),
        (lambda: Task.from_covariance([[1.0, 2], [2, 1]], [1, 1]), ValueError, "negative eigenvalues"),
        (lambda: risk(GOOD, 0), ValueError, "n must be at least 1, got 0"),
        (lambda: risk(GOOD, 1.5), TypeError, "n must be an integer"),
        (lambda: risk(GOOD, 5, [1.0]), ValueError, r"surrogate of shape \(1,\)"),
        (lambda: risk(GOOD, 5, [1.0, np.nan]), ValueError, "surrogate holds nan at index 1"),
        (lambda: risk(GOOD, 5, ridge=-1), ValueError, "ridge must exceed -0.0851203 for n = 5 rows"),
        (lambda: risk(GOOD, 5, test_eigenvalues=[1.0]), ValueError, "test_eigenvalues"),
        (lambda: two_stage_risk(GOOD, 5, Task([1.0], [1.0]), 5), ValueError, "same number of features, got 2 and 1"),
        (lambda: two_stage_risk(GOOD, 5, GOOD, 0), ValueError, "m must be at least 1"),
        (
            lambda: two_stage_risk(GOOD, 5, GOOD, 5, features=[1, 0]),
            TypeError,
            "features must be a one-dimensional bool",
        ),
        (lambda: two_stage_risk(GOOD, 5, GOOD, 5, features=[False, False]), ValueError, "features names none"),
        (lambda: effective_ridge([1.0], 0), ValueError, "n must be at least 1"),
        (lambda: advise(np.ones((3, 2)), np.ones(3), np.ones(3)), ValueError, "at least 8 rows"),
        (
            lambda: advise(np.ones((9, 2)), np.ones(8), np.ones(9)),
            ValueError,
            "y and X must have the same number of rows",
        ),
        (
            lambda: advise(np.ones((9, 2)), np.ones(9), np.full(9, np.nan)),
            ValueError,
            "surrogate_predictions holds nan",
        ),
        (lambda: simulate(GOOD, 5, trials=0), ValueError, "trials must be at least 1"),
        (lambda: simulate(GOOD, 5, m=3), ValueError, "need a surrogate_task"),
        (lambda: simulate(GOOD, 5, surrogate_task=GOOD), ValueError, "surrogate_task needs m"),
        (lambda: simulate(GOOD, 5, [1.0, 1], surrogate_task=GOOD, m=3), ValueError, "cannot both be given"),
        (lambda: simulate(GOOD, 5, standard_error=0), ValueError, "standard_error must be positive"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


ROWS = np.random.default_rng(0).standard_normal((20, 3))
SMALL = Task([1.0, 0.5, 0.2], [1.0, 1.0, 1.0], 0.1)


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: Ridge("0.1"), TypeError, "alpha must be a number, got '0.1'"),
        (lambda: SelfDistillation(1.0, [1.0, [2.0]]), TypeError, r"mixing must be a number, got \[2.0\]"),
        (lambda: SelfDistillation(1.0, ()), ValueError, "mixing must be a number or a sequence of numbers, got none"),
        (lambda: chain_risk(None, [5, 5]), TypeError, "tasks must be a Task or a sequence of Tasks, got NoneType"),
        (lambda: chain_risk(SMALL, [5, 5], stages="ridge"), TypeError, "stages must be Ridgeless.*got 'ridge'"),
        (lambda: model_shift_as_covariance_shift(SMALL, np.zeros(3)), ValueError, "surrogate gives no covariance"),
        (lambda: model_shift_as_covariance_shift(SMALL, [1e200, 1, 1]), ValueError, "surrogate gives no covariance"),
        (lambda: optimal_split(SMALL, SMALL, 1e300, cost=(1e-300, 1)), ValueError, "budget must not pay more than"),
        (lambda: weak_to_strong(ROWS, ROWS[:, 0], candidates=None), TypeError, "candidates must be a str, a function"),
        (lambda: weak_to_strong(ROWS, ROWS[:, 0], intercept="centred"), TypeError, "intercept must be True or False"),
    ],
)
def test_what_no_function_can_take_is_named(call, error, said):
    with pytest.raises(error, match=said):
        call()


def test_a_covariance_shift_to_tiny_variances_has_finite_labels():
    _, surrogate = covariance_shift_as_model_shift(SMALL, [1e-310, 1.0, 1.0])
    assert surrogate[0] == pytest.approx(1e155)


@pytest.mark.filterwarnings("ignore::limbeck.distillation.NearPeakWarning")
def test_no_mixing_is_named_where_none_is_better():
    # Of the ridge that is best, rounds gain nothing but rounding: what is returned belongs together.
    ridge, _ = optimal_ridge(SMALL, 2)
    for alpha in (ridge, 0.5, 1e6):
        found = self_distillation(SMALL, 2, alpha, rounds=2)
        assert found.risk == pytest.approx(float(risk(SMALL, 2, stage=SelfDistillation(alpha, found.mixing))), rel=1e-9)
        assert found.gain >= 0


@pytest.mark.parametrize("unit", [1e200, 1e-200])
@pytest.mark.parametrize("name", ["X", "y"])
def test_numbers_whose_squares_leave_float64_are_refused(name, unit):
    X, y = (ROWS * unit, ROWS[:, 0]) if name == "X" else (ROWS, ROWS[:, 0] * unit)
    for call in (lambda: weak_to_strong(X, y), lambda: advise(X, y, ROWS[:, 1])):
        with pytest.raises(ValueError, match=f"{name} must have a largest number between"):
            call()

"""Arguments of all functions of distillation that are refused."""

import numpy as np
import pytest

from limbeck.distillation import (
    Task,
    advise,
    effective_ridge,
    risk,
    simulate,
    two_stage_risk,
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

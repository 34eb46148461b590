"""Tasks: what they keep, what they refuse, and bases."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest

from limbeck.distillation import (
    Task,
    compare_labels,
    optimal_mask,
    optimal_ridge,
    optimal_surrogate,
    risk,
    scaling_law,
    simulate,
    two_stage_risk,
)

TWO_FEATURES = Task([1.0, 0.5], [1.0, 1.0])


def test_rounding_of_a_covariance_makes_no_features():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 200))
    covariance, beta = np.cov(X, rowvar=False), rng.standard_normal(200)
    for matrix in (covariance, covariance.astype(np.float32)):
        assert np.count_nonzero(Task.from_covariance(matrix, beta).eigenvalues) == 79
    with pytest.raises(ValueError, match=r"covariance must be square, got shape \(80, 200\)"):
        Task.from_covariance(X, beta)
    task = Task.from_covariance(covariance, beta)
    np.testing.assert_allclose(task.from_eigenbasis(task.to_eigenbasis(beta)), beta)
    np.testing.assert_allclose(task.to_eigenbasis(beta), task.beta)
    plain = Task([2.0, 1.0], [1.0, 1.0])
    np.testing.assert_array_equal(plain.to_eigenbasis([3, 4]), [3, 4])
    np.testing.assert_array_equal(plain.from_eigenbasis([3, 4]), [3, 4])
    assert repr(task) == "Task(p = 200, from a covariance, noise = 0)"
    assert repr(Task.power_law(3, 2, 1.5, 0.1)) == "Task(p = 3, power law with alpha = 2, r = 1.5, noise = 0.1)"


def test_a_task_keeps_its_numbers_to_itself():
    eigenvalues = np.array([2.0, 1.0])
    task = Task(eigenvalues, eigenvalues)
    eigenvalues[0] = -1
    assert task.eigenvalues[0] == task.beta[0] == 2
    with pytest.raises(ValueError, match="read-only"):
        task.beta[0] = 1


@pytest.mark.parametrize("asked", [risk, optimal_surrogate, optimal_mask, optimal_ridge, compare_labels, simulate])
def test_what_is_no_task_is_refused(asked):
    with pytest.raises(TypeError, match=r"task must be a limbeck.distillation.Task, got list"):
        asked([1.0, 0.5], 1)
    with pytest.raises(TypeError, match=r"surrogate_task must be a limbeck.distillation.Task, got str"):
        two_stage_risk(TWO_FEATURES, 1, "GOOD", 2)
    with pytest.raises(TypeError, match=r"task must be"):
        scaling_law("GOOD", [1, 2])


@pytest.mark.filterwarnings("ignore::limbeck.distillation.NearPeakWarning")
def test_tasks():
    task = Task.power_law(5, 2.0, 1.5)
    np.testing.assert_allclose(task.eigenvalues * task.beta**2, np.arange(1, 6.0) ** -1.5)
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    eigenvalues, beta = np.array([3.0, 2, 1, 0.5, 0.1, 0]), rng.standard_normal(6)
    turned = Task.from_covariance(basis * eigenvalues @ basis.T, beta, 0.3)
    np.testing.assert_allclose(turned.eigenvalues, eigenvalues, atol=1e-14)
    np.testing.assert_allclose(turned.basis @ turned.beta, beta)
    assert risk(turned, 3) == pytest.approx(risk(Task(eigenvalues, basis.T @ beta, 0.3), 3))


def turned():
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    return Task.from_covariance((basis * [3.0, 2, 1, 0.5, 0.1, 0]) @ basis.T, rng.standard_normal(6), 0.3)


@pytest.mark.parametrize("task", [turned(), Task.power_law(6, 2.0, 1.5, 0.3), Task([2.0, 1], [1.0, 0])])
def test_copies_are_equal_and_read_only(task):
    copies = [copy.copy(task), copy.deepcopy(task), pickle.loads(pickle.dumps(task)), replace(task)]
    for other in copies:
        assert other == task
        assert hash(other) == hash(task)
        assert repr(other) == repr(task)
        for array in (other.eigenvalues, other.beta, other.basis):
            assert array is None or not array.flags.writeable
        np.testing.assert_array_equal(
            other.to_eigenbasis(np.ones(task.n_features)), task.to_eigenbasis(np.ones(task.n_features))
        )
    assert len({task, *copies}) == 1


def test_replacing_the_noise_keeps_the_basis_and_the_exponents():
    task = turned()
    clean = replace(task, noise=0.0)
    assert (clean.noise, task.noise) == (0.0, 0.3)
    np.testing.assert_array_equal(clean.basis, task.basis)
    np.testing.assert_allclose(clean.from_eigenbasis(clean.to_eigenbasis(np.arange(6.0))), np.arange(6.0), atol=1e-13)
    assert clean != task
    power = replace(Task.power_law(500, 1.5, 1.8, 0.1), noise=0)
    assert power.power_law_exponents == (1.5, 1.8)
    assert power == Task.power_law(500, 1.5, 1.8)
    assert scaling_law(power, [20, 30, 40]).predicted_exponent == pytest.approx(0.8)


def test_exponents_are_those_of_the_numbers():
    task = Task.power_law(20, 1.5, 1.8)
    for other in (replace(task, beta=2 * task.beta), replace(task, eigenvalues=task.eigenvalues[::-1])):
        assert other.power_law_exponents is None
        assert other != task
    assert replace(task, basis=np.eye(20)).power_law_exponents == (1.5, 1.8)


def test_tasks_differ_by_any_of_their_numbers():
    task = turned()
    others = [
        replace(task, beta=-task.beta),
        replace(task, eigenvalues=task.eigenvalues + 1),
        replace(task, basis=-task.basis),
        replace(task, basis=None),
        replace(task, noise=1.0),
        Task([1.0], [1.0]),
    ]
    assert all(other != task for other in others)
    assert len({task, *others}) == 7
    assert task != "task"
    zeros = Task([1.0, 0.0], [0.0, 1.0]), Task([1.0, -0.0], [-0.0, 1.0])
    assert zeros[0] == zeros[1]
    assert hash(zeros[0]) == hash(zeros[1])


@pytest.mark.parametrize(
    ("basis", "error", "message"),
    [
        (np.ones((2, 2)), ValueError, "columns of basis must be orthonormal; their inner products are off by up to 2"),
        (np.eye(3), ValueError, r"basis must have shape \(2, 2\), as there are 2 eigenvalues, got shape \(3, 3\)"),
        (np.array([[1.0, np.nan], [0, 1]]), ValueError, r"basis holds nan at index \(0, 1\)"),
        ([["a", "b"], ["c", "d"]], TypeError, "basis must hold real numbers"),
    ],
)
def test_a_basis_is_checked(basis, error, message):
    with pytest.raises(error, match=message):
        Task([2.0, 1.0], [1.0, 1.0], basis=basis)

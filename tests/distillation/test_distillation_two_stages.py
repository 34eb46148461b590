"""Two stages whose covariances do not commute, against rows of full covariances drawn in NumPy."""

from dataclasses import replace

import numpy as np
import pytest

from limbeck.distillation import NearPeakWarning, Task, risk, simulate, surrogate_risk, two_stage_risk


def orthogonal(p, rng):
    return np.linalg.qr(rng.standard_normal((p, p)))[0]


def covariance(eigenvalues, basis):
    return (basis * eigenvalues) @ basis.T


def fitted(covariance, truth, rows, noise, ridge, rng):
    """Coefficients in the features' own axes of a fit to rows of a full covariance."""
    eigenvalues, basis = np.linalg.eigh(covariance)
    root = (basis * np.sqrt(np.maximum(eigenvalues, 0))) @ basis.T
    X = rng.standard_normal((rows, len(truth))) @ root
    y = X @ truth + np.sqrt(noise) * rng.standard_normal(rows)
    if ridge:
        return X.T @ np.linalg.solve(X @ X.T + rows * ridge * np.eye(rows), y)
    return np.linalg.pinv(X, rcond=1e-10) @ y


def drawn(target, surrogate, n, m, trials, rng):
    """Risks of both stages by their definition; target, surrogate: (covariance, truth, noise, ridge)."""
    risks = np.empty((trials, 2))
    for k in range(trials):
        s = fitted(*surrogate[:2], m, *surrogate[2:], rng)
        b = fitted(target[0], s, n, *target[2:], rng)
        risks[k] = [(c - target[1]) @ target[0] @ (c - target[1]) for c in (b, s)]
    return risks.mean(axis=0), risks.std(axis=0, ddof=1) / np.sqrt(trials)


def pair(kind, p, rng):
    """Two covariances of p features that have no basis in common, but in part for some kinds."""
    index = np.arange(1.0, p + 1)
    if kind == "permuted":
        return np.diag(index**-1.5), np.diag((index**-1.5)[rng.permutation(p)])
    if kind == "one turned":
        return np.diag(index**-1), covariance(3 * index**-1.2, orthogonal(p, rng))
    if kind == "both turned":
        return covariance(index**-1, orthogonal(p, rng)), covariance(3 * index**-1.5, orthogonal(p, rng))
    if kind == "deficient":
        few = np.where(index <= 0.7 * p, index**-0.8, 0)
        return covariance(index**-1, orthogonal(p, rng)), covariance(few, orthogonal(p, rng))
    if kind == "deficient target":
        few = np.where(index <= 0.7 * p, index**-0.8, 0)
        return covariance(few, orthogonal(p, rng)), covariance(index**-0.7, orthogonal(p, rng))
    raise AssertionError(kind)


KINDS = ["permuted", "one turned", "both turned", "deficient", "deficient target"]
SETTINGS = [  # kind, p, n, m, noise of target and surrogate, ridges of both
    ("permuted", 60, 20, 30, 0.0, 0.0, 0.0, 0.0),
    ("both turned", 60, 25, 40, 0.1, 0.2, 0.0, 0.0),
    ("one turned", 60, 30, 150, 0.1, 0.5, 0.02, 0.0),
    ("deficient", 60, 100, 25, 0.0, 0.1, 0.0, 0.05),
    ("deficient target", 60, 20, 100, 0.3, 0.2, 0.0, 0.0),
]


def check(setting, trials, seed):
    """Formula and trials of one setting: within 3 standard errors of NumPy's draws or 2 %."""
    kind, p, n, m, noise, first_noise, ridge, first_ridge = setting
    rng = np.random.default_rng(seed)
    one, other = pair(kind, p, rng)
    truth = rng.standard_normal(p)
    first_truth = truth + 0.3 * rng.standard_normal(p)
    (mean, own), (error, own_error) = drawn(
        (one, truth, noise, ridge), (other, first_truth, first_noise, first_ridge), n, m, trials, rng
    )
    task, first = Task.from_covariance(one, truth, noise), Task.from_covariance(other, first_truth, first_noise)
    predicted = two_stage_risk(task, n, first, m, ridge=ridge, surrogate_ridge=first_ridge)
    alone = surrogate_risk(task, first, m, surrogate_ridge=first_ridge)
    found = simulate(
        task, n, ridge=ridge, surrogate_task=first, m=m, surrogate_ridge=first_ridge, trials=trials, seed=seed
    )
    return (mean, error), (own, own_error), float(predicted), float(alone), found


@pytest.mark.parametrize("setting", SETTINGS, ids=["permuted", "noise", "ridge", "few", "zeros"])
def test_two_stages_of_covariances_that_do_not_commute(setting):
    # p = 60 is small: the formula is off by up to about 1/n of the risk, 3 % here, beside three standard errors. Each
    # of the ten comparisons with draws, and five with trials at four errors, fails by chance in less than one of 300.
    (mean, error), (own, own_error), predicted, alone, found = check(setting, 250, 1)
    assert abs(predicted - mean) < 3 * error + 0.03 * mean
    assert abs(alone - own) < 3 * own_error + 0.03 * own
    assert abs(found.mean - mean) < 4 * np.hypot(error, found.standard_error) + 1e-12 * mean


def wide_settings():
    """Twenty settings of 50 to 300 features."""
    rng = np.random.default_rng(5)
    for k in range(20):
        p = int([50, 100, 150, 200, 300][k % 5])
        n, m = int(p * [0.3, 0.6, 1.7, 0.4][k % 4]), int(p * [0.5, 2.0, 0.3, 0.7, 1.6][(k // 2) % 5])
        noises = (0.0, 0.0) if k % 3 == 0 else tuple(rng.uniform(0.05, 0.5, 2))
        ridges = (0.02, 0.05) if k % 4 == 3 else (0.0, 0.0)
        yield KINDS[(k + k // 5) % 5], p, n, m, *noises, *ridges


@pytest.mark.slow
@pytest.mark.parametrize("setting", list(wide_settings()))
def test_two_stages_on_many_settings(setting):
    # A right formula leaves three standard errors and 2 % in one of 370 at most, of forty; trials four in one of
    # 16,000.
    (mean, error), (own, own_error), predicted, alone, found = check(setting, 400 if setting[1] <= 150 else 150, 7)
    assert abs(predicted - mean) <= max(3 * error, 0.02 * mean)
    assert abs(alone - own) <= max(3 * own_error, 0.02 * own)
    assert abs(found.mean - mean) < 4 * np.hypot(error, found.standard_error) + 1e-12 * mean


def test_a_common_basis_changes_nothing():
    rng = np.random.default_rng(3)
    p, basis = 40, orthogonal(40, rng)
    l, l2, b, b2 = rng.uniform(0.1, 1, p), rng.uniform(0.1, 1, p), rng.standard_normal(p), rng.standard_normal(p)
    seen = rng.random(p) < 0.7
    plain = two_stage_risk(Task(l, b, 0.1), 15, Task(l2, b2, 0.2), 200, features=seen)
    turned = (Task(l, b, 0.1, basis=basis), Task(l2, b2, 0.2, basis=basis.copy()))
    assert two_stage_risk(turned[0], 15, turned[1], 200, features=seen) == plain
    # Sorted otherwise, by columns of the other sign: the same tasks, of which the numbers are known.
    order = rng.permutation(p)
    shuffled = Task(l2[order], -b2[order], 0.2, basis=-basis[:, order])
    for given in (two_stage_risk, lambda t, n, s, m, **o: surrogate_risk(t, s, m, **o)):
        assert given(turned[0], 15, shuffled, 200, features=seen[order]) == pytest.approx(
            given(turned[0], 15, turned[1], 200, features=seen), rel=1e-10
        )


def test_a_task_without_a_basis_has_the_axes_of_the_features():
    rng = np.random.default_rng(4)
    variances, b, b2 = rng.uniform(0.1, 1, 30), rng.standard_normal(30), rng.standard_normal(30)
    other = covariance(np.arange(1.0, 31) ** -1, orthogonal(30, rng))
    turned = Task.from_covariance(other, b2, 0.2)
    axes, principal = Task(variances, b, 0.1), Task.from_covariance(np.diag(variances), b, 0.1)
    assert two_stage_risk(axes, 12, turned, 20) == pytest.approx(two_stage_risk(principal, 12, turned, 20), rel=1e-10)
    assert two_stage_risk(turned, 12, axes, 20) == pytest.approx(two_stage_risk(turned, 12, principal, 20), rel=1e-10)
    assert surrogate_risk(turned, axes, 20) == pytest.approx(surrogate_risk(turned, principal, 20), rel=1e-10)
    # The same eigenvalues in axes that they do not have are another task.
    assert (
        abs(two_stage_risk(turned, 12, replace(turned, basis=None), 20) / two_stage_risk(turned, 12, turned, 20) - 1)
        > 0.1
    )


def test_what_a_turned_surrogate_sees_is_in_its_own_basis():
    rng = np.random.default_rng(8)
    p, n, m = 40, 15, 60
    target, other = covariance(np.arange(1.0, p + 1) ** -1, orthogonal(p, rng)), np.diag(rng.uniform(0.1, 1, p))
    truth, seen = rng.standard_normal(p), np.arange(p) < 25
    task, first = Task.from_covariance(target, truth), Task(np.diag(other), truth, 0.1)
    # Brute force: a fit to some columns.
    risks = []
    for _ in range(400):
        X = rng.standard_normal((m, p)) * np.sqrt(np.diag(other))
        s = np.zeros(p)
        s[seen] = np.linalg.pinv(X[:, seen]) @ (X @ truth + np.sqrt(0.1) * rng.standard_normal(m))
        b = fitted(target, s, n, 0.0, 0.0, rng)
        risks.append((b - truth) @ target @ (b - truth))
    mean, error = np.mean(risks), np.std(risks, ddof=1) / 20
    found = simulate(task, n, surrogate_task=first, m=m, features=seen, trials=400)
    assert abs(found.mean - mean) < 4 * np.hypot(error, found.standard_error) + 1e-12 * mean
    assert abs(two_stage_risk(task, n, first, m, features=seen) - mean) < 3 * error + 0.03 * mean  # p is small
    with pytest.warns(NearPeakWarning):  # 25 rows of 25 features
        assert two_stage_risk(task, n, first, 25, features=seen) == np.inf


@pytest.mark.filterwarnings("ignore::limbeck.distillation.NearPeakWarning")
def test_infinite_scatter_stays_where_it_is():
    # The surrogate's two features of infinite scatter lie in two of the target's three directions.
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1.0]])
    task = Task([1, 0.5, 0.2], [1, 1, 1], 0.1)
    first = Task([1, 0.5, 0], [1, 1, 1], 0.1, basis=turn)
    assert surrogate_risk(task, first, 3) == np.inf
    assert surrogate_risk(task, first, 3, test_eigenvalues=[0, 0, 1]) == pytest.approx(1)
    assert risk(task, 4) == np.inf

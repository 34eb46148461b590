"""Targets of surrogates that are fitted themselves: against trials and brute force, whatever the bases."""

from dataclasses import replace

import numpy as np
import pytest

from limbeck.distillation import (
    NearPeakWarning,
    Ridge,
    Task,
    risk,
    simulate,
    surrogate_risk,
    two_stage_risk,
)
from limbeck.distillation.two_stages import FirstStage


@pytest.mark.parametrize("weak", [False, True])
@pytest.mark.parametrize(("n", "m"), [(100, 120), (150, 1000)])
def test_two_stages_agree_with_trials(trials, n, m, weak):
    task = Task.power_law(300, 1.5, 1.6, 0.1)
    first = Task(np.roll(task.eigenvalues, 2) + 1e-3, task.beta, 0.2)
    seen = np.arange(300) < 150 if weak else np.ones(300, dtype=bool)
    expected = two_stage_risk(task, n, first, m, features=seen, surrogate_ridge=0.01)
    stage = (first.eigenvalues, first.beta, seen, m, first.noise**0.5, 0.01)
    risks = trials(task, n, count=300, first=stage)
    error = risks.std() / np.sqrt(len(risks))
    assert abs(risks.mean() - expected) <= max(3 * error, 0.02 * expected)


def brute_force(task, n, surrogate, m, ridges, seen, label_noise, trials):
    """Risks of both stages, drawn and solved in NumPy as the definitions say."""
    rng = np.random.default_rng(1)

    def fit(variances, rows, labels, noise, ridge, kept):
        X = rng.standard_normal((rows, len(variances))) * np.sqrt(variances)
        y = X @ labels + np.sqrt(noise) * rng.standard_normal(rows)
        b = np.zeros(len(variances))
        Z = X[:, kept]
        b[kept] = Z.T @ np.linalg.solve(Z @ Z.T + rows * ridge * np.eye(rows), y) if ridge else np.linalg.pinv(Z) @ y
        return b

    everything = np.ones(task.n_features, dtype=bool)
    for _ in range(trials):
        s = fit(surrogate.eigenvalues, m, surrogate.beta, surrogate.noise, ridges[1], seen)
        yield fit(task.eigenvalues, n, s, label_noise, ridges[0], everything) - task.beta


@pytest.mark.parametrize("ridges", [(0.02, 0.05), (0.0, 0.05), (0.05, 0.0)])
def test_two_stages_against_brute_force(ridges):
    p, n, m = 60, 25, 30
    rng = np.random.default_rng(0)
    order, seen = rng.permutation(p), rng.random(p) < 0.8
    task = Task((np.arange(1.0, p + 1) ** -1)[order], rng.standard_normal(p), 0.3)
    surrogate = Task((np.arange(1.0, p + 1) ** -0.7)[order[::-1]], task.beta + 0.3, 0.5)
    test = np.where(rng.random(p) < 0.3, 0, rng.random(p))
    options = {"features": seen, "surrogate_ridge": ridges[1], "label_noise": 0.1, "test_eigenvalues": test}
    errors = brute_force(task, n, surrogate, m, ridges, seen, 0.1, 300)
    risks = [test @ np.square(error) for error in errors]
    mean, spread = np.mean(risks), np.std(risks) / np.sqrt(len(risks))
    predicted = two_stage_risk(task, n, surrogate, m, ridge=ridges[0], **options)
    found = simulate(task, n, ridge=ridges[0], surrogate_task=surrogate, m=m, trials=300, **options)
    assert abs(found.mean - mean) < 4 * np.hypot(spread, found.standard_error)
    assert abs(predicted - mean) < 3 * spread + 0.03 * mean
    # Each of the settings matters more than that.
    twos = np.full(p, 2.0)
    for change in ({"surrogate_ridge": 20.0}, {"label_noise": 100.0}, {"test_eigenvalues": twos}, {"ridge": 20.0}):
        other = two_stage_risk(task, n, surrogate, m, **{"ridge": ridges[0], **options, **change})
        assert abs(other - predicted) > 4 * spread


def test_the_surrogates_own_risk_is_what_trials_find():
    rng, task, m = np.random.default_rng(0), Task.power_law(60, 1.2, 1.5, noise=0.1), 30
    seen = np.arange(60) % 3 > 0
    risks = []
    for _ in range(400):
        X = rng.standard_normal((m, 60)) * np.sqrt(task.eigenvalues)
        y = X @ task.beta + np.sqrt(task.noise) * rng.standard_normal(m)
        b = np.zeros(60)
        b[seen] = np.linalg.lstsq(X[:, seen], y, rcond=None)[0]
        risks.append(task.eigenvalues @ np.square(b - task.beta))
    error = np.std(risks) / np.sqrt(len(risks))
    found = surrogate_risk(task, task, m, features=seen)
    assert abs(np.mean(risks) - found) < 3 * error + 0.02 * found
    assert surrogate_risk(task, task, m) == pytest.approx(risk(task, m))


quiet = pytest.mark.filterwarnings("ignore::limbeck.distillation.NearPeakWarning")


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


@pytest.mark.parametrize(
    "setting",
    [SETTINGS[0], *(pytest.param(setting, marks=pytest.mark.slow) for setting in SETTINGS[1:4]), *SETTINGS[4:]],
    ids=["permuted", "noise", "ridge", "few", "zeros"],
)
def test_two_stages_of_covariances_that_do_not_commute(setting):
    # p = 60 is small: the formula is off by up to about 1/n of the risk, 3 % here, beside three standard errors. Each
    # of the ten comparisons with draws, and five with trials at four errors, fails by chance in less than one of 300.
    (mean, error), (own, own_error), predicted, alone, found = check(setting, 150, 1)
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
    for _ in range(200):
        X = rng.standard_normal((m, p)) * np.sqrt(np.diag(other))
        s = np.zeros(p)
        s[seen] = np.linalg.pinv(X[:, seen]) @ (X @ truth + np.sqrt(0.1) * rng.standard_normal(m))
        b = fitted(target, s, n, 0.0, 0.0, rng)
        risks.append((b - truth) @ target @ (b - truth))
    mean, error = np.mean(risks), np.std(risks, ddof=1) / 200**0.5
    found = simulate(task, n, surrogate_task=first, m=m, features=seen, trials=200)
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


def test_a_first_stage_is_checked_once_for_all():
    task, seen = Task.power_law(10, 1.5, 1.5), np.arange(10) < 4
    first = FirstStage.checked(task, task, 20, 0.1, seen)
    found = first.coefficients_for(task)
    mean, scatter = found.mean, found.variances
    assert (first.m, first.stage, first.seen.tolist()) == (20, Ridge(0.1), seen.tolist())
    assert not mean[~seen].any()
    assert not scatter[~seen].any()
    expected = surrogate_risk(task, task, 20, surrogate_ridge=0.1, features=seen)
    assert expected.bias == pytest.approx(np.sum(task.eigenvalues * np.square(mean - task.beta)))
    assert expected.variance == pytest.approx(task.eigenvalues @ scatter)
    for function in (
        lambda **a: surrogate_risk(task, task, a["m"], surrogate_ridge=a["surrogate_ridge"], features=a["features"]),
        lambda **a: two_stage_risk(task, 5, task, a["m"], surrogate_ridge=a["surrogate_ridge"], features=a["features"]),
        lambda **a: simulate(task, 5, surrogate_task=task, trials=2, **a),
    ):
        for wrong, error, message in (
            ({"m": 0}, ValueError, "m must be at least 1, got 0"),
            ({"m": 2.5}, TypeError, "m must be an integer"),
            ({"surrogate_ridge": "a"}, TypeError, "surrogate_ridge must be a number"),
            ({"surrogate_ridge": -9.0}, ValueError, "ridge must exceed"),
            ({"features": seen[:3]}, ValueError, r"features of shape \(3,\)"),
        ):
            with pytest.raises(error, match=message):
                function(**{"m": 20, "surrogate_ridge": 0.1, "features": seen, **wrong})

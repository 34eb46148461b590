"""Chains of models, self-distillation and the best mixture of labels."""

import numpy as np
import pytest

from limbeck.distillation import (
    GradientFlow,
    NearPeakWarning,
    Ridge,
    Ridgeless,
    SelfDistillation,
    Task,
    chain_risk,
    optimal_mixture,
    optimal_ridge,
    risk,
    self_distillation,
    simulate,
    surrogate_risk,
    two_stage_risk,
)

TASK = Task(np.arange(1, 151.0) ** -1.1, np.random.default_rng(0).standard_normal(150), 0.3)


def test_short_chains_are_stages():
    found = chain_risk(TASK, [400, 90], stages=[Ridge(0.01), GradientFlow(50.0)])
    first = surrogate_risk(TASK, TASK, 400, surrogate_ridge=0.01)
    both = two_stage_risk(TASK, 90, TASK, 400, stage=GradientFlow(50.0), surrogate_ridge=0.01)
    np.testing.assert_allclose(found.risks, [first, both], rtol=1e-10)
    np.testing.assert_allclose(
        found.standard_deviations, [first.standard_deviation, both.standard_deviation], rtol=1e-4
    )
    assert chain_risk(TASK, [80]).risks[0] == pytest.approx(risk(TASK, 80), rel=1e-12)


@pytest.mark.parametrize(("trials", "known"), [(400, 0.25), pytest.param(1500, 0.12, marks=pytest.mark.slow)])
def test_chains_whose_covariances_do_not_commute_agree_with_trials(trials, known):
    rng, p = np.random.default_rng(3), 40
    beta = rng.standard_normal(p)
    turns = [np.linalg.qr(rng.standard_normal((p, p)))[0] for _ in range(3)]
    covariances = [(q * np.arange(1, p + 1.0) ** -a) @ q.T for q, a in zip(turns, (1.0, 1.5, 0.8), strict=True)]
    tasks = [Task.from_covariance(S, beta, v) for S, v in zip(covariances, (0.3, 0.1, 0.2), strict=True)]
    ns, stages, fresh = [25, 60, 30], [Ridge(0.1), Ridgeless(), GradientFlow(20.0)], [0, 0.3, 0.4]
    predicted = chain_risk(tasks, ns, stages=stages, fresh=fresh)
    roots, risks = [np.linalg.cholesky(S) for S in covariances], []
    for _ in range(trials):
        b, row = beta, []
        for k in range(3):
            X, deviation = rng.standard_normal((ns[k], p)) @ roots[k].T, tasks[k].noise ** 0.5
            y = X @ beta + deviation * rng.standard_normal(ns[k])
            if k:
                y = fresh[k] * y + (1 - fresh[k]) * (X @ b + deviation * rng.standard_normal(ns[k]))
            values, vectors = np.linalg.eigh(X.T @ X / ns[k])
            values = np.where(values > 1e-10, values, 0.0)
            b = vectors @ (stages[k].filter(values) * (vectors.T @ (X.T @ y))) / ns[k]
            row.append((b - beta) @ covariances[k] @ (b - beta))
        risks.append(row)
    risks = np.array(risks)
    # 4.5 standard errors, and what the order of 1/n adds for 25 rows; deviations are known to 4 % from 1500 trials, to
    # 8 % from 400: three of these.
    errors = risks.std(axis=0) / trials**0.5
    assert (np.abs(predicted.risks - risks.mean(axis=0)) < 4.5 * errors + 0.02 * predicted.risks).all()
    np.testing.assert_allclose(predicted.standard_deviations, risks.std(axis=0), rtol=known)


def test_fresh_labels_stop_the_collapse():
    task = Task(np.ones(20), np.ones(20), 1.0)
    alone = chain_risk(task, [200] * 12).risks
    # Without shrinkage each generation adds p / (n - p - 1) of the noise.
    np.testing.assert_allclose(alone, np.arange(1, 13) * 20 / 179, rtol=1e-9)
    # The errors of the first generation are gone after 15: 0.4^30.
    shares = np.linspace(0.598, 0.638, 5)
    settled = [chain_risk(task, [200] * 15, fresh=w).risks[-1] for w in shares]
    assert shares[np.argmin(settled)] == pytest.approx((5**0.5 - 1) / 2, abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([TASK], [5, 6]), ValueError, "tasks must hold one for each of the 2 generations of ns, got 1"),
        ((TASK, []), ValueError, "ns is empty"),
        ((TASK, [5, 0]), ValueError, "ns must be at least 1, got 0"),
        (([TASK, 3], [5, 6]), TypeError, "tasks must be a limbeck.distillation.Task, got int"),
        (([TASK, Task([1.0], [1.0])], [5, 6]), ValueError, "a task's beta of shape"),
    ],
)
def test_wrong_chains_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        chain_risk(*arguments)
    with pytest.raises(ValueError, match=r"fresh must be from 0 to 1, got 1\.5"):
        chain_risk(TASK, [5, 6], fresh=1.5)
    with pytest.raises(TypeError, match="stages must be Ridgeless"):
        chain_risk(TASK, [5], stages=0.1)


@pytest.mark.filterwarnings("ignore::limbeck.distillation.NearPeakWarning")
def test_a_chain_at_its_peak_is_infinite():
    assert chain_risk(TASK, [150, 300]).risks.tolist() == [np.inf, np.inf]


def test_self_distillation_finds_the_best_mixing():
    found = self_distillation(TASK, 100, 0.2)
    assert found.gain == pytest.approx(found.ridge_risk - found.risk)
    for off in (-0.1, 0.1):
        other = risk(TASK, 100, stage=SelfDistillation(0.2, found.mixing + off))
        # Noise of the labels has its term of order 1/n for the ridge alone.
        assert other > found.risk
    assert found.risk == pytest.approx(risk(TASK, 100, stage=SelfDistillation(0.2, found.mixing)), rel=1e-12)
    simulated = simulate(TASK, 100, stage=SelfDistillation(0.2, found.mixing), trials=100)
    assert abs(simulated.mean - found.risk) < 4.5 * simulated.standard_error + 0.02 * found.risk


def test_the_sign_of_the_mixing_is_that_of_the_slope():
    # arXiv 2602.17565: minus the sign of the risk's derivative by the ridge.
    best, _ = optimal_ridge(TASK, 100)
    assert best > 0
    assert self_distillation(TASK, 100, 3 * best).mixing < 0
    assert self_distillation(TASK, 100, best / 3).mixing > 0
    # The noise's term of order 1/n moves the best ridge a little.
    assert self_distillation(TASK, 100, best).gain < 1e-3 * risk(TASK, 100, ridge=best)


def test_more_rounds_are_never_worse():
    risks = [self_distillation(TASK, 100, 0.2, rounds=rounds).risk for rounds in (1, 2, 3)]
    assert risks[0] > risks[1] > risks[2]
    two = self_distillation(TASK, 100, 0.2, rounds=2)
    for off in ((0.05, 0.0), (-0.05, 0.0), (0.0, 0.1), (0.0, -0.1)):
        mixing = tuple(np.add(two.mixing, off))
        assert risk(TASK, 100, stage=SelfDistillation(0.2, mixing)) > two.risk * (1 - 1e-9)
    with pytest.raises(ValueError, match="ridge must be positive, got 0"):
        self_distillation(TASK, 100, 0)
    with pytest.raises(ValueError, match="rounds must be at least 1"):
        self_distillation(TASK, 100, 0.1, rounds=0)


def test_the_best_mixture_of_labels():
    surrogate = 0.8 * TASK.beta + 0.1
    for stage in (None, Ridge(0.05), GradientFlow(40.0)):
        found = optimal_mixture(TASK, 100, surrogate, 0.1, stage=stage)
        step = surrogate - TASK.beta
        around = [
            risk(TASK, 100, TASK.beta + w * step, stage=stage, label_noise=(1 - w) ** 2 * 0.3 + w**2 * 0.1)
            for w in found.weight + np.array([-0.01, 0.0, 0.01])
        ]
        assert around[1] == found.risk == min(around)
        # A parabola: as much to either side.
        assert around[0] == pytest.approx(around[2], rel=1e-9)
    assert found.true_risk == risk(TASK, 100, stage=stage)
    assert found.surrogate_risk == risk(TASK, 100, surrogate, stage=stage, label_noise=0.1)
    assert optimal_mixture(TASK, 400, TASK.beta, 0.3).weight == pytest.approx(0.5)
    with pytest.warns(NearPeakWarning):
        assert optimal_mixture(TASK, 150, surrogate, 0.3).weight == pytest.approx(0.5)
    with pytest.raises(ValueError, match="surrogate_noise must be at least 0"):
        optimal_mixture(TASK, 100, surrogate, -1.0)

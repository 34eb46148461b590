"""A budget that is divided between two stages, against every division of it."""

import warnings

import numpy as np
import pytest

from limbeck.distillation import NearPeakWarning, Task, optimal_split, simulate, two_stage_risk
from limbeck.distillation.split import _Stages
from limbeck.distillation.two_stages import FirstStage

TASKS = {
    "two power laws": (Task.power_law(40, 1.5, 2.0, 0.2), Task.power_law(40, 1.2, 2.0, 0.1)),
    "flat, noisy": (Task(np.ones(30), np.ones(30) / 6, 0.5), Task(np.ones(30), np.ones(30) / 6, 1.0)),
    "spikes": (Task(np.r_[np.full(5, 50.0), np.ones(40)], np.ones(45), 1.0), Task(np.ones(45), np.ones(45), 0.1)),
    # So few features that small budgets pass the peaks, where a stage has as many rows as features: few divisions.
    "few, flat, noisy": (Task(np.ones(7), np.ones(7) / 3, 0.5), Task(np.ones(7), np.ones(7) / 3, 1.0)),
    "few of two power laws": (Task.power_law(9, 1.5, 2.0, 0.2), Task.power_law(9, 1.2, 2.0, 0.1)),
}
LARGE = ("two power laws", "flat, noisy", "spikes")


def every(task, first, budget, cost, **options):
    """The least risk of all divisions."""
    risks = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NearPeakWarning)
        for m in range(1, int((budget - cost[1]) / cost[0]) + 1):
            for n in range(1, int((budget - m * cost[0]) / cost[1]) + 1):
                risks[m, n] = float(two_stage_risk(task, n, first, m, **options))
    return risks


@pytest.mark.filterwarnings("ignore::limbeck.distillation.NearPeakWarning")
@pytest.mark.parametrize(
    ("name", "budget", "cost", "options"),
    [
        # More rows of the cheap stage than are all tried.
        ("few, flat, noisy", 90.0, (15.0, 1.0), {}),
        ("few of two power laws", 90.0, (1.0, 15.0), {"ridge": 0.05}),
        # By hand: every division of larger budgets takes seconds.
        pytest.param("flat, noisy", 22.0, (1.0, 1.0), {}, marks=pytest.mark.slow),
        pytest.param("two power laws", 45.0, (2.0, 1.0), {"ridge": 0.05}, marks=pytest.mark.slow),
        pytest.param("two power laws", 75.0, (2.0, 1.0), {"ridge": 0.05}, marks=pytest.mark.slow),
        *(
            pytest.param(name, *case, marks=pytest.mark.slow)
            for name in LARGE
            for case in [
                (110.0, (1.0, 1.0), {}),
                (150.0, (1.0, 3.0), {}),
                (300.0, (4.0, 3.0), {"label_noise": 0.0}),
                (40.0, (0.5, 0.6), {"surrogate_ridge": 0.1}),
                (75.0, (1.0, 1.0), {"features": 12}),
            ]
        ),
    ],
)
def test_no_division_is_better(name, budget, cost, options):
    task, first = TASKS[name]
    if "features" in options:
        options = {"features": np.arange(task.n_features) < options["features"]}
    found = optimal_split(task, first, budget, cost=cost, **options)
    risks = every(task, first, budget, cost, **options)
    assert found.risk == pytest.approx(min(risks.values()), rel=1e-12)
    assert risks[found.m, found.n] == pytest.approx(found.risk, rel=1e-12)
    assert found.spent == found.m * cost[0] + found.n * cost[1] <= budget * (1 + 1e-9)
    # The curve: what two_stage_risk gives, of which the split is the lowest point.
    for m, n, value in zip(found.surrogate_rows, found.target_rows, found.risks, strict=True):
        assert value == pytest.approx(risks[m, n], rel=1e-12)
    assert found.risks.min() == pytest.approx(found.risk, rel=1e-12)
    assert (np.diff(found.surrogate_rows) > 0).all()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::limbeck.distillation.NearPeakWarning")
@pytest.mark.parametrize("name", LARGE)
def test_no_division_of_a_large_budget_is_better(name):
    task, first = TASKS[name]
    found = optimal_split(task, first, 500)
    stages = _Stages(
        task, FirstStage.checked(task, first, 1, 0.0, None), 0.0, task.eigenvalues, task.noise, 500, (1, 1)
    )
    least = min(stages.risk(m, n) for m in range(1, 500) for n in range(1, 501 - m))
    assert found.risk == pytest.approx(least, rel=1e-12)
    assert len(found.risks) < 250  # far from all


@pytest.mark.filterwarnings("ignore::limbeck.distillation.NearPeakWarning")
def test_a_peak_is_not_paid_for():
    # Flat spectra without ridges: a stage with as many rows as features is useless, and the budget allows just that.
    task = Task(np.ones(40), np.full(40, 40**-0.5), 1.0)
    found = optimal_split(task, task, 80)
    assert abs(found.m - 40) > 8
    assert abs(found.n - 40) > 8
    assert found.spent < 80
    assert found.risk < 0.5 * two_stage_risk(task, 36, task, 44)


@pytest.mark.filterwarnings("ignore::limbeck.distillation.NearPeakWarning")
def test_dearer_rows_are_fewer():
    task = Task.power_law(12, 1.5, 2.0, 0.1)
    options = {"ridge": 0.02, "surrogate_ridge": 0.02}
    splits = [optimal_split(task, task, 20.0, cost=(1.0, c), **options) for c in (0.2, 1.0, 5.0)]
    assert splits[0].n > splits[1].n > splits[2].n
    assert splits[0].risk < splits[1].risk < splits[2].risk
    # A unit of cost is anybody's.
    same = optimal_split(task, task, 0.2, cost=(0.01, 0.01), **options)
    assert (same.m, same.n) == (splits[1].m, splits[1].n)


def test_simulated_risks_of_a_split_are_lower_than_of_others():
    task, first = Task.power_law(60, 1.3, 1.8, 0.3), Task.power_law(60, 1.3, 1.8, 0.05)
    options = {"ridge": 0.02, "surrogate_ridge": 0.01}
    found = optimal_split(task, first, 160, **options)
    means = {}
    for m in (found.m, 24, 136):
        n = found.n if m == found.m else 160 - m
        means[m] = simulate(task, n, surrogate_task=first, m=m, trials=300, seed=1, **options)
    best = means.pop(found.m)
    assert abs(best.mean - found.risk) < 4 * best.standard_error + 0.02 * found.risk
    for other in means.values():
        assert best.mean < other.mean - 4 * np.hypot(best.standard_error, other.standard_error)


def test_tasks_of_other_bases_are_split():
    rng = np.random.default_rng(0)
    covariances = []
    for power in (-1.0, -1.5):
        basis = np.linalg.qr(rng.standard_normal((6, 6)))[0]
        covariances.append((basis * np.arange(1.0, 7) ** power) @ basis.T)
    task, first = (Task.from_covariance(covariance, np.ones(6), 0.5) for covariance in covariances)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NearPeakWarning)
        found = optimal_split(task, first, 9, ridge=0.1, surrogate_ridge=0.1)
        risks = every(task, first, 9, (1.0, 1.0), ridge=0.1, surrogate_ridge=0.1)
    assert found.risk == pytest.approx(min(risks.values()), rel=1e-12)


def test_a_split_is_printed():
    task = Task.power_law(20, 1.5, 2.0, 0.1)
    found = optimal_split(task, task, 12, cost=(1, 0.001), ridge=0.02, surrogate_ridge=0.02)
    head, header, *rows = str(found).splitlines()
    assert head.startswith(f"m = {found.m:,} rows for the surrogate, n = {found.n:,} for the target: risk ")
    assert header.split() == ["m", "n", "risk"]
    assert sum(row.endswith("best") for row in rows) == 1


@pytest.mark.parametrize(
    ("budget", "cost", "error", "said"),
    [
        (1.5, (1.0, 1.0), ValueError, r"budget must pay a row of either stage, 1 \+ 1 for these costs; got 1.5"),
        (np.nan, (1.0, 1.0), ValueError, "budget must be finite"),
        (100, (1.0, 0.0), ValueError, "cost must hold positive numbers"),
        (100, (1.0,), TypeError, "cost must hold two numbers"),
        (100, 2.0, TypeError, "cost must hold two numbers"),
    ],
)
def test_arguments_of_a_split(budget, cost, error, said):
    task = TASKS["two power laws"][0]
    with pytest.raises(error, match=said):
        optimal_split(task, task, budget, cost=cost)


@pytest.mark.filterwarnings("ignore::limbeck.distillation.NearPeakWarning")
def test_a_budget_without_a_finite_risk():
    one = Task([1.0], [1.0], 1.0)  # one feature: noise makes one or two rows infinitely bad
    with pytest.raises(ValueError, match="no split of a budget of 2 has a finite predicted risk"):
        optimal_split(one, one, 2)

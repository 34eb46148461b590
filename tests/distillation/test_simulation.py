"""Monte Carlo trials: against the definition, whatever the threads, portions and units."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck import _kernels
from limbeck.distillation import (
    Ridgeless,
    Task,
    simulate,
    simulation,
    surrogate_risk,
    two_stage_risk,
)
from limbeck.distillation.settings import SimulationSettings

SPECTRA = {
    "flat": np.ones(40),
    "power 2": np.arange(1, 61.0) ** -2,
    "power 1/2": np.arange(1, 101.0) ** -0.5,
    "30 decades": np.logspace(0, -30, 50),
    "two levels": np.r_[np.ones(20), np.full(20, 1e-30)],
    "unsorted": np.r_[1e-30, 1, 1e-15, np.full(10, 1e-8)],
}


def plain_trial(task, n, surrogate, ridge, test, rng):
    """The definition, in NumPy."""
    X = rng.standard_normal((n, task.n_features)) * np.sqrt(task.eigenvalues)
    y = X @ surrogate + np.sqrt(task.noise) * rng.standard_normal(n)
    b = X.T @ np.linalg.solve(X @ X.T + n * ridge * np.eye(n), y) if n <= len(test) else None
    if b is None:
        b = np.linalg.solve(X.T @ X + n * ridge * np.eye(len(test)), X.T @ y)
    return np.sum(test * (b - task.beta) ** 2)


@pytest.mark.parametrize("n", [1, 2, 30, 49, 75])
def test_trials_are_those_of_the_definition(trials, n):
    # Both are means of independent draws: they differ by four standard errors in one case of 16,000.
    rng = np.random.default_rng(n)
    task = Task.power_law(50, 1.0, 1.5, noise=0.1)
    surrogate, test, ridge = rng.standard_normal(50), rng.uniform(0, 1, 50), 0.02
    for strength in (ridge, 0.0) if n != 49 else (ridge,):
        ours = trials(task, n, surrogate, count=400, ridge=strength, test=test)
        plain = np.array([plain_trial(task, n, surrogate, strength, test, rng) for _ in range(400)])
        spread = np.hypot(ours.std(), plain.std()) / 20
        assert abs(ours.mean() - plain.mean()) < 4 * spread
        assert ours.std() == pytest.approx(plain.std(), rel=0.3)


def test_trials_do_not_depend_on_threads_or_portions(trials):
    task = Task.power_law(60, 1.0, 1.5, 0.1)
    whole = trials(task, 20, count=30, threads=1)
    np.testing.assert_array_equal(trials(task, 20, count=30, threads=5), whole)
    arguments = (task.eigenvalues, task.eigenvalues, task.beta, task.beta, 20, task.noise**0.5, 0.0, None, 0)
    parts = [_kernels.simulate(*arguments, first, count, 2) for first, count in ((0, 11), (11, 19))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert len(np.unique(whole)) == 30
    assert not np.array_equal(trials(task, 20, count=30, seed=1), whole)


def test_normal_numbers_are_normal():
    z = _kernels.normal_numbers(7, 3, 400_000)
    # Each within four standard errors of the moments 0, 1, 0, 3, and of independence at lags within and across lanes.
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs(np.mean(z**power) - moment) < 4 * np.sqrt(variance / len(z))
    for lag in (1, 2, 31, 32, 33, 64, 128):
        assert abs(np.mean(z[:-lag] * z[lag:])) < 4 / np.sqrt(len(z))
    assert abs(np.mean(np.abs(z) > 1.959964) - 0.05) < 4 * np.sqrt(0.0475 / len(z))
    others = [_kernels.normal_numbers(seed, number, 400_000) for seed, number in ((7, 4), (8, 3))]
    for other in others:
        assert abs(np.mean(z * other)) < 4 / np.sqrt(len(z))


@pytest.mark.parametrize("n", [1, 3, 200])
def test_simulations_stop_when_they_are_good_enough(n, capsys):
    task = Task(np.r_[np.arange(1, 61.0) ** -1, 0, 0], np.r_[np.ones(60), 2, 2], 0.1)
    found = simulate(task, n, trials=5000, standard_error=0.05, test_eigenvalues=np.ones(62), progress=True)
    assert "/5.00k" in capsys.readouterr().err
    assert len(found.risks) < 5000
    assert found.standard_error <= 0.05 * found.mean
    assert found.mean > 8  # of the two features that never vary in training
    longer = simulate(task, n, trials=len(found.risks) + 3, test_eigenvalues=np.ones(62))
    np.testing.assert_array_equal(longer.risks[:-3], found.risks)
    assert str(found).endswith("trials)")


def test_simulations_of_two_stages():
    task = Task.power_law(50, 1.0, 1.5)
    seen = np.arange(50) < 20
    found = simulate(task, 20, surrogate_task=task, m=40, features=seen, trials=300)
    assert abs(found.mean - two_stage_risk(task, 20, task, 40, features=seen)) < 6 * found.standard_error


@pytest.mark.parametrize("seeds", [12, pytest.param(40, marks=pytest.mark.slow)])
@pytest.mark.parametrize("spectrum", [np.arange(1, 301.0) ** -20, np.r_[np.ones(20), np.full(280, 1e-40)]])
def test_trials_of_steep_spectra_do_not_fail(spectrum, seeds):
    task = Task(spectrum, np.ones(300))
    for seed in range(seeds):
        assert np.isfinite(simulate(task, 100, trials=1, seed=seed).mean)


@pytest.mark.parametrize(("size", "label"), [(1e200, 1e-165), (1e-308, 1e154), (1.0, 1e150)])
def test_trials_of_any_units(size, label):
    plain = simulate(Task(np.full(50, 1.0), np.full(50, 1.0)), 20, trials=3).risks
    found = simulate(Task(np.full(50, size), np.full(50, label)), 20, trials=3).risks
    np.testing.assert_allclose(found, plain * (size * label) * label, rtol=1e-6)


def test_features_beyond_single_precision_are_refused():
    task = Task(np.logspace(0, -200, 20), np.ones(20))
    with pytest.raises(ValueError, match="eigenvalues range over more than 75 decades, and n = 10 rows"):
        simulate(task, 10)
    assert np.isfinite(simulate(task, 5).mean)  # that few rows do not reach down there


def test_what_cannot_be_solved_says_so():
    with pytest.raises(FloatingPointError, match="cannot be solved in float64"):
        simulate(Task(np.full(50, 1e307), np.full(50, 1e3)), 40, trials=3)


@pytest.mark.parametrize("n", [40, 150, 299])
@pytest.mark.parametrize("steepness", [0, 2, 6, 30])
def test_a_trial_projects_labels_onto_its_rows(n, steepness):
    """Without noise the fit is an orthogonal projection, however steep the spectrum: squares add up."""
    p = 300
    eigenvalues = np.arange(1, p + 1.0) ** -steepness
    labels = np.random.default_rng(0).standard_normal(p)
    options = {"surrogate": labels, "test_eigenvalues": np.ones(p), "trials": 20}
    explained = simulate(Task(eigenvalues, np.zeros(p)), n, **options).risks
    missed = simulate(Task(eigenvalues, labels), n, **options).risks
    np.testing.assert_allclose(explained + missed, labels @ labels, rtol=1e-8)
    assert (explained > 0.2 * n / p * (labels @ labels)).all()


RIDGES = st.sampled_from([0.0, 1e-20, 1e-3, 1.0, 1e6])


def simulated(*arguments, **options):
    try:
        return simulate(*arguments, trials=3, **options).risks
    except (FloatingPointError, ValueError) as error:
        return str(error)


@given(
    data=st.data(),
    n=st.integers(1, 12),
    ridge=RIDGES,
    seed=st.integers(0, 2**63),
    x_exponent=st.integers(-60, 60),
    y_exponent=st.integers(-60, 60),
)
def test_trials_of_any_task_know_no_units(any_tasks, data, n, ridge, seed, x_exponent, y_exponent):
    task = data.draw(any_tasks())
    # Powers of two in the units of features and labels change exponents alone: bit for bit the same trials.
    x, y = 4.0**x_exponent, 4.0**y_exponent
    plain = simulated(task, n, ridge=ridge, seed=seed % 2**31)
    other = Task(x * task.eigenvalues, task.beta * (2.0**y_exponent * 2.0**-x_exponent), y * task.noise)
    scaled = simulated(other, n, ridge=x * ridge, seed=seed % 2**31)
    if isinstance(plain, str):
        assert scaled == plain
    else:
        np.testing.assert_array_equal(scaled, y * plain)
        assert np.all(plain >= 0)
        if n >= np.count_nonzero(task.eigenvalues) and not ridge and not task.noise:
            # As many rows as features determine the coefficients.
            assert np.all(plain <= 1e-12 * np.sum(task.eigenvalues * task.beta**2))


def kernel_trials(task, n, count, threads, first=None, **options):
    arrays = (task.eigenvalues, task.eigenvalues, task.beta, None if first else task.beta)
    return _kernels.simulate(*arrays, n, task.noise**0.5, 0.0, first, 0, 0, count, threads, **options)


@pytest.mark.parametrize("flat", [False, True])  # near the peak of a flat spectrum, fits are made in double precision
def test_any_plan_gives_the_same_bits(flat):
    # 450 rows of 600 features are work enough for a team of threads on one trial: little memory, few trials, or both.
    task = Task(np.full(520, 1.0) if flat else np.arange(1, 601.0) ** -1, np.ones(520 if flat else 600), 0.1)
    n = 518 if flat else 450
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((task.n_features,) * 2))[0]
    first = (task.eigenvalues, task.beta, np.ones(task.n_features, dtype=bool), n, 0.1, 0.0)
    for stage, bases in ((None, {}), (first, {"basis": rotation, "first_basis": rotation[:, ::-1].copy()})):
        whole = kernel_trials(task, n, 5, 1, stage, **bases)
        for threads, budget in ((2, 1.0), (7, 1.0), (7, 1e12), (3, 3e7), (40, 2.0**31)):
            np.testing.assert_array_equal(kernel_trials(task, n, 5, threads, stage, budget=budget, **bases), whole)


_MEASURED = """
import resource, sys
import numpy as np
from limbeck import _kernels
l = np.arange(1, 1201.0) ** -1
arguments = (l, l, np.ones(1200), np.ones(1200), 900, 0.1, 0.0, None, 0, 0)
_kernels.simulate(*arguments, 1, 1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
_kernels.simulate(*arguments, 40, 40, budget=float(sys.argv[1]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems measure in other units")
def test_trials_keep_to_their_budget():
    # One trial may take 12 bytes for each of 900 (1200 + 900) numbers, 23 MB: without a bound 40 threads may hold ten
    # times the budget at once.
    pytest.importorskip("resource")
    run = subprocess.run(
        [sys.executable, "-c", _MEASURED, str(1e8)], capture_output=True, text=True, check=True, timeout=300
    )
    assert 1024 * int(run.stdout) < 1e8


def test_bools_of_any_bytes_are_bools():
    task = Task(np.arange(1.0, 31) ** -1, np.ones(30), 0.1)
    clean = np.arange(30) % 3 > 0
    other = (clean * np.array([1, 2, 128, 255, 7] * 6)).astype(np.uint8).view(bool)
    options = {"surrogate_task": task, "m": 60, "trials": 5}
    np.testing.assert_array_equal(
        simulate(task, 12, features=other, **options).risks, simulate(task, 12, features=clean, **options).risks
    )
    assert two_stage_risk(task, 12, task, 60, features=other) == two_stage_risk(task, 12, task, 60, features=clean)
    assert surrogate_risk(task, task, 60, features=other) == surrogate_risk(task, task, 60, features=clean)
    stages = [(task.eigenvalues, task.beta, seen, 60, 0.3, 0.0) for seen in (clean, other)]
    np.testing.assert_array_equal(*(kernel_trials(task, 12, 5, 1, stage) for stage in stages))
    # Strided views too.
    assert two_stage_risk(task, 12, task, 60, features=clean[::-1]) == two_stage_risk(
        task, 12, task, 60, features=clean[::-1].copy()
    )


@pytest.mark.parametrize("name", ["basis", "first_basis"])
def test_bases_are_checked_at_the_border(name):
    task = Task(np.ones(4), np.ones(4))
    with pytest.raises(
        ValueError, match=rf"{name} must be square, of one row for each of 4 features, got shape \(3, 3\)"
    ):
        kernel_trials(task, 2, 1, 1, **{name: np.eye(3)})
    with pytest.raises(TypeError, match=f"{name} has dtype float32"):
        kernel_trials(task, 2, 1, 1, **{name: np.eye(4, dtype=np.float32)})


def test_a_generator_is_a_seed():
    task = Task.power_law(20, 1.5, 1.5, noise=0.1)
    first, again = (simulate(task, 5, trials=4, seed=np.random.default_rng(3)).risks for _ in range(2))
    np.testing.assert_array_equal(first, again)
    rng = np.random.default_rng(3)
    np.testing.assert_array_equal(simulate(task, 5, trials=4, seed=rng).risks, first)
    assert not np.array_equal(simulate(task, 5, trials=4, seed=rng).risks, first)  # the generator has moved on
    number = int(np.random.default_rng(3).integers(2**31))
    np.testing.assert_array_equal(simulate(task, 5, trials=4, seed=number).risks, first)
    for wrong, error in (("a", TypeError), (None, TypeError), (1.5, TypeError), (-1, ValueError), (True, TypeError)):
        with pytest.raises(error, match="seed must be"):
            simulate(task, 5, trials=4, seed=wrong)


def test_no_setting_changes_the_risk_of_a_trial():
    task = Task.power_law(20, 1.5, 1.5)
    whole = simulate(task, 5, trials=40, seed=1).risks
    problem = simulation._checked_problem(task, 5, None, Ridgeless(), None, None)
    for settings in (
        SimulationSettings(first_trials=3, trials_at_once=2),
        SimulationSettings(operations_at_once=1.0),
    ):
        found = simulation.run_trials(problem, 40, 1, 1e-9, progress=False, threads=1, settings=settings)
        np.testing.assert_array_equal(found.risks, whole)
    early = SimulationSettings(first_trials=3, trials_at_once=2)
    assert len(simulation.run_trials(problem, 40, 1, 1e9, progress=False, threads=1, settings=early).risks) == 3

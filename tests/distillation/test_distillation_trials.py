"""Trials of distillation: memory, threads, and bytes that are no bools."""

import subprocess
import sys

import numpy as np
import pytest

from limbeck import _kernels
from limbeck.distillation import Task, simulate, surrogate_risk, two_stage_risk


def trials(task, n, count, threads, first=None, **options):
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
        whole = trials(task, n, 5, 1, stage, **bases)
        for threads, budget in ((2, 1.0), (7, 1.0), (7, 1e12), (3, 3e7), (40, 2.0**31)):
            np.testing.assert_array_equal(trials(task, n, 5, threads, stage, budget=budget, **bases), whole)


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
    np.testing.assert_array_equal(*(trials(task, 12, 5, 1, stage) for stage in stages))
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
        trials(task, 2, 1, 1, **{name: np.eye(3)})
    with pytest.raises(TypeError, match=f"{name} has dtype float32"):
        trials(task, 2, 1, 1, **{name: np.eye(4, dtype=np.float32)})

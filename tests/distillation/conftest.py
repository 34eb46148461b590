"""Tasks and trials that several test modules draw."""

import numpy as np
import pytest
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from limbeck import _kernels
from limbeck.distillation import (
    Task,
)


@st.composite
def any_tasks(draw, most=8):
    """Spectra over many decades with repeated and vanishing eigenvalues; coefficients of any sign, or none."""
    p = draw(st.integers(1, most))
    eigenvalue = st.one_of(st.floats(-6, 6).map(lambda e: 10.0**e), st.sampled_from([1.0, 1.0, 0.0, 1e-30]))
    l = draw(hnp.arrays(np.float64, p, elements=eigenvalue))
    assume(l.any())
    beta = draw(hnp.arrays(np.float64, p, elements=st.one_of(st.floats(-3, 3, width=32), st.sampled_from([0.0, 1.0]))))
    return Task(l, beta, draw(st.sampled_from([0.0, 0.1, 10.0])))


def trials(task, n, surrogate=None, *, count, ridge=0.0, test=None, first=None, seed=0, threads=2):
    """Risks of simulated regressions."""
    return _kernels.simulate(
        task.eigenvalues,
        task.eigenvalues if test is None else test,
        task.beta,
        task.beta if surrogate is None else surrogate,
        n,
        task.noise**0.5,
        ridge,
        first,
        seed,
        0,
        count,
        threads,
    )


@pytest.fixture(scope="session", name="any_tasks")
def any_tasks_fixture():
    """Strategy of tasks, as a fixture: test modules cannot import each other."""
    return any_tasks


@pytest.fixture(scope="session", name="trials")
def trials_fixture():
    """Risks of trials straight from the kernel."""
    return trials

"""Shared oracles and helpers, as fixtures: the test modules are imported by file and cannot import each other."""

import itertools
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from numpy.polynomial import hermite_e

import limbeck

# Read when SciPy is first imported: without it scikit-learn leaves one of its checks of estimators out.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

# The same examples on every run, and no database: a failure can be repeated anywhere.
settings.register_profile(
    "repeatable",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=int(os.environ.get("LIMBECK_EXAMPLES", "60")),
)
settings.load_profile("repeatable")

# A shell ignores Ctrl-C in what it runs in the background, and so would the processes that the tests send it to.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _dense_moment(X, y, order):
    """Moment tensor from the definition, entry by entry, and the scale of its rounding error.

    The entry at (i_1, ..., i_l) is mean(y * prod_j He_{a_j}(x_j)), a_j the number of times that j stands in the index.
    The second tensor is the same with every term of every polynomial in absolute value: whatever the order of the
    operations, a sum of these terms in arithmetic of precision eps is off by no more than (number of operations) * eps
    times it.
    """
    X, y = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.float64)
    d = X.shape[1]
    series = [np.eye(order + 1)[a] for a in range(order + 1)]
    value = [hermite_e.hermeval(X, c) for c in series]
    terms = [np.polynomial.polynomial.polyval(np.abs(X), np.abs(hermite_e.herme2poly(c))) for c in series]
    tensor, scale = np.zeros((d,) * order), np.zeros((d,) * order)
    for index in itertools.combinations_with_replacement(range(d), order):
        powers = [(j, index.count(j)) for j in set(index)]
        tensor[index] = np.mean(y * np.prod([value[a][:, j] for j, a in powers] or [np.ones(len(X))], axis=0))
        scale[index] = np.mean(np.abs(y) * np.prod([terms[a][:, j] for j, a in powers] or [np.ones(len(X))], axis=0))
    if order:
        at = tuple(np.sort(np.indices(tensor.shape).reshape(order, -1), axis=0))
        tensor, scale = (t[at].reshape((d,) * order) for t in (tensor, scale))
    return tensor, scale


def _run_python(code, *arguments, timeout=120, options=(), **environment):
    """Run Python code in a process of its own that finds the limbeck under test; None unsets a variable."""
    env = dict(os.environ)
    path = [environment.pop("PYTHONPATH", None) or str(Path(limbeck.__file__).parents[1]), env.get("PYTHONPATH")]
    env["PYTHONPATH"] = os.pathsep.join(p for p in path if p)
    for name, value in environment.items():
        env.pop(name, None)
        if value is not None:
            env[name] = value
    return subprocess.run(
        [sys.executable, *options, "-c", code, *map(str, arguments)],
        env=env,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.fixture(scope="session")
def dense_moment():
    """dense_moment(X, y, order) -> (tensor, scale), see _dense_moment."""
    return _dense_moment


@pytest.fixture(scope="session")
def run_python():
    """run_python(code, *arguments, timeout=..., VARIABLE=...) -> CompletedProcess."""
    return _run_python

"""Shared oracles and helpers, as fixtures: the test modules are imported by file and cannot import each other."""

import functools
import gc
import itertools
import operator
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest

# Processes that pytest-xdist runs side by side share the cores: with as many threads each as there are cores, the suite
# takes twice as long. NumPy reads these when it is first imported. Tests of threads say how many they want.
if "PYTEST_XDIST_WORKER" in os.environ:
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(variable, "1")

import numpy as np
from hypothesis import settings
from numpy.polynomial import hermite_e

import limbeck
from limbeck import blocks

# Read when SciPy is first imported: without it scikit-learn leaves one of its checks of estimators out.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

# The same examples on every run, and no database: a failure can be repeated anywhere. LIMBECK_EXAMPLES=200 asks for
# more of them.
settings.register_profile(
    "repeatable",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=int(os.environ.get("LIMBECK_EXAMPLES", "30")),
)
settings.load_profile("repeatable")


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Collect tests without looking for garbage, for what is made then stays.

    To look through all of it again and again took two fifths of the time that tests were collected in. It is not frozen
    for the tests, too: the oldest hypothesis takes its own assumptions for unreliable then.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


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


# ---- Rows in blocks ----


@pytest.fixture(scope="session")
def planted():
    """The network behind X and Y."""
    return limbeck.datasets.make_narrow_network("generic", 8, 3, seed=0)


@pytest.fixture(scope="session")
def X_and_Y(planted):
    return limbeck.datasets.sample(planted, 12_000, noise=0.1, seed=1)


@pytest.fixture(scope="session")
def X(X_and_Y):
    """Rows that are learned from in blocks, (12000, 8)."""
    return X_and_Y[0]


@pytest.fixture(scope="session")
def Y(X_and_Y):
    """The labels of X, with noise of standard deviation 0.1."""
    return X_and_Y[1]


def cut(*arrays, at):
    """Blocks of arrays that begin at the given rows."""
    return [tuple(a[i:j] for a in arrays) for i, j in zip([0, *at], [*at, len(arrays[0])], strict=True)]


class Cluster:
    """Blocks that are summed elsewhere, in another order: as through a network, by pickles."""

    def __init__(self, parts):
        self.parts = parts

    def total(self, empty):
        sent = pickle.dumps(empty)
        order = np.random.default_rng(0).permutation(len(self.parts))
        sums = [pickle.dumps(blocks.partial_sum(pickle.loads(sent), self.parts[i], int(i))) for i in order]
        return functools.reduce(operator.add, map(pickle.loads, sums))


class Interrupted:
    """Blocks that come to an end with Ctrl-C the first time."""

    def __init__(self, parts, after):
        self.parts, self.left = parts, after

    def __iter__(self):
        for part in self.parts:
            if self.left == 0:
                self.left = -1
                raise KeyboardInterrupt
            self.left -= 1
            yield part


@pytest.fixture
def row_files(tmp_path, X, Y):
    """The rows as NPY files and as a Parquet file of several row groups."""
    import pyarrow
    import pyarrow.feather
    import pyarrow.parquet

    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", Y)
    table = pyarrow.table({f"c{j}": X[:, j] for j in range(8)} | {"y": Y})
    pyarrow.parquet.write_table(table, tmp_path / "rows.parquet", row_group_size=1800)
    pyarrow.feather.write_feather(table, tmp_path / "rows.arrow")
    return tmp_path


@pytest.fixture
def row_sources(row_files, X, Y):
    """row_sources() -> the rows in blocks of every kind, one after the other."""
    import pandas as pd
    import pyarrow.parquet

    def sources():
        x, y, parquet = row_files / "X.npy", row_files / "y.npy", row_files / "rows.parquet"
        yield blocks.from_arrays(X, Y, rows=2800)
        yield blocks.from_arrays(X.tolist(), Y.tolist(), rows=4400)
        yield blocks.from_arrays(pd.DataFrame(X), pd.Series(Y), rows=2800)
        yield blocks.from_arrays(np.load(x, mmap_mode="r"), np.load(y, mmap_mode="r"), rows=2800)
        yield blocks.from_npy(x, y, rows=2800)
        yield blocks.from_arrow(parquet, "y")
        yield blocks.from_arrow([row_files / "rows.arrow"], "y", rows=2800)
        yield blocks.from_arrow(pyarrow.parquet.read_table(parquet), "y", rows=2800)
        yield blocks.resumable(blocks.from_arrays(X, Y, rows=2800), row_files / "sums")

    return sources


def same_network(one, other, tolerance=1e-10):
    for name in ("weights", "output", "thresholds", "linear", "bias"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=0, atol=tolerance)


def shared(thing):
    """A fixture of the name of a function or class that gives it."""
    return pytest.fixture(scope="session", name=thing.__name__)(lambda: thing)


cut_fixture = shared(cut)
cluster_fixture = shared(Cluster)
interrupted_fixture = shared(Interrupted)
same_network_fixture = shared(same_network)

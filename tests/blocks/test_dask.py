"""Dask arrays and data frames, on threads and on a cluster of two processes of which one is lost."""

import os
import pickle
import signal
import sys

import numpy as np
import pandas as pd
import pytest

import limbeck
from limbeck import moments, ridgeless
from limbeck.blocks import from_dask

da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")

CHUNK = 1600


@pytest.fixture(scope="module")
def here(X, Y):
    """What one process makes of the same partitions."""
    return limbeck.learn([(X[i : i + CHUNK], Y[i : i + CHUNK]) for i in range(0, len(X), CHUNK)], sample_rows=4000)


def test_arrays_of_any_chunks_give_the_network_of_one_process(here, same_network, X, Y):
    for x_chunks, y_chunks in (((CHUNK, 3), CHUNK), ((2800, 8), 1000)):
        found = limbeck.learn(da.from_array(X, chunks=x_chunks), da.from_array(Y, chunks=y_chunks), sample_rows=4000)
        same_network(found.network, here.network)
        np.testing.assert_allclose(found.standard_errors.output, here.standard_errors.output, rtol=1e-8)


@pytest.mark.slow
def test_arrays_of_unknown_chunks_and_weights_work_too(X, Y, same_network):
    weights = np.abs(Y)
    rows, labels, counted = (da.from_array(a, chunks=(CHUNK, *a.shape[1:])) for a in (X, Y, weights))
    kept = labels > -1
    found = limbeck.learn(rows[kept], labels[kept], sample_weight=counted[kept], sample_rows=4000)
    at = Y > -1
    same_network(found.network, limbeck.learn(X[at], Y[at], sample_weight=weights[at], sample_rows=4000).network)


def test_data_frames_keep_their_names(here, same_network, X, Y):
    frame = pd.DataFrame(X, columns=list("abcdefgh")).assign(z=Y)
    parts = dd.from_pandas(frame, npartitions=7)
    found = limbeck.learn(parts[list("abcdefgh")], parts["z"], sample_rows=4000)
    same_network(found.network, here.network)
    assert (found.feature_names, found.target_name) == (tuple("abcdefgh"), "z")


def test_a_partition_is_loaded_once_a_pass(X, Y):
    loaded = []

    def load(i):
        loaded.append(i)
        frame = pd.DataFrame(X[i * 1200 : (i + 1) * 1200], columns=list("abcdefgh"))
        return frame.assign(z=Y[i * 1200 : (i + 1) * 1200])

    import dask

    frame = dd.from_map(load, range(10), meta=load(0).iloc[:0])
    rows = frame.to_dask_array(lengths=[1200] * 10)
    collections = [(frame[list("abcdefgh")], frame["z"]), (rows[:, :8], rows[:, 8])]
    for x, y in collections:
        with dask.config.set(scheduler="sync"):
            loaded.clear()
            total = ridgeless.Accumulator(8)
            total.update_from(from_dask(x, y))
        assert sorted(loaded) == list(range(10))
        np.testing.assert_allclose(total.solve().coef, ridgeless.solve(X, Y).coef, rtol=0, atol=1e-12)


def test_the_ridgeless_solution_is_that_of_one_process(X, Y):
    rows, one, two = (
        da.from_array(X, chunks=(CHUNK, 8)),
        da.from_array(Y, chunks=CHUNK),
        np.column_stack([Y, X[:, 0] ** 2]),
    )
    for intercept in (None, "centred"):
        found, whole = ridgeless.solve(rows, one, intercept=intercept), ridgeless.solve(X, Y, intercept=intercept)
        np.testing.assert_allclose(found.coef, whole.coef, rtol=0, atol=1e-12)
        assert found.coef.shape == (8,)
        assert found.rank == 8
    found = ridgeless.solve(rows, da.from_array(two, chunks=(CHUNK, 1)))
    np.testing.assert_allclose(found.coef, ridgeless.solve(X, two).coef, rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match='method must be "auto"'):
        ridgeless.solve(rows, one, method="svd")


def test_accumulators_take_dask_collections(X, Y):
    total, whole = (moments.MomentAccumulator(np.eye(8)[:2], [2, 4]) for _ in range(2))
    total.update_from(from_dask(da.from_array(X, chunks=(CHUNK, 8)), da.from_array(Y, chunks=CHUNK)))
    whole.update(X, Y)
    np.testing.assert_allclose(total.matrices(4), whole.matrices(4), rtol=0, atol=1e-11)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda x, y, X, Y: limbeck.learn(x, Y), TypeError, "y is a ndarray, the others are arrays"),
        (lambda x, y, X, Y: limbeck.learn(X, y), TypeError, "X is a ndarray, the others are arrays"),
        (lambda x, y, X, Y: limbeck.learn(x, y[:-1]), ValueError, r"\(12000, 8\) and y of shape \(11999,\)"),
        (lambda x, y, X, Y: limbeck.learn(y, y), ValueError, r"X must have 2 dimension\(s\), got shape \(12000,\)"),
        (lambda x, y, X, Y: limbeck.learn(x), TypeError, "X is a Array without y"),
        (lambda x, y, X, Y: limbeck.learn(x * 1j, y), TypeError, r"block \d: X must hold real numbers"),
        (
            lambda x, y, X, Y: limbeck.learn(x / 0, y),
            ValueError,
            r"block \d: X holds -?inf in row \d+, column 0 of all",
        ),
        (
            lambda x, y, X, Y: limbeck.learn(x[y > 0], da.from_array(Y[Y > 0], chunks=99)),
            ValueError,
            "X has 8 partitions and y",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_what_does_not_go_together_is_named(make, error, words, X, Y):
    with pytest.raises(error, match=words):
        make(da.from_array(X, chunks=(CHUNK, 8)), da.from_array(Y, chunks=CHUNK), X, Y)


def test_without_dask_the_extra_is_named(monkeypatch, X, Y):
    x, y = da.from_array(X, chunks=(CHUNK, 8)), da.from_array(Y, chunks=CHUNK)
    monkeypatch.setitem(sys.modules, "dask", None)
    with pytest.raises(ImportError, match=r"pip install 'limbeck\[dask\]'"):
        limbeck.learn(x, y)


def test_what_is_sent_to_workers_can_be_pickled(here, same_network, X, Y):
    """Tasks and sums go through pickles, as to and from a worker process."""
    import cloudpickle
    import dask

    sent = []

    def scheduler(graph, keys, **_):
        sent.append(cloudpickle.dumps(graph))
        return pickle.loads(pickle.dumps(dask.get(cloudpickle.loads(sent[-1]), keys)))

    rows, labels = da.from_array(X, chunks=(CHUNK, 8)), da.from_array(Y, chunks=CHUNK)
    with dask.config.set(scheduler=scheduler):
        found = limbeck.learn(rows, labels, sample_rows=4000)
    assert len(sent) > 1  # passes over the rows
    same_network(found.network, here.network)


# ---- Two worker processes ----


def deadly(marker, turn):
    """A function of a block whose worker dies of it once, at the ``turn``-th time that it is asked for."""

    def asked(block):  # within a function: workers cannot import this module
        count = len(list(marker.parent.iterdir())) + 1
        if count <= turn:
            (marker.parent / f"{marker.name}-{count}").touch()
            if count == turn:
                os.kill(os.getpid(), signal.SIGKILL)
        return block

    return asked


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
        ) as workers,
        distributed.Client(workers) as client,
    ):
        yield client


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="workers are killed by SIGKILL")
@pytest.mark.parametrize(
    "turn",
    [None, 1, 3],
    ids=["whole", "killed in the first pass", "killed in a later pass"],
)
def test_two_processes_give_the_answer_of_one_even_if_one_is_killed(cluster, here, tmp_path, turn, same_network, X, Y):
    rows, labels = da.from_array(X, chunks=(CHUNK, 8)), da.from_array(Y, chunks=CHUNK)
    marker = tmp_path / "asked"
    if turn is not None:
        parts = [labels.blocks[i] for i in range(labels.numblocks[0])]
        parts[3] = parts[3].map_blocks(deadly(marker, turn), dtype=Y.dtype, meta=Y[:0])
        labels = da.concatenate(parts)
    found = limbeck.learn(rows, labels, sample_rows=4000)
    same_network(found.network, here.network)
    assert len(list(tmp_path.iterdir())) == (turn or 0)

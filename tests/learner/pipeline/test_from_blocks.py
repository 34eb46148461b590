"""Learning from rows in blocks: the network of arrays, whatever the blocks, and in bounded memory."""

import copy
import pickle
import sys
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import limbeck
from limbeck import blocks
from limbeck._base.progress import Progress
from limbeck._learner.gaussian.settings import DEFAULTS
from limbeck._learner.pipeline.checks import GivenNames, checked_options
from limbeck._learner.pipeline.options import PIPELINE_SETTINGS
from limbeck._learner.pipeline.sources import learn_from
from limbeck._learner.tabular.learner import fit_any


@pytest.fixture(scope="module")
def in_memory(X, Y):
    """Learned from arrays, of which a part is searched on."""
    return limbeck.learn(X, Y, sample_rows=4000)


def test_few_enough_rows_give_bitwise_the_network_of_arrays(X, Y, cut, Cluster, same_network):
    some = X[:2000], Y[:2000], np.arange(2000.0) % 3
    for count in (2, 3):
        rows, labels, *weights = some[:count]
        whole = limbeck.learn(rows, labels, 3, sample_weight=weights[0] if weights else None)
        for source in (cut(*some[:count], at=[100, 1500]), Cluster(cut(*some[:count], at=[100, 1500]))):
            found = limbeck.learn(source, width=3)
            same_network(found.network, whole.network, 0.0)
            assert found.validation_r2 == whole.validation_r2
            assert str(found) == str(whole)


@pytest.mark.slow
def test_more_rows_are_refined_on_to_the_end_whatever_the_blocks(
    in_memory, X, Y, cut, Cluster, same_network, row_sources
):
    assert in_memory.width == 3
    # The whole data as if it fitted: the two agree within a small part of the noise's floor, sigma^2 k d / n.
    whole = limbeck.learn(X, Y)
    assert in_memory.network.distance(whole.network) < 0.05 * 0.01 * 24 / 12_000
    assert in_memory.noise_variance == pytest.approx(whole.noise_variance, rel=1e-3)
    np.testing.assert_allclose(in_memory.standard_errors.slopes, whole.standard_errors.slopes, rtol=0.01)
    for source in [*row_sources(), cut(X, Y, at=[1, 1, 8000]), Cluster(cut(X, Y, at=[5, 5200]))]:
        found = limbeck.learn(source, sample_rows=4000)
        same_network(found.network, in_memory.network, 1e-10)
        assert found.validation_r2 == pytest.approx(in_memory.validation_r2, rel=1e-10)
        np.testing.assert_allclose(found.standard_errors.slopes, in_memory.standard_errors.slopes, rtol=1e-8)


def test_decay_fades_as_rows_grow(cut):
    # Twenty features of noise: their decay, found on 500 rows, must not hold the others back on 30,000.
    rng = np.random.default_rng(6)
    rows = rng.uniform(-1, 1, (30_000, 22))
    labels = rows[:, 0] + np.abs(rows[:, 1]) + 0.5 * rng.standard_normal(30_000)
    truth = rows[:, 0] + np.abs(rows[:, 1])
    few = limbeck.learn(rows[:500], labels[:500], 1, inputs="any")
    found = limbeck.learn(cut(rows, labels, at=[9000]), width=1, inputs="any", sample_rows=500)
    whole = limbeck.learn(rows, labels, 1, inputs="any")
    errors = [np.mean((f.network(rows) - truth) ** 2) for f in (few, found, whole)]
    assert errors[1] < errors[0] / 10
    # Weights that chance frees on 500 rows stay: each costs a 30,000th of the noise, the needed ones six times that.
    assert errors[1] < 2 * errors[2]


@pytest.mark.parametrize("inputs", ["gaussian", "any"])
def test_other_inputs_are_refined_on_all_rows_too(inputs, X, Y, cut):
    mixed = X @ np.random.default_rng(4).standard_normal((8, 8)) + 3.0
    whole = limbeck.learn(mixed, Y, 3, inputs=inputs)
    found = limbeck.learn(cut(mixed, Y, at=[3600]), width=3, inputs=inputs, sample_rows=4000)
    difference = found.network(mixed) - whole.network(mixed)
    # By the parametric rate either is off by sigma^2 (k + 1) (d + 1) / n = 3e-5; from 4000 rows it would be 9e-5.
    assert np.mean(difference**2) < 3e-5
    assert found.noise_variance == pytest.approx(whole.noise_variance, rel=0.01)
    assert np.isfinite(found.standard_errors.output).all()
    assert found.narrower[0].width == 2


def test_without_noise_the_network_is_exact(planted, X, cut):
    clean = planted(X)
    found = limbeck.learn(cut(X, clean, at=[4000]), sample_rows=5000)
    assert found.network.distance(planted) < 1e-24


def test_weighted_rows_count_by_their_weights(X, Y, same_network, cut):
    weights = np.random.default_rng(5).integers(0, 3, len(X)).astype(float)
    repeated = np.repeat(np.arange(len(X)), weights.astype(int))
    found = limbeck.learn(cut(X, Y, weights, at=[4938]), width=3, inputs="standard", sample_rows=4000)
    whole = limbeck.learn(X[repeated], Y[repeated], 3, inputs="standard")
    assert found.network.distance(whole.network) < 0.05 * 0.01 * 24 / 12_000
    # Weights are no repetitions to standard errors: those of arrays are the ones to have.
    arrays = limbeck.learn(X, Y, 3, inputs="standard", sample_weight=weights)
    np.testing.assert_allclose(found.standard_errors.slopes, arrays.standard_errors.slopes, rtol=0.01)
    scaled = limbeck.learn(X, Y, 3, inputs="standard", sample_weight=1e200 * weights, sample_rows=4000)
    same_network(scaled.network, found.network, 1e-10)
    np.testing.assert_allclose(scaled.standard_errors.slopes, found.standard_errors.slopes, rtol=1e-8)


def test_blocks_that_change_are_noticed(X, Y):
    class Shrinking:
        n = 12_000

        def __iter__(self):
            yield X[: self.n], Y[: self.n]
            self.n -= 1

    with pytest.raises(ValueError, match="the blocks had 12000 rows at first, and 11999 in a later pass"):
        limbeck.learn(Shrinking(), sample_rows=4000)


def test_time_may_run_out_during_a_pass(planted, cut, X, Y):
    progress = limbeck._base.progress.Progress(None, False, 1000)

    class Slow:
        passes = 0

        def __iter__(self):
            self.passes += 1
            for part in cut(X, Y, at=[4000, 8000]):
                if self.passes > 1:
                    progress.deadline = 0.0
                yield part

    options = checked_options(None, 16, "auto", True, 0.1, 0, 4000, None)
    found = learn_from(Slow(), None, None, GivenNames(None, None), options, progress)
    assert found.stopped_early
    # What was found on the sample, ten times its parametric floor at most.
    assert found.network.distance(planted) < 10 * 0.01 * 24 / 4000


def test_learning_resumes_with_the_same_network(tmp_path, in_memory, cut, X, Y, Interrupted, same_network):
    parts = cut(X, Y, at=[2800, 6000])
    broken = Interrupted(parts, 3 + 3 + 1)  # they are looked at; one pass; into the second one
    with pytest.raises(KeyboardInterrupt):
        limbeck.learn(blocks.resumable(broken, tmp_path, every=0), sample_rows=4000)
    (scanned,) = (path.stat().st_mtime_ns for path in tmp_path.iterdir() if path.stat().st_size > 100_000)
    found = limbeck.learn(blocks.resumable(parts, tmp_path), sample_rows=4000)
    (later,) = (path.stat().st_mtime_ns for path in tmp_path.iterdir() if path.stat().st_size > 100_000)
    assert scanned == later  # the first pass was not made again
    same_network(found.network, limbeck.learn(parts, sample_rows=4000).network, 0.0)
    same_network(found.network, in_memory.network, 1e-10)


def test_what_does_not_vary_in_the_sample_is_warned_of(X, Y, cut):
    flagged = np.column_stack([X, np.arange(len(X)) == 7])
    with pytest.warns(UserWarning, match="X: x8 vary in all 12000 rows but not in the 500 sampled"):
        limbeck.learn(cut(flagged, Y, at=[3600]), width=1, inputs="any", sample_rows=500)


def test_rows_of_no_weight_are_not_looked_at(X, Y, cut, planted):
    weights = np.ones(len(X))
    weights[7] = 0.0
    wild = X.copy()
    wild[7] = 1e200
    found = limbeck.learn(cut(wild, Y, weights, at=[3600]), sample_rows=4000)
    assert found.network.distance(planted) < 10 * 0.01 * 24 / 12_000


def test_a_small_network_has_its_errors_when_the_blocks_are_gone(Cluster, cut, X, Y):
    cluster = Cluster(cut(X, Y, at=[3600]))
    found = limbeck.learn(cluster, sample_rows=4000)
    cluster.parts = None
    assert "+-" in str(found)
    assert np.isfinite(pickle.loads(pickle.dumps(found)).standard_errors.output).all()


def test_lists_frames_and_arrays_are_treated_alike(same_network, X, Y):
    some, labels = X[:3000], Y[:3000]
    arrays = limbeck.learn(some, labels, sample_rows=1000)
    lists = limbeck.learn(some.tolist(), labels.tolist(), sample_rows=1000)
    same_network(lists.network, arrays.network, 0.0)

    class Frame:
        """A frame without iloc."""

        columns, shape = list("abcdefgh"), some.shape

        def __len__(self):
            return len(some)

        def __array__(self, dtype=None, copy=None):
            return some

    found = limbeck.learn(Frame(), labels, sample_rows=1000)
    assert found.feature_names == tuple("abcdefgh")
    assert next(iter(blocks.from_arrays(Frame(), labels))).X.columns == tuple("abcdefgh")


def test_sorted_rows_are_judged_from_all_over(X, Y):
    order = np.argsort(X[:, 0])
    assert limbeck.learn(X[order], Y[order], 3, sample_rows=6000).inputs == "standard"
    assert limbeck.learn(X[order], Y[order], 3).inputs == "standard"


def test_names_of_columns_must_agree_in_all_blocks(cut, X, Y):
    frames = [(pd.DataFrame(x, columns=list("abcdefgh")), pd.Series(y, name="z")) for x, y in cut(X, Y, at=[3600])]
    found = limbeck.learn(frames, width=1, inputs="standard")
    assert found.feature_names == tuple("abcdefgh")
    assert found.target_name == "z"
    frames[1] = (frames[1][0][list("hgfedcba")], frames[1][1])
    with pytest.raises(ValueError, match="block 1: the columns of X are"):
        limbeck.learn(frames)


def test_results_pickle_without_the_blocks(in_memory, cut, X, Y):
    found = limbeck.learn(cut(X, Y, at=[3600]), sample_rows=4000)
    again = pickle.loads(pickle.dumps(found))
    np.testing.assert_array_equal(again.standard_errors.output, found.standard_errors.output)
    assert len(pickle.dumps(found)) < 1_000_000
    assert str(copy.deepcopy(found)) == str(found)


def test_progress_of_learning_shows_the_passes(capsys, cut, X, Y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        limbeck.learn(cut(X, Y, at=[3600]), sample_rows=4000, progress=True)
    shown = capsys.readouterr().err
    assert "pass: rows" in shown
    assert "pass: gradient" in shown


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs limits of the address space")
def test_four_times_the_memory_limit_is_learned_from(tmp_path, run_python, same_network):
    n, d, step = 20_000_000, 20, 1_000_000
    planted = limbeck.datasets.make_narrow_network("generic", d, 3, seed=0)
    rows = np.lib.format.open_memmap(tmp_path / "X.npy", "w+", np.float64, (n, d))
    labels = np.lib.format.open_memmap(tmp_path / "y.npy", "w+", np.float64, (n,))
    for i in range(0, n, step):
        rows[i : i + step], labels[i : i + step] = limbeck.datasets.sample(planted, step, noise=0.1, seed=i)
    limit = rows.nbytes // 4
    code = """
import resource, sys
import limbeck
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]),) * 2)
found = limbeck.learn(limbeck.blocks.from_npy(f"{sys.argv[1]}/X.npy", f"{sys.argv[1]}/y.npy"))
found.network.save(f"{sys.argv[1]}/found.json")
"""
    done = run_python(code, tmp_path, limit, timeout=600)
    assert done.returncode == 0, done.stderr
    whole = limbeck.learn(np.array(rows), np.array(labels))
    same_network(limbeck.ReLUNetwork.load(tmp_path / "found.json"), whole.network, 1e-10)


FEW = replace(DEFAULTS.learner, search_rows=600, search_rows_per_parameter=0)


SETTINGS = replace(PIPELINE_SETTINGS, gaussian=replace(DEFAULTS, learner=FEW))


@pytest.fixture
def searched(monkeypatch):
    """Numbers of rows that widths are chosen on."""
    path, counts = "limbeck._learner.pipeline.any_inputs.fit_any", []

    def counting(rows, *arguments):
        counts.append(len(rows))
        return fit_any(rows, *arguments)

    monkeypatch.setattr(path, counting)
    return counts


def learn_from_few(parts, width=None, max_width=16, sample_rows=None):
    """Learn as if a search for any number of neurons asked for 600 rows."""
    options = checked_options(width, max_width, "any", True, 0.0, 0, sample_rows, None)
    X, y = (*parts, None)[:2]
    names, progress = GivenNames.of(None, None, y), Progress(None, False, None)
    return learn_from(X, y, None, names, replace(options, settings=SETTINGS), progress)


@pytest.mark.parametrize("as_blocks", [False, True])
def test_as_many_rows_as_asked_for_are_searched_on(searched, as_blocks, cut, X, Y):
    for n in (1200, 1201, 3000):
        parts = (cut(X[:n], Y[:n], at=[500]),) if as_blocks else (X[:n], Y[:n])
        learn_from_few(parts, max_width=1, sample_rows=1200)
    assert searched == [1200, 1200, 1200]


@pytest.mark.parametrize("as_blocks", [False, True])
def test_one_row_more_than_a_search_asks_for_changes_little(searched, as_blocks, cut, X, Y, planted):
    found = []
    for n in (600, 601, 2000):
        parts = (cut(X[:n], Y[:n], at=[500]),) if as_blocks else (X[:n], Y[:n])
        found.append(learn_from_few(parts, width=3))
    assert searched == [600, 600, 600]
    errors = [np.mean((planted(X) - one.predict(X)) ** 2) for one in found]
    # All rows are refined on: the error falls like one over their number.
    assert errors[2] < errors[0] / 2
    assert np.mean((found[0].predict(X) - found[1].predict(X)) ** 2) < errors[0]
    assert found[2].standard_errors.bias < found[0].standard_errors.bias
    assert found[2].noise_variance == pytest.approx(0.01, rel=0.2)  # a standard deviation is .03 of it

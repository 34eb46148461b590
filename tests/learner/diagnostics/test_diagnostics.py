"""Diagnostics of results: clumps and their costs, smaller widths, and that nothing depends on what was asked before."""

import copy
import pickle

import numpy as np
import pytest

import limbeck
from limbeck import ReLUNetwork, datasets
from limbeck._learner.diagnostics import diagnostics
from limbeck._learner.diagnostics.diagnostics import FitRecord
from limbeck._learner.diagnostics.settings import DiagnosticsSettings
from limbeck._learner.model.model import model_of
from limbeck._learner.model.rows import Rows


def test_unrefined_results_print_too():
    X, y = datasets.sample(datasets.make_narrow_network("generic", 5, 1, seed=0), 4000, seed=1)
    found = limbeck.learn(X, y, 1, refine=False)
    assert "+-" not in str(found)
    assert found.reading.errors is None
    with pytest.raises(ValueError, match="refine=False"):
        _ = found.narrower
    assert str(pickle.loads(pickle.dumps(found))) == str(found)


@pytest.mark.slow
def test_clumps_cost_what_the_weighted_rows_say():
    rng = np.random.default_rng(0)
    X = np.column_stack([np.sort(rng.standard_normal(60_000)), rng.standard_normal(60_000)])
    net = limbeck.ReLUNetwork([[1.0, 0.0], [0.9, 0.3]], [1.0, -1.0], linear=[0.0, 0.1])
    y = net(X) + 0.01 * rng.standard_normal(60_000)
    whole = net.distance(ReLUNetwork(np.atleast_2d([0.1, -0.3]), [1.0], linear=[0.0, 0.1])) / net.variance()
    found = limbeck.learn(X, y, 2, inputs="standard")
    assert found.clumps[-1].cost == pytest.approx(whole, rel=0.1)  # though the rows come sorted
    few = slice(None, None, 20)
    weights = np.where(X[few, 1] > 0.3, 20, 1)
    one = limbeck.learn(X[few], y[few], 2, inputs="standard", sample_weight=weights, validation=0.0)
    other = limbeck.learn(np.repeat(X[few], weights, axis=0), np.repeat(y[few], weights), 2, inputs="standard")
    assert one.clumps[-1].cost == pytest.approx(other.clumps[-1].cost, rel=0.1)


def test_parallel_neurons_with_other_thresholds_are_not_one():
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 10, 2000)
    found = limbeck.learn(x[:, None], 20.0 * (x > 5) + rng.standard_normal(2000), 2)
    assert found.clumps[-1].scale == 0
    assert found.clumps[-1].cost > 0.5


def test_copies_keep_what_they_can_tell(learned):
    rng = np.random.default_rng(0)
    fresh = limbeck.learn(rng.standard_normal((100, 2)), rng.standard_normal(100), 1)
    assert copy.deepcopy(fresh).narrower == fresh.narrower
    assert learned != fresh
    assert len({learned, fresh}) == 2


def test_pickled_results_print_the_same(learned):
    copy = pickle.loads(pickle.dumps(learned))
    assert str(copy) == str(learned)
    assert copy.to_html() == learned.to_html()


def results():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1000, 3))
    y = np.maximum(X[:, 0] - 0.3, 0) - np.abs(X[:, 1]) + 0.1 * rng.standard_normal(1000)
    wide = rng.standard_normal((1000, 260))
    return {
        "any": lambda: limbeck.learn(X, y, 3, inputs="any"),
        "gaussian": lambda: limbeck.learn(X * 2 + 1, y, 3, inputs="gaussian"),
        "few rows": lambda: limbeck.learn(X[:50], y[:50], 1),
        "no validation": lambda: limbeck.learn(X[:300], y[:300], 2, validation=0.0),
        "weights": lambda: limbeck.learn(X[:300], y[:300], 2, sample_weight=rng.uniform(0.5, 2, 300)),
        "many parameters": lambda: limbeck.learn(wide, np.maximum(wide[:, 0], 0) + 0.1 * y, 1),
        "unrefined": lambda: limbeck.learn(X, np.abs(X[:, 0]), 1, inputs="standard", refine=False),
        "blocks": lambda: limbeck.learn([(X[:300], y[:300]), (X[300:], y[300:])], width=2, sample_rows=500),
        "no neurons": lambda: limbeck.learn(X, X[:, 0] + 0.1 * y, 0),
        "distilled": lambda: limbeck.distill(lambda Z: np.abs(Z[:, 0]) + np.tanh(Z[:, 1]), 2, 2, n_queries=500),
    }


def ask(found, name):
    try:
        return getattr(found, name)
    except ValueError:
        return None  # there are none, or the rows are gone


def pickled(found, monkeypatch):
    """A copy by pickling, which computes nothing."""
    before = list(found._diagnostics.__dict__)

    def never(*_, **__):
        raise AssertionError("pickling computes")

    with monkeypatch.context() as patched:
        for name in ("pruned", "cross_validate", "read", "generalized_cross_validation"):
            patched.setattr(diagnostics, name, never)
        patched.setattr("limbeck._learner.diagnostics.standard_errors._sandwich", never)
        content = pickle.dumps(found)
    assert list(found._diagnostics.__dict__) == before
    return pickle.loads(content)


@pytest.mark.parametrize(
    "kind",
    [
        *["any", "gaussian", "few rows", "many parameters", "unrefined", "blocks", "distilled"],
        *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("no validation", "weights", "no neurons")),
    ],
)
def test_what_was_asked_before_does_not_show(kind, monkeypatch):
    found = results()[kind]()
    early = pickled(found, monkeypatch)
    text, page = str(early), early.to_html()
    has_errors = early.reading.errors is not None
    assert has_errors == (kind not in ("many parameters", "unrefined"))
    assert str(found) == text
    for name in ("narrower", "standard_errors", "reading", "clumps"):
        ask(found, name)
        late = pickle.loads(pickle.dumps(found))
        for one in (found, copy.deepcopy(found), pickle.loads(pickle.dumps(late))):
            assert str(one) == text
            assert one.to_html() == page
            assert (one.reading.errors is not None) == has_errors
    if has_errors:
        assert [one.network for one in early.narrower] == [one.network for one in found.narrower]
        np.testing.assert_array_equal(early.standard_errors.slopes, found.standard_errors.slopes)


def test_blocks_without_time_for_errors_print_none(monkeypatch):
    """Not even once they were asked for, which takes a pass then."""
    monkeypatch.setattr("limbeck._learner.streaming.rows.StreamedRows.prepare_standard_errors", lambda *_: None)
    found = results()["blocks"]()
    text = str(found)
    assert "+-" not in text
    copied = pickle.loads(pickle.dumps(found))
    assert np.isfinite(found.standard_errors.output).all()
    assert str(found) == str(copied) == str(pickle.loads(pickle.dumps(found))) == text
    with pytest.raises(ValueError, match="a pickle leaves behind the rows that this takes"):
        _ = copied.standard_errors


def test_rows_are_let_go():
    """Up to 500 parameters a result stays what it is when the rows change."""
    rng = np.random.default_rng(0)
    X, y = rng.uniform(size=(800, 2)), rng.standard_normal(800)
    y += 5 * np.maximum(X[:, 0] - 0.5, 0)
    kept, text = limbeck.learn(X, y, 1), str(limbeck.learn(X, y, 1))
    X[:], y[:] = 0.0, 0.0
    assert str(kept) == text


def test_narrower_networks_cost_what_they_say():
    planted = datasets.make_narrow_network("generic", 6, 3, seed=2)
    X, y = datasets.sample(planted, 5000, noise=0.1, seed=3)
    found = limbeck.learn(X, y, 3)
    assert [one.width for one in found.narrower] == [2, 1, 0]
    fresh, _ = datasets.sample(planted, 20_000, seed=4)
    wanted = planted(fresh)
    for one in found.narrower:
        assert one.network.width == one.width
        error = np.mean((one.network(fresh) - wanted) ** 2) + 0.01
        assert one.mse == pytest.approx(error, rel=0.3)  # 500 rows held out
        assert one.r2 == pytest.approx(1 - one.mse / np.var(found.validation_targets), abs=1e-12)
    assert found.narrower[0].mse < found.narrower[1].mse < found.narrower[2].mse


def test_narrower_networks_are_not_fitted_to_the_rows_held_out():
    """Other labels of the rows held out change the errors of smaller networks, and nothing else of them."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 8))
    y = np.abs(X[:, 0]) + np.abs(X[:, 1]) + 0.5 * rng.standard_normal(400)
    found = limbeck.learn(X, y, 3, inputs="any", validation=0.25)
    held_out = np.isin(y, found.validation_targets)
    assert np.count_nonzero(held_out) == 100
    others = y.copy()
    others[held_out] = y[held_out][::-1]  # of the same size, so that the unit is the same
    again = limbeck.learn(X, others, 3, inputs="any", validation=0.25)
    assert [one.network for one in again.narrower] == [one.network for one in found.narrower]
    assert [one.mse for one in again.narrower] != [one.mse for one in found.narrower]


def test_without_rows_held_out_decayed_fits_are_judged_by_what_the_rows_determine():
    X = np.random.default_rng(3).standard_normal((60, 15))
    y = X[:, 0] + 0.3 * np.random.default_rng(4).standard_normal(60)
    found = limbeck.learn(X, y, 2, inputs="any", validation=0.0)
    fresh = np.random.default_rng(5).standard_normal((5000, 15))
    for one in found.narrower:
        assert one.mse == pytest.approx(np.mean((one.network(fresh) - fresh[:, 0]) ** 2) + 0.09, rel=0.6)


def test_narrower_networks_are_of_the_features_as_given(rooms, learned):
    X, y = rooms
    line = np.linalg.lstsq(np.column_stack([X, np.ones(len(X))]), y)[0]
    (none,) = learned.narrower
    np.testing.assert_allclose(none.network.linear, line[:2], rtol=0.05)


def test_settings_decide_what_is_computed_with_a_result():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((100, 2))
    network = ReLUNetwork([[1.0, 0.0]], [1.0])
    rows = Rows(X, network(X) + 0.1 * rng.standard_normal(100))
    numbers = np.arange(100)
    record = FitRecord(model_of(network), rows, rows, numbers, numbers[:0], joined=True, thresholds=True)
    for most, at_once in ((6, True), (5, False)):  # the network has 6 parameters
        settings = DiagnosticsSettings(max_printed_parameters=most)
        found = diagnostics.Diagnostics(network, record, settings)
        assert found.is_complete == at_once
        assert (found.reading.errors is not None) == at_once
        assert np.isfinite(found.standard_errors.output).all()

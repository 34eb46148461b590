"""Predictions far from the rows, means of networks, and widths that the data decide."""

import pickle

import numpy as np
import pytest

import limbeck
from limbeck._learner.model.model import Model
from limbeck._learner.pipeline.options import PIPELINE_SETTINGS
from limbeck._learner.tabular.bag import mean_of


def _table(n=400, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n, 3))
    return X, np.abs(X[:, 0]) + X[:, 1] + 0.1 * rng.standard_normal(n)


@pytest.fixture(scope="module")
def table():
    return _table()


@pytest.fixture(scope="module")
def found(table):
    return limbeck.learn(*table, inputs="any", validation=0)


@pytest.fixture(scope="module")
def bag(table):
    return limbeck.learn(*table, bag=4)


def test_predictions_stay_within_a_tenth_beyond_the_labels(table, found):
    X, y = table
    far = 100 * np.vstack([np.eye(3), -np.eye(3)])
    margin = 0.1 * np.ptp(y)
    assert found.prediction_range == pytest.approx((y.min() - margin, y.max() + margin), rel=1e-12)
    assert np.ptp(found.network(far)) > 100
    low, high = found.prediction_range
    np.testing.assert_array_equal(found.predict(far), np.clip(found.network(far), low, high))
    np.testing.assert_array_equal(found.predict(X), found.network(X))


def test_the_report_tells_the_range(found):
    low, high = found.prediction_range
    assert f"Predictions are kept between {low:.3f} and {high:.3f}, a tenth beyond the labels learned from." in (
        " ".join(str(found).split())
    )
    assert "Predictions are kept between" in found.to_html()


def test_linear_extrapolation_is_the_network(table, found):
    far = 100 * np.eye(3)
    linear = limbeck.learn(*table, inputs="any", validation=0, extrapolate="linear")
    assert linear.prediction_range is None
    np.testing.assert_array_equal(linear.predict(far), linear.network(far))
    np.testing.assert_array_equal(linear.network.weights, found.network.weights)
    assert "Predictions are kept" not in str(linear)


def test_networks_of_gaussian_inputs_continue():
    planted = limbeck.datasets.make_narrow_network("generic", 5, 2, seed=0)
    found = limbeck.learn(*limbeck.datasets.sample(planted, 2000, seed=1), 2)
    assert found.prediction_range is None
    np.testing.assert_allclose(found.predict(1e3 * np.eye(5)), planted(1e3 * np.eye(5)), rtol=1e-9, atol=1e-9)


def test_the_range_survives_files_and_pickles(tmp_path, found):
    far = 100 * np.eye(3)
    found.save(tmp_path / "network.json")
    loaded = limbeck.load(tmp_path / "network.json")
    assert loaded.prediction_range == found.prediction_range
    np.testing.assert_array_equal(loaded.predict(far), found.predict(far))
    np.testing.assert_array_equal(limbeck.ReLUNetwork.load(tmp_path / "network.json")(far), found.network(far))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(found)).predict(far), found.predict(far))


@pytest.mark.parametrize(
    "damaged", ["[1]", "[2, 1]", '["a", 2]', "3", "[NaN, 1]", "[true, 2]", "[1, 1e999]", "[1, 1" + 400 * "0" + "]"]
)
def test_a_damaged_range_is_refused(tmp_path, found, damaged):
    path = tmp_path / "network.json"
    found.save(path)
    text = path.read_text()
    start = text.index('"prediction_range": ') + len('"prediction_range": ')
    path.write_text(text[:start] + damaged + text[text.index("]", start) + 1 :])
    with pytest.raises(ValueError, match=r"network.json is not a limbeck network: its prediction_range must be|NaN"):
        limbeck.load(path)


def test_r2_of_the_rows_held_out_is_that_of_predictions():
    # Labels that grow beyond the rows learned from: some of those held out lie beyond the range.
    X, y = _table(60, seed=3)
    y += np.exp(4 * X[:, 2])
    cut = 0
    for seed in range(6):
        found = limbeck.learn(X, y, inputs="any", validation=0.3, seed=seed)
        held_out = np.isin(y, found.validation_targets)
        predicted = found.predict(X[held_out])
        cut += int(np.count_nonzero(predicted != found.network(X[held_out])))
        residuals = dict(zip(found.validation_targets, found.validation_residuals, strict=True))
        np.testing.assert_allclose(y[held_out] - predicted, [residuals[value] for value in y[held_out]], atol=1e-9)
    assert cut > 0


def test_blocks_know_the_range_of_all_labels():
    X, y = _table(3000)
    y[17] = 5.0
    found = limbeck.learn(limbeck.blocks.from_arrays(X, y, rows=500), inputs="any", sample_rows=1000)
    assert found.prediction_range == pytest.approx((y.min() - 0.1 * np.ptp(y), 5.0 + 0.1 * np.ptp(y)))


def test_a_bag_is_the_mean_of_networks_without_one_fold_each(table, bag):
    X, _ = table
    assert len(bag.bag.widths) == 4
    assert bag.width == sum(bag.bag.widths) >= 4
    assert 0.8 < bag.bag.r2 < 1
    truth = np.abs(X[:, 0]) + X[:, 1]
    assert np.mean((bag.predict(X) - truth) ** 2) < 0.05 * truth.var()
    text = " ".join(str(bag).split())
    widths = ", ".join(map(str, bag.bag.widths))
    assert f"mean of 4 networks of {widths} neurons, each learned without one part of the rows, R2" in text
    with pytest.raises(ValueError, match=r"standard_errors need a refined network; this one is a mean of networks"):
        _ = bag.standard_errors


def test_a_bag_becomes_one_network_again_by_distillation(table, bag):
    X, _ = table
    small = limbeck.distill(bag.predict, 3, 3, like=X)
    assert small.width <= 3
    assert np.mean((small.predict(X) - bag.predict(X)) ** 2) < 0.02 * bag.predict(X).var()


def test_the_mean_of_models_is_the_mean_of_their_values():
    rng = np.random.default_rng(0)
    models = [Model(rng.choice([-1.0, 1.0], k), rng.standard_normal((k + 1, 4))) for k in (0, 2, 3)]
    X = rng.standard_normal((20, 3))
    np.testing.assert_allclose(mean_of(models)(X), np.mean([model(X) for model in models], axis=0), atol=1e-14)


def test_a_bag_is_the_same_whenever_it_is_made(table, bag):
    again = limbeck.learn(*table, bag=4, n_threads=2)
    np.testing.assert_array_equal(again.network.weights, bag.network.weights)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"bag": 1}, ValueError, "bag must be at least 2"),
        ({"bag": 2.5}, TypeError, "bag must be an integer"),
        ({"bag": 3, "inputs": "gaussian"}, ValueError, "bag is for inputs of any distribution, got bag=3 with inputs="),
        ({"bag": 3, "refine": False}, ValueError, "bag is for refined networks"),
        ({"bag": 3, "sample_rows": 100}, ValueError, "bag is for rows that are all in memory, got bag=3 with sample_r"),
        ({"bag": 300}, ValueError, "bag=300 needs 600 rows to learn from or more, there are 360"),
        ({"extrapolate": "flat"}, ValueError, "extrapolate must be one of bounded, linear; got 'flat'"),
        ({"extrapolate": None}, TypeError, "extrapolate must be a str, one of bounded, linear; got None"),
        ({"max_width": 2.5}, TypeError, "max_width must be an integer"),
    ],
)
def test_options_that_disagree_are_named(table, options, error, text):
    with pytest.raises(error, match=f"^{text}"):
        limbeck.learn(*table, **options)


def test_blocks_and_several_labels_have_no_bags(table):
    X, y = table
    with pytest.raises(ValueError, match="bag=3 needs all rows in memory"):
        limbeck.learn(limbeck.blocks.from_arrays(X, y), bag=3)
    with pytest.raises(ValueError, match="bag is for one label"):
        limbeck.learn(X, np.column_stack([y, -y]), bag=3)


def test_the_data_decide_up_to_64_neurons(monkeypatch, table):
    asked = []

    def noted(rows, width, max_width, *arguments):
        asked.append((width, max_width))
        raise InterruptedError

    monkeypatch.setattr("limbeck._learner.pipeline.any_inputs.fit_any", noted)
    with pytest.raises(InterruptedError):
        limbeck.learn(*table, inputs="any", max_width=None)
    assert asked == [(None, PIPELINE_SETTINGS.most_neurons)]


def test_a_bag_counts_the_cut_and_time_that_is_up():
    X, y = _table(120)
    X[7, 2] = 500.0
    far = limbeck.learn(X, y, bag=3)
    assert far.bag.r2 > 0.8
    assert far.noise_variance < 0.5 * y.var()
    noise = np.random.default_rng(1).standard_normal(200)
    cut_short = limbeck.learn(_table(200)[0], noise, bag=3, time_limit=1e-9, validation=0.3)
    assert cut_short.stopped_early
    assert cut_short.width or cut_short.bag is None


def test_labels_that_do_not_vary_where_they_are_learned_from_have_no_range():
    X, y = _table(40)[0], np.zeros(40)
    y[5] = 1.0
    ranges = [limbeck.learn(X, y, inputs="any", validation=0.3, seed=seed) for seed in range(30)]
    alone = [found for found in ranges if np.ptp(found.validation_targets)]
    assert alone
    assert all(found.prediction_range is None for found in alone)

"""Learning labels (n, q): one network whose neurons all labels share."""

import pickle

import numpy as np
import pytest

import limbeck
from limbeck.results import Learned


def planted(family, d, k, q, seed):
    rng = np.random.default_rng(seed)
    net = limbeck.datasets.make_narrow_network(family, d, k, seed=seed)
    return limbeck.ReLUNetwork(net.weights, (rng.standard_normal((k, q)) * np.abs(net.output)[:, None]).T)


def worst(found, net, seed=9):
    """Largest error on rows that were not seen, over the spread of the values."""
    X = np.random.default_rng(seed).standard_normal((5000, net.n_features))
    wanted = net(X)
    return np.abs(found.network(X) - wanted).max() / wanted.std()


FAMILIES = [("generic", 4), ("lowrank", 6), ("collinear", 4), ("plane", 4)]


@pytest.mark.parametrize(
    ("family", "k", "q"),
    [
        *[("generic", 4, 3), ("generic", 4, 10), ("lowrank", 6, 3), ("collinear", 4, 10), ("plane", 4, 3)],
        *(pytest.param(*case, marks=pytest.mark.slow) for case in (("lowrank", 6, 10), ("collinear", 4, 3))),
        pytest.param("plane", 4, 10, marks=pytest.mark.slow),
    ],
)
def test_networks_come_back_exactly(family, k, q):
    net = planted(family, 12, k, q, 0)
    found = limbeck.learn(*limbeck.datasets.sample(net, 3000, seed=0))
    assert (found.inputs, found.width) == ("standard", k)
    assert found.network.output.shape == (q, k)
    assert not found.network.thresholds.any()
    assert worst(found, net) < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 20))
@pytest.mark.parametrize("q", [3, 10])
@pytest.mark.parametrize(("family", "k"), FAMILIES)
def test_networks_come_back_exactly_for_many_seeds(family, k, q, seed):
    net = planted(family, 20, k, q, seed)
    assert worst(limbeck.learn(*limbeck.datasets.sample(net, 5000, seed=seed), inputs="standard"), net) < 1e-12


def test_inputs_of_any_mean_and_covariance():
    net, rng = planted("generic", 8, 3, 3, 0), np.random.default_rng(0)
    A = rng.standard_normal((8, 8))
    X = rng.standard_normal((4000, 8)) @ A + 3.0
    Y = net(X) * [1.0, 1e6, 1e-6] + [0.0, 5.0, 0.0]
    found = limbeck.learn(X, Y)
    assert (found.inputs, found.width) == ("gaussian", 3)
    # Errors of a label over its spread; the covariance's condition number, some hundreds, times rounding.
    assert np.all(np.abs(found.predict(X) - Y).max(axis=0) < 1e-10 * Y.std(axis=0))
    assert found.validation_r2 == 1.0


def test_noise():
    net = planted("generic", 10, 3, 4, 0)
    found = limbeck.learn(*limbeck.datasets.sample(net, 5000, noise=0.3, seed=0), inputs="standard")
    assert found.width == 3
    # A variance from 20,000 numbers is known to a percent.
    assert found.noise_variance == pytest.approx(0.09, rel=0.05)
    assert found.validation_mse == pytest.approx(0.09, rel=0.15)
    # 3 (10 + 4 - 1) + 4 * 11 parameters share 5,000 rows: the mean of chi-squared, of which three times is no chance.
    assert net.distance(found.network) < 3 * 0.09 * 83 / 5000


def test_weights_of_rows():
    net = planted("generic", 6, 2, 2, 0)
    X, Y = limbeck.datasets.sample(net, 3000, seed=0)
    Y[::3] += 1.0
    weights = np.ones(3000)
    weights[::3] = 0
    found = limbeck.learn(X, Y, inputs="standard", sample_weight=weights)
    assert worst(found, net) < 1e-12


def test_frames_and_lists():
    pandas = pytest.importorskip("pandas")
    net = planted("generic", 3, 2, 2, 0)
    X, Y = limbeck.datasets.sample(net, 400, seed=0)
    frame, labels = pandas.DataFrame(X, columns=["a", "b", "c"]), pandas.DataFrame(Y, columns=["u", "v"])
    wanted = limbeck.learn(X, Y, inputs="standard")
    found = limbeck.learn(frame, labels, inputs="standard")
    assert found.network == wanted.network == limbeck.learn(X.tolist(), Y.tolist(), inputs="standard").network
    assert found.feature_names == ("a", "b", "c")
    np.testing.assert_array_equal(found.predict(frame[["c", "a", "b"]]), found.network(X))


def test_the_result_is_a_learned_one(tmp_path):
    net = planted("generic", 5, 2, 3, 0)
    found = limbeck.learn(*limbeck.datasets.sample(net, 1000, seed=0), inputs="standard", target_name="z")
    assert isinstance(found, Learned)
    text = str(found)
    assert text.startswith("z0 to z2: 2 neurons that 3 outputs share, of 5 features (standard Gaussian)\n")
    assert "R2 on 100 rows held out: z0 1.000, z1 1.000, z2 1.000" in text
    assert str(pickle.loads(pickle.dumps(found))) == text
    found.save(tmp_path / "net.json")
    X = np.random.default_rng(0).standard_normal((20, 5))
    np.testing.assert_array_equal(limbeck.load(tmp_path / "net.json").predict(X), found.predict(X))
    with pytest.raises(ValueError, match=r"^standard_errors are of networks of one output"):
        _ = found.standard_errors


def test_results_do_not_depend_on_threads():
    net = planted("generic", 8, 3, 3, 0)
    X, Y = limbeck.datasets.sample(net, 3000, noise=0.1, seed=0)
    one, two = (limbeck.learn(X, Y, inputs="standard", n_threads=t).network for t in (1, 2))
    assert one == two


def test_time_that_is_up_at_once():
    net = planted("generic", 8, 3, 3, 0)
    found = limbeck.learn(*limbeck.datasets.sample(net, 3000, seed=0), inputs="standard", time_limit=1e-6)
    assert found.stopped_early
    assert found.validation_r2 > -0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inputs": "any"}, r"^y has 2 columns, and several labels are learned for Gaussian inputs alone"),
        ({"inputs": "standard", "refine": False}, r"refine=False is for one label"),
        ({"inputs": "standard", "sample_rows": 50}, r"sample_rows is for one label"),
        ({"inputs": "standard", "validation": 0.95}, r"validation=0.95 leaves 5 of 100 rows, too few"),
    ],
)
def test_options_that_several_labels_have_not(options, message):
    X = np.random.default_rng(0).standard_normal((100, 3))
    with pytest.raises(ValueError, match=message):
        limbeck.learn(X, X[:, :2], **options)


def test_inputs_that_are_not_gaussian_are_refused():
    X = np.random.default_rng(0).exponential(size=(2000, 3))
    with pytest.raises(ValueError, match=r"y has 2 columns.* which X does not look like: learn each column by itself"):
        limbeck.learn(X, X[:, :2])


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (np.ones((100, 2)), ValueError, "y is constant"),
        (np.full((100, 2), np.nan), ValueError, r"y holds nan at index \(0, 0\)"),
        (np.ones((90, 2)), ValueError, r"same number of rows, got X of shape \(100, 3\) and y of shape \(90, 2\)"),
        (np.full((100, 2), "a"), TypeError, "y must hold real numbers"),
    ],
)
def test_labels_that_are_none(labels, error, message):
    with pytest.raises(error, match=message):
        limbeck.learn(np.random.default_rng(0).standard_normal((100, 3)), labels, inputs="standard")

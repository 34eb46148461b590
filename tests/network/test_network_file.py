"""Files of learned networks: preprocessing, records of learning, and one-line errors."""

import json
from pathlib import Path

import numpy as np
import pytest

from limbeck import ReLUNetwork
from limbeck.network._network_file import NetworkFileError, is_network_file, load_network_file, save_network_file
from limbeck.network._preprocessing import Preprocessing

DATA = Path(__file__).parents[1] / "data"
NETWORK = ReLUNetwork([[1.0, -0.5], [0.3, 2.0]], [2.0, -1.0], linear=[0.1, 0.2], bias=0.5, thresholds=[0.3, -0.4])
UNITS = Preprocessing(
    ("length", "mass"), True, (0, 2), "speed", 1, 3, np.array([10.0, -3.0]), np.array([2.0, 0.25]), 7.0, 1.5
)

ROWS_V1 = [[61.0, 4.8, 3.0], [31.6, 0.52, 1.0], [13.3, 0.1, 2.0]]
PREDICTIONS_V1 = [51.8662548748731, 12.584965228154264, 0.30607563001267035]


def test_a_file_that_limbeck_learn_wrote_in_version_1():
    """Kept since then: parameters are read to the bit, and predictions are those of the same release.

    These are sums of eight terms of at most 100: rounding differs by less than 8 * 2^-52 * 100 = 2e-13 between
    instruction sets.
    """
    file = load_network_file(DATA / "learned_v1.json")
    assert file.preprocessing.features == ("area", "age of kitchen", "floor")
    assert (file.preprocessing.named, file.preprocessing.is_none) == (True, True)
    assert file.preprocessing.positions == (0, 1, 2)
    assert (file.preprocessing.target, file.preprocessing.target_position, file.preprocessing.n_columns) == (
        "rent",
        3,
        4,
    )
    assert file.network.weights.tolist() == [[-0.0004036190222030788, 0.9999669699918714, 0.008117636168295656]]
    assert file.network.thresholds.tolist() == [-0.9705446998113536]
    assert file.network.output.tolist() == [8.082938687254305]
    assert file.network.linear.tolist() == [0.5048372162951384, -0.08398306594913642, -3.075641427639199]
    assert file.network.bias == -0.24857818483936
    X = np.array(ROWS_V1)
    np.testing.assert_allclose(file(X), PREDICTIONS_V1, rtol=0, atol=2e-13)
    np.testing.assert_array_equal(ReLUNetwork.load(DATA / "learned_v1.json")(X), file(X))


def test_a_file_keeps_network_units_and_record(tmp_path):
    path = tmp_path / "n.json"
    save_network_file(path, NETWORK, UNITS, {"r2": 0.5, "rows": 3, "noise": float("nan"), "none": None})
    file = load_network_file(path)
    assert file.network == NETWORK
    assert file.preprocessing.to_dict() == UNITS.to_dict()
    assert json.loads(path.read_text())["learned"] == {"r2": 0.5, "rows": 3, "noise": None, "none": None}
    assert is_network_file(path)


def test_folded_parameters_are_the_same_function(tmp_path):
    path = tmp_path / "n.json"
    save_network_file(path, NETWORK, UNITS, {})
    X = np.random.default_rng(0).normal([10.0, -3.0], [2.0, 0.25], (50, 2))
    by_definition = NETWORK((X - [10.0, -3.0]) / [2.0, 0.25]) * 1.5 + 7.0
    np.testing.assert_array_equal(load_network_file(path)(X), by_definition)
    # Some ten terms below 100, each rounded a few times.
    np.testing.assert_allclose(ReLUNetwork.load(path)(X), by_definition, rtol=0, atol=50 * 2.0**-52 * 100)


def test_files_without_preprocessing_are_networks_too(tmp_path):
    for name in ("n.json", "n.npz"):
        NETWORK.save(tmp_path / name)
        file = load_network_file(tmp_path / name)
        assert (file.network, file.preprocessing) == (NETWORK, None)
        np.testing.assert_array_equal(file(np.eye(2)), NETWORK(np.eye(2)))


def test_what_is_no_network_is_refused_in_one_line(tmp_path):
    (tmp_path / "text.json").write_text("no")
    (tmp_path / "folder.json").mkdir()
    for name, words in (
        ("none.json", "none.json does not exist: check the name and the folder"),
        ("folder.json", "folder.json is a folder"),
        ("text.json", "text.json is not JSON"),
        ("net.txt", "does not exist"),
    ):
        with pytest.raises(NetworkFileError, match=words) as caught:
            load_network_file(tmp_path / name)
        assert "\n" not in str(caught.value)
        assert not is_network_file(tmp_path / name)


def test_preprocessing_of_other_features_is_refused(tmp_path):
    path = tmp_path / "n.json"
    save_network_file(path, NETWORK, UNITS, {})
    content = json.loads(path.read_text())
    content["preprocessing"] = {
        **UNITS.to_dict(),
        "features": ["a"],
        "positions": [0],
        "feature_means": [0],
        "feature_scales": [1],
    }
    path.write_text(json.dumps(content))
    with pytest.raises(NetworkFileError, match="it names another number of features than its network has"):
        load_network_file(path)

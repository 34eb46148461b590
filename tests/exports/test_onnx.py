"""Networks as ONNX graphs: the numbers of the network through onnxruntime."""

import sys

import numpy as np
import onnx
import onnxruntime
import pytest

from limbeck import ReLUNetwork


def _normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


NETWORKS = {
    "ordinary": ReLUNetwork(_normal(3, 4), [0.5, -2.0, 1.0], linear=_normal(4), bias=0.7),
    "thresholds": ReLUNetwork(_normal(5, 4), _normal(5, seed=1), thresholds=_normal(5, seed=2)),
    "linear": ReLUNetwork(np.empty((0, 4)), [], linear=[1.0, 2.0, 3.0, 4.0], bias=-1.0),
    "constant": ReLUNetwork(np.empty((0, 4)), [], bias=2.5),
    "outputs": ReLUNetwork(
        _normal(3, 4), _normal(2, 3), linear=_normal(2, 4), bias=[0.7, -1.0], thresholds=_normal(3, seed=4)
    ),
    "a row of one output": ReLUNetwork(_normal(3, 4), _normal(1, 3)),
    "linear outputs": ReLUNetwork(np.empty((0, 4)), np.empty((2, 0)), linear=_normal(2, 4), bias=[1.0, 2.0]),
    "one feature": ReLUNetwork([[1.0], [-2.0]], [1.0, 2.0], thresholds=[0.3, 0.0]),
}


def _session(path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize(("dtype", "eps"), [(np.float64, 2.0**-52), (np.float32, 2.0**-23)])
@pytest.mark.parametrize("n", [1, 257])
@pytest.mark.parametrize("name", list(NETWORKS))
def test_onnxruntime_gives_the_same_numbers(tmp_path, name, n, dtype, eps):
    net = NETWORKS[name]
    net.to_onnx(tmp_path / "net.onnx", dtype)
    X = _normal(n, net.n_features, seed=3).astype(dtype)
    (found,) = _session(tmp_path / "net.onnx").run(None, {"X": X})
    assert found.shape == (n, *net.output.shape[:-1])
    assert found.dtype == dtype
    # Sums of d + k + 3 terms, in another order, and parameters rounded once.
    inner = np.abs(X).astype(float) @ np.abs(net.weights.T) + np.abs(net.thresholds)
    size = inner @ np.abs(net.output).T + np.abs(X).astype(float) @ np.abs(net.linear).T + np.abs(net.bias)
    assert (np.abs(found - net(X.astype(float))) <= 2 * (net.n_features + net.width + 4) * eps * size).all()


def test_the_onnx_file_is_valid_and_says_what_it_is(tmp_path):
    NETWORKS["ordinary"].to_onnx(tmp_path / "net.onnx")
    model = onnx.load(tmp_path / "net.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert model.producer_name == "limbeck"
    assert [value.name for value in model.graph.input] == ["X"]
    assert [value.name for value in model.graph.output] == ["y"]
    assert [p.name for p in tmp_path.iterdir()] == ["net.onnx"]
    NETWORKS["ordinary"].to_onnx(tmp_path / "NET.ONNX")
    assert (tmp_path / "NET.ONNX").read_bytes() == (tmp_path / "net.onnx").read_bytes()


def test_what_cannot_be_exported(tmp_path):
    net = NETWORKS["ordinary"]
    with pytest.raises(ValueError, match=r"ends in \.onnx, got .*net\.json"):
        net.to_onnx(tmp_path / "net.json")
    with pytest.raises(ValueError, match="dtype must be float32 or float64, got int64"):
        net.to_onnx(tmp_path / "net.onnx", np.int64)
    with pytest.raises(ValueError, match="output do not fit into float32"):
        ReLUNetwork([[1.0]], [1e200]).to_onnx(tmp_path / "net.onnx", np.float32)
    assert not list(tmp_path.iterdir())


def test_without_onnx_it_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"limbeck\[onnx\]"):
        NETWORKS["ordinary"].to_onnx(tmp_path / "net.onnx")

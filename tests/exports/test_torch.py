"""Networks as PyTorch modules: the numbers of the network, trainable."""

import sys

import numpy as np
import pytest

from limbeck import ReLUNetwork


def _normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


NETWORKS = {
    "ordinary": ReLUNetwork(_normal(3, 4), [0.5, -2.0, 1.0], linear=_normal(4), bias=0.7),
    "thresholds": ReLUNetwork(_normal(5, 4), _normal(5, seed=1), thresholds=_normal(5, seed=2)),
    "linear": ReLUNetwork(np.empty((0, 4)), [], linear=[1.0, 2.0, 3.0, 4.0], bias=-1.0),
    "constant": ReLUNetwork(np.empty((0, 4)), [], bias=2.5),
    "outputs": ReLUNetwork(_normal(3, 4), _normal(2, 3), linear=_normal(2, 4), bias=[0.7, -1.0]),
    "a row of one output": ReLUNetwork(_normal(3, 4), _normal(1, 3)),
    "one feature": ReLUNetwork([[1.0], [-2.0]], [1.0, 2.0], thresholds=[0.3, 0.0]),
}


def test_without_torch_it_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "limbeck._exports.torch", raising=False)
    with pytest.raises(ImportError, match=r"limbeck\[torch\]"):
        NETWORKS["ordinary"].to_torch()


@pytest.mark.parametrize("name", list(NETWORKS))
def test_torch_gives_the_same_numbers(name):
    torch = pytest.importorskip("torch")
    net = NETWORKS[name]
    module = net.to_torch()
    X = _normal(100, net.n_features, seed=3)
    found = module(torch.from_numpy(X))
    assert found.shape == (100, *net.output.shape[:-1])
    np.testing.assert_allclose(found.detach().numpy(), net(X), rtol=1e-12, atol=1e-12)
    found.sum().backward()  # trainable
    assert module.linear.grad is not None
    copy = net.to_torch()
    copy.load_state_dict(module.state_dict())
    module.float()(torch.from_numpy(X.astype(np.float32)))

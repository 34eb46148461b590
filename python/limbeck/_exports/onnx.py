"""Networks for other programs: ONNX graphs and PyTorch modules."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import DTypeLike

from limbeck._base.files import write_whole

if TYPE_CHECKING:
    from torch.nn import Module

    from limbeck.network import ReLUNetwork

__all__ = ["to_onnx", "to_torch"]

_OPSET = 13  # old enough for every runtime in use, and all that is needed


def to_onnx(network: ReLUNetwork, path: str | os.PathLike[str], dtype: DTypeLike) -> None:
    """Write an ONNX graph; see ``ReLUNetwork.to_onnx``."""
    try:
        import onnx
        from onnx import TensorProto, helper, numpy_helper
    except ImportError:
        raise ImportError('to_onnx needs onnx: pip install "limbeck[onnx]"') from None
    kind = np.dtype(dtype)
    if kind not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise ValueError(f"dtype must be float32 or float64, got {kind}")
    target = Path(path)
    if target.suffix.lower() != ".onnx":
        raise ValueError(f"the name of an ONNX file ends in .onnx, got {str(target)!r}")
    element = TensorProto.FLOAT if kind == np.float32 else TensorProto.DOUBLE
    values = {
        "hidden": network.weights.T,
        "thresholds": network.thresholds,
        "output": network.output[:, None],
        "linear": network.linear[:, None],
        "bias": np.array([network.bias]),
        "column": np.array([1], dtype=np.int64),
    }
    with np.errstate(over="ignore"):
        cast = {name: v if v.dtype.kind == "i" else np.ascontiguousarray(v, dtype=kind) for name, v in values.items()}
    lost = [name for name, v in cast.items() if not np.isfinite(v).all()]
    if lost:
        raise ValueError(f"{', '.join(lost)} do not fit into {kind}: export in float64")
    straight = [("MatMul", ["X", "linear"], "straight"), ("Add", ["straight", "bias"], "affine")]
    bent = [
        ("MatMul", ["X", "hidden"], "projected"),
        ("Add", ["projected", "thresholds"], "inner"),
        ("Relu", ["inner"], "open"),
        ("MatMul", ["open", "output"], "bent"),
        ("Add", ["bent", "affine"], "sum"),
    ]
    steps = [*straight, *bent] if network.width else straight
    nodes = [helper.make_node(op, inputs, [result]) for op, inputs, result in steps]
    nodes.append(helper.make_node("Squeeze", [steps[-1][2], "column"], ["y"]))
    used = {name for _, inputs, _ in steps for name in inputs} | {"column"}
    graph = helper.make_graph(
        nodes,
        "limbeck",
        [helper.make_tensor_value_info("X", element, ["n", network.n_features])],
        [helper.make_tensor_value_info("y", element, ["n"])],
        [numpy_helper.from_array(v, name) for name, v in cast.items() if name in used],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="limbeck")
    model.ir_version = 8
    onnx.checker.check_model(model)
    write_whole(target, model.SerializeToString())


def to_torch(network: ReLUNetwork) -> Module:
    """A PyTorch module; see ``ReLUNetwork.to_torch``."""
    try:
        from limbeck._exports.torch import SumOfReLUs
    except ImportError:
        raise ImportError('to_torch needs PyTorch: pip install "limbeck[torch]"') from None
    module: Module = SumOfReLUs(network)
    return module

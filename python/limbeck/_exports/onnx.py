"""ONNX graphs of networks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from limbeck._base.files import write_whole

if TYPE_CHECKING:
    from limbeck.network._parameters import Parameters

__all__ = ["to_onnx"]

_OPSET = 13  # the lowest whose Squeeze takes its axes as an input, as all later ones do: known to every runtime in use
_IR_VERSION = 8  # of the file format, the one of ONNX 1.10 (2021): onnx writes its newest, which older runtimes refuse


def to_onnx(parameters: Parameters, path: str | os.PathLike[str], dtype: DTypeLike) -> None:
    """Write an ONNX graph; see ``ReLUNetwork.to_onnx``."""
    try:
        import onnx
        from onnx import helper
    except ImportError:
        raise ImportError('to_onnx needs onnx: pip install "limbeck[onnx]"') from None
    kind = np.dtype(dtype)
    if kind not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise ValueError(f"dtype must be float32 or float64, got {kind}")
    target = Path(path)
    if target.suffix.lower() != ".onnx":
        raise ValueError(f"the name of an ONNX file ends in .onnx, got {str(target)!r}")
    graph = _graph(parameters, _constants(parameters, kind))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="limbeck")
    model.ir_version = _IR_VERSION
    onnx.checker.check_model(model)
    write_whole(target, model.SerializeToString())


def _constants(parameters: Parameters, kind: np.dtype[Any]) -> dict[str, NDArray[Any]]:
    """Constants of the graph by name, in the type of its arithmetic; ``column`` is the axis that Squeeze drops."""
    values = {
        "hidden": parameters.weights.T,
        "thresholds": parameters.thresholds,
        "output": np.atleast_2d(parameters.output).T,
        "linear": np.atleast_2d(parameters.linear).T,
        "bias": np.atleast_1d(parameters.bias),
    }
    with np.errstate(over="ignore"):
        cast = {name: np.ascontiguousarray(value, dtype=kind) for name, value in values.items()}
    lost = [name for name, value in cast.items() if not np.isfinite(value).all()]
    if lost:
        raise ValueError(f"{', '.join(lost)} do not fit into {kind}: export in float64")
    return {**cast, "column": np.array([1], dtype=np.int64)}


def _graph(parameters: Parameters, constants: dict[str, NDArray[Any]]) -> Any:  # noqa: ANN401 - onnx is not typed
    """Graph of opset 13: projections, thresholds, ReLUs and their sum, beside the linear part."""
    from onnx import TensorProto, helper, numpy_helper

    element = TensorProto.FLOAT if constants["bias"].dtype == np.float32 else TensorProto.DOUBLE
    linear_part = [("MatMul", ["X", "linear"], "linear_part"), ("Add", ["linear_part", "bias"], "affine_part")]
    neurons = [
        ("MatMul", ["X", "hidden"], "projected"),
        ("Add", ["projected", "thresholds"], "preactivation"),
        ("Relu", ["preactivation"], "activation"),
        ("MatMul", ["activation", "output"], "neurons"),
        ("Add", ["neurons", "affine_part"], "sum"),
    ]
    steps = [*linear_part, *neurons] if parameters.width else linear_part
    nodes = [helper.make_node(op, inputs, [result]) for op, inputs, result in steps]
    several = parameters.has_several_outputs
    last = ("Identity", [steps[-1][2]]) if several else ("Squeeze", [steps[-1][2], "column"])
    nodes.append(helper.make_node(*last, ["y"]))
    used = {name for _, inputs, _ in steps for name in inputs} | {*last[1]}
    shape = ["n", parameters.n_outputs] if several else ["n"]
    return helper.make_graph(
        nodes,
        "limbeck",
        [helper.make_tensor_value_info("X", element, ["n", parameters.n_features])],
        [helper.make_tensor_value_info("y", element, shape)],
        [numpy_helper.from_array(value, name) for name, value in constants.items() if name in used],
    )

"""Networks for other programs; importing the package makes its writers known to ``ReLUNetwork``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from limbeck._exports.onnx import to_onnx
from limbeck.network._exporters import register_exporter

if TYPE_CHECKING:
    from torch.nn import Module

    from limbeck.network._parameters import Parameters

__all__ = ["to_onnx", "to_torch"]


def to_torch(parameters: Parameters) -> Module:
    """PyTorch module of a network; see ``ReLUNetwork.to_torch``. PyTorch is imported here and nowhere before."""
    try:
        from limbeck._exports.torch import ReLUModule
    except ImportError:
        raise ImportError('to_torch needs PyTorch: pip install "limbeck[torch]"') from None
    module: Module = ReLUModule(parameters)
    return module


register_exporter("onnx", to_onnx)
register_exporter("torch", to_torch)

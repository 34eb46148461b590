"""PyTorch modules of networks. PyTorch is imported here, so that other files import this one inside functions only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from limbeck.network._parameters import Parameters

__all__ = ["ReLUModule"]


class ReLUModule(nn.Module):  # type: ignore[misc]
    """``relu(x @ weights.T + thresholds) @ output.T + x @ linear.T + bias``, in float64.

    Parameters
    ----------
    parameters : Parameters
        Copied, each under its own name.
    """

    def __init__(self, parameters: Parameters) -> None:
        super().__init__()
        for name in ("weights", "thresholds", "output", "linear", "bias"):
            value = torch.tensor(getattr(parameters, name), dtype=torch.float64)
            self.register_parameter(name, nn.Parameter(value))

    def forward(self, x: Tensor) -> Tensor:
        """Values (n,), or (n, q) of several outputs, on rows (n, d)."""
        activations = torch.relu(x @ self.weights.T + self.thresholds)
        if self.output.ndim == 1:
            return activations @ self.output + x @ self.linear + self.bias
        return activations @ self.output.T + x @ self.linear.T + self.bias

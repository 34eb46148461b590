"""The PyTorch form of a network; imported only when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from limbeck.network import ReLUNetwork

__all__ = ["SumOfReLUs"]


class SumOfReLUs(nn.Module):  # type: ignore[misc]
    """``relu(x @ weights.T + thresholds) @ output + x @ linear + bias``, in float64.

    Parameters
    ----------
    network : ReLUNetwork
        Whose parameters are copied, under its own names for them.
    """

    def __init__(self, network: ReLUNetwork) -> None:
        super().__init__()
        for name in ("weights", "thresholds", "output", "linear", "bias"):
            value = torch.tensor(getattr(network, name), dtype=torch.float64)
            self.register_parameter(name, nn.Parameter(value))

    def forward(self, x: Tensor) -> Tensor:
        """Values (n,) on rows (n, d)."""
        return torch.relu(x @ self.weights.T + self.thresholds) @ self.output + x @ self.linear + self.bias

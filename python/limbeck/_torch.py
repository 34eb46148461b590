"""The PyTorch form of a network; imported only when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from limbeck.network import ReLUNetwork

__all__ = ["SumOfReLUs"]


class SumOfReLUs(nn.Module):  # type: ignore[misc]
    """``output(relu(hidden(x))) + linear(x)`` in float64, of trainable parameters.

    Parameters
    ----------
    n_features, width : int
        Of the network.
    """

    def __init__(self, n_features: int, width: int) -> None:
        super().__init__()
        self.hidden = nn.utils.skip_init(nn.Linear, n_features, width, dtype=torch.float64)
        self.output = nn.utils.skip_init(nn.Linear, width, 1, bias=False, dtype=torch.float64)
        self.linear = nn.utils.skip_init(nn.Linear, n_features, 1, dtype=torch.float64)

    def set(self, network: ReLUNetwork) -> None:
        """Take the parameters of a network, by copy."""
        values = (
            (self.hidden.weight, network.weights),
            (self.hidden.bias, network.thresholds),
            (self.output.weight, network.output[None]),
            (self.linear.weight, network.linear[None]),
            (self.linear.bias, [network.bias]),
        )
        with torch.no_grad():
            for parameter, value in values:
                parameter.copy_(torch.tensor(value, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        """Values (n,) on rows (n, d)."""
        return (self.output(torch.relu(self.hidden(x))) + self.linear(x)).squeeze(-1)

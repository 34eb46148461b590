"""Sums of ReLUs with a linear part: evaluation, exact Gaussian inner products, files."""

from limbeck.network._network import ReLUNetwork

__all__ = ["ReLUNetwork"]

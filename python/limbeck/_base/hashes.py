"""Hashes of the places of rows, by which samples are drawn that do not depend on how the rows are cut."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["hashed"]


def hashed(numbers: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """Well mixed 64 bits of each number: the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    z = (numbers + np.uint64(seed)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)))

"""Whether a dense computation that nothing interrupts ends before a time limit."""

from __future__ import annotations

import time

__all__ = ["has_time_for"]

# Operations in a second: a tenth of what matrix products reach on one core of a server of 2023, for other programs may
# take half of it, and decompositions reach less.
_SPEED = 4e9


def has_time_for(operations: float, deadline: float) -> bool:
    """Whether so many floating-point operations end before a time by ``time.perf_counter()`` (seconds)."""
    return time.perf_counter() + operations / _SPEED <= deadline

"""Warnings that point at the caller's line, however deep in the library they arise; and blocks without warnings."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["silenced", "warn"]

_HERE = str(Path(__file__).parents[1]) + os.sep  # the folder of the package
_one_at_a_time = threading.RLock()


def warn(message: str, category: type[Warning]) -> None:
    """Warn with the place of the innermost line outside the library."""
    level, frame = 1, sys._getframe(0)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HERE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


@contextmanager
def silenced(category: type[Warning] = Warning) -> Iterator[None]:
    """Suppress warnings of a category in a block of code, for one thread at a time.

    The filters belong to the process: two threads that restored them in the wrong order would leave it silent.
    """
    with _one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore", category)
        yield


def _renew() -> None:
    """Replace the lock."""
    global _one_at_a_time
    _one_at_a_time = threading.RLock()


# After fork the lock may belong to a thread that does not exist in the child.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)

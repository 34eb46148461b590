"""Registry of the writers of networks for other programs.

The writers stand above this package, which must not import them: ``limbeck._exports`` registers each under its name.
"""

from collections.abc import Callable
from typing import Any

__all__ = ["exporter", "register_exporter"]

Exporter = Callable[..., Any]  # of Parameters first, then of the options of the format

_EXPORTERS: dict[str, Exporter] = {}


def register_exporter(name: str, function: Exporter) -> None:
    """Make a writer known under the name of its format."""
    _EXPORTERS[name] = function


def exporter(name: str) -> Exporter:
    """Writer that was registered for a format."""
    return _EXPORTERS[name]

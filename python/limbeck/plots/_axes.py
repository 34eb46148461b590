"""Axes and colours of plots; matplotlib comes with the extra ``plot`` and is imported when it is first needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["BLACK", "BLUE", "GREEN", "GREY", "ORANGE", "RED", "axes_for"]

# Apart from one another for colour-blind readers too (Okabe and Ito).
BLACK, BLUE, ORANGE, GREEN, RED, GREY = "#000000", "#0072B2", "#E69F00", "#009E73", "#D55E00", "#999999"


def axes_for(ax: Axes | None) -> Axes:
    """The Axes passed, or new ones."""
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot as plt
    except ImportError:
        raise ImportError('plots need matplotlib: pip install "limbeck[plot]"') from None
    made: Axes = plt.subplots(layout="constrained")[1]
    return made

"""Table of a planted network beside the one that was learned."""

from itertools import permutations

import numpy as np

from limbeck._base.text_table import text_table
from limbeck.network import ReLUNetwork

__all__ = ["compare_networks", "matched"]

_MOST_PLANTED = 8  # 40,320 orders, in about half a second


def matched(planted: ReLUNetwork, found: ReLUNetwork) -> list[tuple[int, int | None, float]]:
    """Pair neurons so that the angles between their directions, up to sign, are smallest in all.

    Parameters
    ----------
    planted, found : ReLUNetwork
        Normalised, at most eight neurons planted.

    Returns
    -------
    list of (planted index, found index or None, angle in radians)

    Raises
    ------
    ValueError
        More than eight neurons are planted: the time grows as the factorial of their number.
    """
    if planted.width > _MOST_PLANTED:
        raise ValueError(f"at most {_MOST_PLANTED} planted neurons can be matched, got {planted.width}")
    plus = np.linalg.norm(planted.weights[:, None] - found.weights[None], axis=2)
    minus = np.linalg.norm(planted.weights[:, None] + found.weights[None], axis=2)
    # The chord, not the cosine: an arccosine loses half the digits of a small angle
    angles = 2 * np.arcsin(np.minimum(np.minimum(plus, minus) / 2, 1.0))
    blank = planted.width - min(planted.width, found.width)
    padded = np.column_stack([angles, np.full((planted.width, blank), np.pi)])
    best = min(
        permutations(range(padded.shape[1]), planted.width),
        key=lambda choice: float(sum(padded[i, j] for i, j in enumerate(choice))),
    )
    return [(i, j if j < found.width else None, float(padded[i, j])) for i, j in enumerate(best)]


def compare_networks(planted: ReLUNetwork, found: ReLUNetwork) -> str:
    """Table of the planted neurons beside the recovered ones, with the angles between their directions."""
    planted, found = planted.normalized(), found.normalized()
    rows = [["neuron", " planted weight", "recovered weight", "angle between (rad)"]]
    for i, j, angle in matched(planted, found):
        weight = "" if j is None else f"{found.output[j]:+.10f}"
        rows.append([str(i), f"{planted.output[i]:+.10f}", weight, "not found" if j is None else f"{angle:.1e}"])
    lines = text_table(rows, left=(), ruled=True)
    spare = found.width - planted.width
    if spare > 0:
        lines.append(f"and {spare} neuron{'s' if spare > 1 else ''} more than planted")
    return "\n".join(lines)

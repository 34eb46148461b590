"""The span of a network's neurons, what lies beside it, and the angles between neurons."""

from __future__ import annotations

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._learner.model.clumps import angles_modulo_sign
from limbeck._learner.model.linear_algebra import orthonormal_rows
from limbeck._learner.model.model import Model

__all__ = ["DEPENDENT", "closest_angle", "is_well_separated", "missed_directions", "span_of", "with_linear_part"]

DEPENDENT = 1e-6  # singular value of unit directions that add only rounding to a span; and relative length of a vector


def span_of(model: Model, faint: float | None = None, max_rank: int | None = None) -> Float64Array:
    """Orthonormal basis (r, d) of what the neurons span, the clearest dimension first.

    Parameters
    ----------
    model : Model
        The network.
    faint : float, optional
        Leave out dimensions whose singular value, of directions times sizes, is at most this part of the largest; None
        to leave out those that unit directions do not span but for rounding.
    max_rank : int, optional
        Largest number of dimensions, where ``faint`` is given; at least one is returned then.
    """
    rows = model.directions if faint is None else model.neurons[:, :-1]
    _, sizes, basis = np.linalg.svd(rows, full_matrices=False)
    rank = int((sizes > (DEPENDENT if faint is None else faint * sizes[0])).sum())
    if faint is not None:
        rank = max(1, rank if max_rank is None else min(max_rank, rank))
    return np.ascontiguousarray(basis[:rank])


def missed_directions(model: Model, basis: Float64Array, faint: float, max_rank: int, missed: float) -> Float64Array:
    """Orthonormal rows: directions of a basis (orthonormal rows) that the span of the neurons does not cover.

    Parameters
    ----------
    model : Model
        The network; without neurons the whole basis is returned.
    basis : ndarray of shape (r, d)
        Orthonormal rows.
    faint, max_rank : float, int
        Which dimensions of the neurons count, as for :func:`span_of`.
    missed : float
        Sine of the angle from the span of the neurons that a direction must exceed.
    """
    if not model.width:
        return basis
    own = span_of(model, faint, max_rank)
    return orthonormal_rows(basis - (basis @ own.T) @ own, missed)


def with_linear_part(basis: Float64Array, model: Model) -> Float64Array:
    """A basis (orthonormal rows) with the direction of the model's linear part, unless that is zero or in the span."""
    linear = model.parameters[-1, :-1]
    beside = linear - (linear @ basis.T) @ basis
    size = float(np.linalg.norm(beside))
    if size <= DEPENDENT * float(np.linalg.norm(linear)):
        return basis
    return np.vstack([basis, beside / size])


def closest_angle(model: Model) -> float:
    """Smallest angle between the lines of two neurons (radians); infinite if there are fewer."""
    angles = angles_modulo_sign(model.directions)[np.triu_indices(model.width, 1)]
    return float(angles.min(initial=np.inf))


def is_well_separated(model: Model, near: float) -> bool:
    """Whether no two neurons are within an angle modulo sign (radians).

    A refinement to noisy labels then ends in a few steps, and a sample of the rows determines them well enough.
    """
    return closest_angle(model) > near

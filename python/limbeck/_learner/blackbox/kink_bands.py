"""Queries near a kink: rows drawn from a narrow band, and the weights that make up for it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from limbeck._base.arrays import Float64Array

__all__ = ["Band", "Excluded", "draw_band", "importance", "scaled_along"]

Excluded = list[tuple[Float64Array, float]]  # normals of hyperplanes, and distances that rows must keep from them
_REACH = 40.0  # standard deviations of a band: beyond, its density is zero in float64


class Band(NamedTuple):
    """Rows drawn from N(0, I), the component along the unit vector ``normal`` shrunk by ``width`` and moved."""

    normal: Float64Array
    width: float
    rows: int
    offset: float = 0.0  # along the normal


def scaled_along(X: Float64Array, normal: Float64Array, factor: float) -> Float64Array:
    """Rows whose component along ``normal`` is multiplied by ``factor``."""
    return X + np.outer((factor - 1) * (X @ normal), normal)


def draw_band(band: Band, excluded: Excluded, rng: np.random.Generator, d: int) -> Float64Array:
    """Draw the rows of a band, further from the hyperplanes with normals in ``excluded`` than the distances there."""
    X = np.empty((0, d))
    # Excluded bands are narrow, so that most rows pass; if never enough do, the rest may be anywhere.
    for last in (False, False, False, True):
        Z = scaled_along(rng.standard_normal((band.rows, d)), band.normal, band.width) + band.offset * band.normal
        if not last:
            for normal, distance in excluded:
                Z = Z[np.abs(Z @ normal) > distance]
        X = np.concatenate([X, Z])[: band.rows]
    return X


def importance(X: Float64Array, n_iid: int, bands: list[Band]) -> Float64Array:
    """Importance weights by the balance heuristic: the density of N(0, I) over that of all rows together.

    All rows are ``n_iid`` from N(0, I) and those of the bands; no weight is above their number over ``n_iid``.
    """
    total, density = n_iid, np.full(len(X), float(n_iid))
    normal, along = None, np.empty(0)
    for band in bands:
        total += band.rows
        if band.normal is not normal:  # several widths of one normal come one after another
            normal, along = band.normal, X @ band.normal
        near = np.flatnonzero(np.abs(along - band.offset) < _REACH * band.width)
        ratio = np.square((along[near] - band.offset) / band.width) - np.square(along[near])
        density[near] += band.rows / band.width * np.exp(-0.5 * ratio)
    return np.asarray(total / density)

"""Planted networks and Gaussian data, to try a learner on; ``FAMILIES`` are the names of the kinds of networks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arguments import random_generator
from limbeck._base.arrays import integer
from limbeck.network import ReLUNetwork

__all__ = ["FAMILIES", "make_narrow_network", "sample"]

Float64Array = NDArray[np.float64]


def _unit(rows: Float64Array) -> Float64Array:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True))


def _signed_weights(rng: np.random.Generator, width: int) -> Float64Array:
    return np.asarray(rng.uniform(0.5, 1.5, width) * rng.choice([-1.0, 1.0], width))


def _orthonormal(rng: np.random.Generator, count: int, d: int) -> Float64Array:
    if count > d:
        raise ValueError(f"n_features must be at least {count} for this family and width, got {d}")
    q, _ = np.linalg.qr(rng.standard_normal((d, count)))
    return q.T


def _groups(width: int, size: int, family: str, fewest: int = 1) -> int:
    if width % size or width < fewest * size:
        least = f", at least {fewest * size}," if fewest > 1 else ""
        raise ValueError(f"width must be a multiple of {size}{least} for family {family!r}, got {width}")
    return width // size


def _fan(rng: np.random.Generator, d: int, count: int) -> tuple[Float64Array, Float64Array]:
    """Directions at equal angles in [0, pi) of a random plane, with alternating signs."""
    angles = np.arange(count) * np.pi / count + rng.uniform(0, np.pi)
    plane = _orthonormal(rng, 2, d)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1) @ plane, np.asarray(
        (-1.0) ** np.arange(count), dtype=np.float64
    )


def _generic(rng: np.random.Generator, d: int, k: int, _: float) -> tuple[Float64Array, Float64Array]:
    return _unit(rng.standard_normal((k, d))), _signed_weights(rng, k)


def _positive(rng: np.random.Generator, d: int, k: int, _: float) -> tuple[Float64Array, Float64Array]:
    return _unit(rng.standard_normal((k, d))), rng.uniform(0.5, 1.5, k)


def _collinear(rng: np.random.Generator, d: int, k: int, separation: float) -> tuple[Float64Array, Float64Array]:
    pairs = _groups(k, 2, "collinear")
    directions = []
    for _ in range(pairs):
        u, v = _orthonormal(rng, 2, d)
        directions += [u, np.cos(separation) * u + np.sin(separation) * v]
    return np.array(directions).reshape(k, d), np.tile([1 / separation, -1 / separation], pairs)


def _clumps(rng: np.random.Generator, d: int, k: int, separation: float) -> tuple[Float64Array, Float64Array]:
    centres = _unit(rng.standard_normal((_groups(k, 3, "clumps"), d)))
    offsets = separation * _unit(rng.standard_normal((k, d)))
    return _unit(np.repeat(centres, 3, axis=0) + offsets), _signed_weights(rng, k)


def _plane(rng: np.random.Generator, d: int, k: int, _: float) -> tuple[Float64Array, Float64Array]:
    _exactly(k, 4, "plane")
    return _fan(rng, d, 4)


def _plane6(rng: np.random.Generator, d: int, k: int, _: float) -> tuple[Float64Array, Float64Array]:
    _exactly(k, 6, "plane6")
    return _fan(rng, d, 6)


def _plane_even(rng: np.random.Generator, d: int, k: int, _: float) -> tuple[Float64Array, Float64Array]:
    _exactly(k, 8, "plane_even")
    return _with_antipodes(*_fan(rng, d, 4))


def _with_antipodes(directions: Float64Array, weights: Float64Array) -> tuple[Float64Array, Float64Array]:
    return np.concatenate([directions, -directions]), np.concatenate([weights, weights])


def _fan_of_any_width(rng: np.random.Generator, d: int, k: int, _: float) -> tuple[Float64Array, Float64Array]:
    return _fan(rng, d, 2 * _groups(k, 2, "fan", fewest=2))


def _fan_even(rng: np.random.Generator, d: int, k: int, _: float) -> tuple[Float64Array, Float64Array]:
    return _with_antipodes(*_fan(rng, d, 2 * _groups(k, 4, "fan_even", fewest=2)))


def _antipodal(rng: np.random.Generator, d: int, k: int, _: float) -> tuple[Float64Array, Float64Array]:
    u = _unit(rng.standard_normal((_groups(k, 2, "antipodal"), d)))
    return np.stack([u, -u], axis=1).reshape(k, d), _signed_weights(rng, k)


def _lowrank(rng: np.random.Generator, d: int, k: int, _: float) -> tuple[Float64Array, Float64Array]:
    subspace = _orthonormal(rng, max(2, k // 2), d)
    return _unit(rng.standard_normal((k, len(subspace)))) @ subspace, _signed_weights(rng, k)


def _exactly(width: int, wanted: int, family: str) -> None:
    if width != wanted:
        raise ValueError(f"width must be {wanted} for family {family!r}, got {width}")


_MAKERS = {
    "generic": _generic,
    "positive": _positive,
    "collinear": _collinear,
    "clumps": _clumps,
    "plane": _plane,
    "plane6": _plane6,
    "plane_even": _plane_even,
    "fan": _fan_of_any_width,
    "fan_even": _fan_even,
    "antipodal": _antipodal,
    "lowrank": _lowrank,
}
FAMILIES: tuple[str, ...] = tuple(_MAKERS)


def make_narrow_network(
    family: str, n_features: int, width: int, *, separation: float = 0.1, seed: int | np.random.Generator | None
) -> ReLUNetwork:
    """Plant a sum of ReLUs with unit directions and no linear part.

    Parameters
    ----------
    family : str
        - ``generic``: directions uniform on the sphere, weights +-U(0.5, 1.5).
        - ``positive``: directions uniform on the sphere, weights U(0.5, 1.5).
        - ``collinear``: pairs at angle ``separation``, weights 1/separation and -1/separation. Even width.
        - ``clumps``: threes, each a unit centre plus ``separation`` times a random unit vector, renormalised; weights
          +-U(0.5, 1.5). Width a multiple of 3.
        - ``plane``: at 0, 45, 90, 135 degrees of a random plane, signs + - + -; the second moment vanishes. Width 4.
        - ``plane6``: six at 30 degrees, alternating signs; moments 2 and 4 vanish. Width 6.
        - ``plane_even``: plane with every neuron's antipode at the same weight; odd orders vanish too. Width 8.
        - ``fan``: width directions at equal angles (180 degrees / width) of a random plane, alternating signs; of the
          moments of even order, that of order width is the first that does not vanish. Even width, at least 4; widths 4
          and 6 are plane and plane6.
        - ``fan_even``: a fan of width / 2 lines with every neuron's antipode at the same weight; odd orders vanish too.
          Width a multiple of 4, at least 8; width 8 is plane_even.
        - ``antipodal``: pairs u, -u with independent weights +-U(0.5, 1.5). Even width.
        - ``lowrank``: generic inside a random subspace of max(2, width // 2) dimensions.
    n_features, width : int
        d and k.
    separation : float, default 0.1
        Angle (radians) or distance between near-collinear neurons, in (0, pi/2); for collinear and clumps.
    seed : int, numpy.random.Generator or None
        Source of randomness.

    Returns
    -------
    ReLUNetwork

    Raises
    ------
    ValueError
        Unknown family, or a width, number of features or separation that the family cannot have.
    """
    if family not in _MAKERS:
        raise ValueError(f"family must be one of {', '.join(FAMILIES)}; got {family!r}")
    d, k = integer(n_features, "n_features", 1), integer(width, "width", 1)
    if not 0 < separation < np.pi / 2:
        raise ValueError(f"separation must lie between 0 and pi/2, got {separation!r}")
    return ReLUNetwork(*_MAKERS[family](random_generator(seed), d, k, float(separation)))


def sample(
    network: ReLUNetwork, n: int, *, noise: float = 0.0, seed: int | np.random.Generator | None
) -> tuple[Float64Array, Float64Array]:
    """Draw ``X ~ N(0, I)`` and ``y = network(X) + noise * N(0, 1)``.

    Parameters
    ----------
    network : ReLUNetwork
        The function that makes the labels.
    n : int
        Number of rows.
    noise : float, default 0
        Standard deviation of the label noise.
    seed : int, numpy.random.Generator or None
        Source of randomness.

    Returns
    -------
    X : ndarray of shape (n, d)
    y : ndarray of shape (n,) or, of q outputs, (n, q)

    Raises
    ------
    ValueError
        n < 0 or noise < 0.
    """
    n = integer(n, "n", 0)
    if not (np.isfinite(noise) and noise >= 0):
        raise ValueError(f"noise is a standard deviation, at least 0; got {noise!r}")
    rng = random_generator(seed)
    X = rng.standard_normal((n, network.n_features))
    y = network(X)
    return X, y + noise * rng.standard_normal(y.shape) if noise else y

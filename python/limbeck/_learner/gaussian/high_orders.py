"""The span from moments of high orders, contracted along isotropic complex directions.

The trace of the moment tensor of order l is, up to a factor, that of order l - 2. So where lower orders vanish, the
first that does not is traceless, and contractions along real directions, most of whose energy is in the traces, see
little but noise. Directions g = a + ib with orthonormal a and b have g'g = 0, so that powers of g are traceless: every
part of a traceless tensor weighs alike. Eight lines at equal angles of a plane, with alternating signs, show first in
order 8. Along a + ib in the plane they add up to 2^(-1/2), for errors of size one; along the best real direction they
nearly cancel, to 2^(-4).

A traceless contraction of a Hermite tensor is a harmonic polynomial, |x|^l times a function of x / |x|. For N(0, I) the
two factors are independent, so the first may be left out: what remains are the traceless parts of order l of all
moments of orders l, l + 2, ... together, in bounded terms. With |x|^l the few rows farthest out decide.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array
from limbeck._learner.gaussian.settings import DEFAULTS, HighOrderSettings
from limbeck._learner.gaussian.span import Subspace
from limbeck._learner.model.linear_algebra import eigh
from limbeck._learner.model.rows import Rows

__all__ = ["isotropic_directions", "isotropic_vectors", "with_high_orders"]

_BATCH = 4096
_DEPENDENT = 1e-6  # length of what is left of a unit vector outside a span that adds only rounding to it


def isotropic_directions(
    rng: np.random.Generator, count: int, basis: Float64Array, d: int, inside: int
) -> NDArray[np.complex128]:
    """Directions a + ib (count, d), a and b orthonormal: ``inside`` of them (0, 1, 2) in a span, the others in R^d."""
    spans = [basis if part < inside else np.eye(d) for part in range(2)]
    a, b = (rng.standard_normal((count, len(span))) @ span for span in spans)
    a /= np.linalg.norm(a, axis=1, keepdims=True)
    b -= np.sum(a * b, axis=1, keepdims=True) * a
    b /= np.linalg.norm(b, axis=1, keepdims=True)
    return np.asarray(a + 1j * b)


def isotropic_vectors(X: Float64Array, labels: Float64Array, along: NDArray[np.complex128], order: int) -> Float64Array:
    """Vector contractions of the traceless moment of an order along isotropic g (m, d): (q, d, 2 m) for (n, q) labels.

    That is the mean of ``y (g'x)^(order - 1) x``, for rows x of unit length, without its component along g; real and
    imaginary parts stand side by side. The traceless part of a tensor inside a span has terms with the identity of all
    of R^d where its trace is not zero; along isotropic directions they add multiples of g alone.
    """
    (n, d), m, q = X.shape, len(along), labels.shape[1]
    vectors = np.zeros((q * d, 2 * m))
    both = np.ascontiguousarray(np.concatenate([along.real, along.imag]).T)
    for start in range(0, n, _BATCH):
        rows, y = X[start : start + _BATCH], labels[start : start + _BATCH]
        product = rows @ both
        t = product[:, :m] + 1j * product[:, m:]
        weighted = (y[:, :, None] * rows[:, None]).reshape(len(rows), q * d)
        vectors += weighted.T @ _side_by_side(_power(t, order - 1))
    traceless = vectors.reshape(q, d, 2 * m)[..., :m] + 1j * vectors.reshape(q, d, 2 * m)[..., m:]
    traceless -= np.sum(np.conj(along.T) * traceless, axis=1, keepdims=True) * along.T / 2
    return np.asarray(np.concatenate([traceless.real, traceless.imag], axis=2) / n)


def _side_by_side(values: NDArray[np.complex128]) -> Float64Array:
    return np.concatenate([values.real, values.imag], axis=1)


def _power(t: NDArray[np.complex128], exponent: int) -> NDArray[np.complex128]:
    """Powers by squaring: NumPy's of complex numbers take logarithms."""
    result = np.ones_like(t)
    while exponent:
        if exponent % 2:
            result *= t
        exponent //= 2
        if exponent:
            t = t * t
    return result


def with_high_orders(
    rows: Rows,
    subspace: Subspace,
    max_rank: int,
    width: int,
    rng: np.random.Generator,
    settings: HighOrderSettings = DEFAULTS.high_orders,
) -> Subspace:
    """A span with the directions that moments of orders 4 to ``width`` show outside those of orders 1 and 2.

    No more orders are needed: for a direction v outside what they show, ``sum_i w_i <u_i, v> u_i^(l - 1)`` vanishes for
    all of them, and powers from k - 1 on of k distinct lines are linearly independent.

    Parameters
    ----------
    rows : Rows
        Inputs, N(0, I), and labels less their linear part and mean, times the weights.
    subspace : Subspace
        The span so far, of which directions of higher orders are found anew.
    max_rank, width : int
        Largest number of dimensions, and of lines.
    rng : numpy.random.Generator
        For directions and signs.
    settings : HighOrderSettings
        Numbers of rows, directions and signs, and the margin over chance.
    """
    low = subspace.orders <= 2
    basis, orders, strengths = subspace.basis[low], [*subspace.orders[low]], [*subspace.strengths[low]]
    d = rows.n_features
    search = _Search.of(rows, rng, settings)
    for order in range(4, min(width + width % 2, settings.most_order) + 1, 2):
        for inside in (min(len(basis), 2), 0) if len(basis) else (0,):
            if len(basis) >= max_rank or d < 3:
                break
            found, ratios = search.outside(basis, order, inside)
            most = max_rank - len(basis)
            basis = np.vstack([basis, found[:most]])
            strengths += [*ratios[:most]]
            orders += [order] * (len(basis) - len(orders))
    return replace(subspace, basis=basis, orders=np.array(orders, dtype=np.int64), strengths=np.array(strengths))


@dataclass(frozen=True, eq=False)
class _Search:
    """Rows of unit length, and their labels (n, 1 + flips): as they are, and with random signs."""

    X: Float64Array
    labels: Float64Array
    directions: int
    rng: np.random.Generator
    settings: HighOrderSettings

    @classmethod
    def of(cls, rows: Rows, rng: np.random.Generator, settings: HighOrderSettings) -> _Search:
        """Draw rows, as many as the number of directions leaves, and signs."""
        n, d = rows.X.shape
        count = min(max(settings.products // (n * d), settings.fewest_directions), settings.most_directions)
        most = max(settings.fewest_rows, settings.products // (count * d))
        X, y = rows.X, rows.y
        if n > most:  # drawn: rows may come in any order
            drawn = np.sort(rng.choice(n, most, replace=False))
            X, y = X[drawn], y[drawn]
        X = X / np.maximum(np.linalg.norm(X, axis=1, keepdims=True), np.finfo(np.float64).tiny)
        signs = rng.choice([-1.0, 1.0], (len(y), settings.flips))
        return cls(X, np.column_stack([y, y[:, None] * signs]), count, rng, settings)

    def outside(self, basis: Float64Array, order: int, inside: int) -> tuple[Float64Array, Float64Array]:
        """Directions outside a span along which the labels stand out of those with random signs, and how far."""
        along = isotropic_directions(self.rng, self.directions, basis, self.X.shape[1], inside)
        vectors = isotropic_vectors(self.X, self.labels, along, order)
        within = basis @ vectors[0]
        vectors -= basis.T @ (basis @ vectors)
        grams = vectors @ np.swapaxes(vectors, 1, 2)
        # What every row adds by itself is the same whatever its sign: the mean over signs. A gram less the mean of all
        # of a kind, itself among them, varies less than one less the mean of the others.
        count, mean = len(grams) - 1, grams[1:].mean(axis=0)
        spectra = [
            eigh((gram - mean) * (np.sqrt((count + 1) / (count - 1)) if j else 1)) for j, gram in enumerate(grams)
        ]
        if not inside:
            spectra = [self._climbed(vectors, basis, order, j) for j, (_, vectors) in enumerate(spectra)]
        band = max(self.settings.margin * max(float(values[-1]) for values, _ in spectra[1:]), np.finfo(float).tiny)
        # Directions in a span that is tilted by its own errors see a part of it outside.
        strongest = float(eigh(within @ within.T)[0][-1]) if inside else float(spectra[0][0][-1])
        band = max(band, self.settings.tilt**2 * strongest)
        values, columns = spectra[0]
        found = columns.T[::-1][values[::-1] > band]
        found -= (found @ basis.T) @ basis
        lengths = np.linalg.norm(found, axis=1)
        kept = lengths > _DEPENDENT
        return found[kept] / lengths[kept, None], np.sqrt(values[::-1][: len(found)][kept] / band)

    def _climbed(
        self, columns: Float64Array, basis: Float64Array, order: int, j: int
    ) -> tuple[Float64Array, Float64Array]:
        """Eigenvalues and eigenvectors (columns) of contractions along directions in the leading eigenvectors' span.

        There a few directions see all that random ones saw a little of. Labels with random signs take the same steps,
        so that the choice of the span is no advantage.
        """
        values = np.empty(0)
        for _ in range(self.settings.climbs):
            leading = np.ascontiguousarray(columns.T[-self.settings.climbing_dimensions :])
            along = isotropic_directions(self.rng, self.settings.climbing_directions, leading, len(columns), 2)
            (vectors,) = isotropic_vectors(self.X, self.labels[:, j : j + 1], along, order)
            vectors -= basis.T @ (basis @ vectors)
            values, columns = eigh(vectors @ vectors.T)
        return values, columns

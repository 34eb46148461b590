"""Gradients of a piecewise linear function in several cells at once, by about one query for each direction.

Within a cell the function is linear: the longer a step, the more digits its slope keeps, until it crosses a hyperplane.
Which steps do is not known before; but the value after a step in several directions together is the sum of theirs. One
such check for a set of directions shows whether any of them crossed, and halving the set shows which.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array
from limbeck._learner.blackbox.settings import DISTILLATION_SETTINGS, KinkSettings

__all__ = ["CellGradients", "GradientQueries"]

Indices = NDArray[np.intp]


class GradientQueries(NamedTuple):
    """The queries that a gradient comes from: steps from a base, in some directions, to one side or to both.

    Attributes
    ----------
    base : ndarray of shape (d,)
        Where the gradient was taken.
    steps : ndarray of shape (m,)
        Lengths of the steps, negative ones to the other side.
    directions : ndarray of shape (m, d)
        Orthonormal directions.
    value : ndarray of shape (q,)
        Value at the base.
    ahead, back : ndarray of shape (m, q)
        Values after steps ahead and back; NaN where none was asked for.
    """

    base: Float64Array
    steps: Float64Array
    directions: Float64Array
    value: Float64Array
    ahead: Float64Array
    back: Float64Array


@dataclass
class _Cell:
    """A cell in which directions are asked in a random order; ``done`` of them are known."""

    number: int
    base: Float64Array
    value: Float64Array
    step: float
    order: Indices
    size: int
    slopes: Float64Array  # (directions, q)
    steps: Float64Array
    ahead: Float64Array
    back: Float64Array
    limits: Float64Array | None
    done: int = 0
    side: float = 1.0
    flagged: list[int] = field(default_factory=list)

    def lengths(self, chosen: Indices) -> Float64Array:
        """Steps in some directions."""
        if self.limits is None:
            return np.full(len(chosen), self.side * self.step)
        return self.side * np.minimum(self.step, self.limits[chosen])

    def turn(self, size: int) -> None:
        """Ask in the directions flagged again, to the other side."""
        self.order, self.flagged = np.array(self.flagged, dtype=np.intp), []
        self.done, self.side, self.size = 0, -1.0, size

    def next(self) -> Indices:
        """The directions to ask in next."""
        return self.order[self.done : self.done + self.size]


class CellGradients:
    """Gradients at bases on one line, along which the slopes are known.

    Parameters
    ----------
    values : callable
        Values (m, q) at rows (m, d).
    direction : ndarray of shape (d,)
        Unit vector along the line.
    noise : float
        Rounding error of a value.
    rng : numpy.random.Generator
        For orders and checks.
    settings : KinkSettings
        Numbers that no caller sets.
    ask_along : bool
        Whether the direction of the line is asked in as well, in place of the slopes there.

    Attributes
    ----------
    queries : list of GradientQueries
        What each gradient comes from.
    """

    def __init__(
        self,
        values: Callable[[Float64Array], Float64Array],
        direction: Float64Array,
        noise: float,
        rng: np.random.Generator,
        settings: KinkSettings = DISTILLATION_SETTINGS.kinks,
        *,
        ask_along: bool = False,
    ) -> None:
        self._values, self._direction, self._rng, self._settings = values, direction, rng, settings
        self._basis = _orthogonal_complement(direction)
        self._ask_along = ask_along
        if ask_along:
            self._basis = np.vstack([self._basis, direction])
        self.queries: list[GradientQueries] = []
        self._tolerance = settings.check_slack * noise

    @property
    def directions(self) -> Float64Array:
        """Orthonormal directions (m, d) that are asked in."""
        return self._basis

    def __call__(
        self, bases: Float64Array, distances: Float64Array, slopes: Float64Array, limits: Float64Array | None = None
    ) -> Float64Array:
        """Gradients (n, q, d) at bases (n, d) at some distances from the next kink; slopes (n, q) along the line.

        No step is longer than ``limits`` (n, m) in each direction.
        """
        at_once = max(1, self._settings.rows_at_once // len(self._direction))
        parts = [slice(first, first + at_once) for first in range(0, len(bases), at_once)]
        across = np.concatenate(
            [self._across(bases[part], distances[part], None if limits is None else limits[part]) for part in parts]
        )
        found = np.einsum("nlq,ld->nqd", across, self._basis)
        return np.asarray(found if self._ask_along else found + slopes[:, :, None] * self._direction)

    def _across(self, bases: Float64Array, distances: Float64Array, limits: Float64Array | None) -> Float64Array:
        """Slopes (n, m, q) in the directions asked in."""
        settings, directions = self._settings, len(self._basis)
        values = self._values(bases)
        slopes = np.zeros((len(bases), directions, values.shape[1]))
        ahead, back = np.full((2, *slopes.shape), np.nan)
        steps = np.zeros(slopes.shape[:2])
        cells = []
        for i, step in enumerate((settings.step * distances).tolist()):
            own = (slopes[i], steps[i], ahead[i], back[i], None if limits is None else limits[i])
            order = self._rng.permutation(directions)
            cells.append(_Cell(i, bases[i], values[i], step, order, settings.first_directions, *own))
        self._ask_all([cell for cell in cells if directions])
        # A hyperplane crossed by a step is mostly not crossed by the one to the other side.
        turned = [cell for cell in cells if cell.flagged]
        for cell in turned:
            cell.turn(settings.first_directions)
        self._ask_all(turned)
        self._repeat([single for cell in turned for single in self._singles(cell)])
        rest = (bases, steps, [self._basis] * len(bases), values, ahead, back)
        self.queries += [GradientQueries(*one) for one in zip(*rest, strict=True)]
        return slopes

    def _ask_all(self, open_: list[_Cell]) -> None:
        """Ask in all directions of some cells, and flag those that crossed a hyperplane."""
        settings = self._settings
        while open_:
            sets = [cell.next() for cell in open_]
            self._ask(open_, sets)
            holds = self._checks(list(zip(open_, sets, strict=True)))
            failed = []
            for cell, chosen, good in zip(open_, sets, holds, strict=True):
                is_first = cell.side > 0 and cell.size <= settings.first_directions
                if good:
                    cell.done += len(chosen)
                    cell.size *= 2
                elif is_first:
                    cell.step /= settings.shrink
                else:
                    failed.append((cell, chosen))
            before = [len(cell.flagged) for cell, _ in failed]
            self._find_crossings(failed)
            for (cell, chosen), n in zip(failed, before, strict=True):
                cell.done += len(chosen)
                if cell.side > 0 and len(cell.flagged) - n > settings.crossed * len(chosen):
                    cell.step /= settings.shrink
                else:
                    cell.size *= 2
            open_ = [cell for cell in open_ if cell.done < len(cell.order)]

    def _singles(self, cell: _Cell) -> list[tuple[_Cell, int, float]]:
        """The directions of a cell that crossed a hyperplane to both sides, and shorter steps."""
        lengths = np.abs(cell.lengths(np.array(cell.flagged, dtype=np.intp))) / self._settings.single_shrink
        return [(cell, j, step) for j, step in zip(cell.flagged, lengths.tolist(), strict=True)]

    def _ask(self, cells: list[_Cell], sets: list[Indices]) -> None:
        """Ask a step away from each base in some directions."""
        rows = [
            cell.base + cell.lengths(chosen)[:, None] * self._basis[chosen]
            for cell, chosen in zip(cells, sets, strict=True)
        ]
        answers = self._values(np.concatenate(rows))
        last = 0
        for cell, chosen in zip(cells, sets, strict=True):
            first, last = last, last + len(chosen)
            lengths = cell.lengths(chosen)
            cell.slopes[chosen] = (answers[first:last] - cell.value) / lengths[:, None]
            cell.ahead[chosen], cell.steps[chosen] = answers[first:last], lengths

    def _checks(self, sets: list[tuple[_Cell, Indices]]) -> list[bool]:
        """Whether the slopes in some directions add up along a mixture of them."""
        rows, expected = [], []
        for cell, chosen in sets:
            mixture = self._rng.choice([-1.0, 1.0], len(chosen)) / np.sqrt(len(chosen))
            if len(chosen) == 1:
                mixture *= -0.5  # not the point that was asked
            mixture *= cell.lengths(chosen)
            rows.append(cell.base + mixture @ self._basis[chosen])
            expected.append(cell.value + mixture @ cell.slopes[chosen])
        off = np.abs(self._values(np.array(rows)) - np.array(expected)).max(axis=1)
        return [bool(good) for good in off <= self._tolerance]

    def _find_crossings(self, failed: list[tuple[_Cell, Indices]]) -> None:
        """Flag the directions that crossed a hyperplane, by halving the sets whose checks failed."""
        few = self._settings.first_directions
        work = [(cell, half) for cell, chosen in failed for half in self._halves(chosen)]
        while work:
            holds = self._checks(work)
            further = []
            for (cell, chosen), good in zip(work, holds, strict=True):
                if not good and len(chosen) <= few:
                    cell.flagged += chosen.tolist()
                elif not good:
                    further += [(cell, half) for half in self._halves(chosen)]
            work = further

    def _halves(self, chosen: Indices) -> list[Indices]:
        return np.array_split(self._rng.permutation(chosen), 2)

    def _repeat(self, singles: list[tuple[_Cell, int, float]]) -> None:
        """Ask in single directions again, to both sides, by shorter and shorter steps until both slopes agree."""
        for attempt in range(self._settings.attempts):
            if not singles:
                return
            rows = np.array(
                [cell.base + side * step * self._basis[j] for cell, j, step in singles for side in (1.0, -1.0)]
            )
            answers = self._values(rows).reshape(len(singles), 2, -1)
            further = []
            for (cell, j, step), (ahead, back) in zip(singles, answers, strict=True):
                cell.slopes[j] = (ahead - back) / (2 * step)
                cell.ahead[j], cell.back[j], cell.steps[j] = ahead, back, step
                is_last = attempt == self._settings.attempts - 1
                if np.abs(ahead + back - 2 * cell.value).max() > self._tolerance and not is_last:
                    further.append((cell, j, step / self._settings.single_shrink))
            singles = further


def _orthogonal_complement(direction: Float64Array) -> Float64Array:
    """An orthonormal basis (d - 1, d) of the vectors orthogonal to a unit vector, from a Householder reflection."""
    normal = direction.copy()
    normal[0] += 1.0 if normal[0] >= 0 else -1.0
    reflection = np.eye(len(direction)) - np.outer(normal, normal) * (2 / (normal @ normal))
    return np.asarray(reflection[1:])

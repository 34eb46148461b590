"""Weak surrogates that are fitted to labelled rows, and targets on their labels: predictions at left-out rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array
from limbeck.distillation.left_out import Basis, members_within, row_blocks
from limbeck.distillation.settings import WeakToStrongSettings

__all__ = ["FAMILIES", "Fitted", "LabelledRows", "Surrogate", "Trial", "trials_of"]

Surrogate = Callable[[Float64Array, Float64Array], Callable[[Float64Array], Float64Array]]
_NO_LIMIT = np.inf


@dataclass(frozen=True, eq=False)
class LabelledRows:
    """Rows X (n, p) with labels y (n,), further rows without, and clusters of those with labels."""

    X: Float64Array
    y: Float64Array
    unlabelled: Float64Array
    members: Sequence[NDArray[np.intp]] | None
    constant: bool
    settings: WeakToStrongSettings

    @cached_property
    def all_rows(self) -> Float64Array:
        """Rows with and without labels."""
        return np.concatenate([self.X, self.unlabelled])

    @property
    def groups(self) -> Sequence[NDArray[np.intp]]:
        """Labelled rows of each cluster, or one by one."""
        return [np.array([i]) for i in range(len(self.y))] if self.members is None else self.members

    @cached_property
    def basis(self) -> Basis:
        """Directions of all rows."""
        return Basis(self.all_rows, len(self.y), self.members, self.constant)

    @cached_property
    def blocks(self) -> NDArray[np.intp]:
        """Number of each labelled row's block, for what has to be refitted."""
        return row_blocks(self.members, len(self.y), self.settings.blocks, self.settings.seed)

    def without(self, rows: NDArray[np.bool_]) -> LabelledRows:
        """Data without some labelled rows, which are whole clusters."""
        kept = np.flatnonzero(~rows)
        members = members_within(self.members, kept)
        return LabelledRows(self.X[kept], self.y[kept], self.unlabelled, members, self.constant, self.settings)

    def target_ridges(self) -> Float64Array:
        """Ridges of a target, and none."""
        s = self.settings
        return np.concatenate([[0.0], self.basis.ridge_sizes(s.target_ridges, s.smallest_target, s.largest_target)])

    def target(self, labels: Float64Array, ridge: float) -> tuple[Float64Array, float]:
        """Coefficients (p,) and constant of a target on labels of all rows; minimum norm without a ridge."""
        basis = self.basis
        mean = labels.mean() if self.constant else 0.0
        below = basis.squares + ridge
        coef = (basis.all_rows[:, 1:].T @ (labels - mean)) / below
        return basis.original(np.concatenate([[mean], coef]))


@dataclass(frozen=True, eq=False)
class Fitted:
    """A target that is trained: what it is called, and its coefficients."""

    coef: Float64Array
    intercept: float

    def __call__(self, X: Float64Array) -> Float64Array:
        """Predictions (m,)."""
        return np.asarray(X @ self.coef + self.intercept)


@dataclass(frozen=True, eq=False)
class Trial:
    """One surrogate with one target on its labels, judged at left-out rows."""

    family: str
    surrogate: str
    ridge: float  # of the target; 0 for the minimum norm
    residuals: Float64Array  # (n,): labels less predictions without each row, or its cluster or block
    fit: Callable[[], Fitted]
    first_ridge: float = 0.0  # of a surrogate that is ridge regression

    @property
    def error(self) -> float:
        """Mean squared error at left-out rows."""
        return float(np.mean(np.square(self.residuals)))


class _Family(Protocol):
    def __call__(self, data: LabelledRows) -> list[Trial]: ...


# ---- Surrogates that are linear in the labels, in the directions of all rows ----


def _spectral(data: LabelledRows, family: str, penalties: Sequence[tuple[str, Float64Array]]) -> list[Trial]:
    """Trials of first stages with these penalties by direction."""
    found = []
    for name, penalty in penalties:
        first = data.basis.first_stage(penalty, data.y)
        if first is None:
            continue
        for ridge in data.target_ridges().tolist():
            coef, predictions = data.basis.second_stage(first, ridge)
            own = float(penalty.max(initial=0.0)) if family == "ridge" else 0.0
            found.append(Trial(family, name, ridge, data.y - predictions, _original(data, coef), own))
    return found


def _original(data: LabelledRows, coef: Float64Array) -> Callable[[], Fitted]:
    return lambda: Fitted(*data.basis.original(coef))


def _principal_components(data: LabelledRows) -> list[Trial]:
    rank = min(data.basis.rank, len(data.y) - 2)
    penalties = []
    for k in _counts(rank, data.settings.sizes):
        penalty = np.full(data.basis.rank, _NO_LIMIT)
        penalty[:k] = 0.0
        penalties.append((f"{k} leading principal component{'s' * (k != 1)}", penalty))
    return _spectral(data, "principal components", penalties)


def _ridges(data: LabelledRows) -> list[Trial]:
    s = data.settings
    sizes = data.basis.ridges_of_labels(s.ridges_per_decade, s.smallest_ridge, s.largest_ridge)
    return _spectral(data, "ridge", [(f"ridge {r:.3g}", np.full(data.basis.rank, r)) for r in sizes.tolist()])


def _early_stopping(data: LabelledRows) -> list[Trial]:
    s, squares = data.settings, data.basis.squares
    scale = len(data.y) / len(data.all_rows)  # of the squares of labelled rows
    penalties = []
    for size in data.basis.ridges_of_labels(s.ridges_per_decade, s.smallest_ridge, s.largest_ridge).tolist():
        # After the time 1 / size, a direction of the square q is fitted to the part 1 - exp(-q / size).
        steps = np.minimum(squares / size, 700.0)
        penalties.append((f"gradient flow of time {1 / size:.3g}", squares * scale / np.expm1(steps)))
    return _spectral(data, "early stopping", penalties)


def _counts(most: int, sizes: int) -> list[int]:
    """Numbers from 1 to a most, all if they are few, else geometric."""
    if most < 1:
        return []
    return sorted({round(k) for k in np.geomspace(1, most, sizes)} | set(range(1, min(most, sizes // 2) + 1)))


# ---- Surrogates that are refitted ----


def _refitted(data: LabelledRows, family: str, named: Sequence[tuple[str, Surrogate]]) -> list[Trial]:
    """Trials of any surrogates, each refitted without every block of rows."""
    found = []
    block, ridges = data.blocks, data.target_ridges().tolist()
    for name, surrogate in named:
        residuals = np.empty((len(ridges), len(data.y)))
        for number in range(int(block.max()) + 1):
            own = block == number
            others = data.without(own)
            labels = np.asarray(surrogate(others.X, others.y)(others.all_rows), dtype=np.float64)
            for k, ridge in enumerate(ridges):
                residuals[k, own] = data.y[own] - Fitted(*others.target(labels, ridge))(data.X[own])
        for ridge, missed in zip(ridges, residuals, strict=True):
            found.append(Trial(family, name, ridge, missed, _trained(data, surrogate, ridge)))
    return found


def _trained(data: LabelledRows, surrogate: Surrogate, ridge: float) -> Callable[[], Fitted]:
    def fit() -> Fitted:
        labels = np.asarray(surrogate(data.X, data.y)(data.all_rows), dtype=np.float64)
        return Fitted(*data.target(labels, ridge))

    return fit


def _selected_features(data: LabelledRows) -> list[Trial]:
    """The features most correlated with the labels, by least squares on them."""
    most = min(data.X.shape[1], len(data.y) // 3)
    counts = _counts(most, data.settings.feature_sizes)
    named = [(f"{k} feature{'s' * (k != 1)} by correlation", _by_correlation(k, data.constant)) for k in counts]
    return _refitted(data, "features", named)


def _by_correlation(count: int, constant: bool) -> Surrogate:
    def surrogate(X: Float64Array, y: Float64Array) -> Callable[[Float64Array], Float64Array]:
        mean, level = (X.mean(axis=0), y.mean()) if constant else (np.zeros(X.shape[1]), 0.0)
        rows = X - mean
        sizes = np.sqrt(np.square(rows).sum(axis=0))
        strength = np.abs(rows.T @ (y - level)) / np.where(sizes > 0, sizes, np.inf)
        chosen = np.argsort(-strength, kind="stable")[:count]
        coef = np.linalg.lstsq(rows[:, chosen], y - level, rcond=None)[0]
        return lambda new: level + (new[:, chosen] - mean[chosen]) @ coef

    return surrogate


FAMILIES: dict[str, _Family] = {
    "principal components": _principal_components,
    "ridge": _ridges,
    "early stopping": _early_stopping,
    "features": _selected_features,
}


def trials_of(data: LabelledRows, families: Sequence[str], named: Sequence[tuple[str, Surrogate]]) -> list[Trial]:
    """Trials of families of surrogates, and of named ones that the caller brings."""
    found = [trial for family in families for trial in FAMILIES[family](data)]
    return found + (_refitted(data, "given", named) if named else [])

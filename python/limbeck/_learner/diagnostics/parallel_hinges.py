"""Parallel neurons as hinges of one direction: places of their kinks, slopes between them, heights of steps."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array
from limbeck._learner.diagnostics.settings import DiagnosticsSettings

__all__ = ["ParallelHinges", "Parts"]


@dataclass(frozen=True)
class Parts:
    """Neurons ``weights[i] * relu(directions[i] @ v - thresholds[i])`` and a linear part ``linear @ v``."""

    weights: Float64Array
    directions: Float64Array
    thresholds: Float64Array
    linear: Float64Array


@dataclass(frozen=True)
class ParallelHinges:
    """Neurons taken as hinges of one direction, and a slope along it.

    The slope rises by ``changes[i]`` at ``moments[i] / changes[i]``; both are linear in the neurons' parameters.

    Attributes
    ----------
    members : ndarray of int of shape (m,)
        Numbers of the neurons in the network.
    direction : ndarray of shape (d,)
        Unit vector.
    signs : ndarray of shape (m,)
        Signs of the output weights.
    sides : ndarray of shape (m,)
        1 for a neuron that is on above its kink, -1 for one that is on below it.
    changes, moments : ndarray of shape (m,)
        Changes of slope, and changes times places.
    linear : float
        Slope of the linear part along the direction.
    groups : tuple of ndarray of int
        Members of each kink, as places in ``members``; kinks rising.
    """

    members: NDArray[np.intp]
    direction: Float64Array
    signs: Float64Array
    sides: Float64Array
    changes: Float64Array
    moments: Float64Array
    linear: float
    groups: tuple[NDArray[np.intp], ...]

    @classmethod
    def of(
        cls, parts: Parts, members: NDArray[np.intp], direction: Float64Array, feature: int | None
    ) -> ParallelHinges:
        """Neurons as hinges of a direction, each with a kink of its own; with a feature, its slope joins them."""
        weights, along = parts.weights[members], parts.directions[members] @ direction
        sides = np.where(along > 0, 1.0, -1.0)
        changes = weights * np.abs(along)
        moments = weights * sides * parts.thresholds[members]
        linear = 0.0 if feature is None else float(parts.linear[feature])
        single = tuple(np.array([i]) for i in np.argsort(moments / changes, kind="stable"))
        return cls(members, direction, np.sign(weights), sides, changes, moments, linear, single)

    @property
    def knots(self) -> Float64Array:
        """Places of the kinks."""
        return np.array([self.moments[g].sum() / self.changes[g].sum() for g in self.groups])

    def value(self, z: Float64Array) -> Float64Array:
        """Values at places along the direction."""
        lines = np.multiply.outer(z, self.changes) - self.moments
        hinges = self.signs * np.maximum(self.signs * self.sides * lines, 0.0)
        return np.asarray(hinges.sum(axis=1) + self.linear * z)

    def with_kinks_joined(self, z: Float64Array, settings: DiagnosticsSettings) -> ParallelHinges:
        """Join kinks with no row between them that amount to one kink there, and drop those that cancel.

        Parameters
        ----------
        z : ndarray of shape (n,)
            Rows along the direction.
        settings : DiagnosticsSettings
            What is rounding.
        """
        at, z = self.knots, np.sort(z)
        groups: list[NDArray[np.intp]] = []
        first = 0
        while first < len(at):
            last = first
            for place in range(first + 1, len(at)):
                slack = settings.same_kink * max(1.0, abs(at[place]))
                if np.searchsorted(z, at[first], "right") < np.searchsorted(z, at[place], "left") and (
                    at[place] - at[first] > slack
                ):
                    break
                some = np.concatenate(self.groups[first : place + 1])
                change, moment = self.changes[some].sum(), self.moments[some].sum()
                cancel = abs(change) <= settings.rounding * np.abs(self.changes[some]).sum()
                # Lines before and behind meet between the kinks: one kink on the rows. Not so two that make a step.
                meet = not cancel and at[first] - slack <= moment / change <= at[place] + slack
                if meet or (cancel and at[place] - at[first] <= slack):
                    last = place
            some = np.concatenate(self.groups[first : last + 1])
            if abs(self.changes[some].sum()) > settings.rounding * np.abs(self.changes[some]).sum():
                groups.append(some)
            first = last + 1
        return replace(self, groups=tuple(groups))

    def slope_gradients(self) -> tuple[Float64Array, Float64Array]:
        """Derivatives of slopes by each neuron's change of slope, (kinks + 1, m), and the slopes."""
        matrix = np.zeros((len(self.groups) + 1, len(self.changes)))
        matrix[:, self.sides < 0] = -1.0  # on from the left
        for place, group in enumerate(self.groups):
            matrix[place + 1 :, group] += 1.0
        return matrix, matrix @ self.changes + self.linear

    def height(self, first: int, last: int) -> float:
        """Height of the line behind some kinks above the line before, both continued to the middle between them."""
        at = np.concatenate(self.groups[first : last + 1])
        middle = self.knots[[first, last]].mean()
        return float((self.changes[at] * middle - self.moments[at]).sum())

"""What a result can say about itself as long as it has its rows: standard errors, what its parts do, smaller widths."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck._inputs import Whitening
from limbeck._model import Fit, Float64Array, Model, Rows, model_of
from limbeck._narrowing import narrowed
from limbeck._reading import Reading, moments_of, read, some_rows
from limbeck._streamed import StreamedRows
from limbeck._tabular import cross_validated
from limbeck._uncertainty import StandardErrors, standard_errors
from limbeck.network import ReLUNetwork
from limbeck.scales import Clump, clump_ladder

__all__ = ["Evidence", "Narrower", "Origin"]

# Parameters up to which a result is printed with its standard errors and with smaller widths: a second or two.
QUICK = 500
_NARROWING_ROWS, _NARROWING_ROWS_PER_PARAMETER = 4000, 12


@dataclass(frozen=True)
class Narrower:
    """What fewer neurons can do.

    Attributes
    ----------
    width : int
        Number of neurons.
    network : ReLUNetwork
        The best of so few that was found by giving up the least needed neurons one by one.
    mse, r2 : float
        Mean squared error and R2 on the rows held out; without such rows, by generalised cross-validation on those
        learned from.
    """

    width: int
    network: ReLUNetwork
    mse: float
    r2: float


@dataclass(frozen=True)
class Origin:
    """How a network came about.

    Attributes
    ----------
    model : Model
        The network in the coordinates it was fitted in.
    rows : Rows
        All rows in these coordinates, with labels in the user's unit.
    original : Rows
        The same rows as the user passed them.
    used, held_out : ndarray of int
        Numbers of the rows learned from and held out.
    joined : bool
        Whether the latter joined the others for the last refinement.
    thresholds, affine : bool
        Whether thresholds, and linear part with bias, were fitted.
    decay : float or ndarray of shape (k + 1,)
        Weight decay of the fit.
    coordinates : Whitening or None
        From the user's rows to those of the fit.
    standard : bool
        Whether features have mean 0 and standard deviation 1 by themselves.
    refined : bool
        Whether the fit is a least-squares one, so that standard errors mean something.
    weighted_validation : bool
        Whether the rows held out count by their weights.
    everything : StreamedRows or None
        All rows, of which ``rows`` are a sample, where they come in blocks.
    decay_of_everything : float or ndarray of shape (k + 1,)
        Weight decay of the fit to them.
    """

    model: Model
    rows: Rows
    original: Rows
    used: NDArray[np.intp]
    held_out: NDArray[np.intp]
    joined: bool
    thresholds: bool
    affine: bool = True
    decay: float | Float64Array = 0.0
    coordinates: Whitening | None = None
    standard: bool = False
    refined: bool = True
    weighted_validation: bool = True
    everything: StreamedRows | None = None
    decay_of_everything: float | Float64Array = 0.0

    @property
    def fitted(self) -> Rows | StreamedRows:
        """The rows of the last refinement."""
        if self.everything is not None:
            return self.everything
        return self.rows if self.joined or not len(self.held_out) else self.rows.part(self.used)


class Evidence:
    """Answers to questions about a network that take its rows, each found once.

    Parameters
    ----------
    network : ReLUNetwork
        On the features as the user passed them.
    origin : Origin
        Its rows are referred to, not copied. Pickling asks the questions, but for those of long answers about smaller
        widths, and leaves the rows behind.
    """

    def __init__(self, network: ReLUNetwork, origin: Origin) -> None:
        self._network = network
        self._origin: Origin | None = origin
        self.quick = origin.model.parameters.size <= QUICK
        self.refined = origin.refined

    @property
    def _rows(self) -> Origin:
        if self._origin is None:
            raise ValueError("the rows that would tell were left behind when this result was pickled")
        return self._origin

    def knows(self, name: str) -> bool:
        """Whether an answer is there, or quickly found."""
        return name in self.__dict__ or (self.quick and self.refined)

    def _require_refined(self, what: str) -> None:
        if not self.refined:
            raise ValueError(f"{what} need a refined network; this one was made with refine=False")

    @cached_property
    def standard_errors(self) -> StandardErrors:
        """Of the parameters of the network."""
        self._require_refined("standard_errors")
        return self._errors(self._rows.coordinates, None)

    def _errors(self, coordinates: Whitening | None, network: ReLUNetwork | None) -> StandardErrors:
        origin = self._rows
        return standard_errors(
            origin.model,
            origin.fitted,
            thresholds=origin.thresholds,
            affine=origin.affine,
            decay=origin.decay if origin.everything is None else origin.decay_of_everything,
            coordinates=coordinates,
            network=network,
        )

    @cached_property
    def reading(self) -> Reading:
        """What each part of the network does, without standard errors."""
        rows, d = self._rows.original, self._network.n_features
        X, weights = some_rows(rows.X, rows.weights)
        means, scales = (np.zeros(d), np.ones(d)) if self._rows.standard else moments_of(X, weights)
        return read(self._network, X, weights, means=means, scales=scales)

    @cached_property
    def reading_with_errors(self) -> Reading:
        """The same with standard errors."""
        reading = self.reading
        if self._rows.standard:
            return replace(reading, errors=self.standard_errors)
        kept = self._rows.coordinates or Whitening(reading.means * 0, np.eye(len(reading.means)))
        matrix = kept.matrix * reading.scales
        to_reading = Whitening((kept.mean - reading.means) / reading.scales, matrix)
        return replace(reading, errors=self._errors(to_reading, reading.network))

    @cached_property
    def narrower(self) -> list[Narrower]:
        """One neuron less at a time, down to the linear part."""
        self._require_refined("narrower networks")
        origin, model = self._rows, self._rows.model
        most = max(_NARROWING_ROWS, _NARROWING_ROWS_PER_PARAMETER * model.parameters.size)
        some = origin.used if len(origin.used) <= most else origin.used[:: -(-len(origin.used) // most)]
        rows, held = origin.rows.part(some), origin.rows.part(origin.held_out)
        if not origin.weighted_validation:
            held = replace(held, weights=None)
        fit = Fit(thresholds=origin.thresholds, n_threads=rows.n_threads)
        decay, found = origin.decay, []
        for width in range(model.width - 1, -1, -1):
            model, decay = narrowed(model, rows, fit, width, decay)
            error, variance = _judged(model, rows, held, decay)
            network = model.network()
            if origin.coordinates is not None:
                network = origin.coordinates.pull_back(network).normalized()
            found.append(Narrower(width, network, error, 1 - error / variance if variance else np.nan))
        return found

    def priced_clumps(self) -> list[Clump]:
        """The ladder of clumps, with what collapsing each of them would change."""
        rows, reading = self._rows.original, self.reading
        X, weights = some_rows(rows.X, rows.weights)
        if not self._rows.standard:
            X = (X - reading.means) / reading.scales
        model = model_of(reading.network)
        values = model(X, rows.n_threads)
        ladder = []
        for clump in clump_ladder(model.directions):
            change = 0.0
            if len(clump.members) > 1:
                others = [[i] for i in range(model.width) if i not in clump.members]
                merged = model.merged([list(clump.members), *others])
                change = float(np.average(np.square(values - merged(X, rows.n_threads)), weights=weights))
            ladder.append(replace(clump, cost=change / rows.variance))
        return ladder

    def __deepcopy__(self, memo: dict[int, Any]) -> Evidence:
        return self  # nothing of it changes but by finding an answer

    def __getstate__(self) -> dict[str, Any]:
        if self._origin is not None:
            _ = self.reading
            if self.refined:
                _ = self.standard_errors, self.reading_with_errors
            if self.knows("narrower"):
                _ = self.narrower
        return {**self.__dict__, "_origin": None, "quick": False}


def _judged(model: Model, rows: Rows, held: Rows, decay: Float64Array) -> tuple[float, float]:
    """Mean squared error and variance of the labels on the rows held out, or else cross-validated on those fitted."""
    if len(held):
        return float(held.errors(model).mean()), held.variance if np.ptp(held.y) else 0.0
    return cross_validated(model, decay, rows), rows.variance

"""Diagnostics of a fitted network from its training rows: standard errors, what its parts do, smaller widths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array
from limbeck._base.prediction_range import PredictionRange
from limbeck._learner.diagnostics.curve_errors import with_errors
from limbeck._learner.diagnostics.reading import Reading, in_deviations, moments_of, read, some_rows
from limbeck._learner.diagnostics.settings import DIAGNOSTICS, DiagnosticsSettings
from limbeck._learner.diagnostics.standard_errors import FittedErrors, StandardErrors
from limbeck._learner.model.clumps import Clump, clump_ladder
from limbeck._learner.model.coordinates import Whitening
from limbeck._learner.model.model import Model, model_of
from limbeck._learner.model.pruning import pruned
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows
from limbeck._learner.streaming.rows import StreamedRows
from limbeck._learner.tabular.cross_validation import (
    FEWEST_HELD_OUT,
    CrossValidation,
    LineComparison,
    Refit,
    can_be_refitted,
    cross_validate,
)
from limbeck._learner.tabular.evidence import generalized_cross_validation
from limbeck._learner.tabular.sparse_model import SparseRefinement
from limbeck.network import ReLUNetwork

__all__ = ["Diagnostics", "FitRecord", "PrunedNetwork"]

# Rows on which the costs of clumps are measured: as many as keep the values of all neurons in 16 MB, and enough for two
# digits.
_CLUMP_VALUES, _CLUMP_ROWS = 1 << 21, 2000


@dataclass(frozen=True)
class PrunedNetwork:
    """A network of fewer neurons, and how good it is.

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
class FitRecord:
    """How a network came about.

    Attributes
    ----------
    model : Model
        The network in the coordinates it was fitted in.
    rows : Rows
        All rows in these coordinates, with labels in the user's unit.
    original : Rows
        All rows as the user passed them.
    used, held_out : ndarray of int
        Numbers of the rows learned from and held out.
    joined : bool
        Whether the rows held out joined the others for the last refinement.
    thresholds, has_linear_part : bool
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
    refit : callable or None
        Repeats the search on other rows; None: it may not be repeated.
    keeps_zeros : bool
        Whether weights that are zero are no parameters.
    is_mean : bool
        Whether the network is a mean of several, and so none of least squares.
    prediction_range : PredictionRange or None
        Where predictions are kept; R2 on the rows held out counts it.
    """

    model: Model
    rows: Rows
    original: Rows
    used: NDArray[np.intp]
    held_out: NDArray[np.intp]
    joined: bool
    thresholds: bool
    has_linear_part: bool = True
    decay: float | Float64Array = 0.0
    coordinates: Whitening | None = None
    standard: bool = False
    refined: bool = True
    weighted_validation: bool = True
    everything: StreamedRows | None = None
    decay_of_everything: float | Float64Array = 0.0
    refit: Callable[[Rows], Refit] | None = None
    keeps_zeros: bool = False
    is_mean: bool = False
    prediction_range: PredictionRange | None = None

    @property
    def fitted(self) -> Rows | StreamedRows:
        """The rows of the last refinement."""
        if self.everything is not None:
            return self.everything
        return self.rows if self.joined or not len(self.held_out) else self.rows.part(self.used)


@dataclass(frozen=True)
class _Widths:
    """Rows and settings that smaller widths are found with, in the coordinates of the fit."""

    start: Model
    rows: Rows
    held: Rows
    fit: Fit
    decay: float | Float64Array
    coordinates: Whitening | None
    bounds: PredictionRange | None

    @classmethod
    def of(cls, record: FitRecord, settings: DiagnosticsSettings) -> _Widths:
        """Copies of the rows held out and of at most some thousand others."""
        most = max(settings.pruning_rows, settings.pruning_rows_per_parameter * record.model.parameters.size)
        some = record.used if len(record.used) <= most else record.used[:: -(-len(record.used) // most)]
        rows, held = record.rows.part(some), record.rows.part(record.held_out)
        if not record.weighted_validation:
            held = replace(held, weights=None)
        fit = SparseRefinement(thresholds=True) if record.keeps_zeros else Fit(thresholds=record.thresholds)
        return cls(record.model, rows, held, fit, record.decay, record.coordinates, record.prediction_range)

    def narrower(self) -> tuple[list[PrunedNetwork], Float64Array]:
        """Networks of one neuron less at a time, and squared errors of the last, the line, on the rows held out."""
        networks, line = [], np.empty(0)
        model, decay = self.start, self.decay
        for width in range(model.width - 1, -1, -1):
            model, decay = pruned(model, self.rows, self.fit, width, decay)
            error, variance = self._error_and_variance(model, decay)
            network = model.network()
            if self.coordinates is not None:
                network = self.coordinates.pull_back(network).normalized()
            networks.append(PrunedNetwork(width, network, error, 1 - error / variance if variance else np.nan))
            line = self._held_errors(model)
        return networks, line

    def _held_errors(self, model: Model) -> Float64Array:
        """Squared errors on the rows held out, as predictions are kept within bounds."""
        residuals = self.held.residuals(model)
        return self.held.errors_of(residuals if self.bounds is None else self.bounds.residuals(residuals, self.held.y))

    def _error_and_variance(self, model: Model, decay: Float64Array) -> tuple[float, float]:
        """Mean squared error and variance of the labels on the rows held out, or cross-validated on those fitted."""
        if len(self.held):
            return float(self._held_errors(model).mean()), self.held.variance if np.ptp(self.held.y) else 0.0
        return generalized_cross_validation(model, decay, self.rows), self.rows.variance


class Diagnostics:
    """Standard errors, parts and smaller widths of a network, each the same whatever was computed before.

    Up to 500 parameters, standard errors are computed at once, and what smaller widths are found from is copied: the
    result keeps no reference to the rows. Beyond, it refers to them, to compute both on first use, and a pickle leaves
    them behind.

    Parameters
    ----------
    network : ReLUNetwork
        The network, on the features as the user passed them.
    record : FitRecord
        How it came about.
    settings : DiagnosticsSettings
        Numbers of rows and parameters.

    Attributes
    ----------
    refined : bool
        Whether the fit is one of least squares, so that there are standard errors and smaller widths.
    is_complete : bool
        Whether there are few enough parameters for these to be computed and printed with the result.
    reading : Reading
        What each part of the network does; with standard errors if these are computed at once.
    clumps : list of Clump
        The ladder of clumps, with what collapsing each of them would change.
    """

    def __init__(self, network: ReLUNetwork, record: FitRecord, settings: DiagnosticsSettings = DIAGNOSTICS) -> None:
        self._network, self._settings = network, settings
        self._record: FitRecord | None = record
        self.is_complete = record.model.parameters.size <= settings.max_printed_parameters
        self.refined = record.refined and not record.is_mean
        self._is_mean = record.is_mean
        self.rows_per_parameter = (len(record.rows) if record.everything is None else record.everything.count) / max(
            1, record.model.parameters.size
        )
        X, weights = some_rows(record.original.X, record.original.weights, settings.reading_rows)
        self.reading = _reading(network, X, weights, record, settings)
        self.clumps = _clumps_with_costs(self.reading, X, weights, record.original)
        self._widths: _Widths | None = None
        self._all: Rows | None = None
        self._refit = record.refit
        if not self.refined or not self.is_complete:
            return
        self._widths = _Widths.of(record, settings)
        if self._refit is not None and len(record.held_out) < FEWEST_HELD_OUT and can_be_refitted(record.original):
            self._all = record.original.part(np.arange(len(record.original)))
        if record.everything is not None:
            record.everything.prepare_standard_errors(record.model)
        if record.everything is None or record.everything.has_standard_errors(record.model):
            errors = _fitted_errors(record, settings)
            self.standard_errors = errors.about(record.coordinates).standard_errors()
            self.reading = _with_errors(self.reading, errors, record)
            self._record = None

    @property
    def _kept_record(self) -> FitRecord:
        if self._record is None:
            raise ValueError("a pickle leaves behind the rows that this takes: ask for it before the result is pickled")
        return self._record

    def _require_refined(self, what: str) -> None:
        if not self.refined:
            made = "is a mean of networks (bag=)" if self._is_mean else "was made with refine=False"
            raise ValueError(f"{what} need a refined network; this one {made}")

    @cached_property
    def standard_errors(self) -> StandardErrors:
        """Standard errors of the parameters of the network."""
        self._require_refined("standard_errors")
        return _fitted_errors(self._kept_record, self._settings).about(self._kept_record.coordinates).standard_errors()

    @property
    def narrower(self) -> list[PrunedNetwork]:
        """Networks of one neuron less at a time, down to the linear part."""
        self._require_refined("narrower networks")
        return self._pruned[0]

    @cached_property
    def _pruned(self) -> tuple[list[PrunedNetwork], Float64Array]:
        return (self._widths or _Widths.of(self._kept_record, self._settings)).narrower()

    @cached_property
    def cross_validation(self) -> CrossValidation | None:
        """Cross-validation with the search repeated, where too few rows were held out to judge by; None elsewhere."""
        if self._all is None or self._refit is None:
            return None
        return cross_validate(self._refit, self._all, self._network.width)

    def line_comparison(self, residuals: Float64Array) -> LineComparison | None:
        """Comparison with a line on rows left out; ``residuals`` (m,) are those of the rows held out."""
        if self.cross_validation is not None:
            return self.cross_validation.line
        if not self.is_complete or not self.refined or len(residuals) < FEWEST_HELD_OUT or self._widths is None:
            return None
        held = self._widths.held
        return LineComparison.of(held.errors_of(residuals), self._pruned[1], held.variance)

    def __deepcopy__(self, memo: dict[int, Any]) -> Diagnostics:
        return self  # nothing of it changes but what is cached

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_record": None}


def _fitted_errors(record: FitRecord, settings: DiagnosticsSettings) -> FittedErrors:
    return FittedErrors(
        record.model,
        record.fitted,
        thresholds=record.thresholds,
        has_linear_part=record.has_linear_part,
        decay=record.decay if record.everything is None else record.decay_of_everything,
        settings=settings,
        keeps_zeros=record.keeps_zeros,
    )


def _reading(
    network: ReLUNetwork,
    X: Float64Array,
    weights: Float64Array | None,
    record: FitRecord,
    settings: DiagnosticsSettings,
) -> Reading:
    d = network.n_features
    means, scales = (np.zeros(d), np.ones(d)) if record.standard else moments_of(X, weights)
    return read(network, X, weights, means=means, scales=scales, settings=settings)


def _with_errors(reading: Reading, errors: FittedErrors, record: FitRecord) -> Reading:
    kept = record.coordinates
    if kept is None:
        kept = Whitening(reading.means * 0, np.eye(len(reading.means)))
    to_reading = Whitening((kept.mean - reading.means) / reading.scales, kept.matrix * reading.scales)
    joint = errors.about(to_reading, reading.network)
    return replace(reading, errors=joint.standard_errors(), curves=with_errors(reading.curves, reading.parts, joint))


def _clumps_with_costs(reading: Reading, X: Float64Array, weights: Float64Array | None, rows: Rows) -> list[Clump]:
    """The ladder of clumps, and the change over the variance of the labels if one neuron stood in for each.

    The change is that on some of the rows, X with their weights; the variance that of all.
    """
    model = model_of(reading.network)
    X, weights = some_rows(X, weights, max(_CLUMP_ROWS, _CLUMP_VALUES // max(1, model.width)))
    X = in_deviations(X, reading.means, reading.scales)
    nothing = np.zeros_like(model.parameters[-1:])
    ladder, sums = [], dict[int, Float64Array]()  # by the first neuron of each clump: the values of all its neurons
    for clump in clump_ladder(model.directions):
        own = list(clump.members)
        clump_alone = Model(model.signs[own], np.vstack([model.parameters[own], nothing]))
        if len(own) == 1:
            sums[own[0]] = clump_alone(X, rows.n_threads)
            ladder.append(replace(clump, cost=0.0))
            continue
        total = sum((sums.pop(i) for i in own if i in sums), np.zeros(len(X)))
        change = np.square(total - clump_alone.merged([list(range(len(own)))])(X, rows.n_threads))
        sums[own[0]] = total
        ladder.append(replace(clump, cost=float(np.average(change, weights=weights)) / rows.variance))
    return ladder

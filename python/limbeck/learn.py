"""From data to a network of a few neurons: the learner and its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck._arrays import integer, matrix, require_finite, row_weights, same_length, thread_count, vector
from limbeck._gaussian import learn_gaussian, noise_variance, refined, without_needless_affine_part
from limbeck._inputs import INPUTS, MOST_ROWS, Whitening, detect_inputs, standardization, whitening
from limbeck._model import Fit, Float64Array, Model, Rows, model_of
from limbeck._progress import Progress
from limbeck._tabular import fit_any
from limbeck._uncertainty import StandardErrors, standard_errors
from limbeck.network import ReLUNetwork
from limbeck.scales import Clump, clump_ladder
from limbeck.subspace import Subspace

__all__ = ["Learned", "learn"]

FEWEST_ROWS = 10
# Squares beyond these sizes of y overflow or vanish in float64.
LARGEST, SMALLEST = 1e150, 1e-150
_CLUMP_ROWS = 20_000


@dataclass(frozen=True)
class Learned:
    """What :func:`learn` found.

    Attributes
    ----------
    network : ReLUNetwork
        The network, on inputs as they were passed.
    inputs : str
        How the inputs were treated: "standard", "gaussian" or "any".
    validation_mse, validation_r2 : float
        Mean squared error and R2 on rows held out from everything else (NaN without such rows). For Gaussian inputs
        they join the others afterwards, for a last refinement of the same neurons.
    validation_targets, validation_residuals : ndarray of shape (n_validation,)
        Labels of those rows, and labels less predictions.
    noise_variance : float
        Estimated variance of the label noise: squared residuals of the rows fitted, over their number less that of the
        parameters (NaN without rows to spare); for ``inputs="any"``, the generalised cross-validation error, of which
        the noise is a part.
    clumps : list of Clump
        Which neurons look like one at which angle, finest first, and what it would cost to collapse them.
    subspace : Subspace or None
        Span that the moments showed, in whitened coordinates for ``inputs="gaussian"``; None for ``inputs="any"``.
    history : list of dict
        Stage, neurons, error over the variance of the labels, and seconds, for every network tried.
    timings : dict
        Seconds by stage.
    stopped_early : bool
        Whether the time limit cut the search short.
    """

    network: ReLUNetwork
    inputs: str
    validation_mse: float
    validation_r2: float
    validation_targets: Float64Array
    validation_residuals: Float64Array
    noise_variance: float
    clumps: list[Clump]
    subspace: Subspace | None
    history: list[dict[str, Any]] = field(repr=False)
    timings: dict[str, float] = field(repr=False)
    stopped_early: bool = False
    _errors: Callable[[], StandardErrors] | StandardErrors | None = field(default=None, repr=False, compare=False)

    @property
    def standard_errors(self) -> StandardErrors:
        """Standard errors of the network's parameters in sandwich form, computed when first asked for.

        Until then the result keeps a reference to the rows it was learned from, which must not be changed; pickling
        computes them. After ``stopped_early`` they are those of a refinement that had come to its end.

        Raises
        ------
        ValueError
            The result has none: it was made without refinement.
        """
        if callable(self._errors):
            object.__setattr__(self, "_errors", self._errors())
        if self._errors is None:
            raise ValueError("standard_errors need a refined network; this one was made with refine=False")
        return self._errors  # type: ignore[return-value]

    def __getstate__(self) -> dict[str, Any]:
        if callable(self._errors):
            _ = self.standard_errors
        return dict(self.__dict__)

    @property
    def width(self) -> int:
        """Number of neurons."""
        return self.network.width

    def __str__(self) -> str:
        net = self.network
        lines = [
            f"{net.width} neurons, {net.n_features} features, inputs treated as {self.inputs}",
            f"validation R2 {self.validation_r2:.6g} (mean squared error {self.validation_mse:.4g} on "
            f"{len(self.validation_targets)} rows), noise variance {self.noise_variance:.4g}",
        ]
        if net.width:
            lines.append(f"{'neuron':>6} {'output':>12} {'threshold':>12}  largest weights (feature: weight)")
        for i in range(net.width):
            top = np.argsort(-np.abs(net.weights[i]))[:4]
            features = ", ".join(f"{j}: {net.weights[i, j]:+.3f}" for j in top)
            lines.append(f"{i:>6} {net.output[i]:>12.5g} {net.thresholds[i] + 0.0:>12.4g}  {features}")
        if self.stopped_early:
            lines.append("stopped early: the time limit was reached, this is the best so far")
        return "\n".join(lines)


def learn(
    X: ArrayLike,
    y: ArrayLike,
    width: int | None = None,
    *,
    max_width: int = 16,
    inputs: str = "auto",
    refine: bool = True,
    validation: float = 0.1,
    sample_weight: ArrayLike | None = None,
    seed: int | np.random.Generator = 0,
    progress: bool = False,
    callback: Callable[[str, int, float], None] | None = None,
    time_limit: float | None = None,
    n_threads: int | None = None,
) -> Learned:
    """Learn a sum of a few ReLUs, with a linear part, from data.

    For Gaussian inputs: the span of the neurons' directions from Hermite moments of orders 1, 2, 4 and 6 against a null
    band, neurons inside the span from several sources of candidates, clumps of near-collinear neurons resolved scale by
    scale, and Levenberg-Marquardt in all dimensions (after Chen, Dou, Goel, Klivans and Meka, COLT 2023, arXiv
    2304.10524). The linear part is left out where turning neurons round leaves only noise of it; thresholds are fitted
    where the rows clearly ask for them, and for estimated means. For any other inputs: hinges of features, moments and
    random directions chosen one by one, refined together under weight decays that the rows set by their evidence, the
    width by generalised cross-validation.

    Parameters
    ----------
    X : array_like of shape (n, d)
        Inputs, at least 10 rows; computed in float64.
    y : array_like of shape (n,)
        Labels.
    width : int, optional
        Number of neurons; for Gaussian inputs an upper bound: fewer are returned where fewer do as well. None: chosen
        from the data.
    max_width : int, default 16
        Largest number of neurons when ``width`` is None.
    inputs : {"auto", "standard", "gaussian", "any"}, default "auto"
        "standard": x ~ N(0, I). "gaussian": mean and covariance are estimated. "any": real data. "auto" tests which.
    refine : bool, default True
        False: the moment method alone, without any refinement, to study it; for Gaussian inputs.
    validation : float, default 0.1
        Fraction of the rows that is held out for ``validation_r2`` alone; 0 for none.
    sample_weight : array_like of shape (n,), optional
        Weights of the rows, at least 0; only their ratios matter. Rows of weight 0 are left out.
    seed : int or numpy.random.Generator, default 0
        Source of randomness; the same seed gives the same result, bit by bit, for any number of threads.
    progress : bool, default False
        Keep a line on stderr up to date, by tqdm where it is installed.
    callback : callable, optional
        Called as ``callback(stage, neurons, error)`` for every network tried, with the error over the variance of y.
    time_limit : float, optional
        Seconds after which the best network so far is returned; ``stopped_early`` then says so.
    n_threads : int, optional
        Number of threads; default what OpenMP would take.

    Returns
    -------
    Learned

    Raises
    ------
    TypeError
        An argument has the wrong type.
    ValueError
        Shapes disagree, there are too few rows, y is constant or so large or small that its square leaves float64,
        weights are negative, or X, y or the weights hold NaN or infinity.

    Examples
    --------
    >>> import limbeck
    >>> planted = limbeck.datasets.make_narrow_network("generic", 20, 3, seed=0)
    >>> X, y = limbeck.datasets.sample(planted, 10_000, seed=1)
    >>> found = limbeck.learn(X, y, 3)
    >>> found.network.distance(planted) < 1e-20
    True
    """
    X = matrix(X, "X", np.float64)
    y = vector(y, "y", np.float64)
    same_length(X, "X", 0, y, "y", 0, "rows")
    require_finite(thread_count(n_threads), X=X, y=y)
    _check_options(X, width, max_width, inputs, refine, validation, time_limit)
    rows = _weighted_rows(X, y, sample_weight, thread_count(n_threads))
    _check_labels(rows.y)
    tell = Progress(callback, progress, time_limit)
    fit = Fit(tolerance=1e-4, n_threads=rows.n_threads, deadline=tell.deadline)
    rng = np.random.default_rng(seed)
    held_out, used = _split(len(rows), validation, rng)
    if len(used) < FEWEST_ROWS:
        raise ValueError(f"validation={validation!r} leaves {len(used)} of {len(rows)} rows to learn from, too few")
    tell.enter("inputs")
    kind = detect_inputs(rows.X[used[:MOST_ROWS]], n_threads) if inputs == "auto" else inputs
    if kind == "any" and not refine:
        raise ValueError("refine=False is the moment method, for Gaussian inputs; these are not: see inputs")
    coordinates = None if kind == "standard" else _coordinates(rows.X[used], kind, n_threads)
    # A power of two: no digit of y changes.
    unit = 2.0 ** np.round(np.log2(np.abs(rows.y).max()))
    inner = Rows(rows.X if coordinates is None else coordinates(rows.X), rows.y / unit, rows.weights, rows.n_threads)
    decay: float | Float64Array = 0.0
    subspace, thresholds, affine = None, True, True
    if kind == "any":
        tell.enter("widths")
        model, noise, decay = _learn_any(inner.part(used), width, max_width, fit, tell, rng)
    else:
        # Kinks at an estimated mean are off by its error: thresholds make up for that.
        fit = fit.changed(thresholds=kind == "gaussian" and refine)
        masked = _without(inner, held_out)
        model, subspace, thresholds = learn_gaussian(masked, used, width, max_width, refine, fit, tell, rng)
    held = inner.part(held_out)
    residuals = held.residuals(model)
    r2 = 1 - float(held.errors_of(residuals).mean()) / held.variance if len(held) and np.ptp(held.y) else np.nan
    if kind != "any":
        if refine and len(held_out):
            model = refined(model, inner, fit.changed(thresholds=thresholds), tell)
        if refine and not thresholds:
            model, affine = without_needless_affine_part(model, inner, tell)
        noise = noise_variance(model, inner, affine, thresholds)
    model = Model(model.signs, model.parameters * unit)
    fitted = replace(inner, y=rows.y)
    if kind == "any":
        fitted = fitted.part(used)
    network = model.network()
    if coordinates is not None:
        network = coordinates.pull_back(network).normalized()
    tell.finish()
    return Learned(
        network=network,
        inputs=kind,
        validation_mse=float(held.errors_of(residuals).mean()) * unit**2 if len(held) else np.nan,
        validation_r2=r2,
        validation_targets=rows.y[held_out],
        validation_residuals=residuals * unit,
        noise_variance=noise * unit**2,
        clumps=priced_clumps(network, rows),
        subspace=subspace,
        history=tell.history,
        timings=tell.timings,
        stopped_early=tell.stopped_early,
        _errors=partial(
            standard_errors,
            model,
            fitted,
            thresholds=thresholds,
            affine=affine,
            decay=decay,
            coordinates=coordinates,
        )
        if refine
        else None,
    )


def _weighted_rows(X: Float64Array, y: Float64Array, sample_weight: ArrayLike | None, n_threads: int) -> Rows:
    """The rows of positive weight."""
    if sample_weight is None:
        return Rows(X, y, n_threads=n_threads)
    weights = row_weights(sample_weight, X, n_threads)
    if weights.any():
        weights = weights / weights.max()  # so that no sum overflows
    kept = weights > 0
    if np.count_nonzero(kept) < FEWEST_ROWS:
        raise ValueError(
            f"sample_weight must be positive in {FEWEST_ROWS} rows or more, is in {np.count_nonzero(kept)} of {len(X)}"
        )
    if not kept.all():
        X, y, weights = X[kept], y[kept], weights[kept]
    return Rows(X, y, weights / weights.mean(), n_threads)


def _without(rows: Rows, held_out: NDArray[np.intp]) -> Rows:
    """The rows with no weight for those held out: no copy of the rest is needed."""
    if not len(held_out):
        return rows
    weights = np.ones(len(rows)) if rows.weights is None else rows.weights.copy()
    weights[held_out] = 0.0
    return replace(rows, weights=weights)


def priced_clumps(network: ReLUNetwork, rows: Rows) -> list[Clump]:
    """The ladder of clumps, with what collapsing each of them would change."""
    model = model_of(network)
    few = rows.part(slice(_CLUMP_ROWS))
    values = model(few.X, few.n_threads)
    ladder = []
    for clump in clump_ladder(network.weights):
        merged = model.merged([list(clump.members), *([i] for i in range(model.width) if i not in clump.members)])
        change = values - merged(few.X, few.n_threads)
        ladder.append(replace(clump, cost=float(np.mean(np.square(change))) / rows.variance if clump.scale else 0.0))
    return ladder


def _check_options(
    X: Float64Array,
    width: int | None,
    max_width: int,
    inputs: str,
    refine: bool,
    validation: float,
    time_limit: float | None,
) -> None:
    if len(X) < FEWEST_ROWS or X.shape[1] == 0:
        raise ValueError(f"X must have at least {FEWEST_ROWS} rows and one feature, got shape {X.shape}")
    if not isinstance(refine, bool | np.bool_):
        raise TypeError(f"refine must be True or False, got {refine!r}")
    if width is not None:
        integer(width, "width", at_least=0)
    integer(max_width, "max_width", at_least=0)
    if inputs not in INPUTS:
        raise ValueError(f"inputs must be one of {', '.join(INPUTS)}; got {inputs!r}")
    if not 0 <= validation < 1:
        raise ValueError(f"validation is a fraction of the rows, at least 0 and below 1; got {validation!r}")
    if time_limit is not None and not time_limit > 0:
        raise ValueError(f"time_limit must be positive or None, got {time_limit!r}")


def _check_labels(y: Float64Array) -> None:
    if np.ptp(y) == 0:
        raise ValueError(f"y is constant ({y[0]:g}): there is nothing to learn")
    size = max(abs(float(y.max())), abs(float(y.min())))
    if not SMALLEST <= size <= LARGEST:
        raise ValueError(
            f"the largest |y| is {size:g}, whose square leaves float64; scale y to between 1e-150 and 1e150"
        )


def _split(n: int, fraction: float, rng: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row numbers held out and used, each in rising order."""
    count = round(fraction * n)
    order = rng.permutation(n)
    return np.sort(order[:count]), np.sort(order[count:])


def _coordinates(X: Float64Array, kind: str, n_threads: int | None) -> Whitening:
    """The change of coordinates that the learner of this kind works in, from the rows to learn from."""
    if not np.ptp(X, axis=0).any():
        raise ValueError("X is constant in every feature: there is nothing to learn from")
    return whitening(X, n_threads) if kind == "gaussian" else standardization(X)


def _learn_any(
    rows: Rows, width: int | None, max_width: int, fit: Fit, tell: Progress, rng: np.random.Generator
) -> tuple[Model, float, Float64Array]:
    """Standardise the labels, learn, and undo it; with the cross-validated error and the weight decays."""
    mean, scale = float(rows.y.mean()), float(rows.y.std()) or 1.0
    found = fit_any(replace(rows, y=(rows.y - mean) / scale), width, max_width, fit, tell, rng)
    parameters = scale * found.model.parameters
    parameters[-1, -1] += mean
    return Model(found.model.signs, parameters), found.error * scale**2, found.decay

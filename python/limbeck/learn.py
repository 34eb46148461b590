"""From data to a network of a few neurons: the learner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck._affine import turned
from limbeck._arrays import integer, matrix, require_finite, row_weights, same_length, thread_count, vector
from limbeck._evidence import Evidence, Origin
from limbeck._frames import feature_names as names_of_features
from limbeck._frames import require_same_order
from limbeck._frames import target_name as name_of_target
from limbeck._gaussian import learn_gaussian, noise_variance, refined, without_needless_affine_part
from limbeck._inputs import INPUTS, MOST_ROWS, Whitening, detect_inputs, standardization, whitening
from limbeck._learned import Learned
from limbeck._model import Fit, Float64Array, Model, Rows
from limbeck._progress import Progress
from limbeck._tabular import fit_any

__all__ = ["Learned", "learn"]

FEWEST_ROWS = 10
# Squares beyond these sizes of y overflow or vanish in float64.
LARGEST, SMALLEST = 1e150, 1e-150


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
    feature_names: Sequence[str] | None = None,
    target_name: str | None = None,
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
    X : array_like or data frame of shape (n, d)
        Inputs, at least 10 rows; computed in float64.
    y : array_like of shape (n,)
        Labels, in the order of the rows.
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
        Source of randomness; the same seed gives the same result, bit by bit, for any ``n_threads``. (Inputs of any
        distribution go through NumPy's BLAS as well, whose own number of threads may change the rounding.)
    progress : bool, default False
        Keep a line on stderr up to date, by tqdm where it is installed.
    callback : callable, optional
        Called as ``callback(stage, neurons, error)`` for every network tried, with the error over the variance of y.
    time_limit : float, optional
        Seconds after which the best network so far is returned; ``stopped_early`` then says so.
    feature_names : sequence of str, optional
        What the result calls the features; default the names of X's columns, or "x0", "x1", ...
    target_name : str, optional
        What the result calls the label; default the name of y, or "y".
    n_threads : int, optional
        Number of threads; default what OpenMP would take.

    Returns
    -------
    Learned
        It refers to X and y, which must not be changed until its ``standard_errors``, ``reading`` and ``narrower`` have
        been asked for: they are computed then.

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
    require_same_order(X, y)
    require_same_order(X, sample_weight, "sample_weight")
    table, target = X, name_of_target(target_name, y)
    X = matrix(X, "X", np.float64)
    y = vector(y, "y", np.float64)
    names = names_of_features(feature_names, table, X.shape[1])
    same_length(X, "X", 0, y, "y", 0, "rows")
    require_finite(thread_count(n_threads), X=X, y=y)
    _check_options(X, width, max_width, inputs, refine, validation, time_limit)
    rows = _weighted_rows(X, y, sample_weight, thread_count(n_threads))
    _check_labels(rows.y)
    _check_sizes(rows.X, names)
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
    coordinates = None if kind == "standard" else _coordinates(rows.part(used), kind, n_threads)
    # A power of two: no digit of y changes.
    unit = 2.0 ** np.round(np.log2(np.abs(rows.y).max()))
    inner = Rows(rows.X if coordinates is None else coordinates(rows.X), rows.y / unit, rows.weights, rows.n_threads)
    decay: float | Float64Array = 0.0
    subspace, thresholds, affine = None, True, True
    if kind == "any":
        tell.enter("widths")
        found = fit_any(inner.part(used), width, max_width, fit, tell, rng)
        model, noise, decay = turned(found.model), found.error, found.decay
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
        elif refine:
            model = turned(model)
        noise = noise_variance(model, inner, affine, thresholds)
    model = Model(model.signs, model.parameters * unit)
    network = model.network()
    if coordinates is not None:
        network = coordinates.pull_back(network).normalized()
    tell.finish()
    origin = Origin(
        model=model,
        rows=replace(inner, y=rows.y),
        original=rows,
        used=used,
        held_out=held_out,
        joined=kind != "any",
        thresholds=thresholds,
        affine=affine,
        decay=decay,
        coordinates=coordinates,
        standard=kind == "standard",
        refined=bool(refine),
    )
    evidence = Evidence(network, origin)
    return Learned(
        network=network,
        inputs=kind,
        validation_mse=float(held.errors_of(residuals).mean()) * unit**2 if len(held) else np.nan,
        validation_r2=r2,
        validation_targets=rows.y[held_out],
        validation_residuals=residuals * unit,
        noise_variance=noise * unit**2,
        clumps=evidence.priced_clumps(),
        subspace=None if subspace is None else subspace.scaled(unit),
        history=tell.history,
        timings=tell.timings,
        stopped_early=tell.stopped_early,
        feature_names=names,
        target_name=target,
        _evidence=evidence,
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


def _coordinates(rows: Rows, kind: str, n_threads: int | None) -> Whitening:
    """The change of coordinates that the learner of this kind works in, from the rows to learn from."""
    if not np.ptp(rows.X, axis=0).any():
        raise ValueError("X is constant in every feature: there is nothing to learn from")
    return whitening(rows.X, n_threads, rows.weights) if kind == "gaussian" else standardization(rows.X, rows.weights)


def _check_sizes(X: Float64Array, names: tuple[str, ...]) -> None:
    """Features whose squares leave float64 are refused: they would be lost without a word."""
    sizes = np.maximum(X.max(axis=0), -X.min(axis=0))
    wrong = np.flatnonzero((sizes > LARGEST) | ((sizes > 0) & (sizes < SMALLEST)))
    if len(wrong):
        j = int(wrong[0])
        raise ValueError(
            f"X: the largest size in column {names[j]!r} is {sizes[j]:g}, whose square leaves float64; scale it to "
            "between 1e-150 and 1e150"
        )

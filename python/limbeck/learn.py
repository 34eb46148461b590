"""From data to a network of a few neurons: the learner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck._affine import turned
from limbeck._arrays import integer, matrix, require_finite, row_weights, same_length, thread_count, vector
from limbeck._blocks import Blocks, as_blocks, from_arrays
from limbeck._evidence import QUICK, Evidence, Origin
from limbeck._frames import feature_names as names_of_features
from limbeck._frames import require_same_order
from limbeck._frames import target_name as name_of_target
from limbeck._gaussian import (
    learn_gaussian,
    noise_variance,
    refined,
    rows_to_search,
    without_needless_affine_part,
)
from limbeck._inputs import INPUTS, MOST_ROWS, Whitening, detect_inputs, standardization, whitening
from limbeck._learned import Learned
from limbeck._model import Fit, Float64Array, Model, Rows, linear_model
from limbeck._progress import Progress
from limbeck._scan import Scan, scanned
from limbeck._streamed import StreamedRows
from limbeck._tabular import fit_any
from limbeck._warnings import warn
from limbeck.subspace import Subspace

__all__ = ["Learned", "learn"]

FEWEST_ROWS = 10
# Squares beyond these sizes of y overflow or vanish in float64.
LARGEST, SMALLEST = 1e150, 1e-150
_SAMPLE_BYTES = 1 << 27


def learn(
    X: Any,  # noqa: ANN401
    y: Any = None,  # noqa: ANN401
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
    sample_rows: int | None = None,
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
    X : array_like or data frame of shape (n, d), blocks, or dask array or data frame
        Inputs, at least 10 rows; computed in float64. Blocks are a re-iterable of tuples (X, y) or (X, y,
        sample_weight), or anything of :mod:`limbeck.blocks`: they need not fit in memory, nor be on one machine.
    y : array_like of shape (n,), or dask array or series; None for blocks, which carry their own
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
        Seconds after which the best network so far is returned; ``stopped_early`` then says so. Of rows in blocks the
        first pass is always made, and a cluster's passes are not cut short.
    feature_names : sequence of str, optional
        What the result calls the features; default the names of X's columns, or "x0", "x1", ...
    target_name : str, optional
        What the result calls the label; default the name of y, or "y".
    sample_rows : int, optional
        Number of rows, drawn without replacement, that the search is made on where there are more; the network is then
        refined on all of them, in a few passes and in memory that does not grow with them. Default 128 MB of X, or what
        the search for ``max_width`` neurons asks for if that is more. Arrays in memory are treated alike. Rows held out
        for validation are some of the sample, and join the others in the last refinement.
    n_threads : int, optional
        Number of threads; default what OpenMP would take.

    Returns
    -------
    Learned
        It refers to X and y, or to the blocks, which must not be changed until its ``standard_errors``, ``reading`` and
        ``narrower`` have been asked for: they are computed then. (Up to 500 parameters, blocks that are not arrays in
        memory are let go: standard errors are found at once, in a pass of their own.)

    Raises
    ------
    TypeError
        An argument has the wrong type, or blocks can be gone over only once.
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
    _check_options(width, max_width, inputs, refine, validation, time_limit, sample_rows)
    if feature_names is not None:
        names_of_features(feature_names, None, len(feature_names) if hasattr(feature_names, "__len__") else 0)
    threads = thread_count(n_threads)
    options = _Options(width, max_width, inputs, refine, validation, np.random.default_rng(seed), threads)
    tell = Progress(callback, progress, time_limit)
    # Labels in blocks, or of dask, whose arrays have names of another kind, tell theirs when they are read.
    named = None if y is None or hasattr(y, "__dask_graph__") else y
    target = name_of_target(target_name, named)
    source = _blocks_of(X, y, sample_weight, options, sample_rows)
    if source is not None:
        known = None if target_name is None and named is None else target
        return _learn_blocks(source, options, sample_rows, tell, partial(names_of_features, feature_names), known)
    require_same_order(X, y)
    require_same_order(X, sample_weight, "sample_weight")
    table = X
    X = matrix(X, "X", np.float64)
    y = vector(y, "y", np.float64)
    names = names_of_features(feature_names, table, X.shape[1])
    same_length(X, "X", 0, y, "y", 0, "rows")
    _require_enough_rows(*X.shape)
    require_finite(threads, X=X, y=y)
    return _learn_rows(_weighted_rows(X, y, sample_weight, threads), options, tell, names, target)


@dataclass(frozen=True)
class _Options:
    """What the caller asked for; see :func:`learn`."""

    width: int | None
    max_width: int
    inputs: str
    refine: bool
    validation: float
    rng: np.random.Generator
    n_threads: int

    def sample_rows(self, asked: int | None) -> _SampleRows:
        """How many rows a search is made on where there are more."""
        return _SampleRows(asked, self.most)

    @property
    def most(self) -> int:
        """Largest number of neurons."""
        return self.max_width if self.width is None else self.width


@dataclass(frozen=True)
class _SampleRows:
    """Number of rows to search on, as asked for or by the number of features."""

    asked: int | None
    width: int

    def __call__(self, d: int) -> int:
        return self.asked or max(_SAMPLE_BYTES // (8 * max(1, d)), rows_to_search(self.width, d))


@dataclass
class _Found:
    """The outcome of the search, in coordinates of its own, and what it was made on.

    ``rows`` are the user's, ``inner`` the same in those coordinates, labels over ``unit``.
    """

    kind: str
    rows: Rows
    inner: Rows
    unit: float
    coordinates: Whitening | None
    used: NDArray[np.intp]
    held_out: NDArray[np.intp]
    fit: Fit
    model: Model
    subspace: Subspace | None = None
    thresholds: bool = True
    affine: bool = True
    decay: float | Float64Array = 0.0
    decay_of_all: float | Float64Array = 0.0
    noise: float = np.nan


def _learn_rows(rows: Rows, options: _Options, tell: Progress, names: tuple[str, ...], target: str) -> Learned:
    """Learn from rows in memory."""
    _check_labels(float(rows.y.min()), float(rows.y.max()))
    _check_sizes(np.maximum(rows.X.max(axis=0), -rows.X.min(axis=0)), names)
    found = _search(rows, options, tell)
    residuals = found.inner.part(found.held_out).residuals(found.model)
    if found.kind != "any":
        _finish(found, found.inner, options.refine, tell, joining=len(found.held_out) > 0)
    return _learned(found, residuals, None, options, tell, names, target)


def _search(rows: Rows, options: _Options, tell: Progress, *, largest: float | None = None) -> _Found:
    """Find a network on the rows that are not held out.

    If they are a sample of more, ``largest`` is the size of the labels of all.
    """
    n_threads, rng = options.n_threads or None, options.rng
    fit = Fit(tolerance=1e-4, n_threads=rows.n_threads, deadline=tell.deadline)
    held_out, used = _split(len(rows), options.validation, rng)
    if len(used) < FEWEST_ROWS:
        sampled = "" if largest is None else " sampled (see sample_rows)"
        raise ValueError(
            f"validation={options.validation!r} leaves {len(used)} of {len(rows)} rows{sampled} to learn from, too few"
        )
    tell.enter("inputs")
    kind = options.inputs
    if kind == "auto":
        # From all over the rows, which may be sorted.
        kind = detect_inputs(rows.X[used[:: -(-len(used) // MOST_ROWS)]], n_threads)
    if kind == "any" and not options.refine:
        raise ValueError("refine=False is the moment method, for Gaussian inputs; these are not: see inputs")
    coordinates = None if kind == "standard" else _coordinates(rows.part(used), kind, n_threads)
    # A power of two: no digit of y changes.
    unit = 2.0 ** np.round(np.log2(np.abs(rows.y).max() if largest is None else largest))
    inner = Rows(rows.X if coordinates is None else coordinates(rows.X), rows.y / unit, rows.weights, rows.n_threads)
    found = _Found(kind, rows, inner, unit, coordinates, used, held_out, fit, linear_model(inner.n_features))
    if kind == "any":
        tell.enter("widths")
        if largest is not None and len(used) > (most := rows_to_search(options.most, inner.n_features)):
            found.used = used = np.sort(rng.permutation(used)[:most])
        fitted = fit_any(inner.part(used), options.width, options.max_width, fit, tell, rng)
        found.model, found.noise, found.decay = turned(fitted.model), fitted.error, fitted.decay
    else:
        # Kinks at an estimated mean are off by its error: thresholds make up for that.
        found.fit = fit = fit.changed(thresholds=kind == "gaussian" and options.refine)
        masked = _without(inner, held_out)
        found.model, found.subspace, found.thresholds = learn_gaussian(
            masked, used, options.width, options.max_width, options.refine, fit, tell, rng
        )
    return found


def _finish(found: _Found, everything: Rows | StreamedRows, refine: bool, tell: Progress, *, joining: bool) -> None:
    """The last refinement of a network for Gaussian inputs, on all rows, if there are any to join."""
    if refine and joining:
        found.model = refined(found.model, everything, found.fit.changed(thresholds=found.thresholds), tell)
    if refine and not found.thresholds:
        found.model, found.affine = without_needless_affine_part(found.model, everything, tell)
    elif refine:
        found.model = turned(found.model)
    found.noise = noise_variance(found.model, everything, found.affine, found.thresholds)


def _learned(
    found: _Found,
    residuals: Float64Array,
    everything: StreamedRows | None,
    options: _Options,
    tell: Progress,
    names: tuple[str, ...],
    target: str,
) -> Learned:
    """The result in the user's coordinates and units."""
    rows, unit = found.rows, found.unit
    held = found.inner.part(found.held_out)
    mse = float(held.errors_of(residuals).mean()) if len(held) else np.nan
    model = Model(found.model.signs, found.model.parameters * unit)
    network = model.network()
    if found.coordinates is not None:
        network = found.coordinates.pull_back(network).normalized()
    tell.finish()
    origin = Origin(
        model=model,
        rows=replace(found.inner, y=rows.y),
        original=rows,
        used=found.used,
        held_out=found.held_out,
        joined=found.kind != "any" or everything is not None,
        thresholds=found.thresholds,
        affine=found.affine,
        decay=found.decay,
        coordinates=found.coordinates,
        standard=found.kind == "standard",
        refined=bool(options.refine),
        everything=everything,
        decay_of_everything=found.decay_of_all,
    )
    evidence = Evidence(network, origin)
    return Learned(
        network=network,
        inputs=found.kind,
        validation_mse=mse * unit**2,
        validation_r2=1 - mse / held.variance if len(held) and np.ptp(held.y) else np.nan,
        validation_targets=rows.y[found.held_out],
        validation_residuals=residuals * unit,
        noise_variance=found.noise * unit**2,
        clumps=evidence.priced_clumps(),
        subspace=None if found.subspace is None else found.subspace.scaled(unit),
        history=tell.history,
        timings=tell.timings,
        stopped_early=tell.stopped_early,
        feature_names=names,
        target_name=target,
        _evidence=evidence,
    )


# ---- Rows in blocks ----


def _blocks_of(X: Any, y: Any, sample_weight: Any, options: _Options, sample_rows: int | None) -> Any:  # noqa: ANN401
    """What is gone over in blocks, with a method ``total``; None for arrays that may be searched on as they are."""
    if y is None:
        if sample_weight is not None:
            raise TypeError("sample_weight comes in the blocks, as (X, y, sample_weight)")
        return as_blocks(X)
    if isinstance(y, int | np.integer):
        raise TypeError(f"y is the number {y}: labels, or None for blocks; a width is passed as width={y}")
    if isinstance(X, Blocks) or hasattr(X, "total"):
        raise TypeError("y must be None where X is blocks: they carry their labels")
    if hasattr(X, "__dask_graph__") or hasattr(y, "__dask_graph__"):
        from limbeck._dask import DaskBlocks

        return DaskBlocks(X, y, sample_weight, n_threads=options.n_threads or None)
    if not hasattr(X, "shape"):
        X = matrix(X, "X")
    n, d = X.shape if len(X.shape) == 2 else (0, 0)
    if not options.refine or n <= options.sample_rows(sample_rows)(d):
        return None
    if sample_weight is not None:
        weights = row_weights(sample_weight, np.broadcast_to(np.float64(0), (n, d)), options.n_threads)
        sample_weight = weights / (weights.max() or 1.0)  # only their ratios matter
    return from_arrays(X, y, sample_weight)


def _learn_blocks(
    source: Any,  # noqa: ANN401
    options: _Options,
    sample_rows: int | None,
    tell: Progress,
    names_of: Callable[[Any, int], tuple[str, ...]],
    target: str | None,
) -> Learned:
    """Search on a sample of the rows, or on all of them if they are no more, and refine on all of them."""
    tell.enter("rows")
    scan = scanned(source, options.sample_rows(sample_rows), options.rng, options.n_threads, tell)
    d = 0 if scan.low is None else len(scan.low)
    _require_enough_rows(scan.count, d)
    assert scan.low is not None
    assert scan.high is not None
    names = names_of(None if scan.names is None else SimpleNamespace(columns=scan.names), d)
    target = target or scan.target
    X, y, weights = scan.sample.in_order()
    if len(y) == scan.count:
        same = _weighted_rows(X, y, weights if scan.weighted else None, options.n_threads)
        return _learn_rows(same, options, tell, names, target)
    if not options.refine:
        raise ValueError(
            f"refine=False needs all rows in memory: there are {scan.n_rows}, and sample_rows allows {len(y)}"
        )
    _check_labels(scan.least, scan.largest)
    _check_sizes(np.maximum(scan.high, -scan.low), names)
    sample = _weighted_rows(X, y, weights if scan.weighted else None, options.n_threads)
    _check_sample(sample, scan, names)
    found = _search(sample, options, tell, largest=max(abs(scan.least), abs(scan.largest)))
    residuals = found.inner.part(found.held_out).residuals(found.model)
    tell.enter("refine")
    everything = StreamedRows(source, scan, found.coordinates, found.unit, found.inner, tell)
    if found.kind != "any":
        _finish(found, everything, True, tell, joining=True)
    else:
        # What the rows determine grows with their number, and a decay beside it is the less.
        found.decay_of_all = found.decay * (len(found.used) / scan.count)
        fit = found.fit.changed(thresholds=True, decay=found.decay_of_all)
        if not tell.out_of_time():
            model, _ = everything.refined(found.model, fit, tolerance=fit.tolerance)
            found.model = turned(model)
        found.noise = noise_variance(found.model, everything, True, True)
    if found.model.parameters.size <= QUICK and not getattr(source, "in_memory", False):
        everything.prepare_standard_errors(Model(found.model.signs, found.model.parameters * found.unit))
    return _learned(found, residuals, everything, options, tell, names, target)


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


def _require_enough_rows(n: int, d: int) -> None:
    if n < FEWEST_ROWS or d == 0:
        raise ValueError(f"X must have at least {FEWEST_ROWS} rows and one feature, got shape {(n, d)}")


def _check_options(
    width: int | None,
    max_width: int,
    inputs: str,
    refine: bool,
    validation: float,
    time_limit: float | None,
    sample_rows: int | None,
) -> None:
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
    if sample_rows is not None:
        integer(sample_rows, "sample_rows", at_least=FEWEST_ROWS)


def _check_labels(least: float, largest: float) -> None:
    if least == largest:
        raise ValueError(f"y is constant ({least:g}): there is nothing to learn")
    size = max(abs(least), abs(largest))
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


def _check_sample(sample: Rows, scan: Scan, names: tuple[str, ...]) -> None:
    """What varies in all rows should vary in the sample, too: on other columns nothing can be found."""
    if not np.ptp(sample.y):
        raise ValueError(
            f"y is constant ({sample.y[0]:g}) in the {len(sample)} rows sampled of {scan.count}: raise sample_rows"
        )
    assert scan.low is not None
    assert scan.high is not None
    lost = np.flatnonzero((scan.low < scan.high) & (np.ptp(sample.X, axis=0) == 0))
    if len(lost):
        listed = ", ".join(names[j] for j in lost[:5]) + (", ..." if len(lost) > 5 else "")
        warn(
            f"X: {listed} vary in all {scan.count} rows but not in the {len(sample)} sampled, and count as constant: "
            "raise sample_rows",
            UserWarning,
        )


def _check_sizes(sizes: Float64Array, names: tuple[str, ...]) -> None:
    """Features whose squares leave float64 are refused: they would be lost without a word."""
    wrong = np.flatnonzero((sizes > LARGEST) | ((sizes > 0) & (sizes < SMALLEST)))
    if len(wrong):
        j = int(wrong[0])
        raise ValueError(
            f"X: the largest size in column {names[j]!r} is {sizes[j]:g}, whose square leaves float64; scale it to "
            "between 1e-150 and 1e150"
        )

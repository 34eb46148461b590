"""Learning from rows in blocks: a search on a sample, and a refinement on all rows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from limbeck._base.arrays import row_weights, thread_count
from limbeck._base.frames import feature_names
from limbeck._base.progress import Progress
from limbeck._base.warnings import warn
from limbeck._learner.diagnostics.settings import DIAGNOSTICS
from limbeck._learner.gaussian.learner import noise_variance
from limbeck._learner.model.linear_part import with_smallest_linear_part
from limbeck._learner.model.model import Model
from limbeck._learner.model.rows import Rows
from limbeck._learner.pipeline.checks import (
    GivenNames,
    TrainingData,
    check_features,
    check_labels,
    check_sizes,
    require_enough_rows,
    weighted_rows,
)
from limbeck._learner.pipeline.from_arrays import SearchResult, finish, learn_rows, learned, search
from limbeck._learner.pipeline.options import LearnOptions
from limbeck._learner.pipeline.result import Learned
from limbeck._learner.streaming.rows import StreamedRows
from limbeck._learner.streaming.scan import Scan, scanned
from limbeck.blocks._arrays import from_arrays
from limbeck.blocks._protocol import Blocks, as_blocks, sliceable

__all__ = ["blocks_of_dask", "blocks_of_large_arrays", "given_blocks", "learn_blocks"]


# ---- What blocks are made of: each function returns an object with a method ``total``, or None ----


def given_blocks(X: Any, y: Any, sample_weight: Any) -> Any:  # noqa: ANN401
    """The blocks that X is, where no labels are given beside it; None for labels beside it.

    Raises
    ------
    TypeError
        X is neither rows with labels nor blocks without, or y is no labels at all.
    """
    if y is None:
        if sample_weight is not None:
            raise TypeError("sample_weight comes in the blocks, as (X, y, sample_weight)")
        return as_blocks(X)
    if isinstance(y, int | np.integer):
        raise TypeError(f"y is the number {y}: labels, or None for blocks; a width is passed as width={y}")
    if isinstance(y, str):
        raise TypeError(
            f"y is the name {y!r}, not labels: pass the column, or blocks (limbeck.blocks.from_arrow reads files)"
        )
    if isinstance(X, Blocks) or hasattr(X, "total"):
        raise TypeError("y must be None where X is blocks: they carry their labels")
    return None


def blocks_of_dask(X: Any, y: Any, sample_weight: Any, n_threads: int | None) -> Any:  # noqa: ANN401
    """Blocks on a cluster, where X or y is a collection of dask."""
    if not (hasattr(X, "__dask_graph__") or hasattr(y, "__dask_graph__")):
        return None
    from limbeck.blocks._dask import DaskBlocks

    return DaskBlocks(X, y, sample_weight, n_threads=n_threads)


def blocks_of_large_arrays(
    X: Any,  # noqa: ANN401
    y: Any,  # noqa: ANN401
    sample_weight: ArrayLike | None,
    options: LearnOptions,
) -> Any:  # noqa: ANN401
    """Blocks of rows in memory, where there are more of them than a search is made on."""
    if len(getattr(X, "shape", ())) != 2:
        X = sliceable(X, "X")
    n, d = X.shape if len(getattr(X, "shape", ())) == 2 else (0, 0)
    if not options.refine or n <= options.sample_size(d):
        return None
    if sample_weight is not None:
        weights = row_weights(sample_weight, np.broadcast_to(np.float64(0), (n, d)), thread_count(options.n_threads))
        sample_weight = weights / (weights.max() or 1.0)  # only their ratios matter
    return from_arrays(X, y, sample_weight)


# ---- Learning from them ----


def learn_blocks(source: Any, options: LearnOptions, progress: Progress, names: GivenNames) -> Learned:  # noqa: ANN401
    """Search on a sample of the rows, or on all of them if they are no more, and refine on all of them.

    Parameters
    ----------
    source : object with a method ``total``
        All rows.
    options : LearnOptions
        What is asked for.
    progress : Progress
        Reported to; it ends with the result.
    names : GivenNames
        Names that the caller gave; those of the blocks' columns take the place of others.
    """
    progress.enter("rows")
    scan = scanned(source, options.sample_size, options.rng, options.n_threads, progress)
    d = 0 if scan.low is None else len(scan.low)
    require_enough_rows(scan.count, d)
    assert scan.low is not None
    assert scan.high is not None
    features = feature_names(names.features, None if scan.names is None else SimpleNamespace(columns=scan.names), d)
    X, y, weights = scan.sample.pop_sorted()
    is_whole = len(y) == scan.count
    if not is_whole:
        if not options.refine:
            raise ValueError(
                f"refine=False needs all rows in memory: there are {scan.n_rows}, and sample_rows allows {len(y)}"
            )
        check_labels(scan.least, scan.largest)
        check_sizes(np.maximum(scan.high, -scan.low), features)
        if not options.accepts_constant_features:
            check_features(scan.low, scan.high)
    rows = weighted_rows(X, y, weights if scan.weighted else None, options.n_threads)
    sample = TrainingData(rows, features, names.target or scan.target, scan.names)
    if is_whole:
        return learn_rows(sample, options, progress)
    _check_sample(rows, scan, features)
    found = search(rows, options, progress, largest_label=max(abs(scan.least), abs(scan.largest)))
    residuals = found.inner.part(found.held_out).residuals(found.model)
    progress.enter("refine")
    everything = StreamedRows(source, scan, found.coordinates, found.unit, found.inner, progress)
    if found.kind == "any":
        _finish_any(found, everything, scan.count, progress)
    else:
        finish(found, everything, True, progress, joining=True)
    in_memory = isinstance(source, Blocks) and source.in_memory
    if found.model.parameters.size <= DIAGNOSTICS.max_printed_parameters and not in_memory:
        everything.prepare_standard_errors(Model(found.model.signs, found.model.parameters * found.unit))
    return learned(found, residuals, everything, sample, options, progress)


def _finish_any(found: SearchResult, everything: StreamedRows, count: int, progress: Progress) -> None:
    """The last refinement on all rows of a network for inputs of any distribution."""
    # What the rows determine grows with their number, and a decay beside it is the less.
    found.decay_of_everything = found.decay * (len(found.used) / count)
    fit = found.fit.changed(thresholds=True, decay=found.decay_of_everything)
    if not progress.out_of_time():
        model, _ = everything.refined(found.model, fit, tolerance=fit.tolerance)
        found.model = with_smallest_linear_part(model)
    found.noise = noise_variance(found.model, everything, True, True)


def _check_sample(sample: Rows, scan: Scan, names: tuple[str, ...]) -> None:
    """Raise ValueError for labels constant in the sample, and warn of features that are: nothing is found on them."""
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

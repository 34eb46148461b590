"""Learning from rows in blocks: a sample is searched on, all rows are refined on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from limbeck._base.arrays import row_weights, thread_count
from limbeck._base.progress import Progress
from limbeck._base.warnings import warn
from limbeck._learner.diagnostics.diagnostics import MOST_PRINTED_PARAMETERS
from limbeck._learner.gaussian.learner import noise_variance
from limbeck._learner.model.linear_part import with_smallest_linear_part
from limbeck._learner.model.model import Model
from limbeck._learner.model.rows import Rows
from limbeck._learner.pipeline.from_arrays import (
    Options,
    check_features,
    check_labels,
    check_sizes,
    finish,
    learn_rows,
    learned,
    require_enough_rows,
    search,
    weighted_rows,
)
from limbeck._learner.pipeline.result import Learned
from limbeck._learner.streaming.rows import StreamedRows
from limbeck._learner.streaming.scan import Scan, scanned
from limbeck.blocks._arrays import from_arrays
from limbeck.blocks._protocol import Blocks, as_blocks, sliceable

__all__ = ["blocks_of", "learn_blocks"]


def blocks_of(X: Any, y: Any, sample_weight: Any, options: Options, sample_rows: int | None) -> Any:  # noqa: ANN401
    """What is gone over in blocks, with a method ``total``; None for arrays that may be searched on as they are."""
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
    if hasattr(X, "__dask_graph__") or hasattr(y, "__dask_graph__"):
        from limbeck.blocks._dask import DaskBlocks

        return DaskBlocks(X, y, sample_weight, n_threads=options.n_threads)
    if len(getattr(X, "shape", ())) != 2:
        X = sliceable(X, "X")
    n, d = X.shape if len(getattr(X, "shape", ())) == 2 else (0, 0)
    if not options.refine or n <= options.sample_rows(sample_rows)(d):
        return None
    if sample_weight is not None:
        weights = row_weights(sample_weight, np.broadcast_to(np.float64(0), (n, d)), thread_count(options.n_threads))
        sample_weight = weights / (weights.max() or 1.0)  # only their ratios matter
    return from_arrays(X, y, sample_weight)


def learn_blocks(
    source: Any,  # noqa: ANN401
    options: Options,
    sample_rows: int | None,
    progress: Progress,
    names_of: Callable[[Any, int], tuple[str, ...]],
    target: str | None,
) -> Learned:
    """Search on a sample of the rows, or on all of them if they are no more, and refine on all of them."""
    progress.enter("rows")
    scan = scanned(source, options.sample_rows(sample_rows), options.rng, options.n_threads, progress)
    d = 0 if scan.low is None else len(scan.low)
    require_enough_rows(scan.count, d)
    assert scan.low is not None
    assert scan.high is not None
    names = names_of(None if scan.names is None else SimpleNamespace(columns=scan.names), d)
    target = target or scan.target
    X, y, weights = scan.sample.in_order()
    if len(y) == scan.count:
        same = weighted_rows(X, y, weights if scan.weighted else None, options.n_threads)
        return replace(learn_rows(same, options, progress, names, target), _columns=scan.names)
    if not options.refine:
        raise ValueError(
            f"refine=False needs all rows in memory: there are {scan.n_rows}, and sample_rows allows {len(y)}"
        )
    check_labels(scan.least, scan.largest)
    check_sizes(np.maximum(scan.high, -scan.low), names)
    if not options.constant_features:
        check_features(scan.low, scan.high)
    sample = weighted_rows(X, y, weights if scan.weighted else None, options.n_threads)
    _check_sample(sample, scan, names)
    found = search(sample, options, progress, largest=max(abs(scan.least), abs(scan.largest)))
    residuals = found.inner.part(found.held_out).residuals(found.model)
    progress.enter("refine")
    everything = StreamedRows(source, scan, found.coordinates, found.unit, found.inner, progress)
    if found.kind != "any":
        finish(found, everything, True, progress, joining=True)
    else:
        # What the rows determine grows with their number, and a decay beside it is the less.
        found.decay_of_all = found.decay * (len(found.used) / scan.count)
        fit = found.fit.changed(thresholds=True, decay=found.decay_of_all)
        if not progress.out_of_time():
            model, _ = everything.refined(found.model, fit, tolerance=fit.tolerance)
            found.model = with_smallest_linear_part(model)
        found.noise = noise_variance(found.model, everything, True, True)
    if found.model.parameters.size <= MOST_PRINTED_PARAMETERS and not getattr(source, "in_memory", False):
        everything.prepare_standard_errors(Model(found.model.signs, found.model.parameters * found.unit))
    return replace(learned(found, residuals, everything, options, progress, names, target), _columns=scan.names)


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

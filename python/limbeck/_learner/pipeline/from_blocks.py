"""Learning from rows in blocks: a search on a sample, and a refinement on all rows."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

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
from limbeck._learner.pipeline.encoded_blocks import encoding_of_blocks, with_encoding
from limbeck._learner.pipeline.from_arrays import finish, learn_rows, learned, search
from limbeck._learner.pipeline.options import LearnOptions
from limbeck._learner.pipeline.result import Learned
from limbeck._learner.pipeline.search_result import SearchResult
from limbeck._learner.streaming.rows import StreamedRows
from limbeck._learner.streaming.scan import Scan, scanned
from limbeck._tables.encoding import Encoding, plain_encoding
from limbeck.blocks._protocol import Blocks

__all__ = ["learn_blocks"]


def learn_blocks(
    source: Any,  # noqa: ANN401
    options: LearnOptions,
    progress: Progress,
    names: GivenNames,
    encoding: Encoding | None = None,
    columns: tuple[str, ...] | None = None,
) -> Learned:
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
    encoding : Encoding or None
        What became of the columns of a table in memory.
    columns : tuple of str or None
        Names of these columns.
    """
    if options.bag is not None:
        raise ValueError(f"bag={options.bag} needs all rows in memory: pass arrays or a data frame")
    progress.enter("rows")
    scan = scanned(source, options.sample_size, options.rng, options.n_threads, progress)
    if scan.needs_encoding:
        encoding, columns = encoding_of_blocks(source, names, options, progress)
        source, names = with_encoding(source, encoding, columns), replace(names, features=None)
        scan = scanned(source, options.sample_size, options.rng, options.n_threads, progress)
    d = 0 if scan.low is None else len(scan.low)
    require_enough_rows(scan.count, d)
    assert scan.low is not None
    assert scan.high is not None
    features = feature_names(names.features, None if scan.names is None else SimpleNamespace(columns=scan.names), d)
    X, y, weights = scan.sample.pop_sorted()
    if encoding is None and scan.names is not None:
        encoding = plain_encoding(X, features)
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
    sample = TrainingData(rows, features, names.target or scan.target, columns or scan.names, encoding)
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
    return learned(found, residuals, everything, sample, options, progress, (scan.least, scan.largest))


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

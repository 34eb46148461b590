"""The search for inputs of any distribution: on as many rows as the parameters call for, once or for a bag."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from limbeck._base.progress import Progress
from limbeck._learner.gaussian.learner import rows_to_search
from limbeck._learner.model.linear_part import with_smallest_linear_part
from limbeck._learner.pipeline.options import LearnOptions
from limbeck._learner.pipeline.search_result import SearchResult
from limbeck._learner.tabular.bag import fit_bag
from limbeck._learner.tabular.learner import TabularFit, fit_any, with_more_rows
from limbeck._learner.tabular.sparse_model import SparseRefinement

__all__ = ["search_any"]


def search_any(found: SearchResult, options: LearnOptions, progress: Progress, *, is_sample: bool) -> SearchResult:
    """Search on no more rows than the parameters call for.

    Where the rows are all there are, and no sample, the network is refined on all of them that are used.
    """
    progress.enter("widths")
    if options.bag is not None:
        return _search_bag(found, options.bag, options, progress)
    fitted, found.used = _fitted(found, found.used, options, progress, is_sample=is_sample)
    found.model, found.noise, found.decay = with_smallest_linear_part(fitted.model), fitted.error, fitted.decay
    found.fit = SparseRefinement.of(found.fit)
    return found


def _search_bag(found: SearchResult, folds: int, options: LearnOptions, progress: Progress) -> SearchResult:
    """Take the mean of networks, each searched for without one of the folds of the rows used."""
    used = found.used
    if len(used) < 2 * folds:
        raise ValueError(f"bag={folds} needs {2 * folds} rows to learn from or more, there are {len(used)}")
    model, found.bag, found.noise = fit_bag(
        found.inner,
        used,
        folds,
        options.rng,
        lambda rows: _fitted(found, rows, options, progress, is_sample=False)[0].model,
        progress.out_of_time,
        found.settings.tabular.prediction_margin if options.extrapolate == "bounded" else None,
    )
    found.model = with_smallest_linear_part(model)
    return found


def _fitted(
    found: SearchResult, used: NDArray[np.intp], options: LearnOptions, progress: Progress, *, is_sample: bool
) -> tuple[TabularFit, NDArray[np.intp]]:
    """A network for some of the rows, and those of them that it was fitted to at last."""
    few, inner, settings = used, found.inner, found.settings
    if inner.weights is not None:  # of mean 1 on the rows used, too
        inner = replace(inner, weights=inner.weights / inner.weights[used].mean())
    most = rows_to_search(options.largest_width, inner.n_features, settings.gaussian)
    if options.sample_rows is None and len(used) > most:
        few = np.sort(options.rng.permutation(used)[:most])
    fitted = fit_any(
        inner.part(few), options.width, options.max_width, found.fit, progress, options.rng, settings.tabular
    )
    if is_sample or len(few) == len(used):
        return fitted, few
    progress.enter("refine")
    return with_more_rows(fitted, inner.part(used), len(few), found.fit, settings.tabular), used

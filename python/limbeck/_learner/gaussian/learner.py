"""The learner for Gaussian inputs, x ~ N(0, I): span, search, refinement."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from limbeck._base.progress import Progress
from limbeck._learner.gaussian.comparison_methods import with_one_stage
from limbeck._learner.gaussian.directions import is_well_separated, missed_directions, span_of
from limbeck._learner.gaussian.moment_method import method_of_moments
from limbeck._learner.gaussian.noiseless import NoiselessNetwork, find_noiseless
from limbeck._learner.gaussian.search import search
from limbeck._learner.gaussian.selection import ModelSelector, ScoredModel
from limbeck._learner.gaussian.settings import DEFAULTS, GaussianSettings
from limbeck._learner.gaussian.span import Subspace, find_subspace
from limbeck._learner.gaussian.span_search import best_in_span
from limbeck._learner.gaussian.thresholds import in_span, needs_thresholds, with_thresholds
from limbeck._learner.model.linear_part import with_smallest_linear_part, without_linear_part
from limbeck._learner.model.model import Model, linear_model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import EXACT, NOISELESS, FitRows, Rows

__all__ = ["learn_gaussian", "noise_variance", "refined", "rows_to_search", "without_needless_linear_part"]


@dataclass(frozen=True)
class _Task:
    """The rows, widths and settings of one call of the learner, and what holds during all of it.

    Attributes
    ----------
    rows : Rows
        All rows; those not in ``order`` have no weight.
    order : ndarray of int
        Numbers of the rows to learn from, in random order.
    width : int or None
        Number of neurons, if given.
    max_width : int
        Largest number of neurons.
    linear : Model
        The linear fit to all rows.
    subspace : Subspace
        Span of the directions according to the moments.
    progress : Progress
        Gets a report of every network; ends the search when time is up.
    rng : numpy.random.Generator
        For random starts.
    settings : GaussianSettings
        Settings of the learner.
    parts : dict of Rows
        The first rows of the order, by their number, that were asked for last.
    """

    rows: Rows
    order: NDArray[np.intp]
    width: int | None
    max_width: int
    linear: Model
    subspace: Subspace
    progress: Progress
    rng: np.random.Generator
    settings: GaussianSettings
    parts: dict[int, Rows] = field(default_factory=dict)

    def selector(self, count: int | None, fit: Fit) -> ModelSelector:
        """A selector on the first rows of the order; None: on all of them."""
        count = len(self.order) if count is None else min(count, len(self.order))
        if count not in self.parts:
            self.parts.clear()  # one copy of the rows at a time
            self.parts[count] = self.rows.part(self.order[:count])
        return ModelSelector(self.parts[count], fit, self.progress, self.rng, self.settings)


def learn_gaussian(
    rows: Rows,
    used: NDArray[np.intp],
    width: int | None,
    max_width: int,
    refine: bool,
    fit: Fit,
    progress: Progress,
    rng: np.random.Generator,
    settings: GaussianSettings = DEFAULTS,
    *,
    moment_method: str = "stages",
) -> tuple[Model, Subspace, bool]:
    """The network, the span that the moments showed, and whether thresholds were fitted.

    Parameters
    ----------
    rows : Rows
        All rows; those not in ``used`` have no weight.
    used : ndarray of int
        Numbers of the rows to learn from.
    width, max_width : int or None, int
        As for ``learn``.
    refine : bool
        False for the moment method alone.
    fit : Fit
        How to refine.
    progress : Progress
        Gets a report of every network; ends the search when time is up.
    rng : numpy.random.Generator
        For random starts.
    settings : GaussianSettings
        Settings of the learner.
    moment_method : {"stages", "one stage", "subspace"}
        As for ``learn``.
    """
    most = max_width if width is None else width
    progress.enter("span")
    if refine and most and (noiseless := _noiseless(rows, used, width, most, fit, progress, settings)) is not None:
        return noiseless.model, noiseless.subspace, fit.thresholds
    linear, error = fit.changed(deadline=np.inf)(
        linear_model(rows.n_features), rows
    )  # a result, however short the time
    progress.report("linear", 0, error / rows.variance)
    residuals = Rows(rows.X, rows.scaled_residuals(linear), n_threads=rows.n_threads)
    slopes = linear.parameters[-1, :-1]
    max_rank = min(rows.n_features, most)
    subspace = find_subspace(residuals, max_rank=max_rank, rng=rng, linear=slopes, settings=settings.span)
    if most == 0:
        return linear, subspace, fit.thresholds
    progress.enter("discovery")
    if not refine:
        used_rows, is_given = rows.part(used), width is not None
        arguments = used_rows, linear, subspace, most, is_given, progress, rng, settings
        if moment_method == "stages":
            model, subspace = method_of_moments(*arguments)
        else:
            model, subspace = with_one_stage(moment_method, *arguments)
        return model, subspace, False
    task = _Task(rows, rng.permutation(used), width, most, linear, subspace, progress, rng, settings)
    best, thresholds = _searched(task, fit)
    best = _completed(task, best, fit.changed(thresholds=thresholds))
    if thresholds and not fit.thresholds:
        best, thresholds = _without_needless_thresholds(task, best, fit.changed(thresholds=True))
    return best, subspace, thresholds


def _noiseless(
    rows: Rows,
    used: NDArray[np.intp],
    width: int | None,
    most: int,
    fit: Fit,
    progress: Progress,
    settings: GaussianSettings,
) -> NoiselessNetwork | None:
    """The network that is exact on all rows, found from a sample of them; None where there is none or few rows."""
    how = settings.noiseless
    count = _rows_for(most, rows.n_features, how.rows_per_parameter, how.rows)
    if len(used) < settings.learner.worth_twice * count:
        return None
    drawn = np.random.default_rng(0).choice(len(used), count, replace=False)
    widths = [most] if width is not None else [w for w in settings.learner.widths if w <= min(how.widest, most)]
    found = find_noiseless(rows.part(used[drawn]), widths, fit, progress, settings)
    if found is None or rows.mean_error(found.model) > EXACT * rows.variance:
        return None
    progress.report("linear", 0, found.linear_error)
    progress.report("sample", found.model.width, rows.mean_error(found.model) / rows.variance)
    return found


def _searched(task: _Task, fit: Fit) -> tuple[Model, bool]:
    """The network that the search leads to, refined on all rows, and whether thresholds were fitted.

    The search is made on a part of the rows first, and its result checked on more; where the check fails, the search
    goes on with these.
    """
    rows, progress, how = task.rows, task.progress, task.settings.learner
    n_used, all_rows = len(task.order), rows_to_search(task.max_width, rows.n_features, task.settings)
    few = _rows_for(task.max_width, rows.n_features, how.search_rows_per_parameter, how.first_rows)
    best = task.linear
    for count in (few, all_rows) if n_used > how.worth_twice * few else (all_rows,):
        selector = task.selector(count, fit)
        result, thresholds = _search_widths(task, selector.scored(best), selector)
        fit = fit.changed(thresholds=thresholds)
        progress.enter("refine")
        # A network that selection fitted to all rows is refined already, but for misfit and for neurons close to each
        # other, which take many small steps.
        noisy = result.error > NOISELESS * rows.variance
        done = count >= n_used and noisy and is_well_separated(result.model, task.settings.selection.near)
        best = result.model if done else refined(result.model, rows, fit, progress, task.settings)
        if progress.out_of_time() or count >= min(all_rows, n_used):
            break
        if _holds(task, best, task.selector(all_rows, fit)):
            break
        progress.enter("discovery")
    return best, fit.thresholds


def _search_widths(task: _Task, best: ScoredModel, selector: ModelSelector) -> tuple[ScoredModel, bool]:
    """Search at the given width, or at growing ones for as long as more neurons help.

    Returns the best network and whether it has thresholds, which are freed where the rows clearly need them.
    """
    how, max_width = task.settings.learner, task.max_width
    in_vain, thresholds = 0, selector.fit.thresholds
    caps = _widths(task, best.model.width, selector.rows)
    for cap in caps:
        result, settled = _search_width(task, best, selector, cap)
        freed = False
        if not selector.fit.thresholds and not selector.is_exact(result):
            growing = not settled and result.criterion < best.criterion and cap < caps[-1]
            result, freed = with_thresholds(result, settled, growing, selector, task.subspace, task.linear, max_width)
        if freed:
            selector = selector.changed(fit=selector.fit.changed(thresholds=True))
            result = in_span(selector.improve(result.model, max_width), selector, max_width)
        settled = selector.is_exact(result) if selector.fit.thresholds else settled
        in_vain = in_vain + 1 if result.criterion >= best.criterion else 0
        if not in_vain:
            best, thresholds = result, selector.fit.thresholds
        # With few rows an insignificant moment test proves nothing: the criterion decides.
        proven = selector.is_exact(result) or (settled and not selector.has_few_rows)
        most = how.widths_in_vain_with_thresholds if selector.fit.thresholds else how.widths_in_vain
        if proven or in_vain == most or task.progress.out_of_time():
            break
    return best, thresholds


def _widths(task: _Task, width: int, rows: Rows) -> list[int]:
    """Widths to search at, after a network of some width: the given one, or growing ones."""
    how, d = task.settings.learner, rows.n_features
    if task.width is not None:
        return [task.max_width]
    # At least as many neurons as the span has dimensions, and more than there are already; pruning drops the needless.
    least = max(task.subspace.rank, width + 1)
    widths = [*(w for w in how.widths if least <= w < task.max_width), task.max_width]
    return [w for w in widths if (w + 1) * (d + 1) <= how.max_parameters_per_row * len(rows)] or widths[:1]


def _search_width(task: _Task, best: ScoredModel, selector: ModelSelector, width: int) -> tuple[ScoredModel, bool]:
    """The best network of at most ``width`` neurons, and whether its residuals show nothing."""
    how, rows = task.settings.learner, selector.rows
    count = _rows_for(width, rows.n_features, how.fit_rows_per_parameter, how.fit_rows)
    result, settled = search(best, rows.part(slice(count)), selector, task.subspace, width)
    if not selector.is_exact(result):
        result = in_span(result, selector, task.max_width if selector.fit.thresholds else width)
        # Score tests in the span and moments that show nothing are enough, whatever other candidates would lead to.
        settled = settled or _leaves_nothing(task, result, selector, width)
    return result, settled


def _leaves_nothing(task: _Task, scored: ScoredModel, selector: ModelSelector, width: int) -> bool:
    """Whether the residuals show nothing, and the network covers what only moments of high order showed.

    Directions of second moments would show again in the residuals; and a faint one of them is mostly noise, which
    neurons need not cover.
    """
    model, how = scored.model, task.settings.search
    if not model.width:
        return False
    high = task.subspace.basis[task.subspace.orders > 2]
    if len(missed_directions(model, high, how.faint_dimension, width, how.missed)):
        return False
    return selector.leaves_nothing(scored, span_of(model))


def _holds(task: _Task, model: Model, selector: ModelSelector) -> bool:
    """Whether a model is exact on more rows, or has the neurons asked for and leaves nothing to explain there."""
    scored = selector.scored(model)
    if selector.is_exact(scored):
        return True
    # An error this far below any noise is misfit where it is not exact: the search goes on.
    misfit = scored.error <= EXACT**0.5 * selector.variance
    if task.width not in (None, model.width) or not model.width or misfit:
        return False
    return selector.leaves_nothing(scored, span_of(model))


def _completed(task: _Task, best: Model, fit: Fit) -> Model:
    """The refined model with the neurons that a search in all dimensions, on a part of the rows, could not see.

    These are neurons inside the span of the others, and neurons so faint that only all rows show them.
    """
    rows, progress, max_width = task.rows, task.progress, task.max_width
    searched = rows_to_search(max_width, rows.n_features, task.settings)
    for _ in range(task.settings.learner.completions):
        if progress.out_of_time() or not best.width or rows.mean_error(best) <= NOISELESS * rows.variance:
            break
        better = best_in_span(best, task.selector(searched, fit), max_width)
        if better is None and best.width < max_width and len(task.order) > searched:
            selector = task.selector(None, fit)
            scored = selector.scored(best)
            if not selector.leaves_nothing(scored, span_of(best)):
                grown = selector.grow(scored, max_width)
                better = grown.model if grown.model.width > best.width else None
        if better is None:
            break
        best = refined(better, rows, fit, progress, task.settings)
    return best


def _without_needless_thresholds(task: _Task, model: Model, fit: Fit) -> tuple[Model, bool]:
    """The refined model with its thresholds at zero where that is as good: they may have been freed only on the way."""
    parameters = model.parameters.copy()
    parameters[:-1, -1] = 0.0
    fit, rows = fit.changed(thresholds=False), task.rows
    without = refined(Model(model.signs, parameters), rows, fit, task.progress, task.settings)
    errors = rows.mean_error(model), rows.mean_error(without)
    needed = needs_thresholds(*errors, rows, model.width, task.settings.thresholds)
    return (model, True) if needed else (without, False)


def refined(model: Model, rows: FitRows, fit: Fit, progress: Progress, settings: GaussianSettings = DEFAULTS) -> Model:
    """The model refined on all rows, unless it is exact on them already."""
    error, how = rows.mean_error(model), settings.learner
    if progress.out_of_time() or error <= EXACT * rows.variance:
        return model
    tolerance = min(how.last_tolerance, how.last_gain * model.parameters.size / rows.count)
    if error <= NOISELESS * rows.variance:
        model, error = rows.refined(model, fit, tolerance=how.noiseless_tolerance_factor * tolerance)
    else:
        step_solver = "sampled" if is_well_separated(model, settings.selection.near) else "auto"
        model, error = rows.refined(model, fit, tolerance=tolerance, step_solver=step_solver)
    progress.report("refine", model.width, error / rows.variance)
    return model


def without_needless_linear_part(model: Model, rows: FitRows, progress: Progress) -> tuple[Model, bool]:
    """The model without linear part and bias, unless it is exact or the rows need them; and whether they are there.

    Either way its neurons have the signs for which the linear part is smallest.
    """
    exact = rows.mean_error(model) <= EXACT * rows.variance
    model = with_smallest_linear_part(model)
    if progress.out_of_time() or exact:
        return model, True
    constrained = without_linear_part(model, rows)
    return (model, True) if constrained is None else (constrained, False)


def noise_variance(model: Model, rows: FitRows, has_linear_part: bool, thresholds: bool) -> float:
    """Sum of squared residuals over the number of rows less that of the parameters; NaN without rows to spare."""
    n, d = len(rows), rows.n_features
    freedom = n - (model.width * (d + thresholds) + (d + 1) * has_linear_part)
    return n * rows.mean_error(model) / freedom if freedom > 0 else np.nan


def rows_to_search(width: int, d: int, settings: GaussianSettings = DEFAULTS) -> int:
    """Number of rows beyond which the search for ``width`` neurons of d features needs no more."""
    return _rows_for(width, d, settings.learner.search_rows_per_parameter, settings.learner.search_rows)


def _rows_for(width: int, d: int, per_parameter: int, least: int) -> int:
    return max(least, per_parameter * (width + 1) * (d + 1))

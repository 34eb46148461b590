"""The learner for Gaussian inputs, x ~ N(0, I): span, search, refinement."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from limbeck._base.progress import Progress
from limbeck._learner.gaussian.moment_method import method_of_moments
from limbeck._learner.gaussian.search import missed_directions, search
from limbeck._learner.gaussian.selection import ModelSelector, ScoredModel, is_well_separated, span_of
from limbeck._learner.gaussian.span import Subspace, find_subspace
from limbeck._learner.gaussian.span_search import best_in_span
from limbeck._learner.gaussian.thresholds import in_span, needs_thresholds, with_thresholds
from limbeck._learner.model.linear_part import with_smallest_linear_part, without_linear_part
from limbeck._learner.model.model import Model, linear_model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import EXACT, NOISELESS, FitRows, Rows

__all__ = ["learn_gaussian", "noise_variance", "refined", "rows_to_search", "without_needless_linear_part"]

_FIT_ROWS_PER_PARAMETER = 20
_FIT_ROWS = 4000
_FIRST_ROWS = 16_000
_WORTH_TWICE = 1.6  # times the rows to search with first: with fewer, all are taken at once
_POLISH_ROWS = 50_000
_POLISH_ROWS_PER_PARAMETER = 60
_WIDTH_LADDER = (1, 2, 4, 8, 16, 32, 64)
_MOST_OF_THE_ROWS = 0.55
_IN_VAIN = 2  # steps of the ladder
_LAST_GAIN = 0.05
_COMPLETIONS = 3  # rounds of looking for what the search has missed; one is enough but where neurons are faint


def learn_gaussian(
    rows: Rows,
    used: NDArray[np.intp],
    width: int | None,
    max_width: int,
    refine: bool,
    fit: Fit,
    progress: Progress,
    rng: np.random.Generator,
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
        Told of every network; ends the search when time is up.
    rng : numpy.random.Generator
        For random starts.
    """
    d = rows.X.shape[1]
    most = max_width if width is None else width
    progress.enter("span")
    line, error = fit.changed(deadline=np.inf)(linear_model(d), rows)  # something to return, however short the time
    progress.report("linear", 0, error / rows.variance)
    left = Rows(rows.X, rows.scaled_residuals(line), n_threads=rows.n_threads)
    subspace = find_subspace(left, max_rank=min(d, most), rng=rng, linear=line.parameters[-1, :-1])
    if most == 0:
        return line, subspace, fit.thresholds
    progress.enter("discovery")
    if not refine:
        return (
            method_of_moments(rows.part(used), line, subspace, most, width is not None, progress, rng),
            subspace,
            False,
        )
    order = rng.permutation(used)
    all_rows = rows_to_search(most, d)
    few = _rows_for(most, d, _POLISH_ROWS_PER_PARAMETER, _FIRST_ROWS)
    best: Model = line
    asked_for_thresholds = fit.thresholds
    # Few rows mostly do; all of them have the last word, and where they object they are what the search goes on with.
    # They are also asked about neurons that few rows did not pay for.
    for count in (few, all_rows) if len(used) > _WORTH_TWICE * few else (all_rows,):
        judged = ModelSelector(rows.part(order[:count]), fit, progress, rng)
        found, thresholds = _search_widths(judged.scored(best), judged, subspace, line, width, most, fit, progress, rng)
        fit = fit.changed(thresholds=thresholds)
        progress.enter("refine")
        # What was fitted to every row that counts is there already, but for what takes many small steps.
        done = count >= len(used) and found.error > NOISELESS * rows.variance and is_well_separated(found.model)
        best = found.model if done else refined(found.model, rows, fit, progress)
        if progress.out_of_time() or count >= min(all_rows, len(used)):
            break
        judge = ModelSelector(rows.part(order[:all_rows]), fit, progress, rng)
        if _holds(best, width, judge):
            break
        progress.enter("discovery")
    best = _completed(best, rows, order, most, fit, progress, rng)
    if thresholds and not asked_for_thresholds:
        best, thresholds = _without_needless_thresholds(best, rows, fit, progress)
    return best, subspace, thresholds


def _leaves_nothing(state: ScoredModel, selector: ModelSelector, subspace: Subspace, width: int) -> bool:
    """Whether the residuals show nothing more, and the network covers what only moments of high order showed.

    What second moments showed would show again; and a faint direction of theirs is mostly noise, which neurons need
    not cover.
    """
    if not state.model.width or len(missed_directions(state.model, subspace.basis[subspace.orders > 2], width)):
        return False
    return selector.is_settled(state, span_of(state.model))


def _completed(
    best: Model,
    rows: Rows,
    order: NDArray[np.intp],
    most: int,
    fit: Fit,
    progress: Progress,
    rng: np.random.Generator,
) -> Model:
    """The refined model with the neurons that a search in all dimensions, on a part of the rows, could not see.

    They are those inside the span of the others, and those so faint that only all rows show them.
    """
    searched = rows_to_search(most, rows.n_features)
    for _ in range(_COMPLETIONS):
        if progress.out_of_time() or not best.width or rows.mean_error(best) <= NOISELESS * rows.variance:
            break
        better = best_in_span(best, rows.part(order[:searched]), most, fit, progress, rng)
        if better is None and best.width < most and len(order) > searched:
            every = ModelSelector(rows.part(order), fit, progress, rng)
            state = every.scored(best)
            if not every.is_settled(state, span_of(best)):
                grown = every.grow(state, most)
                better = grown.model if grown.model.width > best.width else None
        if better is None:
            break
        best = refined(better, rows, fit, progress)
    return best


def _without_needless_thresholds(model: Model, rows: Rows, fit: Fit, progress: Progress) -> tuple[Model, bool]:
    """The refined model with its thresholds at zero where that is as good: they may have been freed only on the way."""
    parameters = model.parameters.copy()
    parameters[:-1, -1] = 0.0
    plain = refined(Model(model.signs, parameters), rows, fit.changed(thresholds=False), progress)
    needed = needs_thresholds(rows.mean_error(model), rows.mean_error(plain), rows, model.width)
    return (model, True) if needed else (plain, False)


def _holds(model: Model, width: int | None, judge: ModelSelector) -> bool:
    """Whether a model is exact on the judge's rows, or has the neurons asked for and leaves nothing to explain."""
    state = judge.scored(model)
    if judge.is_exact(state):
        return True
    if width not in (None, model.width) or not model.width or state.error <= EXACT**0.5 * judge.variance:
        return False
    return judge.is_settled(state, span_of(model))


def _search_widths(
    best: ScoredModel,
    selector: ModelSelector,
    subspace: Subspace,
    line: Model,
    width: int | None,
    most: int,
    fit: Fit,
    progress: Progress,
    rng: np.random.Generator,
) -> tuple[ScoredModel, bool]:
    """Search at the given width, or at growing ones for as long as more neurons help; with thresholds if need be."""
    d = selector.rows.X.shape[1]
    # Without a given width: at least as many neurons as the span has dimensions, and more than there are already;
    # pruning takes away what is too much.
    least = max(subspace.rank, best.model.width + 1)
    in_vain, thresholds = 0, fit.thresholds
    caps = [most] if width is not None else [*(w for w in _WIDTH_LADDER if least <= w < most), most]
    # Many more parameters than half the rows would never pay; a few more may show the way to fewer.
    caps = [w for w in caps if (w + 1) * (d + 1) <= _MOST_OF_THE_ROWS * len(selector.rows)] or caps[:1]
    for cap in caps:
        part = selector.rows.part(slice(_rows_for(cap, d, _FIT_ROWS_PER_PARAMETER, _FIT_ROWS)))
        found, settled = search(best, part, selector, subspace, cap, fit, progress, rng)
        freed = False
        if not selector.is_exact(found):
            found = in_span(found, selector, most if fit.thresholds else cap, fit, progress, rng)
            # Scores in the span and moments that show nothing are enough, whatever other candidates would lead to.
            settled = settled or _leaves_nothing(found, selector, subspace, cap)
        if not fit.thresholds and not selector.is_exact(found):
            growing = not settled and found.criterion < best.criterion and cap < caps[-1]
            found, freed = with_thresholds(found, settled, growing, selector, subspace, line, most, fit, progress, rng)
        if freed:
            fit = fit.changed(thresholds=True)
            selector = ModelSelector(selector.rows, fit, progress, rng)
            found = in_span(selector.improve(found.model, most), selector, most, fit, progress, rng)
        settled = selector.is_exact(found) if fit.thresholds else settled
        in_vain = in_vain + 1 if found.criterion >= best.criterion else 0
        if not in_vain:
            best, thresholds = found, fit.thresholds
        # Where rows are few, that moments show nothing is no proof, and the price must tell.
        proven = selector.is_exact(found) or (settled and not selector.has_few_rows)
        # With thresholds all widths are tried at once, inside the span.
        if proven or in_vain == (1 if fit.thresholds else _IN_VAIN) or progress.out_of_time():
            break
    return best, thresholds


def refined(model: Model, rows: FitRows, fit: Fit, progress: Progress) -> Model:
    """The model refined on all rows, unless it is exact on them already."""
    error = rows.mean_error(model)
    if progress.out_of_time() or error <= EXACT * rows.variance:
        return model
    # What the last step gains is to be little beside what the noise leaves open: as many noise variances as parameters.
    tolerance = min(1e-4, _LAST_GAIN * model.parameters.size / rows.count)
    if error <= NOISELESS * rows.variance:
        model, error = rows.refined(model, fit, tolerance=1e-3 * tolerance)
    else:
        step_solver = "sampled" if is_well_separated(model) else "auto"
        model, error = rows.refined(model, fit, tolerance=tolerance, step_solver=step_solver)
    progress.report("refine", model.width, error / rows.variance)
    return model


def without_needless_linear_part(model: Model, rows: FitRows, progress: Progress) -> tuple[Model, bool]:
    """The model without linear part and bias, unless it is exact or the rows need them; and whether they are there.

    Either way its neurons are turned so that the linear part is small.
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


def rows_to_search(width: int, d: int) -> int:
    """Rows beyond which the search for so many neurons asks for no more."""
    return _rows_for(width, d, _POLISH_ROWS_PER_PARAMETER, _POLISH_ROWS)


def _rows_for(width: int, d: int, per_parameter: int, least: int) -> int:
    return max(least, per_parameter * (width + 1) * (d + 1))

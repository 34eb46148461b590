"""The learner for Gaussian inputs, x ~ N(0, I): span, search, refinement."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from limbeck._affine import turned, without_affine_part
from limbeck._model import Fit, Model, Rows, linear_model
from limbeck._moments_alone import method_of_moments
from limbeck._polish import EXACT, NOISELESS, Polisher, Priced, is_well_separated, span_of
from limbeck._progress import Progress
from limbeck._search import search
from limbeck._streamed import StreamedRows
from limbeck._tabular import random_start
from limbeck.subspace import Subspace, find_subspace

__all__ = ["learn_gaussian", "noise_variance", "refined", "rows_to_search", "without_needless_affine_part"]

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
_THRESHOLD_STARTS = 6
_THRESHOLD_GAIN = 10.0  # in price, for each neuron: thresholds are freed only where they are clearly there


def learn_gaussian(
    rows: Rows,
    used: NDArray[np.intp],
    width: int | None,
    max_width: int,
    refine: bool,
    fit: Fit,
    tell: Progress,
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
    tell : Progress
        Told of every network; ends the search when time is up.
    rng : numpy.random.Generator
        For random starts.
    """
    d = rows.X.shape[1]
    most = max_width if width is None else width
    tell.enter("span")
    line, error = fit.changed(deadline=np.inf)(linear_model(d), rows)  # something to return, however short the time
    tell.report("linear", 0, error / rows.variance)
    left = Rows(rows.X, rows.scaled_residuals(line), n_threads=rows.n_threads)
    subspace = find_subspace(left, max_rank=min(d, most), rng=rng, linear=line.parameters[-1, :-1])
    if most == 0:
        return line, subspace, fit.thresholds
    tell.enter("discovery")
    if not refine:
        return method_of_moments(rows.part(used), line, subspace, most, width is not None, tell, rng), subspace, False
    order = rng.permutation(used)
    all_rows = rows_to_search(most, d)
    few = _rows_for(most, d, _POLISH_ROWS_PER_PARAMETER, _FIRST_ROWS)
    best: Model = line
    asked_for_thresholds = fit.thresholds
    # Few rows mostly do; all of them have the last word, and where they object they are what the search goes on with.
    # They are also asked about neurons that few rows did not pay for.
    for count in (few, all_rows) if len(used) > _WORTH_TWICE * few else (all_rows,):
        judged = Polisher(rows.part(order[:count]), fit, tell, rng)
        found, thresholds = _search_widths(judged.priced(best), judged, subspace, width, most, fit, tell, rng)
        fit = fit.changed(thresholds=thresholds)
        tell.enter("refine")
        # What was fitted to every row that counts is there already, but for what takes many small steps.
        done = count >= len(used) and found.error > NOISELESS * rows.variance and is_well_separated(found.model)
        best = found.model if done else refined(found.model, rows, fit, tell)
        if tell.out_of_time() or count >= min(all_rows, len(used)):
            break
        judge = Polisher(rows.part(order[:all_rows]), fit, tell, rng)
        if _holds(best, width, judge):
            break
        tell.enter("discovery")
    if thresholds and not asked_for_thresholds:
        best, thresholds = _without_needless_thresholds(best, rows, fit, tell)
    return best, subspace, thresholds


def _holds(model: Model, width: int | None, judge: Polisher) -> bool:
    """Whether a model is exact on the judge's rows, or has the neurons asked for and leaves nothing to explain."""
    state = judge.priced(model)
    if judge.is_exact(state):
        return True
    if width not in (None, model.width) or not model.width or state.error <= EXACT**0.5 * judge.variance:
        return False
    return judge.is_settled(state, span_of(model))


def _search_widths(
    best: Priced,
    polisher: Polisher,
    subspace: Subspace,
    width: int | None,
    most: int,
    fit: Fit,
    tell: Progress,
    rng: np.random.Generator,
) -> tuple[Priced, bool]:
    """Search at the given width, or at growing ones for as long as more neurons help; with thresholds if need be."""
    d = polisher.rows.X.shape[1]
    # Without a given width: at least as many neurons as the span has dimensions, and more than there are already;
    # pruning takes away what is too much.
    least = max(subspace.rank, best.model.width + 1)
    in_vain, thresholds = 0, fit.thresholds
    caps = [most] if width is not None else [*(w for w in _WIDTH_LADDER if least <= w < most), most]
    # Many more parameters than half the rows would never pay; a few more may show the way to fewer.
    caps = [w for w in caps if (w + 1) * (d + 1) <= _MOST_OF_THE_ROWS * len(polisher.rows)] or caps[:1]
    for cap in caps:
        part = polisher.rows.part(slice(_rows_for(cap, d, _FIT_ROWS_PER_PARAMETER, _FIT_ROWS)))
        found, settled = search(best, part, polisher, subspace, cap, fit, tell, rng)
        freed = False
        if not fit.thresholds and not polisher.is_exact(found):
            found, freed = _with_thresholds(found, settled, polisher, cap, fit, tell, rng)
        if freed:
            fit = fit.changed(thresholds=True)
            polisher = Polisher(polisher.rows, fit, tell, rng)
            found = polisher.polish(found.model, cap)
            settled = polisher.is_exact(found)
        in_vain = in_vain + 1 if found.price >= best.price else 0
        if not in_vain:
            best, thresholds = found, fit.thresholds
        # Where rows are few, that moments show nothing is no proof, and the price must tell.
        proven = polisher.is_exact(found) or (settled and not polisher.has_few_rows)
        if proven or in_vain == _IN_VAIN or tell.out_of_time():
            break
    return best, thresholds


def _with_thresholds(
    best: Priced, settled: bool, polisher: Polisher, most: int, fit: Fit, tell: Progress, rng: np.random.Generator
) -> tuple[Priced, bool]:
    """The network with thresholds where the rows clearly ask for them: the function is not one of the paper's model."""
    free = fit.changed(thresholds=True)
    if settled and best.model.width and _threshold_score(best, polisher.rows) < _THRESHOLD_GAIN / 2:
        return best, False
    trial = polisher.state(best.model, free)
    # One neuron of its own with a threshold shows what thresholds could do even where the search ended with none.
    fresh = 0 if settled and best.model.width else 2
    starts = [random_start(polisher.rows.X.shape[1], max(1, best.model.width), rng) for _ in range(fresh)]
    for start in starts:
        if not tell.out_of_time():
            trial = min(trial, polisher.state(_on_scale(start, polisher), free), key=lambda s: s.price)
    if trial.price >= best.price - _THRESHOLD_GAIN * max(1, trial.model.width):
        return best, False
    width = most if best.model.width == 0 else best.model.width
    for _ in range(_THRESHOLD_STARTS):
        if tell.out_of_time():
            break
        start = _on_scale(random_start(polisher.rows.X.shape[1], width, rng), polisher)
        trial = min(trial, polisher.state(start, free), key=lambda s: s.price)
        tell.report("thresholds", trial.model.width, trial.error / polisher.variance)
    return trial, True


def _without_needless_thresholds(model: Model, rows: Rows, fit: Fit, tell: Progress) -> tuple[Model, bool]:
    """The refined model with its thresholds at zero where that is as good: they may have been freed only on the way."""
    parameters = model.parameters.copy()
    parameters[:-1, -1] = 0.0
    plain = refined(Model(model.signs, parameters), rows, fit.changed(thresholds=False), tell)
    with_them, without = (max(float(rows.errors(m).mean()), EXACT * rows.variance) for m in (model, plain))
    gain = rows.count * float(np.log(without / with_them))
    return (model, True) if gain > _THRESHOLD_GAIN * model.width else (plain, False)


def _threshold_score(best: Priced, rows: Rows) -> float:
    """Squared score of the thresholds at zero in standard errors, the mean over the neurons: one if there are none.

    The derivative by a threshold is the gate; of the gate's variance of 1/4, the fitted neurons and the constant, on
    Gaussian inputs, leave (1 - 2 / pi) / 4 to it alone.
    """
    residuals = rows.scaled_residuals(best.model)
    scores = [float(residuals[gate].sum()) for gate in (rows.along(best.model.directions) > 0).T]
    return float(np.square(scores).mean() / np.square(residuals).sum()) / ((1 - 2 / np.pi) / 4)


def _on_scale(model: Model, polisher: Polisher) -> Model:
    """A model for labels of unit variance, for the labels at hand."""
    return Model(model.signs, model.parameters * np.sqrt(polisher.variance))


def refined(model: Model, rows: Rows | StreamedRows, fit: Fit, tell: Progress) -> Model:
    """The model refined on all rows, unless it is exact on them already."""
    error = rows.mean_error(model)
    if tell.out_of_time() or error <= EXACT * rows.variance:
        return model
    # What the last step gains is to be little beside what the noise leaves open: as many noise variances as parameters.
    tolerance = min(1e-4, _LAST_GAIN * model.parameters.size / rows.count)
    if error <= NOISELESS * rows.variance:
        model, error = rows.refined(model, fit, tolerance=1e-3 * tolerance)
    else:
        road = "sampled" if is_well_separated(model) else "auto"
        model, error = rows.refined(model, fit, tolerance=tolerance, road=road)
    tell.report("refine", model.width, error / rows.variance)
    return model


def without_needless_affine_part(model: Model, rows: Rows | StreamedRows, tell: Progress) -> tuple[Model, bool]:
    """The model without linear part and bias, unless it is exact or the rows need them; and whether they are there.

    Either way its neurons are turned so that the linear part is small.
    """
    exact = rows.mean_error(model) <= EXACT * rows.variance
    model = turned(model)
    if tell.out_of_time() or exact:
        return model, True
    constrained = without_affine_part(model, rows)
    return (model, True) if constrained is None else (constrained, False)


def noise_variance(model: Model, rows: Rows | StreamedRows, affine: bool, thresholds: bool) -> float:
    """Sum of squared residuals over the number of rows less that of the parameters; NaN without rows to spare."""
    n, d = len(rows), rows.n_features
    freedom = n - (model.width * (d + thresholds) + (d + 1) * affine)
    return n * rows.mean_error(model) / freedom if freedom > 0 else np.nan


def rows_to_search(width: int, d: int) -> int:
    """Rows beyond which the search for so many neurons asks for no more."""
    return _rows_for(width, d, _POLISH_ROWS_PER_PARAMETER, _POLISH_ROWS)


def _rows_for(width: int, d: int, per_parameter: int, least: int) -> int:
    return max(least, per_parameter * (width + 1) * (d + 1))

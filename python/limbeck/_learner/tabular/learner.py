"""Sums of ReLUs on inputs of any distribution: no moments to rely on, but hinges, weight decay and cross-validation.

Candidate hinges come from several sources: single features at their quantiles, the eigenvectors of the residual's
second moment, random directions. They are chosen one by one for what they explain, and refined together, each neuron
under a weight decay of its own that the rows set by their evidence. The width is the smallest that leaves
nothing but rounding, or whose cross-validated error is not clearly above the least; beyond a line there is anything
only where it is better with the choice of the hinges counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._base.progress import Progress
from limbeck._learner.model.model import Model
from limbeck._learner.model.pruning import pruned
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import EXACT, Rows
from limbeck._learner.tabular.evidence import TabularFit, drop_constant_neurons, fit_by_evidence, scored
from limbeck._learner.tabular.hinges import select
from limbeck._learner.tabular.settings import TABULAR, TabularSettings
from limbeck._learner.tabular.width import Folds, constant_model, smallest_as_good, widths_to_try

__all__ = ["TabularFit", "fit_any", "with_more_rows"]


def fit_any(
    rows: Rows,
    width: int | None,
    max_width: int,
    fit: Fit,
    progress: Progress,
    rng: np.random.Generator,
    settings: TabularSettings = TABULAR,
) -> TabularFit:
    """Learn from standardised inputs.

    Parameters
    ----------
    rows : Rows
        Inputs, each column of mean 0 and standard deviation 1, and labels in any unit.
    width : int, optional
        Number of neurons, at most; None to choose the smallest whose error is only rounding, or is not clearly above
        the least.
    max_width : int
        Largest number of neurons to try.
    fit : Fit
        How to refine.
    progress : Progress
        Shows every width; ends the search when time is up.
    rng : numpy.random.Generator
        Source of the candidates drawn.
    settings : TabularSettings
        Numbers that decide the result.

    Returns
    -------
    TabularFit
        In the unit of the labels.
    """
    mean = float(np.average(rows.y, weights=rows.weights))
    scale = float(np.sqrt(np.average(np.square(rows.y - mean), weights=rows.weights)))
    if scale <= settings.constant_labels * abs(mean):  # constant up to rounding
        return TabularFit(constant_model(rows, mean), np.zeros(1), 0.0, 0.0)
    exact = max(EXACT, (settings.label_rounding * float(np.abs(rows.y).max()) / scale) ** 2)
    search = _Search(replace(rows, y=(rows.y - mean) / scale), exact, fit, progress, rng, settings)
    result = search.with_width(width) if width is not None else search.with_chosen_width(max_width)
    parameters = scale * result.model.parameters
    parameters[-1, -1] += mean
    error, compared = result.error * scale**2, result.compared * scale**2
    return TabularFit(Model(result.model.signs, parameters), result.decay, error, compared)


def with_more_rows(
    fitted: TabularFit, rows: Rows, n_before: int, fit: Fit, settings: TabularSettings = TABULAR
) -> TabularFit:
    """Refine the fit to ``n_before`` rows on more of them, of the same coordinates and unit.

    The evidence of the rows grows with their number, and decays are the less beside it.
    """
    decay = fitted.decay * (n_before / rows.count)
    fit = fit.changed(tolerance=settings.tolerance, thresholds=True)
    model, _ = fit(fitted.model, rows, decay=decay, max_steps=settings.last_steps)
    return scored(*drop_constant_neurons(model, decay, rows, settings), rows, settings)


class _Search:
    """Fits of several widths to labels of mean 0 and standard deviation 1, and the choice among them.

    Parameters
    ----------
    rows : Rows
        What to fit.
    exact : float
        Mean squared error of what is only rounding.
    fit : Fit
        How to refine.
    progress : Progress
        Shows every width; ends the search when time is up.
    rng : numpy.random.Generator
        Source of the candidates and folds drawn.
    settings : TabularSettings
        Numbers that decide the result.
    """

    def __init__(
        self,
        rows: Rows,
        exact: float,
        fit: Fit,
        progress: Progress,
        rng: np.random.Generator,
        settings: TabularSettings,
    ) -> None:
        self._rows, self._exact, self._progress, self._rng, self._settings = rows, exact, progress, rng, settings
        self._fit = fit.changed(tolerance=settings.tolerance, thresholds=True)

    def with_width(self, width: int) -> TabularFit:
        """The fit of one width."""
        start = select(self._rows, width, self._rng, self._settings).start(width)
        fitted = fit_by_evidence(start, self._rows, self._fit, self._settings)
        self._progress.report("width", fitted.model.width, fitted.error)
        return _without_error_if(self._progress.out_of_time(), fitted)

    def with_chosen_width(self, max_width: int) -> TabularFit:
        """The smallest width whose error is only rounding, or is not clearly above the least."""
        rows, progress, settings = self._rows, self._progress, self._settings
        widths = widths_to_try(max_width, len(rows), rows.n_features, settings)
        selection = select(rows, widths[-1], self._rng, settings)
        few = len(rows) <= settings.fold_rows and rows.X.size <= settings.fold_entries and len(widths) > 1
        every = few and len(rows) <= settings.repeated_rows
        folds = Folds(rows, widths[-1], self._fit, self._rng, settings) if every else None
        fits: list[TabularFit] = []
        errors: list[Float64Array] = []  # of the same widths on folds
        for width in widths:
            if fits and len(selection.hinges) < width:
                break
            fitted = self._exactly(fit_by_evidence(selection.start(width), rows, self._fit, settings))
            if progress.out_of_time() and fits:
                break  # it was cut off
            fits.append(fitted)
            if self._is_exact(fitted):
                return self._smallest_exact(fitted, fits[-2].model.width + 1 if len(fits) > 1 else 0)
            if folds is not None and not progress.out_of_time():
                errors.append(folds.errors(width))
            compared = [f.error for f in fits] if folds is None else [float(e.mean()) for e in errors]
            best = int(np.argmin(compared)) if compared else 0
            progress.report("width", fitted.model.width, fits[best].error)
            # Two widths in a row that do not help: wider ones will not either.
            if progress.out_of_time() or len(fits) > best + 2:
                break
        if len(errors) > 1:
            return fits[smallest_as_good(errors, settings)]
        if few and not every and not progress.out_of_time():
            return self._best_in_doubt(fits, widths)
        return _without_error_if(progress.stopped_early and len(fits) == 1, self._best_by_formula(fits))

    def _best_in_doubt(self, fits: list[TabularFit], widths: list[int]) -> TabularFit:
        """The same by folds, of the widths that generalised cross-validation leaves in doubt."""
        most = self._settings.in_doubt * min(f.compared for f in fits)
        kept = [k for k, f in enumerate(fits) if f.compared <= most]
        if len(kept) == 1:
            return fits[kept[0]]
        folds = Folds(self._rows, widths[kept[-1]], self._fit, self._rng, self._settings)
        errors: list[Float64Array] = []
        for k in kept:
            if self._progress.out_of_time():
                break
            errors.append(folds.errors(widths[k]))
        return fits[kept[smallest_as_good(errors, self._settings, kept[0] == 0)]] if errors else fits[kept[0]]

    def _best_by_formula(self, fits: list[TabularFit]) -> TabularFit:
        """The smallest of some widths whose generalised cross-validation error is about the least.

        The choice of hinges decides whether there are any: counted against every width, it costs accuracy where there
        are (on autompg, diabetes and boston_housing .008 of R2 on average).
        """
        line, as_good = fits[0], self._settings.as_good
        if line.compared <= as_good * min(f.compared for f in fits):
            return line
        least = min(f.error for f in fits)
        return next((f for f in fits if f.error <= as_good * least), line)

    def _is_exact(self, fitted: TabularFit) -> bool:
        return self._is_determined(fitted.model) and self._rows.mean_error(fitted.model) <= self._exact

    def _is_determined(self, model: Model) -> bool:
        """Whether rows are so many more than parameters that going through all of them is no accident."""
        return model.parameters.size <= self._settings.max_fraction_taken * self._rows.count

    def _exactly(self, fitted: TabularFit) -> TabularFit:
        """The fit without decay where that is exact: decay hides an exact fit that short steps do not lead to."""
        error = self._rows.mean_error(fitted.model)
        is_near = self._exact < error < self._settings.nearly_exact
        return fitted if not is_near else self._undecayed(fitted.model) or fitted

    def _undecayed(self, model: Model) -> TabularFit | None:
        """The model refined without decay, if it is exact then."""
        if not self._is_determined(model):
            return None
        settings = self._settings
        steps, tolerance = settings.exact_steps, settings.exact_tolerance
        model, error = self._fit(model, self._rows, max_steps=steps, tolerance=tolerance, decay=0.0)
        if error > self._exact:
            return None
        return scored(
            *drop_constant_neurons(model, np.zeros(model.width + 1), self._rows, settings), self._rows, settings
        )

    def _smallest_exact(self, exact: TabularFit, least: int) -> TabularFit:
        """An exact fit without the neurons that it can spare, down to ``least``."""
        while exact.model.width > least:
            trials = (self._undecayed(model) for model in self._without_one(exact) if not self._progress.out_of_time())
            if (trial := next((fitted for fitted in trials if fitted is not None), None)) is None:
                break
            exact = trial
        self._progress.report("width", exact.model.width, exact.error)
        return exact

    def _without_one(self, fitted: TabularFit) -> Iterator[Model]:
        """Models without the neuron that seems needed least, then without each."""
        model = fitted.model
        yield pruned(model, self._rows, self._fit, model.width - 1, fitted.decay)[0]
        for i in np.argsort(model.sizes):
            yield model.without(int(i))


def _without_error_if(cut_off: bool, fitted: TabularFit) -> TabularFit:
    """The fit; its error as NaN if it was cut off: a start may go through every row, and its error says nothing."""
    return replace(fitted, error=np.nan) if cut_off else fitted

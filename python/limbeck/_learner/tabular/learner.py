"""Sums of ReLUs on inputs of any distribution: no moments to rely on, but hinges, weight decay and cross-validation.

Networks grow from the line on: hinges that explain most of the residuals are added to the refined narrower network,
and all is refined together, each neuron with the features that the rows show it to need and a weight decay that their
evidence sets. The width is the smallest that does about as well as the best; beyond a line there is anything only
where hinges explain more of its residuals than of shuffled ones. Labels without noise are fitted to rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from limbeck._base.progress import Progress
from limbeck._learner.model.coordinates import without_far_values
from limbeck._learner.model.model import Model
from limbeck._learner.model.pruning import pruned
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import EXACT, Rows
from limbeck._learner.tabular.dense_search import DenseSearch
from limbeck._learner.tabular.evidence import TabularFit, drop_constant_neurons, fit_by_evidence, scored
from limbeck._learner.tabular.folds import Folds
from limbeck._learner.tabular.growth_search import GrowthSearch
from limbeck._learner.tabular.hinges import select
from limbeck._learner.tabular.relevance import SparseFit, drop_idle_neurons
from limbeck._learner.tabular.settings import TABULAR, TabularSettings
from limbeck._learner.tabular.sparse_model import FitTask, SparseModel, refine_sparse
from limbeck._learner.tabular.width import constant_model, smallest_as_good, widths_to_try

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
    rows = replace(rows, X=without_far_values(rows.X))
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
    rows = replace(rows, X=without_far_values(rows.X))
    decay = fitted.decay * (n_before / rows.count)
    task = FitTask.of(rows, fit)
    sparse, _ = refine_sparse(
        SparseModel.of(fitted.model, decay), task, settings.steps_of_many, settings.tolerance_of_many
    )
    sparse = drop_idle_neurons(sparse, task, settings)
    found = SparseFit.of(sparse, task, settings)
    return TabularFit(sparse.model, sparse.decay, found.error, found.compared)


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
        """The fit of one width: of neurons that see some features or all, whichever is better."""
        grown = self._of(self._growth(self._rows).with_width(width))
        dense = self._dense(self._rows).with_width(width)
        self._progress.report("width", dense.model.width, dense.error)
        if self._progress.out_of_time():
            return _without_error_if(True, dense if np.isnan(grown.error) else grown)
        # So many neurons were asked for: where the rows show hardly any, those that see all features are as good.
        short = grown.model.width < (width + 1) // 2 <= dense.model.width
        return dense if short or dense.error < grown.error else grown

    def with_chosen_width(self, max_width: int) -> TabularFit:
        """The smallest width whose error is only rounding, or that does about as well as the best."""
        few = len(self._rows) <= self._settings.fold_rows
        chosen = self._by_folds(max_width) if few and max_width else self._by_formula(max_width)
        settings = self._settings
        small = self._rows.X.size <= settings.dense_entries
        near = settings.nearly_exact if small else settings.nearly_exact_of_many
        if self._progress.out_of_time() or self._rows.mean_error(chosen.model) > near:
            return _without_error_if(self._progress.stopped_early and not chosen.model.width, chosen)
        return self._exact_fit(chosen, max_width) or chosen

    def _growth(self, rows: Rows) -> GrowthSearch:
        progress = self._progress if rows is self._rows else None
        return GrowthSearch(rows, self._fit, progress, self._rng, self._settings)

    def _dense(self, rows: Rows) -> DenseSearch:
        progress = self._progress if rows is self._rows else None
        return DenseSearch(rows, self._fit, progress, self._rng, self._settings)

    def _by_formula(self, max_width: int) -> TabularFit:
        """The grown network, or one of dense neurons where that has the smaller cross-validated error.

        Growth chooses among more, each time anew: its error counts the choice.
        """
        settings, growth = self._settings, self._growth(self._rows)
        grown = self._grown(growth, max_width)
        if self._rows.X.size > settings.competing_entries or self._progress.out_of_time():
            return grown
        # Where chance explains all that a line leaves, there is only a line to compare with.
        search = self._dense(self._rows)
        rival = grown.compared / settings.clearly_better
        search.fit(max_width if growth.shows_neurons() else 0, rival)
        if rival < search.least_error or self._progress.out_of_time():
            return grown
        dense = search.found()
        if self._progress.out_of_time():
            return dense if dense.error < grown.compared else grown
        little = min(settings.little_r2, settings.little_error * dense.error)
        if search.folds is None:
            return grown if grown.compared <= dense.error + little else search.thinned(dense)
        if not grown.compared <= dense.error / settings.clearly_better:
            return search.thinned(dense)
        # It is close: of few rows, folds that grow networks for themselves decide.
        grown_errors = search.folds.errors(lambda rows: [self._growth(rows).found(max_width).sparse.model])
        dense_errors = search.errors_on_folds(search.folds)
        if grown.model.width and not dense.model.width:  # a line is simpler than any neuron
            errors = [*dense_errors, *grown_errors]
            is_dense = not smallest_as_good(errors, settings.dense_standard_errors, settings.dense_line_errors)
        else:
            is_dense = bool(smallest_as_good([*grown_errors, *dense_errors], settings.dense_standard_errors))
        return search.thinned(dense) if is_dense else grown

    def _grown(self, growth: GrowthSearch, max_width: int) -> TabularFit:
        """The best of several growths where one is cheap, until one with neurons is about as good as the best so far.

        Each draws other candidates, and where features act together some searches end far from the others.
        """
        settings = self._settings
        best = self._of(growth.found(max_width))
        if not max_width or not growth.shows_neurons() or self._rows.X.size > settings.restart_entries:
            return best
        for _ in range(settings.most_starts - 1):
            again = self._of(self._growth(self._rows).found(max_width))
            if self._progress.out_of_time():
                break
            apart = abs(again.compared - best.compared) > settings.starts_apart * best.compared
            best = min(best, again, key=lambda fit: fit.compared)
            if not apart and best.model.width:
                break
        return best

    def _by_folds(self, max_width: int) -> TabularFit:
        """The grown network, or one of dense neurons, of the width that is best on folds: they count every choice."""
        settings, growth = self._settings, self._growth(self._rows)
        if not growth.shows_neurons():
            return self._by_formula(0)
        widest, folds = min(max_width, settings.max_fold_width), Folds(self._rows, self._rng, settings)
        grown = folds.errors(lambda rows: self._growth(rows).best_up_to(widest))
        dense = folds.errors(lambda rows: self._dense(rows).best_up_to(widest))
        width, dense_width = (smallest_as_good(errors, settings.fold_standard_errors) for errors in (grown, dense))
        if smallest_as_good([grown[width], dense[dense_width]], settings.dense_standard_errors):
            search = self._dense(self._rows)
            return search.thinned(search.with_width(dense_width))
        return self._of(growth.found(width, by_folds=True))

    def _of(self, found: SparseFit) -> TabularFit:
        """A network found by growth in the form that all others have."""
        cut_off = self._progress.out_of_time()
        sparse = found.sparse
        return _without_error_if(cut_off, TabularFit(sparse.model, sparse.decay, found.error, found.compared))

    def _exact_fit(self, grown: TabularFit, max_width: int) -> TabularFit | None:
        """The smallest network whose error is only rounding, if there is one.

        Neurons of all features are tried beside the network that was grown: an exact fit is seldom sparse, and decays
        that the evidence sets hide it.
        """
        rows, settings = self._rows, self._settings
        few = max(settings.exact_rows, settings.exact_rows_per_parameter * grown.model.parameters.size)
        if len(rows) > 2 * few:  # an exact fit is one to some of the rows, too
            some = rows.part(np.sort(self._rng.choice(len(rows), few, replace=False)))
            search = _Search(some, self._exact, self._fit, self._progress, self._rng, settings)
            exact = search._exact_fit(grown, max_width)
            return None if exact is None else self._undecayed(exact.model)
        exact = self._undecayed(grown.model)
        if exact is not None:
            return self._smallest_exact(exact, 0)
        widths = widths_to_try(min(max_width, settings.max_exact_width), len(rows), rows.n_features, settings)
        selection, below = select(rows, widths[-1], self._rng, settings), 0
        for width in widths:
            if self._progress.out_of_time() or len(selection.hinges) < width:
                break
            fitted = self._exactly(fit_by_evidence(selection.start(width), rows, self._fit, settings))
            if self._is_exact(fitted):
                return self._smallest_exact(fitted, below)
            below = fitted.model.width + 1
        return None

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

"""The search for networks whose neurons see all features, each under a weight decay of its own: a peer of growth.

Where many weak features go together, decay that is shared out over all of them predicts better than a choice among
them. Hinges are chosen once for the widest network, on what a line leaves; every width starts from the first of them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._base.progress import Progress
from limbeck._learner.model.model import Model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows
from limbeck._learner.tabular.evidence import TabularFit, drop_constant_neurons, fit_by_evidence, scored
from limbeck._learner.tabular.folds import Folds
from limbeck._learner.tabular.hinges import Selection, select
from limbeck._learner.tabular.settings import TabularSettings
from limbeck._learner.tabular.thinning import thinned
from limbeck._learner.tabular.width import smallest_as_good, widths_to_try

__all__ = ["DenseSearch"]


class DenseSearch:
    """Networks of neurons of all features on rows of standardised inputs and labels, and the choice among them.

    Parameters
    ----------
    rows : Rows
        What to fit.
    fit : Fit
        How to refine.
    progress : Progress or None
        Shows every width.
    rng : numpy.random.Generator
        Source of the candidates drawn.
    settings : TabularSettings
        Numbers that decide the result.
    """

    def __init__(
        self, rows: Rows, fit: Fit, progress: Progress | None, rng: np.random.Generator, settings: TabularSettings
    ) -> None:
        self._rows, self._fit, self._progress, self._rng, self._settings = rows, fit, progress, rng, settings
        self.folds: Folds | None = None  # of few rows
        self._selections: dict[int, Selection] = {}  # by the rows of a fold
        self._on_folds: dict[tuple[int, int], TabularFit] = {}  # by the rows of a fold and the width
        self._fits: dict[int, TabularFit] = {}  # by width
        self._some = rows  # that widths are compared on
        self._widest = self._taken = 0
        self._errors: dict[int, Float64Array] = {}  # squared errors on folds, by width

    def fit(self, max_width: int, rival: float = 0.0) -> None:
        """Fit networks of rising width, until two in a row do not help.

        They end, too, where one that gains as much again would have an error above that of a ``rival``.
        """
        rows, settings = self._rows, self._settings
        widths = widths_to_try(max_width, len(rows), rows.n_features, settings)
        self._widest = widths[-1]
        # No more rows than tell the parameters apart: beyond, they cost time and change little.
        size = (self._widest + 1) * (rows.n_features + 1)
        if len(rows) > 1.25 * (most := max(settings.many_rows, settings.rows_per_parameter * size)):
            rows = self._some = rows.part(np.sort(self._rng.choice(len(rows), most, replace=False)))
        selection, fits = select(rows, widths[-1], self._rng, settings), self._fits
        for width in widths:
            if fits and len(selection.hinges) < width:
                break
            fitted = fit_by_evidence(selection.start(width), rows, self._fit, settings)
            if self._fit.out_of_time() and fits:
                break  # it was cut off
            fits[width] = fitted
            best = min(fits, key=lambda w: fits[w].error)
            if self._progress is not None:
                self._progress.report("width", fitted.model.width, fits[best].error)
            if self._fit.out_of_time() or sum(w > best for w in fits) > 1:
                break
            before = min((fits[w].error for w in fits if w < width), default=np.inf)
            if width >= settings.few_neurons and fits[best].error - (before - fits[best].error) > rival > 0:
                break

    @property
    def least_error(self) -> float:
        """The least error of a width fitted, by generalised cross-validation."""
        return min(f.error for f in self._fits.values())

    def errors_on_folds(self, folds: Folds, width: int | None = None) -> list[Float64Array]:
        """Squared errors (n,), a list of one, of a width or of that taken, on folds that choose hinges for themselves.

        Folds count the choice better than a constant does.
        """
        width = self._taken if width is None else width
        if width not in self._errors:
            self._errors[width] = folds.errors(lambda part: [self._on(part, width).model])[0]
        return [self._errors[width]]

    def _on(self, part: Rows, width: int) -> TabularFit:
        if (key := (id(part), width)) not in self._on_folds:  # the folds keep their rows
            if id(part) not in self._selections:
                self._selections[id(part)] = select(part, self._widest, self._rng, self._settings)
            start = self._selections[id(part)].start(width)
            self._on_folds[key] = fit_by_evidence(start, part, self._fit, self._settings)
        return self._on_folds[key]

    def thinned(self, dense: TabularFit) -> TabularFit:
        """A network without idle weights: as few as are no clearly worse on folds; of many rows, without the idlest."""
        rows, settings, folds = self._rows, self._settings, self.folds
        limits = settings.thinning_statistics

        def thin(dense: TabularFit, rows: Rows, limit: float) -> TabularFit:
            return thinned(dense, rows, self._fit, settings, limit)

        if folds is None or self._fit.out_of_time():
            return thin(dense, rows, limits[-1])
        width = self._taken
        errors = folds.errors(lambda part: [thin(self._on(part, width), part, limit).model for limit in limits])
        return thin(dense, rows, limits[smallest_as_good(errors, settings.dense_width_errors)])

    def best_up_to(self, max_width: int) -> list[Model]:
        """The networks of the largest width tried up to 0, 1, 2 and so on up to ``max_width`` neurons."""
        rows, settings = self._rows, self._settings
        widths = widths_to_try(max_width, len(rows), rows.n_features, settings)
        selection = select(rows, widths[-1], self._rng, settings)
        models = {w: fit_by_evidence(selection.start(w), rows, self._fit, settings).model for w in widths}
        return [models[max(w for w in widths if w <= width)] for width in range(max_width + 1)]

    def with_width(self, width: int) -> TabularFit:
        """The network of one width."""
        start = select(self._rows, width, self._rng, self._settings).start(width)
        return fit_by_evidence(start, self._rows, self._fit, self._settings)

    def found(self) -> TabularFit:
        """The smallest width fitted that is no clearly worse than the best, on folds or by the formula.

        The choice of hinges decides whether there are any: counted against every width, it costs accuracy where there
        are (on autompg, diabetes and boston_housing .008 of R2 on average).
        """
        rows, settings, fits = self._rows, self._settings, self._fits
        few = len(rows) <= settings.dense_fold_rows and rows.X.size <= settings.dense_fold_entries and len(fits) > 1
        if few and not self._fit.out_of_time():
            self.folds = Folds(rows, self._rng, settings)
            self._taken = self._best_on_folds(self.folds)
            # Its error, to compare it by, is that of the best width: folds, not the formula, have chosen.
            return replace(fits[self._taken], error=self.least_error)
        line, as_good = fits[0], settings.as_good
        if not line.compared > as_good * min(f.compared for f in fits.values()):
            return self._on_all(line)
        return self._on_all(next((f for f in fits.values() if f.error <= as_good * self.least_error), line))

    def _on_all(self, fitted: TabularFit) -> TabularFit:
        """The fit refined on all rows, where the width was chosen on some: they move it little."""
        if self._some is self._rows:
            return fitted
        rows, settings = self._rows, self._settings
        decay = fitted.decay * (self._some.count / rows.count)
        steps, tolerance = settings.steps_of_many, settings.tolerance_of_many
        model, _ = self._fit(fitted.model, rows, decay=decay, max_steps=steps, tolerance=tolerance)
        model, decay = drop_constant_neurons(model, decay, rows, settings)
        return scored(model, decay, rows, settings)

    def _best_on_folds(self, folds: Folds) -> int:
        """The width that is best on folds, of those that generalised cross-validation leaves in doubt."""
        settings, fits = self._settings, self._fits
        most = settings.in_doubt * min(f.compared for f in fits.values())
        widths = [width for width, fitted in fits.items() if fitted.compared <= most]
        errors: list[Float64Array] = []
        for width in widths if len(widths) > 1 else []:
            if self._fit.out_of_time():
                break
            errors += self.errors_on_folds(folds, width)
        if not errors:
            return widths[0]
        of_line = settings.dense_width_errors if widths[0] else settings.dense_line_errors
        return widths[smallest_as_good(errors, settings.dense_width_errors, of_line)]

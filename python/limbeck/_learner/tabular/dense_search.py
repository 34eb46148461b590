"""The search for networks whose neurons see all features, each under a weight decay of its own: a peer of growth.

Where many weak features go together, decay that is shared out over all of them predicts better than a choice among
them. Hinges are chosen once for the widest network, on what a line leaves; every width starts from the first of them.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._base.progress import Progress
from limbeck._learner.model.model import Model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows
from limbeck._learner.tabular.evidence import TabularFit, fit_by_evidence
from limbeck._learner.tabular.folds import Folds
from limbeck._learner.tabular.hinges import Selection, select
from limbeck._learner.tabular.settings import TabularSettings
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
        self.folds: Folds | None = None  # of few rows, and the squared errors there of the network found
        self.errors: Float64Array | None = None

    def _fits(self, max_width: int) -> tuple[list[TabularFit], list[Float64Array]]:
        """Fits of rising width, until two in a row do not help; of few rows, squared errors of the same on folds.

        Folds count the choice of hinges better than a constant does.
        """
        rows, settings = self._rows, self._settings
        widths = widths_to_try(max_width, len(rows), rows.n_features, settings)
        selection = select(rows, widths[-1], self._rng, settings)
        few = len(rows) <= settings.dense_fold_rows and rows.X.size <= settings.dense_fold_entries and len(widths) > 1
        folds = self.folds = Folds(rows, self._rng, settings) if few else None
        selections: dict[int, Selection] = {}

        def on_others(part: Rows, width: int) -> list[Model]:
            if id(part) not in selections:
                selections[id(part)] = select(part, widths[-1], self._rng, settings)
            return [fit_by_evidence(selections[id(part)].start(width), part, self._fit, settings).model]

        fits: list[TabularFit] = []
        errors: list[Float64Array] = []
        for width in widths:
            if fits and len(selection.hinges) < width:
                break
            fitted = fit_by_evidence(selection.start(width), rows, self._fit, settings)
            if self._fit.out_of_time() and fits:
                break  # it was cut off
            fits.append(fitted)
            if folds is not None and not self._fit.out_of_time():
                errors += folds.errors(partial(on_others, width=width))
            compared = [f.error for f in fits] if folds is None else [float(e.mean()) for e in errors]
            best = int(np.argmin(compared)) if compared else 0
            if self._progress is not None:
                self._progress.report("width", fitted.model.width, fits[best].error)
            if self._fit.out_of_time() or len(fits) > best + 2:
                break
        return fits, errors

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

    def found(self, max_width: int) -> TabularFit:
        """The smallest width that is no clearly worse than the best on folds, or by generalised cross-validation.

        The choice of hinges decides whether there are any: counted against every width, it costs accuracy where there
        are (on autompg, diabetes and boston_housing .008 of R2 on average).
        """
        settings = self._settings
        fits, errors = self._fits(max_width)
        if len(errors) > 1:
            best = smallest_as_good(errors, settings.dense_width_errors, settings.dense_line_errors)
            self.errors = errors[best]
            # Its error, to compare it by, is that of the best width: folds, not the formula, have chosen.
            return replace(fits[best], error=min(f.error for f in fits))
        line = fits[0]
        if not line.compared > settings.as_good * min(f.compared for f in fits):
            return line
        least = min(f.error for f in fits)
        return next((f for f in fits if f.error <= settings.as_good * least), line)

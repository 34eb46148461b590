"""The search for a table's network: from the line on, each wider network grown out of the refined narrower one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._base.progress import Progress
from limbeck._learner.model.model import Model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows
from limbeck._learner.tabular.existence import is_more_than_chance
from limbeck._learner.tabular.growth import Candidates, proposed, with_hinges
from limbeck._learner.tabular.line import line_by_evidence
from limbeck._learner.tabular.relevance import Posterior, SparseFit, drop_idle_neurons, settle
from limbeck._learner.tabular.settings import TabularSettings
from limbeck._learner.tabular.sparse_model import FitTask, SparseModel, refine_sparse

__all__ = ["GrowthSearch"]


class GrowthSearch:
    """Networks of rising width on rows of standardised inputs and labels, and the choice among them.

    Parameters
    ----------
    rows : Rows
        What to fit.
    fit : Fit
        Deadline of refinements.
    progress : Progress
        Shows every width; ends the search when time is up.
    rng : numpy.random.Generator
        Source of the rows, candidates and folds drawn.
    settings : TabularSettings
        Numbers that decide the result.
    """

    def __init__(
        self, rows: Rows, fit: Fit, progress: Progress | None, rng: np.random.Generator, settings: TabularSettings
    ) -> None:
        self._rows, self._fit, self._progress, self._rng, self._settings = rows, fit, progress, rng, settings
        self._whole = FitTask.of(rows, fit)
        self._order = rng.permutation(len(rows))
        self._begun: tuple[SparseFit, FitTask, bool] | None = None
        self._least_error = 0.0  # of a line, on rows left out, where there are about as many features as rows

    def shows_neurons(self) -> bool:
        """Whether there is anything beyond a line that chance does not explain."""
        if self._begun is None:
            task = self._first_task()
            line = self._line(task)
            exact = task.mean_square(line.residuals) <= self._settings.growth_ends_at
            self._begun = line, task, not exact and self._exists(line, task)
        return self._begun[2]

    def found(self, max_width: int, *, by_folds: bool = False) -> SparseFit:
        """The smallest width that does about as well as the best; the line where chance explains the rest.

        ``by_folds``: ``max_width`` is what folds have chosen.
        """
        settings = self._settings
        shows_neurons = self.shows_neurons()
        assert self._begun is not None
        line, task, _ = self._begun
        if not max_width or not shows_neurons:
            return self._finished_line(line)
        # A network that was wider once is better than one that grew no wider.
        path, task = self._grown(line, task, max_width if by_folds else int(settings.overgrowth * max_width))
        path = [p for p in path + self._pruned_back(path, task, max_width) if p.sparse.width <= max_width]
        least = min(p.compared for p in path)
        good = [p for p in path if p.compared <= settings.as_good * least]
        chosen = min(good, key=lambda p: (p.sparse.width, p.compared))
        return self._polished(chosen.sparse) if chosen.sparse.width else self._finished_line(line)

    def best_up_to(self, max_width: int) -> list[Model]:
        """The best grown networks of at most 0, 1, 2 and so on up to ``max_width`` neurons."""
        line = self._line(self._whole)
        path, _ = self._grown(line, self._whole, max_width)
        best = (
            min((p for p in path if p.sparse.width <= width), key=lambda p: p.compared, default=line)
            for width in range(max_width + 1)
        )
        return [p.sparse.model for p in best]

    def with_width(self, width: int) -> SparseFit:
        """The best network of at most so many neurons, as many as explain anything."""
        task = self._first_task()
        path, task = self._grown(self._line(task), task, width, stops=False)
        wide = [p for p in path if p.sparse.width >= max(q.sparse.width for q in path) - width // 4]
        return self._polished(min(wide, key=lambda p: p.error).sparse)

    def _finished_line(self, line: SparseFit) -> SparseFit:
        """The line on all rows; where there are about as many features as rows, with its error on rows left out."""
        if line.sparse.size > len(self._whole) // 2:
            return replace(line, error=max(line.error, self._least_error))
        found = self._polished(line.sparse)
        return replace(found, error=max(found.error, self._least_error))

    def _first_task(self) -> FitTask:
        settings = self._settings
        return self._part(max(settings.first_rows, settings.first_rows_per_feature * self._whole.n_features))

    def _part(self, count: int) -> FitTask:
        """The first of the rows in random order; all of them where that saves little."""
        if count * 1.25 >= len(self._whole):
            return self._whole
        return self._whole.part(np.sort(self._order[:count]))

    def _line(self, task: FitTask) -> SparseFit:
        """The line, without the features that it can spare."""
        settings, n, d = self._settings, task.count, task.n_features
        dense = line_by_evidence(task, settings)
        if d > n // 2:
            dense_error, sparse_error = self._errors_of_lines(task)
            is_dense, error = dense_error <= sparse_error, min(dense_error, sparse_error)
            line = SparseFit.of(dense, task, settings) if is_dense else self._line_of_few(task)
            self._least_error = error if task is self._whole else 0.0
            return replace(line, error=max(error, line.error), compared=max(error, line.compared))
        fits = [SparseFit.of(dense, task, settings)]
        if d <= settings.max_line_features:
            fits.append(settle(dense, task, settings, rounds=2))
        # A line of fewer features is taken where it is about as good.
        return min(fits, key=lambda f: f.compared / (settings.sparse_as_good if f.sparse.size <= d else 1.0))

    def _line_of_few(self, task: FitTask) -> SparseFit:
        """A line of features chosen one by one."""
        return settle(constant(task, self._settings), task, self._settings, rounds=self._settings.forward_rounds)

    def _errors_of_lines(self, task: FitTask) -> tuple[float, float]:
        """Errors on rows left out of lines of all features, and of features chosen one by one."""
        settings, place = self._settings, np.arange(len(task)) % self._settings.folds
        totals = np.zeros(2)
        for fold in range(settings.folds):
            used, out = task.part(np.flatnonzero(place != fold)), task.part(np.flatnonzero(place == fold))
            for i, line in enumerate((line_by_evidence(used, settings), self._line_of_few(used).sparse)):
                totals[i] += out.mean_square(out.residuals(line.model)) * len(out)
        return float(totals[0]) / len(task), float(totals[1]) / len(task)

    def _exists(self, line: SparseFit, task: FitTask) -> bool:
        """Whether neurons explain more than chance of what a line of all features leaves."""
        settings, task = self._settings, task
        if len(task) > settings.hinge_rows:
            task = task.part(np.arange(settings.hinge_rows))
        support = np.ones_like(line.sparse.support)
        if task.n_features >= task.count // 2:
            support = line.sparse.support
        whole = SparseModel(line.sparse.model, support, line.sparse.decay)
        residuals = task.residuals(line.sparse.model)
        guide = self._rng.standard_normal(len(task))
        candidates = Candidates.of(whole, task, residuals, self._rng, settings, guide)
        return is_more_than_chance(candidates, task, self._rng, settings)

    def _grown(
        self, line: SparseFit, task: FitTask, max_width: int, *, stops: bool = True
    ) -> tuple[list[SparseFit], FitTask]:
        """Networks grown from a line, and the rows of the last of them; those on fewer rows are left out."""
        settings = self._settings
        path, best, current, failures, together = [line], line, line, 0, 1
        many, may_be_many = False, True  # neurons at once
        bent: SparseFit | None = None  # the network that curves were last looked for beyond
        while (width := current.sparse.width) < max_width and not self._fit.out_of_time():
            size = current.sparse.size
            # No more rows than tell the parameters apart: beyond, they cost time and change little.
            most = min(len(self._whole), max(settings.many_rows, settings.rows_per_parameter * size))
            if len(task) < most and size * settings.rows_per_parameter > len(task):
                task = self._part(max(2 * len(task), size * settings.rows_per_parameter))
                current = best = settle(current.sparse, task, settings)
                path = [current]
            exact = task.mean_square(current.residuals) <= settings.growth_ends_at
            if exact or size * settings.largest_growth > task.count:
                break
            curves = (failures == 1 or current is line) and current is not bent
            bent = current if curves else bent
            hinges, ahead = proposed(
                current.sparse, task, current.residuals, max_width - width, self._rng, settings, curves=curves
            )
            if not len(hinges):
                break
            if not failures:
                together = int(np.clip(settings.growth_rate * width, 1, settings.most_together))
                many = may_be_many and ahead > settings.many_ahead
                if many:
                    together = ahead if not width else max(together, min(ahead, settings.most_together))
            trial = settle(
                with_hinges(current.sparse, hinges[:together], task, current.residuals, settings), task, settings
            )
            path.append(trial)
            self._report(trial)
            if trial.error < current.error * settings.hopeful or (not stops and trial.sparse.width > width):
                current = trial
            if trial.compared < best.compared * settings.better:
                best, failures = trial, 0
            elif stops or trial.sparse.width <= width:
                if len(task) < min(most, settings.enough_rows_per_parameter * size):
                    task = self._part(2 * len(task))
                    current = best = settle(best.sparse, task, settings)
                    path, failures = [current], 0
                    continue
                if many:  # too many, perhaps
                    many = may_be_many = False
                    continue
                failures, together = failures + 1, 2 * together
                if failures > settings.patience:
                    break
        return path, task

    def _pruned_back(self, path: list[SparseFit], task: FitTask, max_width: int) -> list[SparseFit]:
        """Networks from the best of a path on with one neuron less each, while too wide or perhaps as good."""
        settings = self._settings
        current = min(path, key=lambda p: p.compared)
        found, least = [], current.compared
        while current.sparse.width and not self._fit.out_of_time():
            smaller = without_least_needed(current, task, settings)
            # To look for further weights to free takes half of the time of pruning, and gains no R2 on 20 tables.
            current = settle(smaller, task, settings, frees=False)
            found.append(current)
            self._report(current)
            if current.sparse.width > max_width:
                least = np.inf
            elif current.compared > settings.hopeless * (least := min(least, current.compared)):
                break
        while current.sparse.width > max_width:  # time is up: not refined, but no wider than allowed
            current = SparseFit.of(without_least_needed(current, task, settings), task, settings)
            found.append(current)
        return found

    def _polished(self, sparse: SparseModel) -> SparseFit:
        """The network refined to the end on all rows."""
        settings = self._settings
        if len(self._whole) <= settings.many_rows:
            polished = settle(sparse, self._whole, settings, 1, settings.last_steps)
            return self._with_straight_parts(polished)
        sparse, _ = refine_sparse(sparse, self._whole, settings.steps_of_many, settings.tolerance_of_many)
        return SparseFit.of(drop_idle_neurons(sparse, self._whole, settings), self._whole, settings)

    def _with_straight_parts(self, fitted: SparseFit) -> SparseFit:
        """The network without neurons that bend on few rows alone, where a line in their place does about as well."""
        settings, task = self._settings, self._whole
        tried = 0
        while tried < fitted.sparse.width and not self._fit.out_of_time():
            on = np.mean(task.inner(fitted.sparse.model) > 0, axis=1)
            rarer = np.minimum(on, 1 - on)
            i = int(np.argsort(rarer, kind="stable")[tried])
            if rarer[i] > settings.straight_part:
                break
            straight = straightened(fitted.sparse, i, is_open=on[i] > 0.5)
            trial = settle(straight, task, settings, frees=False)
            if trial.compared <= settings.as_good * fitted.compared:
                fitted, tried = trial, 0
            else:
                tried += 1
        return fitted

    def _report(self, trial: SparseFit) -> None:
        if self._progress is not None:
            self._progress.report("width", trial.sparse.width, trial.error)


def constant(task: FitTask, settings: TabularSettings) -> SparseModel:
    """The mean of the labels, as a line that features may be added to."""
    parameters = np.zeros((1, task.n_features + 1))
    parameters[-1, -1] = float(np.average(task.y, weights=task.weights))
    support = np.zeros(parameters.shape, dtype=bool)
    support[-1, -1] = True
    return SparseModel(Model(np.empty(0), parameters), support, np.array([settings.first_decay]))


def straightened(sparse: SparseModel, neuron: int, *, is_open: bool) -> SparseModel:
    """The network without a neuron that is open on nearly all rows, when the line takes it over, or on hardly any."""
    model, parameters, support = sparse.model, sparse.model.parameters.copy(), sparse.support.copy()
    if is_open:
        parameters[-1] += model.signs[neuron] * model.neurons[neuron]
        support[-1] |= support[neuron]
    changed = replace(sparse, model=Model(model.signs, parameters), support=support)
    return changed.kept(np.arange(sparse.width) != neuron)


def without_least_needed(fitted: SparseFit, task: FitTask, settings: TabularSettings) -> SparseModel:
    """The network without the neuron that is needed least, the others having made up for it.

    Its features are freed in the line, which may have been in its place on nearly all rows.
    """
    sparse = fitted.sparse
    posterior = Posterior.of(sparse, task, fitted.residuals, settings)
    groups, columns = sparse.free()
    values = sparse.model.parameters[groups, columns]
    costs: list[float] = []
    changes: list[Float64Array] = []
    for i in range(sparse.width):
        own = np.flatnonzero(groups == i)
        change = np.linalg.solve(posterior.inverse[np.ix_(own, own)], values[own])
        costs.append(float(values[own] @ change))
        changes.append(values - posterior.inverse[:, own] @ change)
    least = int(np.argmin(costs))
    parameters = sparse.model.parameters.copy()
    parameters[groups, columns] = changes[least]
    support = sparse.support.copy()
    support[-1] |= support[least]
    return replace(sparse.with_parameters(parameters), support=support).kept(np.arange(sparse.width) != least)

"""Weights of a dense network that the rows do not show become exact zeros."""

from __future__ import annotations

from dataclasses import replace

from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows
from limbeck._learner.tabular.evidence import TabularFit, drop_constant_neurons
from limbeck._learner.tabular.relevance import Posterior, choice_parameters, with_likeliest_decay, without_irrelevant
from limbeck._learner.tabular.settings import TabularSettings
from limbeck._learner.tabular.sparse_model import FitTask, SparseModel, refine_sparse

__all__ = ["thinned"]


def thinned(dense: TabularFit, rows: Rows, fit: Fit, settings: TabularSettings, limit: float) -> TabularFit:
    """A network without the weights whose F statistic is below a limit, as long as that costs no more than chance.

    Parameters
    ----------
    dense : TabularFit
        The network.
    rows : Rows
        Rows that it was fitted to.
    fit : Fit
        Deadline of refinements.
    settings : TabularSettings
        Number of rounds.
    limit : float
        The F statistic; below one, evidence for a weight is largest at zero.
    """
    settings = replace(
        settings, neuron_statistics=(limit, limit), linear_statistics=(limit, limit), statistic_per_log_feature=0.0
    )
    task, best = FitTask.of(rows, fit), SparseModel.of(dense.model, dense.decay)
    posterior = Posterior.of(best, task, task.residuals(best.model), settings)
    all_taken = float(posterior.effective.sum())
    error = posterior.error_if_taken(task, 0.0, settings)
    for _ in range(settings.thinning_rounds):
        sparse, removed = without_irrelevant(best, task, posterior, settings)
        if not removed or fit.out_of_time():
            break
        sparse = with_likeliest_decay(sparse, task, posterior, settings)
        sparse, residuals = refine_sparse(sparse, task, settings.last_steps, settings.tolerance)
        posterior = Posterior.of(sparse, task, residuals, settings)
        # What removed weights took up before counts for the choice in part.
        chosen = choice_parameters(limit) * max(0.0, all_taken - float(posterior.effective.sum()))
        new_error = posterior.error_if_taken(task, chosen, settings)
        if new_error > settings.sparse_as_good * error:
            break
        best, error = sparse, min(error, new_error)
    model, decay = drop_constant_neurons(best.model, best.decay, rows, settings)
    return replace(dense, model=model, decay=decay)

"""Chains of models, each trained on labels of the one before it: model collapse, and how fresh labels stop it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from limbeck._base.arrays import Float64Array, integer, same_length
from limbeck.distillation.equivalents import deployment_variances, weighted
from limbeck.distillation.spread import deviation_of_form
from limbeck.distillation.stage_law import Moments, Quadratic, StageLaw, stage_law
from limbeck.distillation.stages import Ridgeless, Stage, require_stage
from limbeck.distillation.task import Task, number, require_task

__all__ = ["Chain", "Generation", "chain_risk"]


@dataclass(frozen=True, eq=False)
class Generation:
    """One model of a chain: how it is trained, and on what labels; checked arguments."""

    task: Task
    n: int
    stage: Stage
    fresh: float  # share of true labels

    @property
    def noise(self) -> float:
        """Variance of the labels' noise, of which true labels and the model's have each their own."""
        return self.task.noise * (self.fresh**2 + (1 - self.fresh) ** 2)

    def labels(self, before: Moments) -> Moments:
        """Moments of the coefficients that make the labels, from those of the model before."""
        return before.mixed(self.fresh, self.task.beta)


@dataclass(frozen=True)
class Chain:
    """Risks by generation.

    Attributes
    ----------
    risks : ndarray of shape (generations,)
        Excess risk of each model on its own task, the first of which is trained on true labels.
    standard_deviations : ndarray of shape (generations,)
        Over draws of the rows and noise of the whole chain.
    """

    risks: Float64Array
    standard_deviations: Float64Array


def chain_risk(
    tasks: Task | Sequence[Task],
    ns: Sequence[int],
    *,
    stages: Stage | Sequence[Stage] | None = None,
    fresh: float | Sequence[float] = 0.0,
    test_eigenvalues: ArrayLike | None = None,
) -> Chain:
    """Excess risk of every model of a chain, each trained on new rows that the one before it labels.

    Parameters
    ----------
    tasks : Task or sequence of Task
        One for all generations, or one for each: features, ground truth, and the variance of the noise that labels get,
        from whichever source. Covariances may differ and need not commute; see :func:`two_stage_risk`.
    ns : sequence of int
        Rows of each generation.
    stages : Stage or sequence of Stage, optional
        How each is trained; default :class:`Ridgeless`.
    fresh : float or sequence of float, default 0
        Share w of true labels from the second generation on: row by row, labels are ``w y + (1 - w) y_model``, both
        with noise of their own. A sequence holds one for each generation; that of the first is not used.
    test_eigenvalues : array_like of shape (p,), optional
        As for :func:`risk`, for all generations; default those of each task.

    Returns
    -------
    Chain

    Raises
    ------
    TypeError, ValueError
        As for :func:`risk`; or lengths disagree, or tasks differ in their number of features.

    Warns
    -----
    NearPeakWarning
        A generation is near its peak.

    Notes
    -----
    Mean and covariance of the coefficients go from stage to stage (:mod:`limbeck.distillation.stage_law`), in each
    task's own basis; generation k is worse than the one before as errors are learned and shrinkage is repeated (model
    collapse: Dohmatob, Feng and Kempe, arXiv 2402.07712). Standard deviations add up what each stage's rows do to the
    expected risk of the last. With a share of fresh labels the chain settles; for many generations of equal size and no
    shrinkage the best share is ``(sqrt(5) - 1) / 2``, the inverse of the golden ratio (arXiv 2509.22341).

    Examples
    --------
    >>> from limbeck.distillation import Task, chain_risk
    >>> task = Task.power_law(150, alpha=1.1, r=1.1, noise=0.3)
    >>> alone, mixed = chain_risk(task, [400] * 10), chain_risk(task, [400] * 10, fresh=0.618)
    >>> bool(mixed.risks[-1] < alone.risks[-1] / 5)
    True
    """
    generations = _generations(tasks, ns, stages, fresh)
    tests = [deployment_variances(test_eigenvalues, g.task) for g in generations]
    laws = [stage_law(g.task, g.n, g.stage) for g in generations]
    deviations = [law.for_spread(g.stage) for law, g in zip(laws, generations, strict=True)]
    rotations = [None, *(rotation_between(b.task, a.task) for a, b in pairwise(generations))]
    labels: list[Moments] = []
    fitted: list[Moments] = []
    risks: list[float] = []
    for k, (g, law) in enumerate(zip(generations, laws, strict=True)):
        start = Moments(g.task.beta, np.zeros_like(g.task.beta))
        labels.append(g.labels(fitted[-1].rotated(rotations[k])) if k else start)
        fitted.append(law.after(labels[-1], g.noise))
        missed = np.square(fitted[-1].mean - g.task.beta)
        risks.append(float((tests[k] * missed).sum()) + weighted(tests[k], fitted[-1].variances))
    spreads = [_deviation(generations, deviations, rotations, labels, tests[k], k) for k in range(len(generations))]
    return Chain(np.array(risks), np.array(spreads))


def _deviation(
    generations: list[Generation],
    laws: list[StageLaw],
    rotations: list[Float64Array | None],
    labels: list[Moments],
    t: Float64Array,
    last: int,
) -> float:
    """Standard deviation of the risk of one generation."""
    form, total = Quadratic.risk(t, generations[last].task.beta), 0.0
    for k in range(last, -1, -1):
        g = generations[k]
        total = float(np.hypot(total, deviation_of_form(laws[k], form, labels[k], g.noise)))
        if k:
            form = laws[k].pulled_back(form, g.noise).mixed(g.fresh, g.task.beta).rotated(rotations[k])
    return total


def rotation_between(to: Task, of: Task) -> Float64Array | None:
    """Matrix that takes coefficients in the basis of one task to that of another; None for the identity."""
    if to.basis is of.basis or (to.basis is not None and of.basis is not None and np.array_equal(to.basis, of.basis)):
        return None
    rotation = to.basis.T if to.basis is not None else np.eye(to.n_features)
    rotation = rotation @ of.basis if of.basis is not None else rotation
    # Entries that are rounding alone must not multiply an infinite variance.
    return np.where(np.abs(rotation) > to.n_features * np.finfo(np.float64).eps, rotation, 0.0)


def _generations(
    tasks: Task | Sequence[Task],
    ns: Sequence[int],
    stages: Stage | Sequence[Stage] | None,
    fresh: float | Sequence[float],
) -> list[Generation]:
    """Checked arguments, one for each generation and the first without a model before it."""
    rows = [integer(n, "ns", 1) for n in np.atleast_1d(np.asarray(ns)).tolist()]
    if not rows:
        raise ValueError("ns is empty")
    count = len(rows)
    if not isinstance(tasks, Task | Sequence):
        raise TypeError(f"tasks must be a Task or a sequence of Tasks, got {type(tasks).__name__}")
    all_tasks = [tasks] * count if isinstance(tasks, Task) else list(tasks)
    chosen = Ridgeless() if stages is None else stages
    all_stages = [chosen] * count if isinstance(chosen, str) or not isinstance(chosen, Sequence) else list(chosen)
    shares = [number(w, "fresh") for w in np.atleast_1d(np.asarray(fresh, dtype=object)).tolist()]
    shares = shares * count if len(shares) == 1 else shares
    for name, values in (("tasks", all_tasks), ("stages", all_stages), ("fresh", shares)):
        if len(values) != count:
            raise ValueError(f"{name} must hold one for each of the {count} generations of ns, got {len(values)}")
    for task in all_tasks:
        require_task(task, "tasks")
        same_length(task.beta, "a task's beta", 0, all_tasks[0].beta, "the first task's beta", 0, "features")
    for w in shares:
        if not 0 <= w <= 1:
            raise ValueError(f"fresh must be from 0 to 1, got {w!r}")
    found = [
        Generation(task, n, require_stage(stage, "stages"), w)
        for task, n, stage, w in zip(all_tasks, rows, all_stages, shares, strict=True)
    ]
    return [Generation(found[0].task, found[0].n, found[0].stage, 1.0), *found[1:]]

"""How to divide a budget for labels between a surrogate and its target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck._base.arrays import Float64Array
from limbeck._base.text_table import text_table
from limbeck._base.warnings import silenced
from limbeck.distillation.equivalents import NearPeakWarning, Risk, deployment_variances, noise_of_labels
from limbeck.distillation.stage_law import Moments, StageLaw, stage_law
from limbeck.distillation.stages import Stage, stage_of
from limbeck.distillation.task import Task, number
from limbeck.distillation.two_stages import FirstStage, mean_risk, two_stage_risk

__all__ = ["Split", "optimal_split"]

_MOST_ROWS = 2**31 - 1  # as everywhere
# Sizes of a grid, of which every part of a budget has some: a double descent is a factor of two wide or so, and between
# two sizes of the grid a search goes on.
_GEOMETRIC, _EVEN = 40, 24
_STARTS = 4  # valleys of the grid that are searched to single rows
_WITHIN = 1e-9  # of a budget, by which costs may exceed it through rounding
_SHOWN = 8  # rows of a printed curve


@dataclass(frozen=True, eq=False)
class Split:
    """Numbers of rows of a surrogate and of its target that give the target the least predicted risk.

    Attributes
    ----------
    m, n : int
        Rows of the surrogate and of the target.
    risk : Risk
        What :func:`two_stage_risk` gives for them.
    budget : float
        What all labels may cost.
    cost : tuple of two floats
        Of a row of the surrogate and of one of the target.
    surrogate_rows, target_rows : ndarray of shape (k,), int
        The curve: numbers m of rows of the surrogate, and the best n for each that the search tried.
    risks : ndarray of shape (k,)
        Predicted risks along the curve.
    """

    m: int
    n: int
    risk: Risk
    budget: float
    cost: tuple[float, float]
    surrogate_rows: NDArray[np.int64]
    target_rows: NDArray[np.int64]
    risks: Float64Array

    @property
    def spent(self) -> float:
        """Cost of the split: less than the budget where more rows would be worse, as next to the peak of a stage."""
        return self.m * self.cost[0] + self.n * self.cost[1]

    def __str__(self) -> str:
        head = f"m = {self.m:,} rows for the surrogate, n = {self.n:,} for the target: risk {self.risk:.5g}"
        head += f"; {self.spent:g} of a budget of {self.budget:g}"
        chosen = np.unique(np.linspace(0, len(self.risks) - 1, _SHOWN).round().astype(int))
        chosen = np.union1d(chosen, np.flatnonzero(self.surrogate_rows == self.m))
        curve = (self.surrogate_rows[chosen].tolist(), self.target_rows[chosen].tolist(), self.risks[chosen])
        cells = [
            [f"{m:,}", f"{n:,}", f"{value:.5g}", "best" if (m, n) == (self.m, self.n) else ""]
            for m, n, value in zip(*curve, strict=True)
        ]
        return "\n".join([head, *text_table([["m", "n", "risk", ""], *cells], left=(3,))])


def optimal_split(
    task: Task,
    surrogate_task: Task,
    budget: float,
    *,
    cost: Sequence[float] = (1.0, 1.0),
    ridge: float = 0.0,
    surrogate_ridge: float = 0.0,
    stage: Stage | None = None,
    surrogate_stage: Stage | None = None,
    features: ArrayLike | None = None,
    label_noise: float | None = None,
    test_eigenvalues: ArrayLike | None = None,
) -> Split:
    """Numbers of rows of a surrogate and of its target with the least :func:`two_stage_risk` that a budget allows.

    Parameters
    ----------
    task, surrogate_task, ridge, surrogate_ridge, stage, surrogate_stage, features, label_noise, test_eigenvalues
        As for :func:`two_stage_risk`.
    budget : float
        What labels may cost, in any unit; it need not be used up.
    cost : two floats, default (1.0, 1.0)
        Of a row of the surrogate and of a row of the target, in that unit.

    Returns
    -------
    Split

    Raises
    ------
    TypeError, ValueError
        As for :func:`two_stage_risk`; a cost is not positive; the budget does not pay a row of either stage, or pays
        more than two billion; or no split within it has a finite risk.

    Warns
    -----
    NearPeakWarning
        As for :func:`two_stage_risk`, of the split that is found.

    Notes
    -----
    Risks of either stage rise towards a peak where rows are as many as features that count, so that more rows may be
    worse and there may be several valleys. All pairs of two grids within the budget are tried, and for each m what is
    left for n; from the lowest valleys a pattern search goes on to single rows, also along the edge of the budget.
    Budgets of up to 64 rows are tried in full.

    Examples
    --------
    >>> from limbeck.distillation import Task, optimal_split
    >>> task = Task.power_law(300, alpha=1.5, r=2.0, noise=0.1)
    >>> split = optimal_split(task, task, 1000, ridge=0.01)
    >>> split.m + split.n <= 1000
    True
    """
    budget = number(budget, "budget")
    costs = _costs(cost)
    if sum(costs) > budget * (1 + _WITHIN):
        raise ValueError(
            f"budget must pay a row of either stage, {costs[0]:g} + {costs[1]:g} for these costs; got {budget:g}"
        )
    if budget > _MOST_ROWS * min(costs):
        raise ValueError(f"budget must not pay more than {_MOST_ROWS:,} rows; got {budget:g} at {min(costs):g} each")
    stages = _Stages(
        task,
        FirstStage.checked(task, surrogate_task, 1, surrogate_ridge, features, surrogate_stage),
        stage_of(stage, ridge),
        deployment_variances(test_eigenvalues, task),
        noise_of_labels(task, label_noise),
        budget,
        costs,
    )
    with silenced(NearPeakWarning):
        m, n = _searched(stages)
    value = two_stage_risk(
        task,
        n,
        surrogate_task,
        m,
        ridge=ridge,
        surrogate_ridge=surrogate_ridge,
        stage=stage,
        surrogate_stage=surrogate_stage,
        features=features,
        label_noise=label_noise,
        test_eigenvalues=test_eigenvalues,
    )
    best: dict[int, tuple[float, int]] = {}
    for (rows, others), at in stages.risks.items():
        best[rows] = min(best.get(rows, (np.inf, others)), (at, others))
    curve = sorted(best)
    return Split(
        m=m,
        n=n,
        risk=value,
        budget=budget,
        cost=costs,
        surrogate_rows=np.array(curve),
        target_rows=np.array([best[rows][1] for rows in curve]),
        risks=np.array([best[rows][0] for rows in curve]),
    )


def _costs(cost: Sequence[float]) -> tuple[float, float]:
    """Two positive costs."""
    try:
        surrogate, target = cost
    except (TypeError, ValueError):
        raise TypeError(
            f"cost must hold two numbers, of a row of the surrogate and of the target; got {cost!r}"
        ) from None
    costs = number(surrogate, "cost"), number(target, "cost")
    if min(costs) <= 0:
        raise ValueError(f"cost must hold positive numbers, got {costs}")
    return costs


@dataclass(frozen=True, eq=False)
class _Stages:
    """Checked arguments, and what is known of either stage and of pairs of them."""

    task: Task
    first: FirstStage
    stage: Stage
    test_eigenvalues: Float64Array
    noise: float
    budget: float
    costs: tuple[float, float]
    firsts: dict[int, Moments] = field(default_factory=dict)
    seconds: dict[int, StageLaw] = field(default_factory=dict)
    risks: dict[tuple[int, int], float] = field(default_factory=dict)

    def most_target_rows(self, m: int) -> int:
        """How many rows of the target m rows of the surrogate leave money for."""
        return int(np.floor((self.budget * (1 + _WITHIN) - m * self.costs[0]) / self.costs[1]))

    def most_surrogate_rows(self, n: int) -> int:
        """How many rows of the surrogate n rows of the target leave money for."""
        return int(np.floor((self.budget * (1 + _WITHIN) - n * self.costs[1]) / self.costs[0]))

    def risk(self, m: int, n: int) -> float:
        """The :func:`two_stage_risk`; infinite beyond the budget."""
        if min(m, n) < 1 or n > self.most_target_rows(m):
            return np.inf
        if (m, n) not in self.risks:
            self.risks[m, n] = self._risk(m, n)
        return self.risks[m, n]

    def _risk(self, m: int, n: int) -> float:
        if m not in self.firsts:
            self.firsts[m] = replace(self.first, m=m).coefficients_for(self.task)
        if n not in self.seconds:
            self.seconds[n] = stage_law(self.task, n, self.stage)
        return float(mean_risk(self.seconds[n], self.firsts[m], self.test_eigenvalues, self.noise))


def _searched(stages: _Stages) -> tuple[int, int]:
    """The best pair of numbers of rows that is found."""
    sizes = _grid(stages.most_surrogate_rows(1))
    others = _grid(stages.most_target_rows(1))
    valleys = []
    for m in sizes:
        most = stages.most_target_rows(m)
        candidates = [n for n in others if n < most] + [most]
        valleys.append(min((stages.risk(m, n), n) for n in candidates))
    values = np.array([value for value, _ in valleys])
    if not np.isfinite(values).any():
        raise ValueError(f"no split of a budget of {stages.budget:g} has a finite predicted risk")
    padded = np.r_[np.inf, values, np.inf]
    lowest = np.flatnonzero((values <= padded[:-2]) & (values <= padded[2:]) & np.isfinite(values))
    starts = lowest[np.argsort(values[lowest], kind="stable")][:_STARTS]
    found = [
        _descended(stages, sizes[i], valleys[i][1], _gap(sizes, sizes[i]), _gap(others, valleys[i][1])) for i in starts
    ]
    return min(found)[1:]


def _grid(most: int) -> list[int]:
    """Numbers of rows up to a most: all if they are few, else geometric and even ones."""
    if most <= _GEOMETRIC + _EVEN:
        return list(range(1, most + 1))
    numbers = np.r_[np.geomspace(1, most, _GEOMETRIC), np.linspace(1, most, _EVEN)]
    return [int(n) for n in np.unique(numbers.round())]


def _gap(grid: list[int], at: int) -> int:
    """How far the neighbours of a number are, on a grid."""
    place = int(np.searchsorted(grid, at))
    near = grid[max(place - 1, 0) : place + 2]
    return max(1, max(abs(size - at) for size in near))


def _descended(stages: _Stages, m: int, n: int, m_step: int, n_step: int) -> tuple[float, int, int]:
    """Risk and pair at the end of a pattern search, from steps of a grid down to single rows."""
    value = stages.risk(m, n)
    while True:
        pairs = [(m + s, n) for s in (-m_step, m_step)] + [(m, n + s) for s in (-n_step, n_step)]
        pairs += [(m + s, stages.most_target_rows(m + s)) for s in (-m_step, 0, m_step)]
        pairs += [(stages.most_surrogate_rows(n + s), n + s) for s in (-n_step, 0, n_step)]
        least, *pair = min((stages.risk(*pair), *pair) for pair in pairs)
        if least < value:
            value, (m, n) = least, pair
        elif max(m_step, n_step) == 1:
            return value, m, n
        else:
            m_step, n_step = max(m_step // 2, 1), max(n_step // 2, 1)

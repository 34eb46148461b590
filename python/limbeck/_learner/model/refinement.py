"""Refinement of a model by Levenberg-Marquardt on rows in memory."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Protocol, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from limbeck import _kernels
from limbeck._base.arrays import Float64Array, thread_count
from limbeck._learner.model.model import Model

__all__ = ["Fit", "RowsInMemory", "StepSettings"]


class RowsInMemory(Protocol):
    """Inputs (n, d), labels and weights (n,) or None, and the number of threads: what a refinement reads of rows."""

    @property
    def X(self) -> Float64Array: ...
    @property
    def y(self) -> Float64Array: ...
    @property
    def weights(self) -> Float64Array | None: ...
    @property
    def n_threads(self) -> int | None: ...


class StepSettings(TypedDict, total=False):
    """Fields of :class:`Fit` that one refinement may set otherwise."""

    max_steps: int
    tolerance: float
    decay: float | Float64Array
    step_solver: str


class _Settings(StepSettings, total=False):
    """All fields of :class:`Fit`."""

    thresholds: bool
    deadline: float


@dataclass(frozen=True)
class Fit:
    """Settings of a refinement by Levenberg-Marquardt; calling it refines.

    Attributes
    ----------
    max_steps : int
        Largest number of steps.
    tolerance : float
        Relative decrease of the cost that two steps in a row must fall short of to be the last.
    thresholds : bool
        Whether thresholds move.
    decay : float or ndarray of shape (k + 1,)
        Weight decay: of all groups of parameters, or of each neuron's and, last, the linear part's.
    step_solver : str
        How each step is solved: "dense", "cg", "sampled", or "auto", by the numbers of rows and parameters.
    deadline : float
        Time by ``time.perf_counter()`` (seconds); a refinement that starts later takes no step.
    """

    max_steps: int = 100
    tolerance: float = 1e-6
    thresholds: bool = False
    decay: float | Float64Array = 0.0
    step_solver: str = "auto"
    deadline: float = np.inf

    @property
    def keeps_zeros(self) -> bool:
        """Whether weights that are zero stay zero: they are no parameters then."""
        return False

    def free(self, model: Model) -> NDArray[np.bool_]:
        """Which parameters (k + 1, d + 1) of a model move."""
        free = model.parameters != 0 if self.keeps_zeros else np.ones(model.parameters.shape, dtype=bool)
        free[:-1, -1] = self.thresholds
        free[-1, -1] = True
        return free

    def out_of_time(self) -> bool:
        """Whether the deadline has passed."""
        return time.perf_counter() > self.deadline

    def changed(self, **changes: Unpack[_Settings]) -> Fit:
        """A copy with other values of some settings."""
        return replace(self, **changes)

    def __call__(self, model: Model, rows: RowsInMemory, **changes: Unpack[StepSettings]) -> tuple[Model, float]:
        """Refine a model on rows, with other values of some settings for this once.

        Returns
        -------
        Model, float
            The refined model, and its weighted mean squared error on the rows.
        """
        how = self.changed(**changes) if changes else self
        parameters, _, error, _, _ = _kernels.refine(
            rows.X,
            rows.y,
            rows.weights,
            model.signs,
            np.ascontiguousarray(model.parameters),
            how.thresholds,
            np.array(np.broadcast_to(how.decay, model.width + 1), dtype=np.float64),
            how.max_steps,
            how.tolerance,
            how.deadline - time.perf_counter(),
            thread_count(rows.n_threads),
            how.step_solver,
        )
        return Model(model.signs, parameters), error

"""Reasons to ask a teacher no more, and the errors of one that fails."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from limbeck._base.arrays import Float64Array

if TYPE_CHECKING:
    from limbeck._learner.pipeline.result import Learned

__all__ = ["StopQuerying", "StopReason", "TeacherError", "TeacherTypeError", "TeacherValueError"]


class StopReason(Enum):
    """Reason for no more queries; the value is ``Distilled.stopped``."""

    TOLERANCE = "tolerance"
    BUDGET = "budget"
    NO_IMPROVEMENT = "no improvement"
    NOISE = "noise"
    TIME = "time"
    ERROR = "error"

    @property
    def clause(self) -> str:
        """The reason as the end of a sentence that begins "no more because"."""
        return _CLAUSES[self]


_CLAUSES = {
    StopReason.TOLERANCE: "the tolerance was met",
    StopReason.BUDGET: "the budget of queries was spent",
    StopReason.NO_IMPROVEMENT: "more did not help: no network equal to the function was found with so many",
    StopReason.NOISE: "more did not help: answers to the same query differ, the function is noisy",
    StopReason.TIME: "the time limit was reached (R2 is on queries by which the network was chosen)",
    StopReason.ERROR: "the function failed",
}


class StopQuerying(Exception):
    """Raised where no more queries may be made, to end a round wherever it stands.

    Attributes
    ----------
    reason : StopReason
        Why.
    """

    def __init__(self, reason: StopReason) -> None:
        super().__init__(reason)
        self.reason = reason


class TeacherError(RuntimeError):
    """The teacher raised an exception (the cause of this one), or returned what cannot be learned from.

    In the latter case it is a :class:`TeacherTypeError`, also a TypeError, or :class:`TeacherValueError`, also a
    ValueError.

    Attributes
    ----------
    batch : int
        Number of the batch, from 1.
    inputs : ndarray of shape (m, d)
        The batch.
    X, y : ndarray of shape (n, d) and (n,)
        All queries answered before.
    learned : Distilled or None
        What was learned from them, if anything.
    """

    def __init__(self, message: str, batch: int = 0, inputs: Float64Array | None = None) -> None:
        super().__init__(message)
        self.batch = batch
        self.inputs = inputs
        self.X: Float64Array | None = None
        self.y: Float64Array | None = None
        self.learned: Learned | None = None


class TeacherTypeError(TeacherError, TypeError):
    """The teacher returned something else than real numbers."""


class TeacherValueError(TeacherError, ValueError):
    """The teacher returned numbers of the wrong shape, NaN or infinity."""

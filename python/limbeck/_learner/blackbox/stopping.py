"""Why a distillation asks no more, in one place for results, texts and the command line."""

from __future__ import annotations

from enum import Enum

__all__ = ["StopQuerying", "StopReason"]


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
    """No more queries, for the reason given."""

    def __init__(self, reason: StopReason) -> None:
        super().__init__(reason.value)
        self.reason = reason

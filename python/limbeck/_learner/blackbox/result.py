"""The result of a distillation."""

from __future__ import annotations

from dataclasses import dataclass, field

from limbeck._base.arrays import Float64Array
from limbeck._learner.blackbox.errors import StopReason
from limbeck._learner.pipeline.result import Learned
from limbeck._learner.pipeline.several_outputs import LearnedOutputs

__all__ = ["Distilled", "DistilledOutputs"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Distilled(Learned):
    """Result of :func:`limbeck.distill`: a :class:`limbeck.Learned` with the queries that it took.

    Attributes
    ----------
    X, y : ndarray of shape (n_queries, d) and (n_queries,) or (n_queries, q)
        All queries in order, and the teacher's answers.
    stopped : str
        Why there are no more: "tolerance" (met), "budget" (``n_queries`` spent), "no improvement" (no network equal to
        the teacher was found with so many, and twice as many did not help; which is no proof that there is none),
        "noise" (no improvement, and the teacher's answers to the same query differ), "time", or "error" (the teacher's;
        only in ``TeacherError.learned``).
    route : str
        How the network was found: by "moments" of the answers and refinement, by "kinks" on lines, or as the best of
        "hinges" anywhere, which is no claim that the teacher is such a network.
    """

    X: Float64Array = field(repr=False)
    y: Float64Array = field(repr=False)
    stopped: str
    route: str

    @property
    def n_queries(self) -> int:
        """Number of queries that the teacher answered."""
        return len(self.y)

    def __str__(self) -> str:
        clause = StopReason(self.stopped).clause
        return f"{super().__str__()}\n{self.n_queries} queries; no more because {clause}"


@dataclass(frozen=True, kw_only=True, eq=False)
class DistilledOutputs(LearnedOutputs, Distilled):
    """Result of :func:`limbeck.distill` of several outputs: see ``LearnedOutputs`` for what it has not."""

    def __str__(self) -> str:
        found = f"found by {self.route}" if self.network.width else "no neurons"
        clause = StopReason(self.stopped).clause
        return f"{LearnedOutputs.__str__(self)}\n{found}; {self.n_queries} queries; no more because {clause}"

"""From a function that can be asked to a network of a few neurons: queries where they help, until nothing is left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from limbeck._base.arrays import Float64Array, integer, thread_count
from limbeck._base.frames import feature_names as names_of_features
from limbeck._base.frames import target_name as name_of_target
from limbeck._base.progress import Progress
from limbeck._learner.blackbox.queries import Queries, Teacher, TeacherError, TeacherTypeError, TeacherValueError
from limbeck._learner.blackbox.stopping import StopReason
from limbeck._learner.blackbox.student import Options, Student
from limbeck._learner.diagnostics.diagnostics import Diagnostics, FitRecord
from limbeck._learner.model.linear_part import with_smallest_linear_part
from limbeck._learner.pipeline.result import Learned

__all__ = ["Distilled", "TeacherError", "TeacherTypeError", "TeacherValueError", "distill"]

_DEFAULT_QUERIES = 100_000
_FEWEST_QUERIES = 20


@dataclass(frozen=True, kw_only=True, eq=False)
class Distilled(Learned):
    """What :func:`distill` found: a :class:`limbeck.Learned` with the queries that it took.

    Attributes
    ----------
    X, y : ndarray of shape (n_queries, d) and (n_queries,)
        All queries in order, and the teacher's answers.
    stopped : str
        Why there were no more: "tolerance" (met), "budget" (``n_queries`` spent), "no improvement" (no network equal to
        the teacher was found with so many, and twice as many did not help; which is no proof that there is none),
        "noise" (no improvement, and the teacher's answers to the same query differ), "time", or "error" (the teacher's;
        only in ``TeacherError.learned``).
    """

    X: Float64Array = field(repr=False)
    y: Float64Array = field(repr=False)
    stopped: str

    @property
    def n_queries(self) -> int:
        """Number of queries that the teacher answered."""
        return len(self.y)

    def __str__(self) -> str:
        clause = StopReason(self.stopped).clause
        return f"{super().__str__()}\n{self.n_queries} queries; no more because {clause}"


def distill(
    teacher: Teacher,
    n_features: int,
    width: int | None = None,
    *,
    n_queries: int | None = None,
    tolerance: float | None = None,
    max_width: int = 16,
    batch_size: int = 1000,
    seed: int | np.random.Generator = 0,
    progress: bool = False,
    callback: Callable[[str, int, float], None] | None = None,
    time_limit: float | None = None,
    feature_names: Sequence[str] | None = None,
    target_name: str | None = None,
    n_threads: int | None = None,
) -> Distilled:
    """Learn a sum of a few ReLUs, with a linear part, from a function that answers queries.

    The error that counts is the mean squared one over x ~ N(0, I). Queries are drawn from there, and around the kinks
    of the neurons found as long as errors concentrate near them; importance weights (the balance heuristic of Veach and
    Guibas, Optimally combining sampling techniques for Monte Carlo rendering, SIGGRAPH 1995) keep the error what it is.
    Where a first round does not end in an exact network, or more than 300 parameters are asked for, and the answers to
    repeated queries agree, neurons are also read off the kinks of the teacher on random lines, whose points lie up to
    1.8 times as far out as plain queries.

    "No improvement" is no proof that no narrow network is equal to the teacher: with noise, fans of neurons whose low
    moments cancel may take more queries than there are.

    Parameters
    ----------
    teacher : callable
        Called with a float64 array (m, d) of its own, m at most ``batch_size``, and returns m real numbers: an array of
        shape (m,) or (m, 1), or anything that numpy makes one of.
    n_features : int
        d.
    width : int, optional
        Largest number of neurons. None: chosen from the answers.
    n_queries : int, optional
        Largest number of queries, those held out included; default 100,000. At least 20 and 3 (d + 1).
    tolerance : float, optional
        Mean squared error on held-out queries, relative to the variance of the answers, to stop at. Default: what
        rounding leaves, 1e-20, or more if the teacher answers in float32 or with a large mean.
    max_width : int, default 16
        Largest number of neurons when ``width`` is None.
    batch_size : int, default 1000
        Largest number of rows in one call of the teacher.
    seed : int or numpy.random.Generator, default 0
        Source of randomness; the same seed asks the same queries and gives the same result, for any ``n_threads`` and
        batch size. NumPy's BLAS has threads of its own, whose number may change the rounding where the function is no
        narrow network, and so the queries.
    progress : bool, default False
        Keep a line on stderr up to date, by tqdm where it is installed.
    callback : callable, optional
        Called as ``callback(stage, neurons, error)`` for every network tried and every set of queries answered, with
        the error over the variance of the answers.
    time_limit : float, optional
        Seconds after which the best network so far is returned; a call of the teacher is waited for. What is returned
        is no worse than a constant on the rows that it was chosen by.
    feature_names : sequence of str, optional
        What the result calls the features; default "x0", "x1", ...
    target_name : str, default "y"
        What the result calls the answers.
    n_threads : int, optional
        Number of threads; default what OpenMP would take. The teacher is called from the caller's thread.

    Returns
    -------
    Distilled
        Its ``validation_*`` are on plain queries that took no part in anything before (after a time limit, on those by
        which the network was chosen). A constant takes the place of a network that is no better on them, or by no more
        than 5 % and chance, and a line that of one that the line is better than by more than two standard errors. A
        network not exact is refined on them too afterwards, if there are five rows for each parameter. A constant
        teacher yields a network of no neurons.

    Raises
    ------
    TypeError, ValueError
        An argument has the wrong type or value.
    TeacherError
        The teacher raised an exception, or returned something else than m finite real numbers; with all that was
        asked and learned so far. KeyboardInterrupt goes through unchanged.

    Examples
    --------
    >>> import limbeck
    >>> from limbeck.blackbox import distill
    >>> planted = limbeck.datasets.make_narrow_network("collinear", 20, 2, separation=0.01, seed=0)
    >>> found = distill(lambda X: planted(X), 20, 2)
    >>> found.network.distance(planted) < 1e-20
    True
    >>> found.stopped, found.n_queries < 2000
    ('tolerance', True)
    """
    if not callable(teacher):
        raise TypeError(f"teacher must be callable, got {type(teacher).__name__}")
    d = integer(n_features, "n_features", at_least=1)
    fewest = max(_FEWEST_QUERIES, 3 * (d + 1))
    budget = max(_DEFAULT_QUERIES, fewest) if n_queries is None else integer(n_queries, "n_queries", at_least=1)
    if budget < fewest:
        raise ValueError(f"n_queries must be at least {fewest} for {d} features, got {budget}")
    if width is not None:
        integer(width, "width", at_least=0)
    integer(max_width, "max_width", at_least=0)
    _check_positive(tolerance, "tolerance")
    _check_positive(time_limit, "time_limit")
    names = names_of_features(feature_names, None, d), name_of_target(target_name, None)
    tell = Progress(callback, progress, time_limit)
    queries = Queries(teacher, d, integer(batch_size, "batch_size", at_least=1), budget, tell)
    options = Options(width, max_width, tolerance, thread_count(n_threads) or None)
    student = Student(queries, options, tell, np.random.default_rng(seed))
    try:
        reason = student.run()
    except TeacherError as error:
        queries.trim()
        error.X, error.y = queries.X, queries.y
        error.learned = _result(student, queries, tell, names, StopReason.ERROR) if student.judged else None
        raise
    return _result(student, queries, tell, names, reason)


def _result(
    student: Student, queries: Queries, tell: Progress, names: tuple[tuple[str, ...], str], reason: StopReason
) -> Distilled:
    tell.finish()
    queries.trim()
    student.model = with_smallest_linear_part(student.model)
    rows, network = student.everything(), student.model.network()
    targets, residuals = student.validation
    error = float(np.mean(np.square(residuals))) if len(residuals) else np.nan
    variance = float(np.var(targets)) if len(targets) else np.nan
    held_out = np.arange(*student.validated.indices(len(rows)))
    origin = FitRecord(
        model=student.model,
        rows=rows,
        original=rows,
        used=np.setdiff1d(np.arange(len(rows)), held_out),
        held_out=held_out,
        joined=True,
        thresholds=student.has_thresholds,
        standard=True,
        weighted_validation=False,
    )
    evidence = Diagnostics(network, origin)
    return Distilled(
        network=network,
        inputs="standard",
        validation_mse=error,
        validation_r2=1 - error / variance if variance else np.nan,
        validation_targets=targets,
        validation_residuals=residuals,
        noise_variance=student.noise_variance(),
        clumps=evidence.clumps,
        subspace=student.subspace,
        history=tell.history,
        timings=tell.timings,
        stopped_early=reason is StopReason.TIME,
        feature_names=names[0],
        target_name=names[1],
        _evidence=evidence,
        X=queries.X,
        y=queries.y,
        stopped=reason.value,
    )


def _check_positive(value: float | None, name: str) -> None:
    if value is None:
        return
    number = np.asarray(value)
    if number.ndim or number.dtype.kind not in "iuf":
        raise TypeError(f"{name} must be a number or None, got {value!r}")
    if not value > 0:
        raise ValueError(f"{name} must be positive or None, got {value!r}")

"""Distil a function that answers queries into a network (the theory of distilled labels: limbeck.distillation)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from limbeck._base.arguments import callable_or_none, positive_or_none, random_generator
from limbeck._base.arrays import Float64Array, integer, thread_count
from limbeck._base.frames import feature_names as names_of_features
from limbeck._base.frames import target_name as name_of_target
from limbeck._base.progress import Progress
from limbeck._learner.blackbox.errors import StopReason, TeacherError, TeacherTypeError, TeacherValueError
from limbeck._learner.blackbox.result import Distilled

if TYPE_CHECKING:
    from limbeck._learner.blackbox.comparison import DistillationOptions
    from limbeck._learner.blackbox.like import Like
    from limbeck._learner.blackbox.queries import Queries

__all__ = ["Distilled", "TeacherError", "TeacherTypeError", "TeacherValueError", "distill"]

_DEFAULT_QUERIES = 100_000
_FEWEST_QUERIES = 20


def distill(
    teacher: Callable[[Float64Array], Any],
    n_features: int | None = None,
    width: int | None = None,
    *,
    like: Any = None,  # noqa: ANN401
    n_queries: int | None = None,
    tolerance: float | None = None,
    max_width: int | None = 16,
    outputs: int = 1,
    batch_size: int = 1000,
    seed: int | np.random.Generator = 0,
    progress: bool = False,
    callback: Callable[[str, int, float], None] | None = None,
    time_limit: float | None = None,
    feature_names: Sequence[str] | None = None,
    target_name: str | None = None,
    n_threads: int | None = None,
) -> Distilled:
    """Distil a function that answers queries into a sum of a few ReLUs with a linear part.

    (The theory of regression on distilled labels is :mod:`limbeck.distillation`.)

    The error that counts is the mean squared one over x ~ N(0, I). Queries are drawn from there, and around the kinks
    of the neurons found as long as errors concentrate near them; importance weights (the balance heuristic of Veach and
    Guibas, Optimally combining sampling techniques for Monte Carlo rendering, SIGGRAPH 1995) keep the error what it is.
    From 150 parameters on, and where the answers to repeated queries agree, all neurons are first looked for at the
    kinks of the teacher on long lines, up to 4 sqrt(d) from the origin: in a sum of ReLUs each is the jump of the
    gradient there, which takes about d queries. Teachers whose kinks bend, as those of several layers do, are told
    apart by a few of them. At last all gradients are solved together, with further ones where they tell most; rounding
    errors of the answers are magnified over the steps that gradients are differences of, and where no tolerance is
    given, a network is taken for exact that is off by no more than that. Of answers in float32, or computed in it, as a
    few second differences show, kinks are read off from 1,000 parameters on: longer steps and twice as many gradients
    are taken, and up to 4,000 parameters all queries refine the network, which then is off by about what an answer is
    (``validation_mse``). Neurons that none of some hundred queries switches on are not looked for. Where the first
    rounds of narrower networks do not end in an exact one, neurons are also read off kinks on short lines, whose points
    lie up to 1.8 times as far out as plain queries.

    Of several outputs a line shows how much each kink bends each output, and the jumps of as many kinks as there are
    outputs are taken apart from one difference of gradients: about d / q queries for each neuron. Where this route does
    not apply, neurons are searched for in a mixture of the outputs and refined on all of them, or hinges along the
    largest principal components of what is left; focused queries are for one output.

    "No improvement" is no proof that no narrow network is equal to the teacher: with noise, fans of neurons whose low
    moments cancel may take more queries than there are.

    Parameters
    ----------
    teacher : callable
        Called with a float64 array (m, d) of its own, m at most ``batch_size``, and returns m real numbers: an array of
        shape (m,) or (m, 1), or anything that numpy makes one of; of q ``outputs``, an array of shape (m, q).
    n_features : int, optional
        d; not needed beside ``like``.
    width : int, optional
        Largest number of neurons, as in :func:`limbeck.learn`. None: chosen from the answers.
    like : data frame or array_like of shape (n, d), optional
        Rows that queries are to look like: normal with the means and standard deviations of the columns, which have to
        be numbers, in place of 0 and 1. The teacher is asked with frames of the same library and columns; the network
        is in the units of the columns, and the error that counts is that over such queries.
    n_queries : int, optional
        Largest number of queries, those held out included; default 100,000. At least 20 and 3 (d + 1).
    tolerance : float, optional
        Mean squared error on held-out queries, relative to the variance of the answers, to stop at. Default: what
        rounding leaves, 1e-20, or more if the teacher answers in float32 or with a large mean; for networks read off
        kinks what rounding of the answers explains in them, 1e-13 at most, or that of one answer where it is coarse.
    max_width : int or None, default 16
        Largest number of neurons when ``width`` is None; None: up to 64.
    outputs : int, default 1
        q, the numbers in an answer. With more than one, a network is found whose neurons all outputs share, and errors
        are sums over the outputs, each in units of its standard deviation, to within a factor of two.
    batch_size : int, default 1000
        Largest number of rows in one call of the teacher.
    seed : int, numpy.random.Generator or None, default 0
        Source of randomness; None for fresh entropy. The same seed asks the same queries and gives the same result, for
        any ``n_threads`` and batch size. NumPy's BLAS has threads of its own, whose number may change the rounding
        where the function is no narrow network, and so the queries.
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
        What the result calls the answers; several outputs are numbered from 0.
    n_threads : int, optional
        Number of threads; default what OpenMP would take. The teacher is called from the caller's thread.

    Returns
    -------
    Distilled
        Its ``validation_*`` are on plain queries that took no part in anything before (after a time limit, on those by
        which the network was chosen). A constant takes the place of a network that is no better on them, or by no more
        than 5 % and chance, and a line that of one that the line is better than by more than two standard errors. A
        network not exact is refined on them too afterwards, if there are five rows for each parameter. A constant
        teacher yields a network of no neurons. Of several outputs, ``validation_mse`` and ``noise_variance`` are means
        over the outputs, and there are no clumps, standard errors, reading or smaller widths.

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
    # Here, as importing limbeck would take three times as long with the learner, which not every program needs.
    from limbeck._learner.blackbox.comparison import DistillationOptions
    from limbeck._learner.blackbox.like import like_table
    from limbeck._learner.blackbox.queries import Queries
    from limbeck._learner.pipeline.checks import checked_max_width

    if not callable(teacher):
        raise TypeError(f"teacher must be callable, got {type(teacher).__name__}")
    table = None if like is None else like_table(like)
    d = _feature_count(n_features, table)
    fewest = max(_FEWEST_QUERIES, 3 * (d + 1))
    budget = max(_DEFAULT_QUERIES, fewest) if n_queries is None else integer(n_queries, "n_queries", at_least=1)
    if budget < fewest:
        raise ValueError(f"n_queries must be at least {fewest} for {d} features, got {budget}")
    max_width = checked_max_width(width, max_width)
    positive_or_none(tolerance, "tolerance")
    positive_or_none(time_limit, "time_limit", "seconds")
    callable_or_none(callback, "callback")
    own = feature_names if feature_names is not None or table is None else table.names
    names = names_of_features(own, None, d), name_of_target(target_name, None)
    rng, threads = random_generator(seed), thread_count(n_threads) or None
    stages = Progress(callback, progress, time_limit)
    asked = teacher if table is None else table.asked(teacher)
    q = integer(outputs, "outputs", at_least=1)
    queries = Queries(asked, d, integer(batch_size, "batch_size", at_least=1), budget, stages, outputs=q)
    options = DistillationOptions(width, max_width, tolerance, threads)
    return _run(q > 1, queries, options, stages, rng, names, table)


def _run(
    is_shared: bool,
    queries: Queries,
    options: DistillationOptions,
    stages: Progress,
    rng: np.random.Generator,
    names: tuple[tuple[str, ...], str],
    table: Like | None,
) -> Distilled:
    """Distil by a student of one output or of several that share their neurons."""
    from limbeck._learner.blackbox.result_builder import distilled
    from limbeck._learner.blackbox.shared_result import distilled_outputs
    from limbeck._learner.blackbox.shared_student import SharedStudent
    from limbeck._learner.blackbox.student import Student

    student: Any = (SharedStudent if is_shared else Student)(queries, options, stages, rng)
    made: Callable[..., Distilled] = distilled_outputs if is_shared else distilled
    try:
        reason = student.run()
    except TeacherError as error:
        queries.trim()
        error.X, error.y = queries.X if table is None else table.in_units(queries.X), queries.y
        if student.has_network:
            error.learned = made(student, queries, stages, *names, StopReason.ERROR, table)
        raise
    return made(student, queries, stages, *names, reason, table)


def _feature_count(n_features: int | None, table: Like | None) -> int:
    """Number of features, as given or that of the table of queries; ValueError where these differ."""
    if table is None:
        if n_features is None:
            raise TypeError("n_features is missing: a number of features, or a table that queries are to be like")
        return integer(n_features, "n_features", at_least=1)
    d = len(table.names)
    if n_features is not None and integer(n_features, "n_features", at_least=1) != d:
        raise ValueError(f"n_features is {n_features}, but like has {d} columns")
    return d

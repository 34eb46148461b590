"""From data to a network of a few neurons: the learner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from limbeck._base.arrays import float_array, integer, labels_array, require_finite, same_length, thread_count
from limbeck._base.frames import column_names, require_same_rows
from limbeck._base.frames import feature_names as names_of_features
from limbeck._base.frames import target_name as name_of_target
from limbeck._base.progress import Progress
from limbeck._learner.model.input_tests import INPUTS
from limbeck._learner.pipeline.from_arrays import FEWEST_ROWS, Options, learn_rows, require_enough_rows, weighted_rows
from limbeck._learner.pipeline.from_blocks import blocks_of, learn_blocks
from limbeck._learner.pipeline.result import Learned

__all__ = ["Learned", "learn"]


def learn(
    X: Any,  # noqa: ANN401
    y: Any = None,  # noqa: ANN401
    width: int | None = None,
    *,
    max_width: int = 16,
    inputs: str = "auto",
    refine: bool = True,
    validation: float = 0.1,
    sample_weight: ArrayLike | None = None,
    seed: int | np.random.Generator = 0,
    progress: bool = False,
    callback: Callable[[str, int, float], None] | None = None,
    time_limit: float | None = None,
    feature_names: Sequence[str] | None = None,
    target_name: str | None = None,
    sample_rows: int | None = None,
    n_threads: int | None = None,
) -> Learned:
    """Learn a sum of a few ReLUs, with a linear part, from data.

    For Gaussian inputs: the span of the neurons' directions from Hermite moments of orders 1, 2, 4 and 6 against a null
    band, neurons inside the span from several sources of candidates, clumps of near-collinear neurons resolved scale by
    scale, and Levenberg-Marquardt in all dimensions (after Chen, Dou, Goel, Klivans and Meka, COLT 2023, arXiv
    2304.10524). The linear part is left out where turning neurons round leaves only noise of it; thresholds are fitted
    where the rows clearly ask for them, and for estimated means. For any other inputs: hinges of features, moments and
    random directions chosen one by one, refined together under weight decays that the rows set by their evidence, the
    width by cross-validation: in folds up to 120 rows, generalised beyond.

    Parameters
    ----------
    X : array_like or data frame of shape (n, d), blocks, or dask array or data frame
        Inputs, at least 10 rows; computed in float64. Frames are those that narwhals knows (pandas, polars, pyarrow,
        ...) and structured arrays; Python's own numbers (Decimal, integers) are converted once. Blocks are a
        re-iterable of tuples (X, y) or (X, y, sample_weight), or anything of :mod:`limbeck.blocks`: they need not fit
        in memory, nor be on one machine.
    y : array_like of shape (n,) or (n, 1), or dask array or series; None for blocks, which carry their own
        Labels, in the order of the rows: pandas' row labels in another order than those of X are refused.
    width : int, optional
        Number of neurons; for Gaussian inputs an upper bound: fewer are returned where fewer do as well. None: chosen
        from the data.
    max_width : int, default 16
        Largest number of neurons when ``width`` is None.
    inputs : {"auto", "standard", "gaussian", "any"}, default "auto"
        "standard": x ~ N(0, I). "gaussian": mean and covariance are estimated. "any": real data. "auto" tests which.
    refine : bool, default True
        False: the moment method alone, without any refinement, to study it; for Gaussian inputs.
    validation : float, default 0.1
        Fraction of the rows that is held out for ``validation_r2`` alone; 0 for none.
    sample_weight : array_like of shape (n,), optional
        Weights of the rows, at least 0; only their ratios matter. Rows of weight 0 are left out.
    seed : int or numpy.random.Generator, default 0
        Source of randomness; the same seed gives the same result, bit by bit, for any ``n_threads``. (Inputs of any
        distribution go through NumPy's BLAS as well, whose own number of threads may change the rounding.)
    progress : bool, default False
        Keep a line on stderr up to date, by tqdm where it is installed.
    callback : callable, optional
        Called as ``callback(stage, neurons, error)`` for every network tried, with the error over the variance of y.
    time_limit : float, optional
        Seconds after which the best network so far is returned; ``stopped_early`` then says so. Of rows in blocks the
        first pass is always made, and a cluster's passes are not cut short.
    feature_names : sequence of str, optional
        What the result calls the features; default the names of X's columns, or "x0", "x1", ...
    target_name : str, optional
        What the result calls the label; default the name of y, or "y".
    sample_rows : int, optional
        Number of rows, drawn without replacement, that the search is made on where there are more; the network is then
        refined on all of them, in a few passes and in memory that does not grow with them. Default for Gaussian inputs
        128 MB of X, or what the search for ``max_width`` neurons asks for if that is more; for any others what it asks
        for, 50,000 or 60 for each parameter. Arrays in memory are treated alike. Rows held out for validation are some
        of the sample, and join the others in the last refinement.
    n_threads : int, optional
        Number of threads; default what OpenMP would take.

    Returns
    -------
    Learned
        Up to 500 parameters it refers to neither X and y nor the blocks: standard errors are found at once, of blocks
        in a pass of their own. Beyond, they must not be changed until its ``standard_errors`` and ``narrower`` have
        been asked for: they are computed then.

    Raises
    ------
    TypeError
        An argument has the wrong type, or blocks can be gone over only once.
    ValueError
        Shapes disagree, there are too few rows, y or every feature is constant, y is so large or small that its square
        leaves float64, weights are negative, or X, y or the weights hold NaN or infinity. Two columns have the same
        name, or pandas' row labels of X, y and the weights are the same in another order.

    Examples
    --------
    >>> import limbeck
    >>> planted = limbeck.datasets.make_narrow_network("generic", 20, 3, seed=0)
    >>> X, y = limbeck.datasets.sample(planted, 10_000, seed=1)
    >>> found = limbeck.learn(X, y, 3)
    >>> found.network.distance(planted) < 1e-20
    True
    """
    _check_options(width, max_width, inputs, refine, validation, time_limit, sample_rows)
    if feature_names is not None:
        names_of_features(feature_names, None, len(feature_names) if hasattr(feature_names, "__len__") else 0)
    threads = thread_count(n_threads)
    rng = np.random.default_rng(seed)
    options = Options(width, max_width, inputs, refine, validation, rng, n_threads, asked_rows=sample_rows)
    tell = Progress(callback, progress, time_limit)
    # Labels in blocks, or of dask, whose arrays have names of another kind, tell theirs when they are read.
    named = None if y is None or hasattr(y, "__dask_graph__") else y
    target = name_of_target(target_name, named)
    require_same_rows(X=X, y=y, sample_weight=sample_weight)
    source = blocks_of(X, y, sample_weight, options, sample_rows)
    if source is not None:
        known = None if target_name is None and named is None else target
        return learn_blocks(source, options, sample_rows, tell, partial(names_of_features, feature_names), known)
    columns = column_names(X)
    rows = float_array(X, "X", 2, np.float64, objects=True)
    labels = labels_array(y, "y", np.float64)
    names = names_of_features(feature_names, X, rows.shape[1])
    same_length(rows, "X", 0, labels, "y", 0, "rows")
    require_enough_rows(*rows.shape)
    require_finite(threads, X=rows, y=labels)
    found = learn_rows(weighted_rows(rows, labels, sample_weight, n_threads), options, tell, names, target)
    return replace(found, _columns=columns)


def _check_options(
    width: int | None,
    max_width: int,
    inputs: str,
    refine: bool,
    validation: float,
    time_limit: float | None,
    sample_rows: int | None,
) -> None:
    if not isinstance(refine, bool | np.bool_):
        raise TypeError(f"refine must be True or False, got {refine!r}")
    if width is not None:
        integer(width, "width", at_least=0)
    integer(max_width, "max_width", at_least=0)
    if inputs not in INPUTS:
        raise ValueError(f"inputs must be one of {', '.join(INPUTS)}; got {inputs!r}")
    if not isinstance(validation, Real):
        raise TypeError(f"validation must be a number, got {validation!r}")
    if not 0 <= validation < 1:
        raise ValueError(f"validation is a fraction of the rows, at least 0 and below 1; got {validation!r}")
    if time_limit is not None and not isinstance(time_limit, Real):
        raise TypeError(f"time_limit must be a number of seconds or None, got {time_limit!r}")
    if time_limit is not None and not time_limit > 0:
        raise ValueError(f"time_limit must be positive or None, got {time_limit!r}")
    if sample_rows is not None:
        integer(sample_rows, "sample_rows", at_least=FEWEST_ROWS)

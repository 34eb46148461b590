"""Learn a network of a few neurons from data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from limbeck._base.arguments import callable_or_none, positive_or_none
from limbeck._base.progress import Progress
from limbeck._learner.pipeline.result import Learned

__all__ = ["Learned", "learn"]


def learn(
    X: Any,  # noqa: ANN401
    y: Any = None,  # noqa: ANN401
    width: int | None = None,
    *,
    max_width: int | None = 16,
    inputs: str = "auto",
    refine: bool = True,
    moment_method: str = "stages",
    validation: float = 0.1,
    sample_weight: ArrayLike | None = None,
    seed: int | np.random.Generator = 0,
    progress: bool = False,
    callback: Callable[[str, int, float], None] | None = None,
    time_limit: float | None = None,
    feature_names: Sequence[str] | None = None,
    target_name: str | None = None,
    sample_rows: int | None = None,
    missing: str = "model",
    extrapolate: str = "bounded",
    bag: int | None = None,
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
    y : array_like of shape (n,), (n, 1) or (n, q), or dask array or series; None for blocks, which carry their own
        Labels, in the order of the rows: pandas' row labels in another order than those of X are refused. Of q labels,
        from rows in memory and Gaussian inputs, one network of q outputs is learned whose neurons they share: neurons
        are searched for in a mixture of the labels in which the faintest direction that their moments show is
        clearest, and refined on all labels, which count by their standard deviations to within a factor of two.
    width : int, optional
        Largest number of neurons. Fewer are returned where fewer do as well (for Gaussian inputs), or where the others
        would be constant or zero (for any others); None: chosen from the data. The word means the same in
        :func:`limbeck.distill` and in :class:`limbeck.estimators.NarrowReLURegressor`.
    max_width : int or None, default 16
        Largest number of neurons when ``width`` is None; None: up to 64, where the rows call for as many.
    inputs : {"auto", "standard", "gaussian", "any"}, default "auto"
        "standard": x ~ N(0, I). "gaussian": mean and covariance are estimated. "any": real data. "auto" tests which.
    refine : bool, default True
        False: the moment method alone, without any refinement, to study it; for Gaussian inputs.
    moment_method : {"stages", "one stage", "subspace"}, default "stages"
        Which moment method, with ``refine=False``. "stages" is the one above, and the others are there to compare with
        it: "one stage" after Chen and Narayanan (arXiv 2307.12496), the span from moments of all orders along one
        random direction; "subspace" after Diakonikolas and Kane (arXiv 2307.12840), a subspace outside of which moments
        of all orders are small. That either finds the span of all neurons is a theorem for exact moments. All three fit
        the moments inside the span from many starts, a heuristic where the papers try all points of a net, so that
        their guarantees hold for none of them; in the other two nothing follows that fit.
    validation : float, default 0.1
        Fraction of the rows that is held out for ``validation_r2`` alone; 0 for none.
    sample_weight : array_like of shape (n,), optional
        Weights of the rows, at least 0; only their ratios matter. Rows of weight 0 are left out.
    seed : int, numpy.random.Generator or None, default 0
        Source of randomness; None for fresh entropy. The same seed gives the same result, bit by bit, for any
        ``n_threads``. (Inputs of any distribution go through NumPy's BLAS as well, whose own number of threads may
        change the rounding.)
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
    missing : {"model", "error"}, default "model"
        "model": a gap counts as the median of its column, and its being one is a feature where there are enough gaps;
        rows without a label are left out, with a warning, where y is a column that can have gaps (no array of NumPy).
        "error": gaps are refused.
    extrapolate : {"bounded", "linear"}, default "bounded"
        Predictions of inputs of any distribution, far from the rows learned from. "bounded": :meth:`Learned.predict`
        stays within the range of the labels learned from, a tenth of its length longer at both ends
        (``prediction_range``): nothing is known of labels beyond all others. "linear": as the network continues, for
        trends. For Gaussian inputs the network continues.
    bag : int, optional
        Number of folds: the mean of as many networks, each searched for without one of them, for inputs of any
        distribution in memory, which ``inputs="auto"`` takes them for without a test. It predicts a little better than
        one network where rows are few; ``width`` and ``max_width`` are those of each network.
        ``limbeck.distill(result.network, d, width, like=X)`` makes one small network of it again.
    n_threads : int, optional
        Number of threads; default what OpenMP would take.

    Returns
    -------
    Learned
        Up to 500 parameters it refers to neither X and y nor the blocks: standard errors are found at once, of blocks
        in a pass of their own. Beyond, they must not be changed until its ``standard_errors`` and ``narrower`` have
        been asked for: they are computed then. Of q labels, ``validation_mse`` and ``noise_variance`` are means over
        the labels, and there are no clumps, standard errors, reading or smaller widths.

    Raises
    ------
    TypeError
        An argument has the wrong type, or blocks can be gone over only once.
    ValueError
        Shapes disagree, there are too few rows, y or every feature is constant, y is so large or small that its square
        leaves float64, weights are negative, or X, y or the weights hold NaN or infinity. Two columns have the same
        name, or pandas' row labels of X, y and the weights are the same in another order. Several labels come with
        inputs that are not Gaussian, or with ``refine=False`` or ``sample_rows``; ``bag`` with Gaussian inputs,
        ``refine=False``, ``sample_rows``, several labels, or rows in blocks.

    Examples
    --------
    >>> import limbeck
    >>> planted = limbeck.datasets.make_narrow_network("generic", 20, 3, seed=0)
    >>> X, y = limbeck.datasets.sample(planted, 10_000, seed=1)
    >>> found = limbeck.learn(X, y, 3)
    >>> found.network.distance(planted) < 1e-20
    True
    """
    # Here, as importing limbeck would take three times as long with the learner, which not every program needs.
    from limbeck._learner.pipeline.checks import GivenNames, checked_options
    from limbeck._learner.pipeline.sources import learn_from

    options = checked_options(
        width,
        max_width,
        inputs,
        refine,
        validation,
        seed,
        sample_rows,
        n_threads,
        missing,
        moment_method,
        extrapolate,
        bag,
    )
    positive_or_none(time_limit, "time_limit", "seconds")
    callable_or_none(callback, "callback")
    names = GivenNames.of(feature_names, target_name, y)
    return learn_from(X, y, sample_weight, names, options, Progress(callback, progress, time_limit))

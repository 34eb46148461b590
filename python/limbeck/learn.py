"""From data to a network of a few neurons: the learner and its result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck._arrays import integer, matrix, require_finite, same_length, thread_count, vector
from limbeck._inputs import INPUTS, MOST_ROWS, Whitening, detect_inputs, standardization, whitening
from limbeck._model import Fit, Float64Array, Model, Rows, linear_model
from limbeck._progress import Progress
from limbeck._search import EXACT, search, trim
from limbeck._tabular import fit_any
from limbeck.network import ReLUNetwork
from limbeck.scales import Clump, clump_ladder
from limbeck.subspace import Subspace, find_subspace

__all__ = ["Learned", "learn"]

_FEWEST_ROWS = 10
_FIT_ROWS_PER_PARAMETER = 20
_FIT_ROWS = 4000
_CHECK_ROWS = 20_000
_WIDTH_LADDER = (1, 2, 4, 8, 16, 32, 64)


@dataclass(frozen=True)
class Learned:
    """What :func:`learn` found.

    Attributes
    ----------
    network : ReLUNetwork
        The network, on inputs as they were passed.
    inputs : str
        How the inputs were treated: "standard", "gaussian" or "any".
    validation_mse, validation_r2 : float
        Mean squared error and R2 on rows held out from everything else (NaN without such rows).
    validation_targets, validation_residuals : ndarray of shape (n_validation,)
        Labels of those rows, and labels less predictions.
    noise_variance : float
        Estimated variance of the label noise: squared residuals of the rows fitted, over their number less that of the
        parameters (NaN without rows to spare); for ``inputs="any"``, the cross-validated error, of which the noise is
        a part.
    clumps : list of Clump
        Which neurons look like one at which angle, finest first.
    subspace : Subspace or None
        Span that the moments showed; None for ``inputs="any"``.
    history : list of dict
        Stage, neurons, error over the variance of the labels, and seconds, for every network tried.
    timings : dict
        Seconds by stage.
    stopped_early : bool
        Whether the time limit cut the search short.
    """

    network: ReLUNetwork
    inputs: str
    validation_mse: float
    validation_r2: float
    validation_targets: Float64Array
    validation_residuals: Float64Array
    noise_variance: float
    clumps: list[Clump]
    subspace: Subspace | None
    history: list[dict[str, Any]] = field(repr=False)
    timings: dict[str, float] = field(repr=False)
    stopped_early: bool = False

    @property
    def width(self) -> int:
        """Number of neurons."""
        return self.network.width

    def __str__(self) -> str:
        net = self.network
        lines = [
            f"{net.width} neurons, {net.n_features} features, inputs treated as {self.inputs}",
            f"validation R2 {self.validation_r2:.6g} (mean squared error {self.validation_mse:.4g} on "
            f"{len(self.validation_targets)} rows), noise variance {self.noise_variance:.4g}",
        ]
        if net.width:
            lines.append(f"{'neuron':>6} {'output':>12} {'threshold':>12}  largest weights (feature: weight)")
        for i in range(net.width):
            top = np.argsort(-np.abs(net.weights[i]))[:4]
            features = ", ".join(f"{j}: {net.weights[i, j]:+.3f}" for j in top)
            lines.append(f"{i:>6} {net.output[i]:>12.5g} {net.thresholds[i]:>12.4g}  {features}")
        if self.stopped_early:
            lines.append("stopped early: the time limit was reached, this is the best so far")
        return "\n".join(lines)


def learn(
    X: ArrayLike,
    y: ArrayLike,
    width: int | None = None,
    *,
    max_width: int = 16,
    inputs: str = "auto",
    validation: float = 0.1,
    seed: int | np.random.Generator = 0,
    progress: bool = False,
    callback: Callable[[str, int, float], None] | None = None,
    time_limit: float | None = None,
    n_threads: int | None = None,
) -> Learned:
    """Learn a sum of a few ReLUs, with a linear part, from data.

    For Gaussian inputs: the span of the neurons' directions from Hermite moments of orders 1, 2 and 4 against a null
    band, neurons inside the span from several sources of candidates, Levenberg-Marquardt in all dimensions, and rows
    held out to tell when nothing is left to explain (after Chen, Dou, Goel, Klivans and Meka, COLT 2023, arXiv
    2304.10524). For any other inputs: neurons with thresholds and weight decay, chosen by cross-validation.

    Parameters
    ----------
    X : array_like of shape (n, d)
        Inputs, at least 10 rows; computed in float64.
    y : array_like of shape (n,)
        Labels.
    width : int, optional
        Number of neurons; for Gaussian inputs an upper bound: fewer are returned where fewer do as well. None: chosen
        from the data.
    max_width : int, default 16
        Largest number of neurons when ``width`` is None.
    inputs : {"auto", "standard", "gaussian", "any"}, default "auto"
        "standard": x ~ N(0, I). "gaussian": mean and covariance are estimated. "any": real data. "auto" tests which.
    validation : float, default 0.1
        Fraction of the rows that is held out for ``validation_r2`` alone; 0 for none.
    seed : int or numpy.random.Generator, default 0
        Source of randomness; the same seed gives the same result, bit by bit, for any number of threads.
    progress : bool, default False
        Keep a line on stderr up to date.
    callback : callable, optional
        Called as ``callback(stage, neurons, error)`` for every network tried, with the error over the variance of y.
    time_limit : float, optional
        Seconds after which the best network so far is returned; ``stopped_early`` then says so.
    n_threads : int, optional
        Number of threads; default what OpenMP would take.

    Returns
    -------
    Learned

    Raises
    ------
    TypeError
        An argument has the wrong type.
    ValueError
        Shapes disagree, there are too few rows, y is constant, or X or y holds NaN or infinity.

    Examples
    --------
    >>> import limbeck
    >>> planted = limbeck.datasets.make_narrow_network("generic", 20, 3, seed=0)
    >>> X, y = limbeck.datasets.sample(planted, 10_000, seed=1)
    >>> found = limbeck.learn(X, y, 3)
    >>> found.network.distance(planted) < 1e-20
    True
    """
    X = matrix(X, "X", np.float64)
    y = vector(y, "y", np.float64)
    same_length(X, "X", 0, y, "y", 0, "rows")
    require_finite(thread_count(n_threads), X=X, y=y)
    _check_options(X, y, width, max_width, inputs, validation, time_limit)
    tell = Progress(callback, progress, time_limit)
    fit = Fit(n_threads=thread_count(n_threads), deadline=tell.deadline)
    rng = np.random.default_rng(seed)
    held_out, used = _split(len(y), validation, rng)
    if len(used) < _FEWEST_ROWS:
        raise ValueError(f"validation={validation!r} leaves {len(used)} of {len(y)} rows to learn from, too few")
    tell.enter("inputs")
    kind = detect_inputs(X[used[:MOST_ROWS]], n_threads) if inputs == "auto" else inputs
    coordinates = None if kind == "standard" else _coordinates(X[used], kind, n_threads)
    Z = X if coordinates is None else coordinates(X)
    subspace = None
    if kind == "any":
        tell.enter("cross-validation")
        model, noise = _learn_any(Z[used], y[used], width, max_width, fit, tell, rng)
    else:
        model, subspace = _learn_gaussian(Z, y, used, width, max_width, fit, tell, rng)
    network = model.network()
    if coordinates is not None:
        network = coordinates.pull_back(network).normalized()
    residuals = y - network(X, n_threads=n_threads)
    if kind != "any":
        freedom = len(used) - (model.width * Z.shape[1] + Z.shape[1] + 1)
        noise = float(np.square(residuals[used]).sum()) / freedom if freedom > 0 else np.nan
    residuals = residuals[held_out]
    tell.finish()
    variance = float(np.var(y[held_out])) if len(held_out) else np.nan
    error = float(np.mean(residuals**2)) if len(held_out) else np.nan
    return Learned(
        network=network,
        inputs=kind,
        validation_mse=error,
        validation_r2=1 - error / variance if variance else np.nan,
        validation_targets=y[held_out],
        validation_residuals=residuals,
        noise_variance=noise,
        clumps=clump_ladder(network.weights),
        subspace=subspace,
        history=tell.history,
        timings=tell.timings,
        stopped_early=tell.stopped_early,
    )


def _check_options(
    X: Float64Array,
    y: Float64Array,
    width: int | None,
    max_width: int,
    inputs: str,
    validation: float,
    time_limit: float | None,
) -> None:
    if len(X) < _FEWEST_ROWS or X.shape[1] == 0:
        raise ValueError(f"X must have at least {_FEWEST_ROWS} rows and one feature, got shape {X.shape}")
    if np.ptp(y) == 0:
        raise ValueError(f"y is constant ({y[0]:g}): there is nothing to learn")
    if width is not None:
        integer(width, "width", at_least=0)
    integer(max_width, "max_width", at_least=0)
    if inputs not in INPUTS:
        raise ValueError(f"inputs must be one of {', '.join(INPUTS)}; got {inputs!r}")
    if not 0 <= validation < 1:
        raise ValueError(f"validation is a fraction of the rows, at least 0 and below 1; got {validation!r}")
    if time_limit is not None and not time_limit > 0:
        raise ValueError(f"time_limit must be positive or None, got {time_limit!r}")


def _split(n: int, fraction: float, rng: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Row numbers held out and used, each in rising order."""
    count = round(fraction * n)
    order = rng.permutation(n)
    return np.sort(order[:count]), np.sort(order[count:])


def _coordinates(X: Float64Array, kind: str, n_threads: int | None) -> Whitening:
    """The change of coordinates that the learner of this kind works in, from the rows to learn from."""
    return whitening(X, n_threads) if kind == "gaussian" else standardization(X)


def _learn_any(
    X: Float64Array,
    y: Float64Array,
    width: int | None,
    max_width: int,
    fit: Fit,
    tell: Progress,
    rng: np.random.Generator,
) -> tuple[Model, float]:
    """Standardise the labels, learn, and undo it; with the cross-validated error."""
    mean, scale = float(y.mean()), float(y.std()) or 1.0
    model, error = fit_any(Rows(X, (y - mean) / scale, n_threads=fit.n_threads), width, max_width, fit, tell, rng)
    parameters = scale * model.parameters
    parameters[-1, -1] += mean
    return Model(model.signs, parameters), error * scale**2


def _learn_gaussian(
    X: Float64Array,
    y: Float64Array,
    used: NDArray[np.intp],
    width: int | None,
    max_width: int,
    fit: Fit,
    tell: Progress,
    rng: np.random.Generator,
) -> tuple[Model, Subspace]:
    """Span, discovery, trimming and refinement for x ~ N(0, I)."""
    n, d = X.shape
    mask = np.zeros(n)
    mask[used] = 1.0
    everything = Rows(X, y, mask, fit.n_threads)  # held-out rows have no weight: no copy of the rest is needed
    most = max_width if width is None else width

    tell.enter("span")
    line, error = fit(linear_model(d), everything)
    tell.report("linear", 0, error / float(np.var(y)))
    residual, linear = mask * everything.residuals(line), line.parameters[-1, :-1]
    most_directions = min(d, most + 4) if most else 0
    subspace = find_subspace(X, residual, linear, max_rank=most_directions, rng=rng, n_threads=fit.n_threads or None)
    if most == 0:
        return line, subspace
    basis = subspace.basis if subspace.rank else _leading(subspace.curvature, most)

    tell.enter("discovery")
    order = rng.permutation(used)
    # Without a given width: at least as many neurons as the span has dimensions; trimming takes away what is too much.
    rungs = [most] if width is not None else [*(w for w in _WIDTH_LADDER if subspace.rank <= w < most), most]
    best = line
    for cap in rungs:
        rows, check = _fit_and_check(everything, order, cap)
        model, settled = search(rows, check, basis, subspace.curvature, cap, fit, tell, rng)
        if not _improves(model, best, check):
            break
        best = model
        if settled or tell.out_of_time():
            break
    tell.enter("trim")
    best = trim(best, rows, check, fit, tell)
    if not _is_exact(best, check) and not tell.out_of_time():
        tell.enter("refine")
        best, error = fit(best, everything, tolerance=1e-9)
        tell.report("refine", best.width, error / float(np.var(y)))
    return best, subspace


def _leading(curvature: Float64Array, count: int) -> Float64Array:
    """Eigenvectors of the largest eigenvalues by size, as rows."""
    values, vectors = np.linalg.eigh(curvature)
    return np.ascontiguousarray(vectors[:, np.argsort(-np.abs(values))[:count]].T)


def _fit_and_check(everything: Rows, order: NDArray[np.intp], width: int) -> tuple[Rows, Rows]:
    """Rows for refinement, as many as the parameters ask for, and others to judge by."""
    wanted = max(_FIT_ROWS, _FIT_ROWS_PER_PARAMETER * (width + 1) * (everything.X.shape[1] + 1))
    cut = min(wanted, int(0.8 * len(order)))
    return everything.part(order[:cut]), everything.part(order[cut : cut + _CHECK_ROWS])


def _is_exact(model: Model, check: Rows) -> bool:
    return float(check.errors(model).mean()) <= EXACT * float(np.var(check.y))


def _improves(model: Model, best: Model, check: Rows) -> bool:
    """Whether the held-out error of ``model`` is below that of ``best`` by more than a standard error."""
    gain = check.errors(best) - check.errors(model)
    return bool(gain.mean() > gain.std() / np.sqrt(len(gain)))

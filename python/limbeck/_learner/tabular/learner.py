"""Sums of ReLUs on inputs of any distribution: no moments to rely on, but hinges, weight decay and cross-validation.

Candidate hinges come from several sources: single features at their quantiles, the eigenvectors of the residual's
second moment, random directions. They are chosen one by one for what they explain, and refined together, each neuron
under a weight decay of its own that the rows set by their evidence. The width is the smallest that leaves
nothing but rounding, or whose cross-validated error is not clearly above the least; beyond a line there is anything
only where it is better with the choice of the hinges counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from limbeck import moments
from limbeck._base.progress import Progress
from limbeck._learner.gaussian.selection import EXACT
from limbeck._learner.model.model import Fit, Float64Array, Model, Rows, linear_model, normal_matrix
from limbeck._learner.model.pruning import narrowed
from limbeck._learner.tabular.hinges import augmented, select

__all__ = ["TabularFit", "cross_validated", "fit_any", "random_start", "with_more_rows"]

_WIDTHS, _FEW_NEURONS = (0, 1, 2, 4, 8, 16, 32), 4
_LEAST_DECAY, _FIRST_DECAY, _MOST_DECAY = 1e-6, 1e-2, 1e6
_ROUNDS, _STEPS_A_ROUND, _LAST_STEPS = 8, 4, 20
_MOST_TOGETHER = 1500  # parameters whose correlations are taken into account in what the rows determine
_LEAST_LEFT, _MOST_TAKEN = 1e-6, 0.8  # of the rows
_DEAD = 1e-3  # of the largest neuron's size
_AS_GOOD = 1.005  # times the least error
# Parameters that the choice of a neuron among hundreds of hinges counts for, beside a line: as a knot's in Friedman,
# Multivariate adaptive regression splines, Annals of Statistics 19, 1991, and more where there are many features to
# choose from. Of lines in noise, n = 600 to 2000, with 10, 30 and 60 features 95 % have no neuron for 1.8, 5 and 8
# parameters; of 60 draws of 130 to 450 rows and 1 to 30 features 90 % and more have none.
_CHOICE, _CHOICE_PER_FEATURE = 3.0, 0.2
# Up to so many rows and numbers, folds that choose for themselves count the choice better than a constant, which hides
# hinges that are there. Beyond, they take six times as long for nothing: on eight real tables of 150 to 375 rows the
# mean R2 was .8137 with folds and .8130 without. Of few rows one split tells little: on a line in noise, n = 15 to 100,
# one leaves neurons in up to 11 % of draws, two in up to 10 %, four in up to 8 %.
_FOLDS, _MOST_REPEATS, _FOLD_ROWS = 5, 2, 120
_FOLD_NUMBERS, _REPEATED_NUMBERS = 30_000, 10_000
# Standard errors of a paired difference of squared errors that may be chance (the rule of Breiman, Friedman, Olshen and
# Stone, Classification and regression trees, 1984, section 3.4.3, for differences).
_FOLD_ERRORS = 1.0
_ROUNDING = 4 * float(np.finfo(np.float64).eps)  # of a label, for its size
_NEARLY_EXACT = 1e-2  # of the labels' variance: what a decay may have left of an exact fit
_EXACT_STEPS, _EXACT_TOLERANCE = 50, 1e-12


def random_start(d: int, width: int, rng: np.random.Generator) -> Model:
    """Neurons in random directions that switch on within the bulk of standardised data."""
    model = linear_model(d)
    for i in range(width):
        u = rng.standard_normal(d)
        model = model.with_neuron(u / np.linalg.norm(u), 0.5 * (-1.0) ** i)
    parameters = model.parameters.copy()
    parameters[:-1, -1] = 0.5 * rng.uniform(-1, 1, width)
    return Model(model.signs, parameters)


# ---- Evidence ----


@dataclass(frozen=True)
class TabularFit:
    """A model, and how it was fitted.

    Attributes
    ----------
    model : Model
        The network.
    decay : ndarray of shape (k + 1,)
        Weight decay of each group of its parameters.
    error : float
        Of generalised cross-validation.
    compared : float
        The error with the choice of the neurons counted, to compare a network with a line by.
    """

    model: Model
    decay: Float64Array
    error: float
    compared: float


def _by_evidence(model: Model, rows: Rows, fit: Fit) -> TabularFit:
    """Refine, with the weight decays that make the rows likeliest (MacKay, Neural Computation 4, 1992).

    A group of D parameters a that have decay l is determined by the rows in ``g = D - l tr(A^-1)`` of them, A being the
    penalised normal matrix; the likeliest decay is ``g / |a|^2`` times the noise variance over the rows' number.
    """
    decay = np.full(model.width + 1, _FIRST_DECAY * max(1.0, rows.X.shape[1] / rows.count))
    for _ in range(_ROUNDS):
        if fit.out_of_time():
            break
        model, error = fit(model, rows, decay=decay, max_steps=_STEPS_A_ROUND)
        model, decay = _living(model, decay, rows)
        if not fit.out_of_time():
            decay = _likeliest(model, decay, rows, error)
    model, _ = fit(model, rows, decay=decay, max_steps=_LAST_STEPS)
    model, decay = _living(model, decay, rows)
    if fit.out_of_time():  # what was cut off is compared with nothing
        return TabularFit(model, decay, np.nan, np.nan)
    return _judged(model, decay, rows)


def _judged(model: Model, decay: Float64Array, rows: Rows) -> TabularFit:
    known, mse = _known(model, decay, rows), float(rows.errors(model).mean())
    choice = model.width * max(_CHOICE, _CHOICE_PER_FEATURE * rows.n_features)
    error, compared = (mse / _left_over(known, rows.count, taken) ** 2 for taken in (0.0, choice))
    return TabularFit(model, decay, error, compared)


def _known(model: Model, decay: Float64Array, rows: Rows) -> Float64Array:
    """How many of each group's decayed parameters the rows determine."""
    groups, D = model.parameters.shape
    if groups * D > _MOST_TOGETHER or len(rows) < D:
        known = _known_apart(model, decay, rows)
    else:
        matrix = normal_matrix(model, rows, rows.weights)
        # A little for what no row moves, too.
        added = np.full((groups, D), 1e-10 * np.trace(matrix) / len(matrix))
        added[:, :-1] += decay[:, None]
        matrix[np.diag_indices_from(matrix)] += added.ravel()
        spread = np.diag(np.linalg.inv(matrix)).reshape(groups, D)
        known = D - 1 - decay * spread[:, :-1].sum(axis=1)
    return np.asarray(np.maximum(known, 1e-3))


def _known_apart(model: Model, decay: Float64Array, rows: Rows) -> Float64Array:
    """The same as if groups did not know of each other: from the eigenvalues of each one's rows."""
    weights = np.ones(len(rows)) if rows.weights is None else rows.weights
    gates = np.column_stack([augmented(rows.X) @ model.neurons.T > 0, np.ones(len(rows), dtype=bool)])
    shares = gates * (weights / weights.sum())[:, None]
    if len(rows) <= rows.X.shape[1]:
        inner = rows.X @ rows.X.T
        roots = np.sqrt(shares.T)
        grams = roots[:, :, None] * inner * roots[:, None, :]
    else:
        grams = moments.weighted_grams(rows.X, shares, n_threads=rows.n_threads or None)
    values = np.maximum(np.linalg.eigvalsh(grams), 0.0)
    return np.asarray((values / (values + decay[:, None])).sum(axis=1))


def _left_over(known: Float64Array, count: int, choice: float = 0.0) -> float:
    """The part of the rows that parameters, and a choice, do not take up; thresholds and the bias count in full."""
    return max(1 - (float(known.sum()) + choice) / count, _LEAST_LEFT) * max(1 - len(known) / count, _LEAST_LEFT)


def _likeliest(model: Model, decay: Float64Array, rows: Rows, error: float) -> Float64Array:
    known = _known(model, decay, rows)
    noise = error / _left_over(known, rows.count)
    squares = np.square(model.parameters[:, :-1]).sum(axis=1)
    with np.errstate(divide="ignore"):
        likeliest = np.minimum(known / squares * noise / rows.count, _MOST_DECAY)
    # With parameters for every row no noise at all is as likely as any, and nothing could be told from what is left.
    while (
        known.sum() > _MOST_TAKEN / 2 * rows.count
        and _known(model, likeliest, rows).sum() + len(likeliest) > _MOST_TAKEN * rows.count
    ):
        if likeliest.min() >= _MOST_DECAY:
            break
        likeliest = np.minimum(4 * np.maximum(likeliest, _LEAST_DECAY), _MOST_DECAY)
    return np.asarray(likeliest)


def _living(model: Model, decay: Float64Array, rows: Rows) -> tuple[Model, Float64Array]:
    """Without neurons that are constant, or a line, on all rows: the bias and the linear part take them over."""
    if not model.width:
        return model, decay
    sizes = model.sizes
    values = rows.along(model.neurons[:, :-1]) + model.neurons[:, -1]
    dead = (sizes < _DEAD * sizes.max()) | (values <= 0).all(axis=0)
    straight = ~dead & (values >= 0).all(axis=0)
    parameters = model.parameters.copy()
    signed = model.signs[:, None] * model.neurons
    parameters[-1] += signed[straight].sum(axis=0)
    parameters[-1, -1] += float(model.signs[dead] @ np.maximum(model.neurons[dead, -1], 0.0))
    kept = np.append(~dead & ~straight, True)
    return Model(model.signs[kept[:-1]], parameters[kept]), decay[kept]


def cross_validated(model: Model, decay: Float64Array, rows: Rows) -> float:
    """Generalised cross-validation: the mean squared error over (1 - the part of the rows that the parameters take)^2.

    Not leaving out rows one by one: the leverage of a row at a kink that few others surround tells nothing.
    """
    return _judged(model, decay, rows).error


# ---- The width ----


def _widths(most: int, n: int, d: int) -> list[int]:
    """Widths to try: beyond a few neurons, of no more parameters than rows."""
    widths = sorted({w for w in _WIDTHS if w < most} | {most})
    return [w for w in widths if w <= _FEW_NEURONS or (w + 1) * (d + 1) <= n]


def fit_any(
    rows: Rows, width: int | None, max_width: int, fit: Fit, progress: Progress, rng: np.random.Generator
) -> TabularFit:
    """Learn from standardised inputs.

    Parameters
    ----------
    rows : Rows
        Inputs, each column of mean 0 and standard deviation 1, and labels in any unit.
    width : int, optional
        Number of neurons, at most; None to choose the smallest whose error is only rounding, or is not clearly above
        the least.
    max_width : int
        Largest number of neurons to try.
    fit : Fit
        How to refine.
    progress : Progress
        Told of every width.
    rng : numpy.random.Generator
        For candidates.

    Returns
    -------
    TabularFit
        In the unit of the labels.
    """
    mean = float(np.average(rows.y, weights=rows.weights))
    scale = float(np.sqrt(np.average(np.square(rows.y - mean), weights=rows.weights)))
    if scale <= 1e-14 * abs(mean):  # constant up to rounding
        return TabularFit(_constant(rows, mean), np.zeros(1), 0.0, 0.0)
    exact = max(EXACT, (_ROUNDING * float(np.abs(rows.y).max()) / scale) ** 2)
    search = _Search(replace(rows, y=(rows.y - mean) / scale), exact, fit, progress, rng)
    found = search.with_width(width) if width is not None else search.chosen(max_width)
    parameters = scale * found.model.parameters
    parameters[-1, -1] += mean
    error, compared = found.error * scale**2, found.compared * scale**2
    return TabularFit(Model(found.model.signs, parameters), found.decay, error, compared)


def with_more_rows(found: TabularFit, rows: Rows, n_before: int, fit: Fit) -> TabularFit:
    """The fit to ``n_before`` rows refined on more of them, of the same coordinates and unit.

    What the rows determine grows with their number, and a decay beside it is the less.
    """
    decay = found.decay * (n_before / rows.count)
    fit = fit.changed(tolerance=1e-4, thresholds=True)
    model, _ = fit(found.model, rows, decay=decay, max_steps=_LAST_STEPS)
    return _judged(*_living(model, decay, rows), rows)


def _constant(rows: Rows, value: float) -> Model:
    model = linear_model(rows.n_features)
    model.parameters[-1, -1] = value
    return model


class _Folds:
    """Errors on rows left out, everything that is chosen being chosen without them; of few rows, several times over."""

    def __init__(self, rows: Rows, most: int, fit: Fit, rng: np.random.Generator) -> None:
        self._rows, self._fit, n = rows, fit, len(rows)
        self._repeats = int(np.clip(min(_FOLD_ROWS // n, _REPEATED_NUMBERS // rows.X.size), 1, _MOST_REPEATS))
        places = [rng.permutation(n) % _FOLDS for _ in range(self._repeats)]
        held = [np.flatnonzero(place == fold) for place in places for fold in range(_FOLDS)]
        self._parts = [(rows.part(np.delete(np.arange(n), out)), out) for out in held]
        self._selections = [select(used, most, rng) for used, _ in self._parts]

    def errors(self, width: int) -> Float64Array:
        """Squared error of every row, at this width, times its weight; the mean of those times."""
        squares = np.zeros(len(self._rows))
        for (used, out), selection in zip(self._parts, self._selections, strict=True):
            if np.ptp(used.y):
                model = _by_evidence(selection.start(width), used, self._fit).model
            else:
                model = _constant(used, float(used.y[0]))
            squares[out] += np.square(self._rows.part(out).residuals(model))
        return self._rows.errors_of(np.sqrt(squares / self._repeats))


def _smallest_as_good(errors: list[Float64Array]) -> int:
    """The first whose errors, row by row, are not clearly larger than those of the least mean."""
    best = int(np.argmin([e.mean() for e in errors]))
    for i, e in enumerate(errors[:best]):
        more = e - errors[best]
        if more.mean() <= _FOLD_ERRORS * more.std() / np.sqrt(len(more)):
            return i
    return best


class _Search:
    """Fits of several widths to labels of mean 0 and standard deviation 1, and the choice among them.

    Parameters
    ----------
    rows : Rows
        What to fit.
    exact : float
        Mean squared error of what is only rounding.
    fit : Fit
        How to refine.
    progress : Progress
        Told of every width; ends the search when time is up.
    rng : numpy.random.Generator
        For candidates and folds.
    """

    def __init__(self, rows: Rows, exact: float, fit: Fit, progress: Progress, rng: np.random.Generator) -> None:
        self._rows, self._exact, self._progress, self._rng = rows, exact, progress, rng
        self._fit = fit.changed(tolerance=1e-4, thresholds=True)
        self._found: list[TabularFit] = []

    def with_width(self, width: int) -> TabularFit:
        """The fit of one width."""
        found = _by_evidence(select(self._rows, width, self._rng).start(width), self._rows, self._fit)
        self._progress.report("width", found.model.width, found.error)
        return self._known_error(found, self._progress.out_of_time())

    def chosen(self, max_width: int) -> TabularFit:
        """The smallest width whose error is only rounding, or is not clearly above the least."""
        rows, progress, found = self._rows, self._progress, self._found
        widths = _widths(max_width, *rows.X.shape)
        selection = select(rows, widths[-1], self._rng)
        few = len(rows) <= _FOLD_ROWS and rows.X.size <= _FOLD_NUMBERS and len(widths) > 1
        folds = _Folds(rows, widths[-1], self._fit, self._rng) if few else None
        errors: list[Float64Array] = []
        for w in widths:
            if found and len(selection.hinges) < w:
                break
            one = self._finished(_by_evidence(selection.start(w), rows, self._fit))
            if progress.out_of_time() and found:
                break  # it was cut off
            found.append(one)
            if self._is_exact(one):
                return self._narrowest(one, found[-2].model.width + 1 if len(found) > 1 else 0)
            if folds is not None and not progress.out_of_time():
                errors.append(folds.errors(w))
            compared = [f.error for f in found] if folds is None else [float(e.mean()) for e in errors]
            best = int(np.argmin(compared)) if compared else 0
            progress.report("width", one.model.width, found[best].error)
            # Two widths in a row that do not help: wider ones will not either.
            if progress.out_of_time() or len(found) > best + 2:
                break
        if len(errors) > 1:
            return found[_smallest_as_good(errors)]
        # The choice of hinges decides whether there are any: counted against every width, it costs accuracy where there
        # are (on autompg, diabetes and boston_housing .008 of R2 on average).
        if found[0].compared <= _AS_GOOD * min(f.compared for f in found):
            chosen = found[0]
        else:
            least = min(f.error for f in found)
            chosen = next((f for f in found if f.error <= _AS_GOOD * least), found[0])
        return self._known_error(chosen, progress.stopped_early and len(found) == 1)

    @staticmethod
    def _known_error(found: TabularFit, cut_off: bool) -> TabularFit:
        # A start that was cut off may go through every row, and its error would tell nothing.
        return replace(found, error=np.nan) if cut_off else found

    def _is_exact(self, found: TabularFit) -> bool:
        return self._determined(found.model) and self._rows.mean_error(found.model) <= self._exact

    def _determined(self, model: Model) -> bool:
        """Whether rows are so many more than parameters that going through all of them is no accident."""
        return model.parameters.size <= _MOST_TAKEN * self._rows.count

    def _finished(self, found: TabularFit) -> TabularFit:
        """Without decay where that is exact: decay keeps away from it where it is not to be had by short steps."""
        error = self._rows.mean_error(found.model)
        return found if not self._exact < error < _NEARLY_EXACT else self._undecayed(found.model) or found

    def _undecayed(self, model: Model) -> TabularFit | None:
        """The model refined without decay, if it is exact then."""
        if not self._determined(model):
            return None
        how = {"max_steps": _EXACT_STEPS, "tolerance": _EXACT_TOLERANCE, "decay": 0.0}
        model, error = self._fit(model, self._rows, **how)
        if error > self._exact:
            return None
        return _judged(*_living(model, np.zeros(model.width + 1), self._rows), self._rows)

    def _narrowest(self, exact: TabularFit, least: int) -> TabularFit:
        """An exact fit without the neurons that it can spare, down to ``least``."""
        while exact.model.width > least:
            trials = (self._undecayed(model) for model in self._without_one(exact) if not self._progress.out_of_time())
            if (trial := next((found for found in trials if found is not None), None)) is None:
                break
            exact = trial
        self._progress.report("width", exact.model.width, exact.error)
        return exact

    def _without_one(self, found: TabularFit) -> Iterator[Model]:
        """Without the neuron that seems needed least, then without each."""
        model = found.model
        yield narrowed(model, self._rows, self._fit, model.width - 1, found.decay)[0]
        for i in np.argsort(model.sizes):
            yield model.without(int(i))

"""From a good network to the best one: neurons dropped, merged, added and resolved for as long as the rows ask for it.

Networks of different widths are compared by their price, n log(mean squared error) plus a penalty for every parameter
(Hurvich and Tsai, Biometrika 76, 1989): on the rows that the network is fitted to, and so without the noise that a
comparison on held-out rows has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._base.progress import Progress
from limbeck._learner.gaussian.candidates import kink_weight
from limbeck._learner.gaussian.clump_resolution import ClumpProblem, excess_band
from limbeck._learner.gaussian.span import find_subspace
from limbeck._learner.model.clumps import angles_modulo_sign, centre_of, clump_ladder
from limbeck._learner.model.model import Model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import EXACT, NOISELESS, Rows

__all__ = [
    "EXTRA_PENALTY",
    "EXTRA_PER_NEURON",
    "ModelSelector",
    "ScoredModel",
    "is_well_separated",
    "span_of",
    "with_linear_part",
]

_ROUNDS = 6
_FEW_ROWS = 100  # for each feature
# Per parameter, beside the 2 of Akaike's criterion. A spurious neuron is the best of many directions: it takes more off
# the sum of squares than its number of parameters (up to 2.3 times, measured), so it must pay more to be believed.
EXTRA_PENALTY = 1.0
# Per neuron beside its parameters: in few dimensions the best of all directions, and thresholds, takes more off the
# criterion than its few parameters explain. On 20 networks of six neurons in three dimensions a seventh gained 0.4 to
# 10.1 where its parameters alone cost 9. A threshold is searched for as well, and counts as much again: on noise alone
# in one feature (500 rows), 3 of 20 fits kept neurons at 3, none at 6.
EXTRA_PER_NEURON = 3.0
# In a network exact to rounding: relative sizes and angles below which a neuron may be an artefact. Larger ones cannot
# be: ReLUs along different lines are linearly independent, provided that there are rows between their kinks, of which
# there are n angle / pi.
_FAINT = 1e-3
_ROWS_BETWEEN = 10  # for each feature
_NEAR = 0.35  # radians; lines farther apart than this need not be tried as one
_TRIAL_STEPS = 40
_PRICE_TOLERANCE = 2.0  # a refinement stops when two steps in a row lower the price by less
_EXCESS = 4.0  # standard errors of excess in a band that call for a zoom
_SETTLED = 5.0  # standard errors of excess that may be chance, over all neurons and bands
_WIDEST_CLUMP = 0.6  # radians
_CLOSE = 0.15  # radians; clumps that are tried without any excess
_HOPELESS = 0.02  # in price for each row: two percent of a mean squared error
_RACE_ROWS_PER_PARAMETER = 20
_RACE_STEPS = 15
_RACE_SURE = 3.0  # standard errors
_GAIN = 1.0  # in price; less is not worth a refinement, and may be rounding


@dataclass(frozen=True)
class ScoredModel:
    """A network, its mean squared error on the rows, and its price."""

    model: Model
    error: float
    criterion: float


@dataclass(frozen=True)
class _Target:
    """Neurons to zoom into.

    Attributes
    ----------
    members : list of int
        Their numbers.
    scale : float
        Largest angle between their lines.
    bands : list of float
        Half-widths of the bands to try.
    excess : float
        Of the squared residuals in a band around them, in standard errors.
    """

    members: list[int]
    scale: float
    bands: list[float]
    excess: float

    @property
    def suspicious(self) -> bool:
        """Whether the excess calls for a zoom."""
        return self.excess > _EXCESS


class ModelSelector:
    """Makes networks better on given rows.

    Parameters
    ----------
    rows : Rows
        Rows to fit and to count.
    fit : Fit
        How to refine.
    progress : Progress
        Told of every network that is better; ends the work when time is up.
    rng : numpy.random.Generator
        For random starts.
    """

    def __init__(self, rows: Rows, fit: Fit, progress: Progress, rng: np.random.Generator) -> None:
        self.rows, self.fit, self.progress, self.rng = rows, fit, progress, rng
        self.variance = rows.variance
        self._inner_fit = fit.changed(max_steps=60, tolerance=1e-5)

    @property
    def has_few_rows(self) -> bool:
        """Whether rows are so few that moments show little and there are many optima."""
        return bool(len(self.rows) < _FEW_ROWS * self.rows.X.shape[1])

    def improve(self, model: Model, width: int, rival: float = np.inf) -> ScoredModel:
        """The best network of at most ``width`` neurons that dropping, merging, adding and resolving leads to.

        The work is not begun where it starts far behind the price of a rival.
        """
        best = self.state(model)
        if best.criterion > rival + _HOPELESS * len(self.rows):
            return best
        for _ in range(_ROUNDS):
            before = best.criterion
            best = self.resolve(self.grow(self.prune(best), width), width)
            if best.criterion >= before - _GAIN or self.is_exact(best) or self.progress.out_of_time():
                break
        return self.prune(best) if self.is_exact(best) else best

    def state(self, model: Model, fit: Fit | None = None) -> ScoredModel:
        """The model refined, with its price."""
        model = model.alive()
        known = self.scored(model, None, (fit or self.fit).thresholds)
        if self.is_exact(known):
            return known
        # What is far below any noise is misfit, and may be lowered by much in many small steps.
        tolerance = min(1e-2, max(_PRICE_TOLERANCE, 0.01 * model.parameters.size) / len(self.rows))
        noisy = known.error > NOISELESS * self.variance
        if not noisy:
            tolerance *= 0.1
        step_solver = "sampled" if noisy and is_well_separated(model) else "auto"
        fit = fit or self.fit
        fitted, error = fit(model, self.rows, max_steps=_TRIAL_STEPS, tolerance=tolerance, step_solver=step_solver)
        return self.scored(fitted, error, fit.thresholds)

    def scored(self, model: Model, error: float | None = None, thresholds: bool | None = None) -> ScoredModel:
        """The model as it is, with its price.

        Its mean squared error may be known; thresholds count where they are fitted (None: as the polisher's own fit).
        """
        if error is None:
            error = float(self.rows.errors(model).mean())
        n, d = self.rows.X.shape
        thresholds = self.fit.thresholds if thresholds is None else thresholds
        freedom = n - (model.width * (d + thresholds) + d + 1) - 1
        if freedom <= 0:
            return ScoredModel(model, error, np.inf)
        penalty = (2 * n / freedom + EXTRA_PENALTY) * (n - freedom - 1)
        penalty += EXTRA_PER_NEURON * (1 + thresholds) * model.width
        return ScoredModel(model, error, n * float(np.log(max(error / self.variance, EXACT))) + penalty)

    def is_exact(self, state: ScoredModel) -> bool:
        """Whether only rounding is left."""
        return state.error <= EXACT * self.variance and np.isfinite(state.criterion)

    def is_settled(self, state: ScoredModel, span: Float64Array) -> bool:
        """Whether the residuals show nothing to explain, also in moments along a span (orthonormal rows)."""
        if find_subspace(self._left(state), max_rank=1, rng=self.rng, along=span).rank:
            return False
        errors = self.rows.errors(state.model)
        distances = np.abs(self.rows.along(state.model.directions))
        return all(excess_band(errors, distance)[1] < _SETTLED for distance in distances.T)

    def prune(self, best: ScoredModel) -> ScoredModel:
        """Drop or merge neurons that do not pay for their parameters."""
        while best.model.width and not self.progress.out_of_time():
            if self.is_exact(best) and _is_tidy(best.model, self.rows):
                break
            trials = [self.state(smaller) for smaller in _smaller(best.model) if not self._is_hopeless(smaller, best)]
            trial = min(trials, key=lambda s: s.criterion, default=best)
            if trial.criterion >= best.criterion:
                break
            best = self._reported("prune", trial)
        return best

    def _is_hopeless(self, smaller: Model, best: ScoredModel) -> bool:
        """Whether a smaller network fitted to a part of the rows is far worse there: all rows would show no less.

        That it is not refined to the end speaks a little against it.
        """
        count = _RACE_ROWS_PER_PARAMETER * best.model.parameters.size
        if 2 * count > len(self.rows) or self.is_exact(best):
            return False
        # Gaussian inputs: what the smaller network can make of the larger one lies in that one's span.
        span = with_linear_part(span_of(best.model), best.model)
        few = self.rows.part(slice(count)).projected(span)
        fitted, _ = self.fit(smaller.alive().projected(span), few, max_steps=_RACE_STEPS, tolerance=1e-3)
        ours = few.errors(best.model.projected(span))
        excess = few.errors(fitted) - ours
        saved = (best.criterion - self.scored(smaller, best.error).criterion) / len(self.rows) * float(ours.mean())
        return bool(excess.mean() > saved + _RACE_SURE * excess.std() / np.sqrt(count))

    def grow(self, best: ScoredModel, width: int) -> ScoredModel:
        """Add neurons along what the residual labels still show."""
        while best.model.width < width and not self.is_exact(best) and not self.progress.out_of_time():
            left = self._left(best)
            trials = []
            for u in self._directions(left, span_of(best.model)):
                larger = best.model.with_neuron(u, kink_weight(left, left.y, u))
                trials.append(self.state(larger))
            trial = min(trials, key=lambda s: s.criterion)
            if trial.criterion >= best.criterion - _GAIN:
                break
            best = self._reported("grow", trial)
        return best

    def resolve(self, best: ScoredModel, width: int) -> ScoredModel:
        """Zoom into clumps, and into neurons around whose kinks the residuals are too large."""
        for target in self._targets(best):
            members = target.members
            spare = max(0, width - best.model.width) if target.suspicious else 0
            # As many neurons, far apart, are placed anew by other candidates at less cost.
            afresh = target.suspicious and (spare > 0 or target.scale < _CLOSE)
            for parts in range(len(members), len(members) + min(2, spare) + 1):
                for band in target.bands:
                    if self.progress.out_of_time() or self.is_exact(best):
                        return best
                    trial = self._zoomed(best, members, parts, band, afresh)
                    if trial is not None:
                        return self._reported("resolve", trial)  # neurons have changed their places
        return best

    def _zoomed(
        self, best: ScoredModel, members: list[int], parts: int, band: float, afresh: bool
    ) -> ScoredModel | None:
        """A better network with ``parts`` neurons in the place of the members; None if there is none.

        If not ``afresh`` only what is there is made narrower, and in noise no further than it allows.
        """
        zoom = ClumpProblem.into(best.model, members, band, self.rows, _other_bands(best.model, members, band))
        if not zoom.has_rows_for(parts):
            return None
        fit = self._inner_fit
        if best.error > NOISELESS * self.variance:
            fit = fit.changed(tolerance=max(fit.tolerance, 0.01 * (parts + 1) * zoom.rows.X.shape[1] / len(zoom.rows)))
        found = zoom.resolve(parts, fit, self.rng, afresh)
        if found is None or found[1] < _GAIN:
            return None
        trial = self.state(found[0])
        return trial if trial.criterion < best.criterion - _GAIN else None

    def _reported(self, stage: str, state: ScoredModel) -> ScoredModel:
        self.progress.report(stage, state.model.width, state.error / self.variance)
        return state

    def _left(self, state: ScoredModel) -> Rows:
        """The rows with what is left to explain as labels."""
        return Rows(self.rows.X, self.rows.scaled_residuals(state.model), n_threads=self.rows.n_threads)

    def _directions(self, left: Rows, along: Float64Array) -> Float64Array:
        """Where to add a neuron: extremes of the second moment, and what a higher moment shows."""
        found = find_subspace(left, max_rank=3, rng=self.rng, along=along)
        extremes = [int(np.argmin(found.eigenvalues)), int(np.argmax(found.eigenvalues))]
        return np.concatenate([found.eigenvectors[extremes], found.basis[found.orders > 2]])

    def _targets(self, best: ScoredModel) -> list[_Target]:
        """Clumps and suspicious single neurons, the most suspicious first."""
        errors = self.rows.errors(best.model)
        found: list[_Target] = []
        for clump in clump_ladder(best.model.directions):
            members = list(clump.members)
            band, z = excess_band(errors, np.abs(self.rows.along(centre_of(best.model, members)[None])[:, 0]))
            bands = [1.5 * band] if z > _EXCESS else []
            if 0 < clump.scale < (_WIDEST_CLUMP if z > _EXCESS else _CLOSE):
                bands += [4 * clump.scale, 2 * clump.scale]
            bands = [b for b in bands if b < 1.0]
            if bands and clump.scale < _WIDEST_CLUMP:
                found.append(_Target(members, clump.scale, bands, z))
        return sorted(found, key=lambda target: -target.excess)


def _other_bands(model: Model, members: list[int], band: float) -> list[tuple[Float64Array, float]]:
    """Bands of the neurons that stay, as narrow as their own clumps allow."""
    rest = [i for i in range(model.width) if i not in members]
    angles = angles_modulo_sign(model.directions)
    narrow = []
    for i in rest:
        near = [float(angles[i, j]) for j in rest if j != i and angles[i, j] < band]
        narrow.append((model.directions[i], min(band, 0.05, 2 * max(near, default=band / 4))))
    return narrow


def span_of(model: Model) -> Float64Array:
    """Orthonormal basis (r, d) of the neurons' directions."""
    _, sizes, basis = np.linalg.svd(model.directions, full_matrices=False)
    return np.ascontiguousarray(basis[sizes > 1e-6])


def is_well_separated(model: Model) -> bool:
    """Whether no two neurons are close modulo sign.

    Then a refinement to noisy labels ends in a few steps, and a sample of the rows tells them well enough.
    """
    return _closest(model) > _NEAR


def _closest(model: Model) -> float:
    """Smallest angle between the lines of two neurons; infinite if there are fewer."""
    angles = angles_modulo_sign(model.directions)[np.triu_indices(model.width, 1)]
    return float(angles.min(initial=np.inf))


def with_linear_part(basis: Float64Array, model: Model) -> Float64Array:
    """A basis (orthonormal rows) with the direction of the model's linear part, unless that is zero or in the span."""
    linear = model.parameters[-1, :-1]
    beside = linear - (linear @ basis.T) @ basis
    size = float(np.linalg.norm(beside))
    if size <= 1e-6 * float(np.linalg.norm(linear)):
        return basis
    return np.vstack([basis, beside / size])


def _is_tidy(model: Model, rows: Rows) -> bool:
    """Whether no neuron is faint and no two are close, as far as a solution exact to rounding could hide them."""
    n, d = rows.X.shape
    near = max(_FAINT, min(_NEAR, _ROWS_BETWEEN * np.pi * d / n))
    return bool(model.sizes.min() > _FAINT * model.sizes.max() and _closest(model) > near)


def _smaller(model: Model) -> list[Model]:
    """Ways to lose a neuron that are worth a trial: the faintest dropped, the closest two merged."""
    ways = [model.without(int(np.argmin(model.sizes)))]
    if model.width > 1:
        angles = angles_modulo_sign(model.directions) + np.diag(np.full(model.width, np.inf))
        i, j = (int(v) for v in np.unravel_index(np.argmin(angles), angles.shape))
        if angles[i, j] < _NEAR:
            ways.append(model.merged([[i, j], *([k] for k in range(model.width) if k not in (i, j))]))
    return ways

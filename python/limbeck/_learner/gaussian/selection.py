"""Stepwise selection: neurons dropped, merged, added and resolved for as long as the criterion improves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._base.progress import Progress
from limbeck._learner.gaussian.candidates import kink_weight
from limbeck._learner.gaussian.clump_resolution import ClumpProblem, excess_band
from limbeck._learner.gaussian.criterion import corrected_criterion
from limbeck._learner.gaussian.directions import closest_angle, is_well_separated, span_of, with_linear_part
from limbeck._learner.gaussian.settings import DEFAULTS, GaussianSettings, SelectionSettings
from limbeck._learner.gaussian.span import find_subspace
from limbeck._learner.model.clumps import Clump, angles_modulo_sign, centre_of, clump_ladder
from limbeck._learner.model.model import Model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import EXACT, NOISELESS, Rows

__all__ = ["ModelSelector", "ScoredModel"]


@dataclass(frozen=True)
class ScoredModel:
    """A network, its mean squared error on the rows, and its criterion."""

    model: Model
    error: float
    criterion: float


@dataclass(frozen=True)
class _ClumpTarget:
    """Neurons to resolve.

    Attributes
    ----------
    members : list of int
        Their numbers.
    scale : float
        Largest angle between their lines (radians).
    half_widths : list of float
        Half-widths of the bands to try.
    excess : float
        Excess of the squared residuals in a band around them, in standard errors.
    """

    members: list[int]
    scale: float
    half_widths: list[float]
    excess: float


class ModelSelector:
    """Stepwise selection on given rows.

    Parameters
    ----------
    rows : Rows
        Rows to fit and to count.
    fit : Fit
        How to refine.
    progress : Progress
        Gets a report of every better network; ends the work when time is up.
    rng : numpy.random.Generator
        For random starts.
    settings : GaussianSettings
        Settings of the learner, of which those of criterion, selection, clumps and span are used.
    """

    def __init__(
        self,
        rows: Rows,
        fit: Fit,
        progress: Progress,
        rng: np.random.Generator,
        settings: GaussianSettings = DEFAULTS,
    ) -> None:
        self.rows, self.fit, self.progress, self.rng, self.settings = rows, fit, progress, rng, settings
        self.variance = rows.variance
        how = settings.selection
        self._clump_fit = fit.changed(max_steps=how.clump_steps, tolerance=how.clump_tolerance)

    @property
    def has_few_rows(self) -> bool:
        """Whether rows are so few that moments show little and there are many optima."""
        return bool(len(self.rows) < self.settings.selection.few_rows_per_feature * self.rows.n_features)

    def changed(self, rows: Rows | None = None, fit: Fit | None = None) -> ModelSelector:
        """A selector on other rows or with another fit."""
        rows, fit = self.rows if rows is None else rows, fit or self.fit
        return ModelSelector(rows, fit, self.progress, self.rng, self.settings)

    def improve(self, model: Model, width: int, rival: float = np.inf, known: ScoredModel | None = None) -> ScoredModel:
        """The best network of at most ``width`` neurons that dropping, merging, adding and resolving leads to.

        The work is not begun where it starts far behind the criterion of a rival, and ends where it comes to a network
        known, which has been improved on these rows already.
        """
        best, how = self.refined(model), self.settings.selection
        if best.criterion > rival + how.hopeless * len(self.rows):
            return best
        for _ in range(how.rounds):
            before = best.criterion
            if self.is_exact(best):
                break
            pruned = self.prune(best, known)
            if pruned is known:
                return pruned
            best = self.resolve(self.grow(pruned, width), width)
            # What the next round would begin with has been tried then.
            if best is pruned and self.is_surely_noisy(best.error):
                break
            if best.criterion >= before - how.gain or self.is_exact(best) or self.progress.out_of_time():
                break
        return self.prune(best) if self.is_exact(best) else best

    def is_same(self, scored: ScoredModel, other: ScoredModel) -> bool:
        """Whether two networks refined on the rows are one optimum but for the end of their refinements."""
        model, error = scored.model, min(scored.error, other.error)
        if model.width != other.model.width:
            return False
        difference = self.rows.errors_of(self.rows.residuals(model) - self.rows.residuals(other.model))
        noise = error * model.parameters.size / len(self.rows)
        return bool(difference.mean() <= self.settings.selection.same_optimum * noise)

    def refined(self, model: Model, fit: Fit | None = None) -> ScoredModel:
        """The model refined on the rows, as far as its criterion changes, and scored; left alone where it is exact."""
        fit, how = fit or self.fit, self.settings.selection
        model = model.alive()
        known = self.scored(model, None, fit.thresholds)
        if self.is_exact(known):
            return known
        change = max(how.criterion_tolerance, how.criterion_tolerance_per_parameter * model.parameters.size)
        tolerance = min(how.max_tolerance, change / len(self.rows))
        noisy = known.error > NOISELESS * self.variance
        if not noisy:
            tolerance *= how.noiseless_tolerance_factor
        step_solver = "sampled" if noisy and is_well_separated(model, how.near) else "auto"
        fitted, error = fit(model, self.rows, max_steps=how.trial_steps, tolerance=tolerance, step_solver=step_solver)
        return self.scored(fitted, error, fit.thresholds)

    def scored(self, model: Model, error: float | None = None, thresholds: bool | None = None) -> ScoredModel:
        """The model as it is, with its mean squared error and criterion.

        The error may be known; thresholds count where they are fitted (None: as by the selector's own fit).
        """
        if error is None:
            error = float(self.rows.errors(model).mean())
        n, d = self.rows.X.shape
        thresholds = self.fit.thresholds if thresholds is None else thresholds
        parameters = model.width * (d + thresholds) + d + 1
        relative = error / self.variance
        criterion = corrected_criterion(relative, n, parameters, model.width, thresholds, self.settings.criterion)
        return ScoredModel(model, error, criterion)

    def is_exact(self, scored: ScoredModel) -> bool:
        """Whether only rounding is left of the error."""
        return scored.error <= EXACT * self.variance and np.isfinite(scored.criterion)

    def leaves_nothing(self, scored: ScoredModel, span: Float64Array) -> bool:
        """Whether the residuals show no neuron, neither in moments along a span (orthonormal rows) nor at a kink."""
        residuals = self._residual_rows(scored.model)
        if find_subspace(residuals, max_rank=1, rng=self.rng, along=span, settings=self.settings.span).rank:
            return False
        errors = self.rows.errors(scored.model)
        distances = np.abs(self.rows.along(scored.model.directions))
        limit = self.settings.selection.chance_excess
        return all(excess_band(errors, distance, self.settings.clumps)[1] < limit for distance in distances.T)

    def prune(self, best: ScoredModel, known: ScoredModel | None = None) -> ScoredModel:
        """Drop or merge neurons that do not pay for their parameters, down to a network known, which is returned."""
        how = self.settings.selection
        while best.model.width and not self.progress.out_of_time():
            if self.is_exact(best) and _is_tidy(best.model, self.rows, how):
                break
            if known is not None and self.is_same(best, known):
                return known
            smaller = _smaller_models(best.model, how.near)
            starts = [self._raced(model, best) for model in smaller]
            trials = [self.refined(start) for start in starts if start is not None]
            trial = min(trials, key=lambda s: s.criterion, default=best)
            if trial.criterion >= best.criterion:
                break
            best = self._reported("prune", trial)
        return best

    def _raced(self, smaller: Model, best: ScoredModel) -> Model | None:
        """A smaller network fitted inside the span of a network; None where it is far worse there.

        Outside it could not win then. A refinement that is cut short makes it look a little worse than it is, and in
        all dimensions it would follow the noise of these rows by one variance of the noise for each parameter, as the
        network at hand does.
        """
        how, n = self.settings.selection, len(self.rows)
        count, is_noisy = how.race_rows_per_parameter * best.model.parameters.size, self.is_surely_noisy(best.error)
        if self.is_exact(best) or (2 * count > n and not is_noisy):
            return smaller
        smaller, count = smaller.alive(), min(n, count)
        # Gaussian inputs: the best smaller approximation of a network lies in that network's span.
        span = with_linear_part(span_of(best.model), best.model)
        few = self.rows.part(slice(count)).projected(span)
        fitted, _ = self.fit(smaller.projected(span), few, max_steps=how.race_steps, tolerance=how.race_tolerance)
        ours = few.errors(best.model.projected(span))
        excess = few.errors(fitted) - ours
        saved = best.criterion - self.scored(smaller, best.error).criterion + is_noisy * smaller.parameters.size
        allowed = saved / n * float(ours.mean()) + how.race_standard_errors * excess.std() / np.sqrt(count)
        if excess.mean() > allowed:
            return None
        # Where the error may be neurons that are not found yet, refinement begins as they leave the others.
        return fitted.lifted(span) if is_noisy else smaller

    def is_surely_noisy(self, error: float) -> bool:
        """Whether an error is more than neurons that moments do not show would leave."""
        return error > self.settings.search.surely_noisy * self.variance

    def grow(self, best: ScoredModel, width: int) -> ScoredModel:
        """Add neurons along directions that the moments of the residuals show."""
        while best.model.width < width and not self.is_exact(best) and not self.progress.out_of_time():
            residuals = self._residual_rows(best.model)
            trials = []
            for u in self._residual_directions(residuals, span_of(best.model)):
                larger = best.model.with_neuron(u, kink_weight(residuals, residuals.y, u))
                trials.append(self.refined(larger))
            trial = min(trials, key=lambda s: s.criterion)
            if trial.criterion >= best.criterion - self.settings.selection.gain:
                break
            best = self._reported("grow", trial)
        return best

    def resolve(self, best: ScoredModel, width: int) -> ScoredModel:
        """Resolve the first clump, or neuron with too large residuals around its kink, that becomes better by it."""
        how = self.settings.selection
        for target in self._clump_targets(best.model):
            members = target.members
            has_excess = target.excess > how.excess
            spare = max(0, width - best.model.width) if has_excess else 0
            # As many neurons, far apart, are placed anew by other candidates at less cost.
            random_starts = has_excess and (spare > 0 or target.scale < how.close_clump)
            for count in range(len(members), len(members) + min(how.more_neurons, spare) + 1):
                for half_width in target.half_widths:
                    if self.progress.out_of_time() or self.is_exact(best):
                        return best
                    trial = self._resolved(best, members, count, half_width, random_starts)
                    if trial is not None:
                        return self._reported("resolve", trial)  # neurons have changed their places
        return best

    def _resolved(
        self, best: ScoredModel, members: list[int], count: int, half_width: float, random_starts: bool
    ) -> ScoredModel | None:
        """A better network with ``count`` neurons in the place of the members; None if there is none.

        Without random starts the members are only contracted, and in noise no further than it allows.
        """
        how = self.settings.selection
        others = _other_bands(best.model, members, half_width, how.other_half_width)
        problem = ClumpProblem.cut_out(best.model, members, half_width, self.rows, others, self.settings.clumps)
        if not problem.has_rows_for(count):
            return None
        fit = self._clump_fit
        if best.error > NOISELESS * self.variance:
            parameters = how.clump_tolerance_per_parameter * (count + 1) * problem.rows.n_features
            fit = fit.changed(tolerance=max(fit.tolerance, parameters / len(problem.rows)))
        resolved = problem.resolve(count, fit, self.rng, random_starts)
        if resolved is None or resolved[1] < how.gain:
            return None
        trial = self.refined(resolved[0])
        return trial if trial.criterion < best.criterion - how.gain else None

    def _reported(self, stage: str, scored: ScoredModel) -> ScoredModel:
        self.progress.report(stage, scored.model.width, scored.error / self.variance)
        return scored

    def _residual_rows(self, model: Model) -> Rows:
        """The rows with weighted residuals of a model as labels."""
        return Rows(self.rows.X, self.rows.scaled_residuals(model), n_threads=self.rows.n_threads)

    def _residual_directions(self, residuals: Rows, along: Float64Array) -> Float64Array:
        """Directions to add a neuron along: extremes of the second moment, and what a higher moment shows."""
        count = self.settings.selection.max_residual_directions
        shown = find_subspace(residuals, max_rank=count, rng=self.rng, along=along, settings=self.settings.span)
        extremes = [int(np.argmin(shown.eigenvalues)), int(np.argmax(shown.eigenvalues))]
        return np.concatenate([shown.eigenvectors[extremes], shown.basis[shown.orders > 2]])

    def _clump_targets(self, model: Model) -> list[_ClumpTarget]:
        """Clumps, and single neurons with an excess of squared residuals, the largest excess first."""
        errors = self.rows.errors(model)
        targets = [self._clump_target(model, clump, errors) for clump in clump_ladder(model.directions)]
        return sorted((target for target in targets if target is not None), key=lambda target: -target.excess)

    def _clump_target(self, model: Model, clump: Clump, errors: Float64Array) -> _ClumpTarget | None:
        """A clump with the bands to try; None where there is no reason to resolve it."""
        members, how = list(clump.members), self.settings.selection
        if clump.scale >= how.widest_clump:
            return None
        distance = np.abs(self.rows.along(centre_of(model, members)[None])[:, 0])
        half_width, excess = excess_band(errors, distance, self.settings.clumps)
        half_widths = [how.band_of_excess * half_width] if excess > how.excess else []
        if 0 < clump.scale < (how.widest_clump if excess > how.excess else how.close_clump):
            half_widths += [factor * clump.scale for factor in how.bands_of_scale]
        half_widths = [h for h in half_widths if h < how.max_half_width]
        if not half_widths:
            return None
        return _ClumpTarget(members, clump.scale, half_widths, excess)


def _other_bands(
    model: Model, members: list[int], half_width: float, max_half_width: float
) -> list[tuple[Float64Array, float]]:
    """Bands (normals, half-widths) of the neurons that are no members, as narrow as their own clumps allow."""
    rest = [i for i in range(model.width) if i not in members]
    angles = angles_modulo_sign(model.directions)
    bands = []
    for i in rest:
        near = [float(angles[i, j]) for j in rest if j != i and angles[i, j] < half_width]
        bands.append((model.directions[i], min(half_width, max_half_width, 2 * max(near, default=half_width / 4))))
    return bands


def _is_tidy(model: Model, rows: Rows, settings: SelectionSettings) -> bool:
    """Whether no neuron is faint and no two are close, as far as a solution exact to rounding could hide them."""
    n, d = rows.X.shape
    between = settings.rows_between_kinks_per_feature * np.pi * d / n
    near = max(settings.faint, min(settings.near, between))
    return bool(model.sizes.min() > settings.faint * model.sizes.max() and closest_angle(model) > near)


def _smaller_models(model: Model, near: float) -> Iterator[Model]:
    """Yield models with a neuron less that are worth a trial: the faintest dropped, the closest two merged."""
    yield model.without(int(np.argmin(model.sizes)))
    if model.width > 1:
        angles = angles_modulo_sign(model.directions) + np.diag(np.full(model.width, np.inf))
        i, j = (int(v) for v in np.unravel_index(np.argmin(angles), angles.shape))
        if angles[i, j] < near:
            yield model.merged([[i, j], *([k] for k in range(model.width) if k not in (i, j))])

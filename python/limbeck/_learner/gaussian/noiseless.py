"""A network that explains labels without noise to rounding, found from a part of the rows.

Without noise a sample of the rows determines a network exactly: what fits a few thousand of them to rounding, and as
many others besides, fits all. So moments are taken of a sample; widths are compared inside their span, where rows have
few coordinates; the best is refined in all dimensions on few rows; and its own span, which is far sharper, takes the
place of the first one for as long as the errors are too small to be noise. Noise in the labels shows in the first
refinement in all dimensions, and the search is left to the learner that judges by all rows.

No network is taken for exact by chance: a fit of P parameters to m rows would have to meet the other m - P, a thousand
and more, to ten digits, and then those of the sample, and then all. What a vain attempt costs is time: some 5 % of a
search among noisy labels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._base.progress import Progress
from limbeck._learner.gaussian.candidates import from_eigenvectors, from_wide
from limbeck._learner.gaussian.directions import span_of, with_linear_part
from limbeck._learner.gaussian.selection import ModelSelector
from limbeck._learner.gaussian.settings import GaussianSettings
from limbeck._learner.gaussian.span import Subspace, find_subspace
from limbeck._learner.gaussian.span_search import ScoreTests
from limbeck._learner.model.linear_algebra import eigh
from limbeck._learner.model.model import Model, linear_model
from limbeck._learner.model.pruning import pruned
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import EXACT, NOISELESS, Rows

__all__ = ["find_noiseless"]


@dataclass(frozen=True)
class NoiselessNetwork:
    """A network exact on a sample of the rows.

    Attributes
    ----------
    model : Model
        The network.
    subspace : Subspace
        The span that the moments of the sample showed.
    linear_error : float
        Mean squared error of the linear fit to the sample, over the variance of its labels.
    """

    model: Model
    subspace: Subspace
    linear_error: float


def find_noiseless(
    sample: Rows, widths: list[int], fit: Fit, progress: Progress, settings: GaussianSettings
) -> NoiselessNetwork | None:
    """The network that explains a sample of the rows to rounding; None where there is noise, or none is found.

    Parameters
    ----------
    sample : Rows
        Rows in random order.
    widths : list of int
        Numbers of neurons to try, rising.
    fit : Fit
        Whether thresholds move, and the deadline.
    progress : Progress
        Ends the search when time is up; gets no report.
    settings : GaussianSettings
        Settings of the learner.
    """
    # A generator of its own, so that the search that follows a vain attempt makes the same choices as without it.
    rng = np.random.default_rng(0)
    d = sample.n_features
    if sample.weights is not None:
        # Where few rows have almost all of the weight, these alone would say what is exact.
        scaled = sample.weights / sample.weights.max()
        if 2 * scaled.sum() ** 2 < len(sample) * np.square(scaled).sum():
            return None
    linear, error = fit(linear_model(d), sample)
    if error <= EXACT * sample.variance:
        return None
    residuals = Rows(sample.X, sample.scaled_residuals(linear), n_threads=sample.n_threads)
    how = replace(
        settings.span,
        null_rows=settings.noiseless.null_rows,
        null_rows_per_feature=settings.noiseless.null_rows_per_feature,
    )
    slopes = linear.parameters[-1, :-1]
    subspace = find_subspace(residuals, max_rank=min(d, widths[-1]), rng=rng, linear=slopes, settings=how)
    if not subspace.rank:
        return None
    quiet = Progress(None, False, None)  # networks on the way are not reported: the search may be in vain
    quiet.deadline = progress.deadline
    search = _NoiselessSearch(sample, widths, fit, quiet, rng, settings)
    model = search.run(linear, subspace)
    return None if model is None else NoiselessNetwork(model, subspace, error / sample.variance)


class _NoiselessSearch:
    """A search on a sample of rows for a network that is exact on it."""

    def __init__(
        self,
        sample: Rows,
        widths: list[int],
        fit: Fit,
        progress: Progress,
        rng: np.random.Generator,
        settings: GaussianSettings,
    ) -> None:
        self.sample, self.widths, self.fit, self.progress, self.rng = sample, widths, fit, progress, rng
        self.all_settings, self.settings = settings, settings.noiseless
        self.variance = sample.variance

    def run(self, linear: Model, subspace: Subspace) -> Model | None:
        """The exact network, pruned; None if it is not found."""
        basis = with_linear_part(subspace.basis, linear)
        curvature = (subspace.eigenvectors.T * subspace.eigenvalues) @ subspace.eigenvectors
        model = None
        for number in range(self.settings.rounds):
            start = self._best_inside(basis, basis @ curvature @ basis.T, subspace.rank, model)
            if start is None:
                return None
            model, error = self._refined(start.lifted(basis))
            if error <= EXACT * self.variance:
                return self._confirmed(model)
            basis = with_linear_part(span_of(model, self.settings.faint_dimension), model)
            neurons = model.neurons[:, :-1]
            curvature = (neurons.T * (model.signs / model.sizes)) @ neurons
            if error > self.settings.noisy * self.variance and (number or not self._may_be_misfit(model, basis)):
                return None
        return None

    def _may_be_misfit(self, model: Model, basis: Float64Array) -> bool:
        """Whether an error as large as that of noise may be the first start's: its span shows one more neuron."""
        inside = self._inside(basis, model.width)
        return len(self.widths) == 1 and self._tests(model.projected(basis), inside) is not None

    def _best_inside(
        self, basis: Float64Array, curvature: Float64Array, least: int, known: Model | None
    ) -> Model | None:
        """The narrowest of the good fits to rows in the coordinates of a basis; None where time is up.

        A known network, refined in all dimensions, is one to start from.
        """
        how, lowest, best = self.settings, np.inf, None
        fit = self.fit.changed(max_steps=how.steps_inside, tolerance=how.tolerance_inside)
        least = least if known is None else max(least, known.width)
        for width in [w for w in self.widths if w >= least] or self.widths[-1:]:
            if self.progress.out_of_time():
                return None
            inside = self._inside(basis, width)
            trials = [self._started(curvature, inside, width, fit)]
            if known is not None:
                trials += self._exchanged(known.projected(basis), inside, width, fit)
            model, error = min(trials, key=lambda trial: trial[1])
            if error >= how.better * lowest:
                break
            best, lowest = model, error
            if width == self.widths[-1] or self._tests(model, inside) is None:
                break
        return best

    def _started(self, curvature: Float64Array, inside: Rows, width: int, fit: Fit) -> tuple[Model, float]:
        """A fit of some width that begins with eigenvectors, or with random directions where these are too few."""
        values, vectors = eigh(curvature)
        order = np.argsort(-np.abs(values))
        if width <= len(values):
            found = from_eigenvectors(inside, values[order], vectors.T[order], width, fit)
        else:
            found = from_wide(inside, width, fit, self.rng, self.all_settings.candidates)
        return found.model, found.error

    def _exchanged(self, model: Model, inside: Rows, width: int, fit: Fit) -> list[tuple[Model, float]]:
        """Fits with one neuron more, at the largest scores; the least needed makes room for it where it must."""
        model, _ = fit(model.alive(), inside)
        smaller, _ = pruned(model, inside, fit, width - 1)
        tests = self._tests(smaller, inside)
        return [] if tests is None else [fit(larger, inside) for larger in tests.additions(smaller)]

    def _inside(self, basis: Float64Array, width: int) -> Rows:
        """Rows enough for so many neurons in the coordinates of a basis."""
        count = self.settings.rows_inside * (len(basis) + 1) * (width + 1)
        return self.sample.part(slice(count)).projected(basis)

    def _tests(self, model: Model, inside: Rows) -> ScoreTests | None:
        """Score tests that show another neuron inside the span; None where they do not, as in many dimensions."""
        how = self.all_settings.span_search
        if inside.n_features > how.max_dimensions:
            return None
        tests = ScoreTests(model, inside, self.fit.thresholds, self.rng, how)
        return tests if tests.show_neuron else None

    def _few(self, width: int) -> Rows:
        """Rows enough to refine so many neurons in all dimensions."""
        how, parameters = self.settings, (width + 1) * (self.sample.n_features + 1)
        return self.sample.part(slice(max(how.fit_rows, how.fit_rows_per_parameter * parameters)))

    def _refined(self, model: Model) -> tuple[Model, float]:
        """A model refined in all dimensions on few rows, on and on while it is too good for noise."""
        how, few = self.settings, self._few(model.width)
        model, error = self.fit(model, few, max_steps=how.steps, tolerance=how.tolerance)
        if EXACT * self.variance < error <= NOISELESS * self.variance:
            model, error = self.fit(model, few, max_steps=how.steps, tolerance=how.last_tolerance)
        return model, error

    def _confirmed(self, model: Model) -> Model | None:
        """The network without needless neurons, if it is exact on the whole sample."""
        few = ModelSelector(self._few(model.width), self.fit, self.progress, self.rng, self.all_settings)
        selector = few.changed(rows=self.sample)
        # A surplus neuron close to another may fit few rows exactly, where none of these lies between the two kinks.
        # Most are pruned on the few rows already, at less cost than on the sample.
        scored = selector.refined(few.prune(few.scored(model)).model)
        tidy = selector.prune(scored)
        if tidy.model.width < model.width:
            tidy = selector.scored(*self.fit(tidy.model, self.sample, tolerance=self.settings.last_tolerance))
        return tidy.model if selector.is_exact(tidy) else None

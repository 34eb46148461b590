"""From a span to a network: candidates one after another, each improved, until the residuals show nothing.

Candidates are found inside a span (``candidates.py``), refined in all d dimensions, and made as good as they can be by
stepwise selection (``selection.py``). The best network so far has a span of its own, usually far sharper than the one
that the moments gave, in which the next round looks again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._learner.gaussian.candidates import Candidate, candidates, from_eigenvectors, from_wide
from limbeck._learner.gaussian.directions import missed_directions, span_of, with_linear_part
from limbeck._learner.gaussian.selection import ModelSelector, ScoredModel
from limbeck._learner.gaussian.span import Subspace
from limbeck._learner.model.model import Model
from limbeck._learner.model.pruning import pruned
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows

__all__ = ["search"]


def search(
    best: ScoredModel, rows: Rows, selector: ModelSelector, subspace: Subspace, width: int
) -> tuple[ScoredModel, bool]:
    """The best network of at most ``width`` neurons that candidates lead to, and whether its residuals show nothing.

    Parameters
    ----------
    best : ScoredModel
        Network to do better than.
    rows : Rows
        Rows to refine candidates on, in all d dimensions.
    selector : ModelSelector
        Improves the promising ones on more rows; its fit, progress, random numbers and settings are those of the
        search.
    subspace : Subspace
        Span of the directions according to the moments.
    width : int
        Largest number of neurons.
    """
    return _Search(best, rows, selector, subspace, width).run()


class _Search:
    """A search under way: the best network so far, and the span in which candidates are looked for."""

    def __init__(self, best: ScoredModel, rows: Rows, selector: ModelSelector, subspace: Subspace, width: int) -> None:
        self.best, self.rows, self.selector, self.subspace, self.width = best, rows, selector, subspace, width
        self.fit, self.rng, self.settings = selector.fit, selector.rng, selector.settings.search
        self.basis = subspace.basis if subspace.rank else subspace.eigenvectors[:width]
        if 0 < subspace.rank < width:
            self.basis = np.vstack([self.basis, subspace.hints])
        # Second moment of the labels, later of the best network: it proposes directions and signs inside the span.
        self.curvature = (subspace.eigenvectors.T * subspace.eigenvalues) @ subspace.eigenvectors
        self._improved: ScoredModel | None = None  # on the selector's rows
        self._judged: ScoredModel | None = None
        self._judgement = False

    def run(self) -> tuple[ScoredModel, bool]:
        """The best network, and whether its residuals show nothing."""
        self._start_from_eigenvectors()
        for number in range(self.settings.rounds):
            if self._is_over():
                return self.best, self.selector.is_exact(self.best)
            before = self.best.criterion
            answer = self._round(number > 0)
            if answer is not None:
                return self.best, answer
            if self.best.model.width == 0:
                return self.best, self.subspace.rank == 0  # neither moments nor candidates show anything
            if number and self.best.criterion >= before:
                break
        return self.best, False

    def _is_over(self) -> bool:
        """Whether time is up, or the best network exact."""
        return self.selector.progress.out_of_time() or self.selector.is_exact(self.best)

    def _round(self, own_span: bool) -> bool | None:
        """Try candidates in the span of the best network, or in the one of the moments as long as that shows more.

        Returns whether the residuals show nothing where the search is over, else None.
        """
        how, selector = self.settings, self.selector
        missed = self._missed()
        own_span = own_span or (not len(missed) and self._leaves_nothing())
        if own_span:
            own = span_of(self.best.model, how.faint_dimension, self.width)
            self.basis, self.curvature = np.vstack([own, missed]), _curvature_of(self.best.model)
        inside = selector.rows.part(slice(self._rows_inside())).projected(self.basis)
        nearest, agreed = np.inf, False
        for candidate in self._candidates(inside):
            if own_span and self._leaves_nothing():
                # What neurons explain then shows inside the span.
                candidate = self._thinned(candidate, inside)
            if own_span and (self._is_same(candidate, inside) or self._does_not_pay(candidate, inside)):
                agreed = True
            elif candidate.error <= how.promising_inside * nearest:  # a clearly worse one will not win outside the span
                nearest = min(nearest, candidate.error)
                agreed = self._try(candidate)
            if self._is_over():  # before the next candidate is made, which may cost more than this one
                return selector.is_exact(self.best)
            ends = agreed if own_span else self._counts_in_noise(self.best.error)
            if ends and not len(self._missed()) and self._leaves_nothing():
                # The next round asks candidates in the network's own span, which is sharper, whether they agree.
                return True if own_span else None
        return None

    def _candidates(self, inside: Rows) -> Iterator[Candidate]:
        """Yield candidates from rows in the coordinates of the span."""
        how = self.settings
        fit = self.fit.changed(max_steps=how.steps, tolerance=how.tolerance)
        curvature = self.basis @ self.curvature @ self.basis.T
        stream = candidates(inside, curvature, self.width, fit, self.rng, self.selector.settings.candidates)
        return islice(stream, how.candidates_per_round)

    def _try(self, candidate: Candidate) -> bool:
        """Refine a candidate in all dimensions and improve it; returns whether it agrees with the best before it."""
        lifted = candidate.model.lifted(self.basis)
        # A noisy fit to the few rows in all dimensions would lead away from what many rows showed in the span.
        if candidate.error < self.settings.noisy * self.selector.variance:
            lifted, _ = self.fit(lifted, self.rows)
        before = self.best
        self._improve(lifted, candidate.source)
        return before.model.width > 0 and self.best.error > (1 - self.settings.agreement) * before.error

    def _improve(self, model: Model, source: str) -> None:
        """Improve a promising model by selection; the best network is the better of the two."""
        selector, progress = self.selector, self.selector.progress
        error = float(selector.rows.errors(model).mean())
        if error <= self.settings.promising * self.best.error and not progress.out_of_time():
            known = self.best if self.best is self._improved and self._counts_in_noise(self.best.error) else None
            trial = selector.improve(model, self.width, self.best.criterion, known)
            if trial.criterion < self.best.criterion:
                self.best = self._improved = trial
            elif trial is not known and selector.is_same(trial, self.best):
                self._improved = self.best
        progress.report(f"discovery: {source}", self.best.model.width, self.best.error / selector.variance)

    def _start_from_eigenvectors(self) -> None:
        """Begin with the leading eigenvectors of the second moment: a start that needs no span, which may be in part.

        A network that a search on enough rows has found has these directions already, or could not use them.
        """
        rows, width, subspace, fit = self.rows, self.width, self.subspace, self.fit
        shown = subspace.rank == 0 or bool((subspace.orders == 2).any())
        if width > rows.n_features or not shown or (self.best.model.width and not self.selector.has_few_rows):
            return
        parameters = (width + 1) * (rows.n_features + 1)
        rough = fit.changed(tolerance=max(fit.tolerance, self.settings.rough * parameters / len(rows)))
        values, leading = subspace.eigenvalues, subspace.eigenvectors[:width]
        if subspace.rank >= width:
            # Most of the refinement is done inside the span, where a step costs next to nothing.
            span = with_linear_part(leading, self.best.model)
            start = from_eigenvectors(rows.projected(span), values, leading @ span.T, width, fit)
            model, _ = rough(start.model.lifted(span), rows)
            self._improve(model, "eigen")
            return
        self._improve(from_eigenvectors(rows, values, leading, width, rough).model, "eigen")
        if self.selector.has_few_rows and 2 * self.best.model.width >= width:
            self._start_from_decay(partial(from_eigenvectors, rows, values, leading, width), rough)

    def _start_from_decay(self, from_leading: Callable[[Fit], Candidate], fit: Fit) -> None:
        """Begin with fits under weight decay in all dimensions, from the eigenvectors and from random directions.

        Few rows have many optima, and paths by way of weight decay end in others.
        """
        how, rows, width = self.settings, self.rows, self.width
        sources: list[tuple[str, Callable[[], Candidate]]] = [
            ("eigen", partial(from_leading, fit.changed(decay=decay))) for decay in how.decays
        ]
        if (2 * width + 3) * (rows.n_features + 1) < len(rows):
            wide = fit.changed(decay=how.decays[0], max_steps=how.wide_steps, tolerance=how.wide_tolerance)
            from_random = partial(from_wide, rows, width, wide, self.rng, self.selector.settings.candidates)
            sources += [("wide", from_random)] * how.wide_starts
        for name, source in sources:
            if self.selector.is_exact(self.best) or self.selector.progress.out_of_time():
                break
            self._improve(source().model, name)

    def _missed(self) -> Float64Array:
        """Directions of the moments' span that the best network does not cover (orthonormal rows)."""
        how = self.settings
        return missed_directions(self.best.model, self.subspace.basis, how.faint_dimension, self.width, how.missed)

    def _leaves_nothing(self) -> bool:
        """Whether the residuals of the best network show nothing along the basis; tested once for each network."""
        if self.best is not self._judged:
            self._judged = self.best
            self._judgement = self.best.model.width > 0 and self.selector.leaves_nothing(self.best, self.basis)
        return self._judgement

    def _is_same(self, candidate: Candidate, inside: Rows) -> bool:
        """Whether a candidate is the best network up to what few rows leave open, in a span that all but holds that.

        One with more neurons is not: what they add may be too little for these rows to show, and enough for all rows.
        """
        ours = self.best.model.projected(self.basis)
        difference = candidate.model(inside.X, inside.n_threads) - ours(inside.X, inside.n_threads)
        noise = self.best.error * (candidate.model.parameters.size + self.basis.shape[1]) / len(inside)
        return candidate.model.width <= ours.width and bool(np.square(difference).mean() < self.settings.same * noise)

    def _thinned(self, candidate: Candidate, inside: Rows) -> Candidate:
        """A candidate without neurons that will not pay for themselves in all dimensions, where a fit costs more."""
        fit = self.fit.changed(max_steps=self.settings.steps, tolerance=self.settings.tolerance)
        while candidate.model.width > 1 and self._counts_in_noise(candidate.error) and not fit.out_of_time():
            smaller, _ = pruned(candidate.model, inside, fit, candidate.model.width - 1)
            if not self._gains_little(candidate.model, smaller, inside):
                break
            candidate = Candidate(smaller, candidate.source, inside.mean_error(smaller))
        return candidate

    def _does_not_pay(self, candidate: Candidate, inside: Rows) -> bool:
        """Whether a candidate has more neurons than the best network and explains too little more inside its span."""
        best, how = self.best, self.settings
        if candidate.model.width <= best.model.width or not self._counts_in_noise(best.error):
            return False
        if not self._leaves_nothing():
            return False
        fit = self.fit.changed(max_steps=how.steps, tolerance=how.tolerance)
        ours, _ = fit(best.model.projected(self.basis), inside)
        return self._gains_little(candidate.model, ours, inside)

    def _counts_in_noise(self, error: float) -> bool:
        """Whether rows are enough, and labels noisy enough, to say of fits inside a span what all dimensions bring."""
        return not self.selector.has_few_rows and self.selector.is_surely_noisy(error)

    def _gains_little(self, larger: Model, smaller: Model, inside: Rows) -> bool:
        """Whether the larger of two models fitted inside a span will not pay for its neurons in all dimensions.

        The criterion asks for more than neurons gain by following the noise in all dimensions, where each parameter
        takes one variance of the noise off the sum of squares; the rest has to show inside the span.
        """
        selector, errors = self.selector, self.settings.standard_errors
        n, parameters = len(selector.rows), (larger.width - smaller.width) * selector.rows.n_features
        ours, theirs = inside.errors(smaller), inside.errors(larger)
        gained, error = ours - theirs, float(ours.mean())
        # Where all rows are here, nothing is left to chance.
        chance = errors * float(gained.std()) * np.sqrt(max(0.0, 1 / len(inside) - 1 / n))
        needed = selector.scored(larger, error).criterion - selector.scored(smaller, error).criterion
        by_noise = parameters + errors * np.sqrt(2 * parameters)
        return bool(n * (gained.mean() + chance) / error < needed - by_noise)

    def _rows_inside(self) -> int:
        """Number of rows to look for neurons in the span with: more the more noise there may be."""
        how, relative_error = self.settings, self.best.error / self.selector.variance
        parameters = how.rows_per_parameter * (len(self.basis) + 1) * (self.width + 1)
        return int(parameters * (1 + how.noise_factor * relative_error))


def _curvature_of(model: Model) -> Float64Array:
    """Second moment (d, d) of the neurons of a model."""
    rows = model.neurons[:, :-1]
    return np.asarray((rows.T * (model.signs / model.sizes)) @ rows / np.sqrt(2 * np.pi))

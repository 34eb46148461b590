"""The student of a function that can be asked: rounds of asking, learning and judging.

Rounds of queries at x ~ N(0, I) grow geometrically; each network is judged on fresh ones, which then join the others.
Neurons that nearly cancel, or nearly agree, differ in a narrow band around their kinks alone, which plain queries hit
once in 1 / width times. There the queries are focused: x is drawn with its component along a kink's normal u shrunk by
the band's width h. In the coordinates in which such x are standard Gaussian again, directions near u lie 1 / h times
further apart, so that the band is a learning problem like any other; and each solution shows where to focus next.

Where a first round does not end in an exact network, or would take long, and the answers have no noise, neurons are
read off kinks on lines (``_kinks``), which no cancellation of moments hides.

A function that no narrow network is equal to is mostly soon told from one that is, and then gets the best network of so
many neurons: hinges anywhere, twice as many as asked for, of which the least needed are given up one by one. Where all
networks are no better than a constant, that is no sign of either, for all low moments may vanish: rounds go on.
"""

from __future__ import annotations

import time
from typing import NoReturn

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._base.progress import Progress
from limbeck._learner.blackbox.contest import (
    BROAD_BEYOND,
    CHECK_ROWS,
    CHECK_SHARE,
    REPEATS,
    ROWS_PER_PARAMETER,
    Contest,
    Options,
)
from limbeck._learner.blackbox.focus import Clump, clumps_of, without_artefact
from limbeck._learner.blackbox.kinks import KinkSearch, network_on_lines, queries_of_a_line
from limbeck._learner.blackbox.queries import Band, Queries, squeezed
from limbeck._learner.blackbox.stopping import StopQuerying, StopReason
from limbeck._learner.gaussian.span import Subspace
from limbeck._learner.model.model import Model, linear_model, model_of
from limbeck._learner.model.pruning import pruned
from limbeck._learner.model.rows import Rows
from limbeck._learner.tabular.learner import fit_any
from limbeck.learn import learn

__all__ = ["Options", "Student"]

_FIRST_ROWS_PER_FEATURE = 5  # to begin with when the width is not known
_FIRST_ROWS = 100
_GROWTH = 2
_REPORT_FRACTION = 4  # of the queries made; no need for 500 after 300
# Two rounds that improve by less than a tenth: the teacher is not a narrow network, or its answers are noisy. Not
# before there are enough rows per parameter that a narrow network would have been found, or half found.
_IMPROVEMENT = 0.9
_STALLS = 2
_STALL_ROWS_PER_PARAMETER = 10
# Where nothing was found there must be more, and of the budget this part: a fan of 8 lines in 10 dimensions, 99
# parameters, does not come back from 2,000 plain rows, but does from 5,000.
_ROWS_PER_PARAMETER_IN_VAIN = 100
_SHARE_IN_VAIN = 0.15
_SMALL_THRESHOLD = 1e-3  # over a neuron's size: worth a try whether it is rounding
_JOINING_ROWS_PER_PARAMETER = 5  # with fewer rows of noise, a last refinement would undo what weight decay was good for
# Parameters from which lines come first: learning takes seconds or minutes there, lines a tenth of that (64 neurons in
# 50 dimensions: three seconds, against more than a hundred).
_WIDE = 300
_LINE_SHARE = 2  # the search on lines may ask the budget left over this
# Where as many rows per parameter did not show a narrow network, and hinges anywhere do as well as what was found, and
# both leave this much: the teacher is not a narrow network, and the long search for one is over.
_BROAD_ROWS_PER_PARAMETER = 20
_HUNT_ROWS_PER_PARAMETER = 12  # no more are needed to find a narrow network without noise
_BROAD_AS_GOOD = 2.0
_NARROWING_ROWS_PER_PARAMETER = 10
# A network with a larger error has not found the directions, and there is no kink to look at.
_FOCUS_BELOW = 0.3
_FOCUS_IMPROVEMENT = 0.8
_FOCUS_FAILURES = 2
_CONCENTRATED = 0.5  # residuals this much nearer to a kink than the rows are a matter of that kink
_SHARE = 0.1  # of the residuals of the clump with most, for another one to be worth a look
_BAND_KEPT_OUT = 0.1


class Student(Contest):
    """Rounds of asking, learning and judging.

    Parameters
    ----------
    queries, options, tell, rng
        See :class:`Contest`.

    Attributes
    ----------
    subspace : Subspace or None
        What moments showed last.
    """

    def __init__(self, queries: Queries, options: Options, progress: Progress, rng: np.random.Generator) -> None:
        super().__init__(queries, options, progress, rng)
        self.subspace: Subspace | None = None
        self._may_be_narrow = True
        self._has_searched_lines = False

    def run(self) -> StopReason:
        """All rounds; why there were no more."""
        try:
            self._explore()
        except StopQuerying as enough:
            reason = enough.reason
        if not self.judged:
            self._fall_back()
        elif self._error <= self._exact:
            self._tidy()
        else:
            try:
                if not self._may_be_narrow:
                    self._narrow_down()
                self._report()
                self._refine_on_everything()
            except StopQuerying:
                reason = StopReason.TIME
                self._validate(self.validated)  # no time to ask: the rows that it was chosen by
        return reason

    def _explore(self) -> NoReturn:
        """Rounds of plain queries, each followed by focused ones, until one of the steps has had enough."""
        self._ask_plain(min(self._first_rows(), 3 * self._left // 4))
        if self._parameters > _WIDE:
            self._search_lines()
        stalls = 0
        while True:
            before = self.model
            self._relearn()
            self._focus()
            if not self._has_searched_lines:
                self._search_lines()
            # On the same rows, fresh to both: an error by itself varies from one set of rows to the next.
            stalls = 0 if self._error < _IMPROVEMENT * self._judged_error(before) else stalls + 1
            if stalls >= _STALLS and self._may_give_up():
                raise StopQuerying(StopReason.NOISE if self._is_noisy() else StopReason.NO_IMPROVEMENT)
            more = (_GROWTH - 1) * int(np.count_nonzero(self._queries.fitted))
            self._ask_plain(min(more, self._left * CHECK_SHARE // (CHECK_SHARE + 1)))

    def _may_give_up(self) -> bool:
        """Whether there are rows enough that a narrow network would have been found."""
        n, parameters = self._queries.n_plain, self._parameters
        if not self._has_found_nothing:
            return n >= _STALL_ROWS_PER_PARAMETER * parameters
        return n >= max(_ROWS_PER_PARAMETER_IN_VAIN * parameters, _SHARE_IN_VAIN * self._queries.budget)

    @property
    def _parameters(self) -> int:
        """Of the widest network."""
        return (self._options.most + 1) * (self._dimension + 1)

    def _first_rows(self) -> int:
        if self._options.width is not None:
            return max(_FIRST_ROWS, ROWS_PER_PARAMETER * self._parameters)
        return max(_FIRST_ROWS, _FIRST_ROWS_PER_FEATURE * (self._dimension + 1))

    def _learn(self, X: Float64Array, y: Float64Array, width: int | None, most: int, show: bool = True) -> Model:
        """Learn from rows of N(0, I); a constant is a network too."""
        if np.ptp(y) == 0:
            model = linear_model(X.shape[1])
            model.parameters[-1, -1] = y[0]
            return model
        deadline = self._progress.deadline
        learned = learn(
            X,
            y,
            width,
            max_width=most,
            inputs="standard",
            validation=0.0,
            seed=self._rng,
            callback=self._progress.report if show else None,
            time_limit=None if np.isinf(deadline) else max(deadline - time.perf_counter(), 1e-3),
            n_threads=self._options.n_threads,
        )
        if show:
            self.subspace = learned.subspace
        return model_of(learned.network)

    def _relearn(self) -> None:
        """Learn anew from the plain rows, and refine what there was on all; the better one stays."""
        # Rows to judge by come first: they are there when time is up, too.
        place = self._ask_checks(self._queries.ask_held)
        self._progress.enter("learn")
        options, rows = self._options, self._plain_rows()
        few, narrow, broad = rows, None, None
        if self._may_be_narrow:
            all_of_them = self._noisy or (self.judged and self._has_found_nothing)
            few = rows if all_of_them else self._some(rows, _HUNT_ROWS_PER_PARAMETER)
            narrow = self._learn(few.X, few.y, options.width, options.most)
        if narrow is None or rows.errors(narrow).mean() > BROAD_BEYOND * rows.variance:
            broad = self._learn_broad(rows, options.width, options.most)
        models = [model for model in (narrow, broad) if model is not None]
        if self._queries.bands or few is not rows:
            models += [self._refined(model) for model in models]
        if self.judged:
            models.append(self._refined(self.model))
        self._judge("judged", models, place)
        if narrow and broad and len(rows) >= _BROAD_ROWS_PER_PARAMETER * self._parameters:
            error = self._judged_error(narrow)
            found = error < BROAD_BEYOND or _BROAD_AS_GOOD * error < self._judged_error(broad)
            self._may_be_narrow = found or self._has_found_nothing or self._is_noisy()

    def _learn_broad(self, rows: Rows, width: int | None, most: int) -> Model | None:
        """Hinges anywhere, unless time is up."""
        if self._progress.out_of_time():
            return None
        return fit_any(rows, width, most, self._fit, self._progress, self._rng).model

    def _some(self, rows: Rows, per_parameter: int) -> Rows:
        """Rows enough for a search, drawn anew each time."""
        most = per_parameter * self._parameters
        return rows if len(rows) <= most else rows.part(np.sort(self._rng.choice(len(rows), most, replace=False)))

    def _focus(self) -> None:
        """Look closer at the kinks that the error comes from, for as long as that helps."""
        failures = 0
        while failures < _FOCUS_FAILURES and self.model.width and self._error < _FOCUS_BELOW:
            clumps = clumps_of(self.model, self._fitted_rows())
            worth = [c for c in clumps if c.width < _CONCENTRATED and c.share > _SHARE * clumps[0].share]
            if not worth:
                return
            before = self._error
            # The clump that most of the error comes from; if that did not help, the next.
            zoomed = self._zoom(worth[min(failures, len(worth) - 1)], clumps)
            self._progress.enter("refine")
            self._judge("focused", [self._refined(model) for model in (self.model, zoomed)])
            failures = 0 if self._error < _FOCUS_IMPROVEMENT * before else failures + 1

    def _zoom(self, clump: Clump, clumps: list[Clump]) -> Model:
        """The network with a clump learned anew from rows of its band, in which its neurons lie far apart."""
        model, d = self.model, self._dimension
        others = [i for i in range(model.width) if i not in clump.members]
        most = self._options.most - len(others)
        if self._options.width is None:
            most = min(most, len(clump.members) + 2)
        # Where another clump is not resolved, its error would count as this one's.
        keep_out = [(c.normal, 3 * c.width) for c in clumps if c is not clump and c.width < _BAND_KEPT_OUT]
        band = Band(clump.normal, clump.width, ROWS_PER_PARAMETER * (most + 1) * (d + 1))
        place = self._ask_bands([band], keep_out)
        X = self._queries.X[place]
        rest = Model(model.signs[others], model.parameters[[*others, model.width]])
        left = self._queries.y[place] - rest(X, self._options.n_threads)
        self._progress.enter("focus")
        inner = self._learn(squeezed(X, clump.normal, 1 / clump.width), left, most, most, show=False)
        parameters = inner.parameters.copy()
        parameters[:, :-1] = squeezed(parameters[:, :-1], clump.normal, 1 / clump.width)
        parameters[-1] += rest.parameters[-1]
        return Model(np.append(rest.signs, inner.signs), np.concatenate([rest.neurons, parameters]))

    def _search_lines(self) -> None:
        """Read neurons off kinks on lines, if the teacher answers exactly, as one more network to choose from."""
        self._has_searched_lines = True
        rows, d = self._plain_rows(), self._dimension
        most = len(self._queries) + self._left // _LINE_SHARE
        room = most >= len(self._queries) + REPEATS + queries_of_a_line(self._options.most)
        if not room or len(rows) <= 2 * (d + 1) or np.ptp(rows.y) == 0 or self._is_noisy():
            return
        self._progress.enter("kinks")

        def ask(X: Float64Array) -> Float64Array:
            if len(self._queries) + len(X) > most:
                raise StopQuerying(StopReason.BUDGET)
            place = self._queries.ask_lines(X)
            return self._queries.y[place]

        scale, rounding = float(rows.y.std()), self._queries.rounding_of_one
        search = KinkSearch(ask, d, self._options.most, scale, rounding, self._rng)
        try:
            model, error = network_on_lines(search, rows, self._fit)
        except StopQuerying as enough:
            if enough.reason is StopReason.BUDGET:
                return  # other ways are cheaper for so wide a network
            raise
        self._tell_queries()
        if 0 < model.width <= self._options.most and error < self._error:
            self._progress.enter("refine")
            self._judge("kinks", [self._refined(m) for m in (self.model, self._centred(model))])
            self._focus()

    def _centred(self, model: Model) -> Model:
        """The model with all thresholds at zero if they are small, and it is exact without them."""
        if (np.abs(model.neurons[:, -1]) > _SMALL_THRESHOLD * model.sizes).any() or not model.neurons[:, -1].any():
            return model
        parameters = model.parameters.copy()
        parameters[:-1, -1] = 0.0
        centred = self._refined(Model(model.signs, parameters))
        return centred if self._relative(self._fitted_rows().mean_error(centred)) <= self._exact else model

    def _report(self) -> None:
        """Judge on rows that no network was chosen by, nor the moment to stop; a line or a constant may be better."""
        n = min(self._reserve, max(CHECK_ROWS, len(self._queries) // _REPORT_FRACTION), self._queries.left)
        place = self._queries.ask_plain(self._rng.standard_normal((n, self._dimension)))
        self._leave_to_baselines(place)
        self._validate(place)

    def _narrow_down(self) -> None:
        """Try what is left of a network twice as wide: starts from more neurons end in better optima."""
        if not self.model.width or self._progress.out_of_time():
            return
        self._progress.enter("narrow down")
        width = self.model.width
        rows = self._plain_rows().part(slice(_NARROWING_ROWS_PER_PARAMETER * 2 * self.model.parameters.size))
        wide = fit_any(rows, 2 * width, 2 * width, self._fit, self._progress, self._rng)
        fit = self._fit.changed(thresholds=True)
        models = [self._refined(m) for m in (self.model, pruned(wide.model, rows, fit, width, wide.decay)[0])]
        everything = self._fitted_rows()
        self.model = min(models, key=lambda model: float(everything.errors(model).mean()))
        self._progress.report("narrowed down", width, self._relative(float(everything.errors(self.model).mean())))

    def _refine_on_everything(self) -> None:
        """Give the network the use of every row; a constant stays one."""
        rows = self._fitted_rows()
        few = len(rows) < _JOINING_ROWS_PER_PARAMETER * self.model.parameters.size
        if not self.model.parameters[:, :-1].any() or (few and self._error > BROAD_BEYOND):
            return
        self._progress.enter("refine")
        self.model = self._refined(self.model)
        error = rows.mean_error(self.model)
        self._progress.report("refine", self.model.width, self._relative(error))

    def _tidy(self) -> None:
        """Lose what an exact network does not need: thresholds, neurons of no size, or two on one line."""
        rows = self._fitted_rows()
        # The rows that it was judged by lie where neurons that all but cancel are told apart.
        self.model = min((self._refined(self.model), self.model), key=rows.mean_error)
        self.model = self._centred(self.model)
        while self.model.width:
            smaller, _ = self._fit(without_artefact(self.model), rows)
            if smaller.width == self.model.width:
                return
            if self._relative(float(np.mean(rows.errors(smaller)))) > self._exact:
                return
            self.model = smaller

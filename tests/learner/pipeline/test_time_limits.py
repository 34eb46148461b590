"""What is done after time is up: little, and none of it worse than a constant. No test measures a time."""

import time

import numpy as np
import pytest

import limbeck
from limbeck import datasets
from limbeck._base.progress import Progress
from limbeck._learner.gaussian import candidates as discovery
from limbeck._learner.gaussian.search import search
from limbeck._learner.gaussian.selection import ModelSelector
from limbeck._learner.gaussian.span import find_subspace
from limbeck._learner.model.model import linear_model, random_start
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows
from limbeck._learner.tabular import evidence as _evidence
from limbeck._learner.tabular.learner import fit_any

PAST = -1e9  # a deadline long gone


@pytest.fixture
def rows():
    planted = datasets.make_narrow_network("generic", 6, 8, seed=0)
    X, y = datasets.sample(planted, 2000, seed=1)
    return Rows(X, y, n_threads=1)


def _late():
    progress = Progress(None, False, 1.0)
    progress.deadline = PAST
    return progress


def test_no_peak_is_looked_for_after_the_deadline(rows, monkeypatch):
    looked = []
    peaks = discovery.scale_space_peaks
    monkeypatch.setattr(discovery, "scale_space_peaks", lambda *args: looked.append(1) or peaks(*args))
    rng = np.random.default_rng(0)
    candidate = discovery._from_peaks(rows, 8, Fit(deadline=PAST), rng)
    assert not looked
    assert candidate.model.width == 0
    candidate = discovery._from_peaks(rows, 3, Fit(), rng)
    assert len(looked) == 3
    assert candidate.model.width == 3


def test_a_late_collapse_is_done_in_one_go(rows):
    rng = np.random.default_rng(0)
    wide = random_start(6, 60, rng)
    calls = []
    original = Fit.__call__

    class Counting(Fit):
        def __call__(self, *args, **changes):
            calls.append(1)
            return original(self, *args, **changes)

    fit = Counting(deadline=PAST)
    model, error = discovery.collapse(wide, rows, 4, fit)
    assert model.width <= 4
    assert len(calls) <= 3
    assert error == pytest.approx(rows.mean_error(model))


def test_a_search_cut_short_does_not_claim_that_nothing_is_left(rows):
    progress, rng = _late(), np.random.default_rng(0)
    fit = Fit(deadline=PAST)
    selector = ModelSelector(rows, fit, progress, rng)
    subspace = find_subspace(rows, max_rank=6, rng=rng)
    _, settled = search(selector.scored(linear_model(6)), rows, selector, subspace, 8)
    assert not settled


def test_hinges_anywhere_are_not_weighed_after_the_deadline(rows, monkeypatch):
    weighed = []
    known = _evidence.effective_parameters
    monkeypatch.setattr(_evidence, "effective_parameters", lambda *args: weighed.append(1) or known(*args))
    found = fit_any(rows, 4, 4, Fit(deadline=PAST), _late(), np.random.default_rng(0))
    assert not weighed
    assert np.isnan(found.error)
    assert np.isfinite(found.model.parameters).all()


@pytest.mark.parametrize("inputs", ["standard", "gaussian", "any"])
@pytest.mark.parametrize("seed", range(3))
def test_learning_cut_short_is_no_worse_than_a_constant(inputs, seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((90, 20))
    y = rng.standard_normal(90)  # nothing to learn, and 21 parameters to learn it with
    found = limbeck.learn(X, y, 8, inputs=inputs, validation=0.3, seed=seed, time_limit=1e-9)
    assert found.stopped_early
    used = np.setdiff1d(y, found.validation_targets)
    constant = np.mean((found.validation_targets - used.mean()) ** 2)
    assert found.validation_mse <= constant * (1 + 1e-9)
    assert np.isfinite(found.predict(X)).all()
    assert str(found)


def test_a_deadline_is_known_to_a_fit():
    assert Fit(deadline=PAST).out_of_time()
    assert not Fit(deadline=time.perf_counter() + 1e6).out_of_time()
    assert not Fit().out_of_time()

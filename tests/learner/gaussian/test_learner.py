"""From rows to a network, and the settings that are handed in for it."""

from dataclasses import replace

import numpy as np
import pytest

from limbeck import datasets
from limbeck._base.progress import Progress
from limbeck._learner.gaussian.learner import learn_gaussian, noise_variance, refined, rows_to_search
from limbeck._learner.gaussian.settings import DEFAULTS
from limbeck._learner.model.model import linear_model, model_of
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows


def _planted(n, noise, seed=0):
    network = datasets.make_narrow_network("generic", 6, 3, seed=seed)
    X, y = datasets.sample(network, n, noise=noise, seed=seed + 1)
    return model_of(network), Rows(X, y, n_threads=1)


def _learned(rows, settings, **options):
    options = {"width": None, "max_width": 8, "refine": True} | options
    progress, rng = Progress(None, False, None), np.random.default_rng(0)
    fit, used = Fit(tolerance=1e-4), np.arange(len(rows))
    return learn_gaussian(rows, used, fit=fit, progress=progress, rng=rng, settings=settings, **options), progress


def test_settings_handed_in_decide_what_is_done():
    _, rows = _planted(3000, 0.1)
    (model, _, thresholds), _ = _learned(rows, DEFAULTS)
    assert model.width == 3
    assert not thresholds
    one_round = replace(DEFAULTS.selection, rounds=0)  # nothing is pruned, added or resolved
    no_candidates = replace(DEFAULTS.search, rounds=0)
    few = replace(DEFAULTS, search=no_candidates, selection=one_round)
    (_, _, _), progress = _learned(rows, few)
    stages = {entry["stage"] for entry in progress.history}
    assert not stages & {"prune", "grow", "resolve", "discovery: peaks", "discovery: wide"}


def test_a_search_on_few_rows_is_checked_on_all():
    _, rows = _planted(4000, 0.0)
    small = replace(DEFAULTS.learner, first_rows=1000, search_rows=2000, search_rows_per_parameter=1)
    (model, _, _), progress = _learned(rows, replace(DEFAULTS, learner=small))
    assert model.width == 3
    assert rows.mean_error(model) < 1e-20 * rows.variance
    assert [entry["stage"] for entry in progress.history].count("linear") == 1


def test_without_refinement_the_moments_are_the_result():
    truth, rows = _planted(10_000, 0.1)
    (model, subspace, thresholds), progress = _learned(rows, DEFAULTS, refine=False, width=3)
    assert (model.width, thresholds, subspace.rank) == (3, False, 3)
    assert {entry["stage"] for entry in progress.history} == {"linear", "moments"}
    # Directions are off by about (d / n)^(1/2) = 0.03 over a relative gap of at least 0.3.
    assert np.abs(model.directions @ truth.directions.T).max(axis=0).min() > 0.97


def test_the_width_zero_is_the_linear_fit():
    _, rows = _planted(500, 0.1)
    (model, _, _), _ = _learned(rows, DEFAULTS, max_width=0)
    assert model.width == 0
    expected = np.linalg.lstsq(np.column_stack([rows.X, np.ones(500)]), rows.y)[0]
    np.testing.assert_allclose(model.parameters[0], expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("linear", "thresholds", "parameters"), [(False, False, 18), (True, False, 25), (True, True, 28)]
)
def test_the_noise_variance_counts_the_parameters(linear, thresholds, parameters):
    truth, rows = _planted(400, 0.1)
    squares = float(np.square(rows.y - truth(rows.X)).sum())
    assert noise_variance(truth, rows, linear, thresholds) == pytest.approx(squares / (400 - parameters), rel=1e-9)
    assert np.isnan(noise_variance(truth, rows.part(slice(parameters)), linear, thresholds))


def test_rows_to_search_grow_with_the_parameters():
    assert rows_to_search(1, 2) == 50_000
    assert rows_to_search(20, 100) == 60 * 21 * 101
    small = replace(DEFAULTS, learner=replace(DEFAULTS.learner, search_rows=10, search_rows_per_parameter=2))
    assert rows_to_search(1, 2, small) == 12


def test_an_exact_model_is_left_alone_and_a_late_one_too():
    truth, rows = _planted(500, 0.0)
    assert refined(truth, rows, Fit(), Progress(None, False, None)) is truth
    late = Progress(None, False, None)
    late.deadline = -1e9
    line = linear_model(6)
    assert refined(line, rows, Fit(), late) is line

"""Searches that end where nothing is left to find, and candidates that are judged inside a span."""

import numpy as np
import pytest

from limbeck import datasets, learn
from limbeck._base.progress import Progress
from limbeck._learner.gaussian.candidates import Candidate
from limbeck._learner.gaussian.directions import span_of
from limbeck._learner.gaussian.search import _Search
from limbeck._learner.gaussian.selection import ModelSelector
from limbeck._learner.gaussian.span import find_subspace
from limbeck._learner.model.model import model_of
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows


def _search(planted, model, n=20_000, noise=0.3):
    """A search whose best network is a model, refined, and rows in the coordinates of its span."""
    X, y = datasets.sample(planted, n, noise=noise, seed=2)
    rows = Rows(X, y, n_threads=1)
    selector = ModelSelector(rows, Fit(tolerance=1e-4), Progress(None, False, None), np.random.default_rng(0))
    subspace = find_subspace(rows, max_rank=planted.width, rng=np.random.default_rng(1))
    search = _Search(selector.refined(model), rows, selector, subspace, planted.width + 2)
    search.basis = span_of(search.best.model)
    return search, rows.projected(search.basis)


def _candidate(search, model, inside):
    fitted, error = Fit(tolerance=1e-4)(model.projected(search.basis), inside)
    return Candidate(fitted, "wide", error)


def _with_spurious(model, size):
    u = np.random.default_rng(5).standard_normal(model.width) @ model.directions
    return model.with_neuron(u / np.linalg.norm(u), size)


def test_a_spurious_neuron_inside_the_span_is_dropped_there():
    planted = datasets.make_narrow_network("generic", 20, 4, seed=1)
    search, inside = _search(planted, model_of(planted))
    candidate = _candidate(search, _with_spurious(search.best.model, 0.05), inside)
    assert candidate.model.width == 5
    assert search._does_not_pay(candidate, inside)
    thinned = search._thinned(candidate, inside)
    assert thinned.model.width == 4  # and no true one
    assert search._is_same(thinned, inside)


@pytest.mark.parametrize("few", [False, True])
def test_a_neuron_that_is_missing_pays(few):
    # Six neurons in three dimensions, one of them missing: those left span the same.
    planted = datasets.make_narrow_network("lowrank", 20, 6, seed=3)
    truth = model_of(planted)
    search, inside = _search(planted, truth.without(int(np.argmax(truth.sizes))))
    if few:
        inside = inside.part(slice(4000))
    candidate = _candidate(search, truth, inside)
    assert candidate.model.width == search.best.model.width + 1
    assert not search._does_not_pay(candidate, inside)
    assert search._thinned(candidate, inside).model.width == 6


def test_nothing_is_said_of_labels_without_noise():
    planted = datasets.make_narrow_network("generic", 20, 4, seed=1)
    search, inside = _search(planted, model_of(planted), noise=1e-3)
    candidate = _candidate(search, _with_spurious(search.best.model, 1e-3), inside)
    assert not search._does_not_pay(candidate, inside)
    assert search._thinned(candidate, inside) is candidate


@pytest.mark.parametrize("family", ["generic", "plane"])
def test_a_candidate_that_explains_everything_is_the_last_but_one_that_agrees(family):
    planted = datasets.make_narrow_network(family, 20, 4, seed=1)
    X, y = datasets.sample(planted, 9000, noise=0.3, seed=2)
    result = learn(X, y, width=4, n_threads=1)
    assert result.network.width == 4
    # The second, in the network's own span, is the same network there and not refined any further.
    assert sum(h["stage"].startswith("discovery") for h in result.history) == 1

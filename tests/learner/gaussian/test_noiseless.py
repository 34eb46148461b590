"""The attempt at a network without noise, on a sample of the rows."""

from dataclasses import replace

import numpy as np
import pytest

from limbeck import datasets
from limbeck._base.progress import Progress
from limbeck._learner.gaussian.learner import learn_gaussian
from limbeck._learner.gaussian.noiseless import find_noiseless
from limbeck._learner.gaussian.settings import DEFAULTS, NoiselessSettings
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import EXACT, Rows

# Families of d = 20 features: number of neurons planted, and in the narrowest network of the same function, which has a
# linear part in the place of a neuron and its antipode.
_FAMILIES = [
    ("generic", 4, 4),
    ("positive", 4, 4),
    ("lowrank", 6, 6),
    ("plane", 4, 4),
    ("collinear", 4, 4),
    ("antipodal", 4, 2),
]
_NO_ATTEMPT = replace(DEFAULTS, noiseless=replace(NoiselessSettings(), rows=10**9))


def _planted(family: str, width: int, n: int, noise: float = 0.0) -> Rows:
    network = datasets.make_narrow_network(family, 20, width, seed=3)
    return Rows(*datasets.sample(network, n, noise=noise, seed=4), n_threads=1)


def _learned(rows: Rows, width: int | None, settings=DEFAULTS):
    progress = Progress(None, False, None)
    used, rng = np.arange(len(rows)), np.random.default_rng(5)
    model, _, _ = learn_gaussian(rows, used, width, 8, True, Fit(tolerance=1e-4), progress, rng, settings)
    return model, [line["stage"] for line in progress.history]


@pytest.mark.parametrize(("family", "width", "narrowest"), _FAMILIES)
def test_networks_without_noise_are_found_from_a_sample(family, width, narrowest):
    rows = _planted(family, width, 30_000)
    found = find_noiseless(
        rows.part(slice(10_000)), [width], Fit(tolerance=1e-4), Progress(None, False, None), DEFAULTS
    )
    assert found is not None
    assert found.model.width == narrowest
    others = rows.part(slice(10_000, None))
    assert others.mean_error(found.model) <= EXACT * others.variance


def test_too_many_neurons_asked_for_end_as_those_that_are_there():
    rows = _planted("lowrank", 6, 30_000)
    model, stages = _learned(rows, None)
    assert stages == ["linear", "sample"]
    assert model.width == 6
    assert rows.mean_error(model) <= EXACT * rows.variance


def test_noise_ends_the_attempt():
    for noise in (0.03, 0.3):  # relative variances of 2e-4, which misfit might have, and above
        sample = _planted("generic", 4, 10_000, noise)
        assert find_noiseless(sample, [4], Fit(tolerance=1e-4), Progress(None, False, None), DEFAULTS) is None


def test_a_vain_attempt_changes_nothing():
    rows = _planted("generic", 3, 30_000, 0.3)
    model, stages = _learned(rows, 3)
    without, stages_without = _learned(rows, 3, _NO_ATTEMPT)
    assert stages == stages_without
    np.testing.assert_array_equal(model.parameters, without.parameters)
    np.testing.assert_array_equal(model.signs, without.signs)


def test_rows_beside_the_sample_have_the_last_word():
    rows = _planted("generic", 3, 60_000)
    drawn = np.random.default_rng(0).choice(len(rows), DEFAULTS.noiseless.rows, replace=False)
    beside = np.setdiff1d(np.arange(len(rows)), drawn)
    y = rows.y.copy()
    y[beside[:100]] += 1.0  # as many of the 60,000 rows: far more than rounding
    assert "sample" not in _learned(replace(rows, y=y), 3)[1]


def test_few_rows_are_left_to_the_search():
    assert "sample" not in _learned(_planted("generic", 3, 20_000), 3)[1]


def test_labels_without_neurons_are_left_to_the_search():
    rng = np.random.default_rng(6)
    X = rng.standard_normal((10_000, 5))
    for y in (X @ np.arange(5.0), rng.standard_normal(10_000)):
        sample = Rows(X, y, n_threads=1)
        assert find_noiseless(sample, [3], Fit(tolerance=1e-4), Progress(None, False, None), DEFAULTS) is None


def test_no_time_means_no_network():
    sample = _planted("generic", 3, 10_000)
    progress = Progress(None, False, 1e-9)
    fit = Fit(tolerance=1e-4, deadline=progress.deadline)
    assert find_noiseless(sample, [3], fit, progress, DEFAULTS) is None

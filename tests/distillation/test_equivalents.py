"""Predicted risks: against published numbers, the formula and trials."""

import itertools
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.distillation import (
    NearPeakWarning,
    Task,
    compare_labels,
    effective_ridge,
    optimal_mask,
    optimal_ridge,
    optimal_surrogate,
    risk,
    simulate,
    two_stage_risk,
)


def test_numbers_known_from_elsewhere():
    # Checked by simulation outside this library: p = 500, alpha = 2, r = 1.5.
    task = Task.power_law(500, 2.0, 1.5)
    assert risk(task, 200) == pytest.approx(0.1194, abs=1e-4)
    assert risk(task, 200, optimal_surrogate(task, 200)) == pytest.approx(0.0833, abs=1e-4)
    mask = optimal_mask(task, 200)
    assert (mask.sum(), risk(task, 200, task.beta * mask)) == (203, pytest.approx(0.0897, abs=1e-4))
    noisy = Task.power_law(500, 2.0, 1.5, noise=0.1)
    assert risk(noisy, 100) == pytest.approx(0.363, abs=1e-3)
    assert risk(noisy, 100, optimal_surrogate(noisy, 100)) == pytest.approx(0.282, abs=1e-3)
    mask = optimal_mask(noisy, 100)
    assert (mask.sum(), risk(noisy, 100, noisy.beta * mask)) == (100, pytest.approx(0.291, abs=1e-3))


def test_a_risk_is_its_parts():
    task = Task.power_law(80, 1.5, 1.4, noise=0.2)
    for n in (20, 300):
        value = risk(task, n, ridge=0.01)
        assert value == pytest.approx(value.bias + value.variance + value.noise)
        assert value.noise == pytest.approx(value - risk(Task(task.eigenvalues, task.beta), n, ridge=0.01))
        again = pickle.loads(pickle.dumps(value))
        assert (again, again.bias, again.noise) == (value, value.bias, value.noise)


@pytest.mark.parametrize("n", [100, 600, pytest.param(150, marks=pytest.mark.slow)])
@pytest.mark.parametrize("noise", [0.0, 0.5])
@pytest.mark.parametrize("kind", ["true", "best", "mask", "shifted", "ridge"])
def test_predictions_agree_with_trials(trials, n, noise, kind):
    task = Task.power_law(300, 1.5, 1.6, noise)
    test = np.roll(task.eigenvalues, 3) if kind == "shifted" else None
    ridge = 0.01 if kind == "ridge" else 0.0
    surrogate = {"best": optimal_surrogate(task, n), "mask": task.beta * optimal_mask(task, n)}.get(kind)
    expected = risk(task, n, surrogate, ridge, test_eigenvalues=test)
    risks = trials(task, n, surrogate, count=200, ridge=ridge, test=test)
    error = risks.std() / np.sqrt(len(risks))
    assert abs(risks.mean() - expected) <= max(3 * error, 0.02 * expected, 1e-12)


SPECTRA_AND_NOISE = [(0.5, 1.2, 0.5), (1.0, 1.5, 0.0), (2.0, 1.5, 0.1), (3.0, 3.0, 1.0), (1.5, 2.0, 0.0)]


@pytest.mark.slow
@pytest.mark.parametrize("p", [200, 500, 1000])
@pytest.mark.parametrize("ratio", [0.1, 0.25, 0.5, 0.8, 1.25, 2, 3])
@pytest.mark.parametrize(("alpha", "r", "noise"), SPECTRA_AND_NOISE)
def test_predictions_agree_with_trials_on_a_wide_grid(p, ratio, alpha, r, noise):
    # 105 cases of one kind each; a right prediction leaves 3 standard errors and 2 % in about one run of five.
    n, trials_each = int(ratio * p), 200 if p < 1000 else 40
    seed = [p, int(100 * ratio), int(10 * alpha)]
    kind = ["true", "best", "mask", "two stages", "shifted", "ridge"][sum(seed) % 6]
    task = Task.power_law(p, alpha, r, noise)
    options = {"test_eigenvalues": np.roll(task.eigenvalues, 3)} if kind == "shifted" else {}
    options |= {"ridge": 0.01} if kind == "ridge" else {}
    surrogate = {"best": optimal_surrogate(task, n), "mask": task.beta * optimal_mask(task, n)}.get(kind)
    if kind == "two stages":
        first = Task(np.roll(task.eigenvalues, 2) + 1e-3, task.beta, 0.2)
        expected = two_stage_risk(task, n, first, int(0.6 * p))
        found = simulate(task, n, surrogate_task=first, m=int(0.6 * p), trials=trials_each, seed=sum(seed))
    else:
        expected = risk(task, n, surrogate, **options)
        found = simulate(task, n, surrogate, trials=trials_each, seed=sum(seed), **options)
    assert abs(found.mean - expected) <= max(3 * found.standard_error, 0.02 * expected, 1e-14)


def test_few_rows_more_than_features_have_the_exact_mean():
    task = Task(np.ones(5), np.zeros(5), 1.0)
    assert risk(task, 12) == pytest.approx(5 / (12 - 5 - 1))
    with pytest.warns(NearPeakWarning):
        assert risk(task, 6) == np.inf
    found = simulate(task, 12, trials=4000)
    assert abs(found.mean - 5 / 6) < 4 * found.standard_error
    with pytest.warns(NearPeakWarning, match="the rows are few"):
        risk(Task.power_law(200, 5, 1.5), 2)


@pytest.mark.filterwarnings("ignore::limbeck.distillation.NearPeakWarning")
def test_nothing_times_infinity_is_nothing():
    task = Task([1, 0.5, 0], [1, 1, 1], 0.1)
    assert two_stage_risk(task, 5, task, 2) == np.inf
    assert two_stage_risk(task, 5, task, 2, test_eigenvalues=[0, 0, 1]) == 1
    assert risk(Task([1, 0], [1, 1], 0.1), 1, test_eigenvalues=[0, 1]) == 1
    assert not np.isnan(compare_labels(task, 2).best_ridge)
    assert "-" in str(compare_labels(Task([1, 0.5], [1, 1], 0.1), 2))


@pytest.mark.slow
def test_masks_and_ridges_for_given_options():
    task = Task.power_law(12, 1.0, 1.2, noise=0.2)
    n, ridge, test = 40, 0.4, np.linspace(2, 0.1, 12)
    values = {
        mask: float(risk(task, n, task.beta * np.array(mask), ridge, test_eigenvalues=test))
        for mask in itertools.product([0, 1], repeat=12)
    }
    chosen = optimal_mask(task, n, ridge, test_eigenvalues=test)
    assert values[tuple(chosen.astype(int))] == pytest.approx(min(values.values()), rel=1e-12)
    surrogate = task.beta[::-1].copy()
    found, value = optimal_ridge(task, n, surrogate)
    others = [float(risk(task, n, surrogate, r)) for r in np.geomspace(1e-6, 1e3, 300)]
    assert value == pytest.approx(float(risk(task, n, surrogate, found)))
    assert value <= min(others)
    assert found != pytest.approx(optimal_ridge(task, n)[0], rel=0.1)
    steep = Task(np.logspace(0, -30, 50), np.ones(50), 1e-18)
    assert optimal_ridge(steep, 100)[1] < 0.6 * risk(steep, 100)


@pytest.mark.parametrize("asked", [risk, optimal_surrogate, optimal_mask, compare_labels])
def test_warnings_point_at_the_line_that_asked(asked):
    with pytest.warns(NearPeakWarning) as caught:
        asked(Task.power_law(100, 0.1, 1.5, noise=0.1), 95)
    assert [one.filename for one in caught] == [__file__]


def test_noise_of_the_surrogate_is_its_own():
    task = Task.power_law(100, 1.2, 1.5, noise=0.5)
    clean = Task(task.eigenvalues, task.beta)
    best = optimal_surrogate(task, 40)
    for n in (40, 300):
        assert risk(task, n, best, label_noise=0) == risk(clean, n, best)
        assert two_stage_risk(task, n, task, 500, label_noise=0) == two_stage_risk(clean, n, task, 500)
        found = simulate(task, n, label_noise=0, trials=5).risks
        np.testing.assert_array_equal(found, simulate(clean, n, trials=5).risks)
    compared = compare_labels(task, 40)
    assert compared.noiseless_labels == risk(clean, 40)
    assert compared.noiseless_surrogate == risk(clean, 40, best)
    assert "noiseless best" in str(compared)
    assert "noiseless" not in str(compare_labels(clean, 40))
    with pytest.raises(ValueError, match="label_noise must be at least 0, got -1"):
        risk(task, 40, label_noise=-1)


def test_a_mask_is_no_surrogate():
    task = Task.power_law(60, 2, 1.5)
    with pytest.raises(TypeError, match=r"surrogate must hold coefficients, got a mask: pass task.beta"):
        risk(task, 20, optimal_mask(task, 20))
    with pytest.raises(TypeError, match=r"surrogate must hold a coefficient for each feature, got the number 0.5"):
        risk(task, 20, 0.5)
    with pytest.raises(TypeError, match="eigenvalues must be an array, got a Task"):
        effective_ridge(task, 10)


def test_near_the_peak_it_says_so():
    task = Task.power_law(100, 0.1, 1.5, noise=0.1)
    for n in (95, 105):
        with pytest.warns(NearPeakWarning, match=rf"n = {n} rows, 100 features, .* close to the number of features"):
            assert np.isfinite(risk(task, n))
    with pytest.warns(NearPeakWarning):
        assert risk(task, 100) == np.inf
    with pytest.warns(NearPeakWarning):
        assert risk(Task(task.eigenvalues, task.beta), 100) == 0


RIDGES = st.sampled_from([0.0, 1e-20, 1e-3, 1.0, 1e6])


@given(data=st.data(), n=st.integers(1, 20), ridge=RIDGES, seed=st.integers(0, 2**32 - 1))
def test_risks_of_any_task_are_the_formula(any_tasks, data, n, ridge, seed):
    task = data.draw(any_tasks())
    rng = np.random.default_rng(seed)
    l, s, t = task.eigenvalues, rng.standard_normal(task.n_features), rng.uniform(0.1, 1, task.n_features)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NearPeakWarning)
        found = risk(task, n, s, ridge, test_eigenvalues=t)
        best, mask = (f(task, n, ridge, test_eigenvalues=t) for f in (optimal_surrogate, optimal_mask))
        least = risk(task, n, best, ridge, test_eigenvalues=t)
        masked = risk(task, n, task.beta * mask, ridge, test_eigenvalues=t)
    tau = effective_ridge(l, n, ridge)
    z = np.array([tau / (v + tau) if v > 0 else 1.0 for v in l])
    bias = np.sum(t * ((1 - z) * s - task.beta) ** 2)
    assert found.bias == pytest.approx(bias, rel=1e-9)
    left = 1 - np.sum((1 - z) ** 2) / n
    if left > 1e-3 and tau > 0:  # nearer the peak this difference has no digits
        factor = np.sum(t * l / (l + tau) ** 2) / n / left
        if np.isfinite(found.noise):  # of first order 1 / n beside that, in test_noise
            assert found.noise == pytest.approx(factor * task.noise, rel=3 / min(n * left, 3))
        assert found.variance == pytest.approx(factor * np.sum(l * (z * s) ** 2), rel=1e-9, abs=1e-300)
    assert found == pytest.approx(found.bias + found.variance + found.noise)
    rank = np.count_nonzero(l)
    assert np.isfinite(found.noise) == (ridge > 0 or task.noise == 0 or abs(n - rank) > 1)
    # No surrogate is better than the best one, no mask than the best mask; squares of what is rounded are left.
    rounded = 1e-30 * np.sum(t * task.beta**2)
    if np.isfinite(found):
        assert least <= found * (1 + 1e-12) + rounded
        assert least <= masked * (1 + 1e-12) + rounded
        assert masked <= risk_without_doubts(task, n, task.beta, ridge, t) * (1 + 1e-12) + rounded


def risk_without_doubts(task, n, surrogate, ridge, test):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NearPeakWarning)
        return risk(task, n, surrogate, ridge, test_eigenvalues=test)

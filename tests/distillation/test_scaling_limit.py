"""Laws for many rows: constants, corners, ridges and noise, against predictions for many features and for many rows."""

import numpy as np
import pytest

from limbeck.distillation import (
    NearPeakWarning,
    Task,
    optimal_mask,
    optimal_surrogate,
    risk,
    scaling_constants,
    scaling_law,
)
from limbeck.distillation.scaling_limit import scaling_limit, zeta
from limbeck.distillation.stage_law import law_of
from limbeck.distillation.surrogate import best_mask_by, best_ridge_for, best_surrogate_by

LABELS = ("true", "best", "mask")
SLOW = [pytest.param(*case, marks=pytest.mark.slow) for case in [(1.5, 1.8), (2.0, 5.0), (1.5, 6.0), (3.0, 2.2)]]


def labels_of(task, name):
    """Coefficients for an equivalent."""
    l = task.eigenvalues
    return {
        "true": lambda eq: task.beta,
        "best": lambda eq: best_surrogate_by(law_of(task, eq), l),
        "mask": lambda eq: task.beta * best_mask_by(law_of(task, eq), l),
    }[name]


def test_zeta():
    assert zeta(2.0) == pytest.approx(np.pi**2 / 6, rel=1e-15)
    assert zeta(4.0) == pytest.approx(np.pi**4 / 90, rel=1e-15)
    assert zeta(1 + 2.0**-20) - 2.0**20 == pytest.approx(np.euler_gamma, abs=1e-6)
    assert zeta(60.0) == 1 + 2.0**-60


# Further exponents on the same sides of the corners at r = alpha and 2 alpha + 1.
FURTHER = [(1.5, 4.5), (1.2, 2.0), (2.0, 4.2), (1.2, 4.0)]


@pytest.mark.parametrize(("alpha", "r"), [(1.5, 1.8), (1.5, 3.9999), (1.5, 4.0), (4.0, 9.2), *FURTHER])
def test_risks_of_limits_are_predicted_ones_for_many_features(alpha, r):
    p, n = 50_000, 25
    # What features beyond p would add: a ridge, and noise that true labels have and the others learn nothing of.
    ridge, hidden = (p + 0.5) ** (1 - alpha) / (alpha - 1) / n, (p + 0.5) ** (1 - r) / (r - 1)
    task = Task.power_law(p, alpha, r)
    true = risk(task, n, ridge=ridge, label_noise=hidden)
    best = risk(task, n, optimal_surrogate(task, n, ridge), ridge)
    mask = risk(task, n, task.beta * optimal_mask(task, n, ridge), ridge)
    found = [scaling_limit(alpha, r, 0.0, name, False).risks(n) for name in LABELS]
    # 1e-5: the integral that follows the first 256 features; eigenvalues beyond p are 1e-4 of tau or less.
    np.testing.assert_allclose(np.array([true, best, mask]) + hidden, found, rtol=2e-5)


@pytest.mark.parametrize("tuned", [False, True])
@pytest.mark.parametrize("noise", [0.0, 0.7])
@pytest.mark.parametrize(("alpha", "r"), [(2.0, 3.5), *SLOW])
def test_risks_come_to_their_law(alpha, r, noise, tuned):
    for name in LABELS:
        limit = scaling_limit(alpha, r, noise, name, tuned)
        if np.isnan(limit.constant):
            assert (name, noise, tuned) == ("best", 0.7, True)
            assert r >= 2 * alpha + 1
            continue
        sizes = np.array([1e3, 1e5, 1e7])
        if limit.floor:
            np.testing.assert_allclose(limit.risks(sizes[1:]), limit.floor, rtol=5e-3)
            assert limit.floor == pytest.approx((alpha - 1) * noise)
            continue
        off = np.abs(limit.risks(sizes) / limit.law(sizes) - 1)
        if limit.logarithm:
            # Its constant, and with noise a logarithm of it, fall as 1 / log n beside it: 16 for the last size.
            assert off[-1] < 0.1
        else:
            # 1e-7: sections find an argument of the least to the root of rounding. Omega falls slowly with noise.
            assert (off[1:] < off[:-1] + 1e-7).all()
            assert off[-1] < (0.06 if noise else 1e-5)


@pytest.mark.parametrize(("alpha", "r"), [(1.7, 2.1), (2.0, 4.9), (1.3, 3.0)])
def test_limits_have_the_constants(alpha, r):
    constants = scaling_constants(alpha, r, 0.3)
    for name, wanted in zip(LABELS, (constants.true_labels, constants.best, constants.mask), strict=True):
        limit = scaling_limit(alpha, r, 0.3, name, False)
        assert (limit.constant, limit.exponent) == (pytest.approx(wanted, rel=1e-14), constants.exponent)
        assert limit.floor == constants.floor
    # The best Omega without noise is k / (1 + k), whose ridge is negative for r above alpha.
    k = r - 1
    ratio = (1 + k) ** (1 + k) * k**-k * (1 - 1 / alpha) ** k / alpha
    tuned = scaling_limit(alpha, r, 0.0, "true", True)
    assert tuned.constant / constants.true_labels == pytest.approx(ratio, rel=1e-10)


@pytest.mark.parametrize("noise", [0.0, 1.0])
@pytest.mark.parametrize("name", LABELS)
@pytest.mark.parametrize(("alpha", "r"), [(2.0, 3.0), *SLOW])
def test_the_best_ridge_of_many_features(alpha, r, name, noise):
    p, n = 3000, 150
    task = Task.power_law(p, alpha, r, noise)
    found = best_ridge_for(task, n, labels_of(task, name))[1]
    limit = float(scaling_limit(alpha, r, noise, name, True).risks(n))
    # Features beyond p have a part (n / p)^(r - 1) of the risk and (n / p)^(alpha - 1) of the ridge, which the best
    # ridge makes up for; the noise part of order 1 / n is not in the limit. Ridges close to the lowest are left out.
    assert found == pytest.approx(limit, rel=(n / p) ** (r - 1) + 2 / n + 0.002)


def test_the_best_surrogate_improves_the_exponent_with_noise_and_the_best_ridge():
    # Four times as many rows: local exponents of predicted risks, not of the limit.
    alpha, r, k = 2.0, 2.5, 1.5
    task, local = Task.power_law(3000, alpha, r, 1.0), {}
    for name in ("true", "best"):
        risks = [best_ridge_for(task, n, labels_of(task, name))[1] for n in (100, 400)]
        local[name] = np.log(risks[0] / risks[1]) / np.log(4)
        # 0.01: features end at p, and the noise part has a term of order 1 / n.
        assert local[name] == pytest.approx(scaling_limit(alpha, r, 1.0, name, True).local_exponent(200), abs=0.01)
    assert local["best"] > local["true"] + 0.02
    assert scaling_limit(alpha, r, 1.0, "best", True).exponent == pytest.approx(k / (1 + k - k / (2 * alpha)))
    assert scaling_limit(alpha, r, 1.0, "true", True).exponent == pytest.approx(k / (1 + k))


def test_laws_with_the_best_ridge():
    sizes = [50, 100, 150]
    with_noise = scaling_law(Task.power_law(800, 2.0, 3.0, 1.0), [50, 150], ridge="best")
    assert with_noise.predicted_exponent == pytest.approx(2 / 3)
    assert with_noise.exponent == pytest.approx(with_noise.limit.local_exponent(90), abs=0.01)
    assert not with_noise.bent.any()
    assert (with_noise.ridges > 0).all()
    without = scaling_law(Task.power_law(500, 2.0, 3.0), sizes, ridge="best")
    ridgeless = scaling_law(Task.power_law(500, 2.0, 3.0), sizes)
    assert without.predicted_exponent == ridgeless.predicted_exponent == 2
    # r exceeds alpha: the best ridge is negative.
    assert (without.ridges < 0).all()
    assert (without.risks < ridgeless.risks).all()
    assert (ridgeless.ridges == 0).all()


@pytest.mark.slow
def test_trials_agree_with_laws_with_the_best_ridge():
    noisy = Task.power_law(400, 2.0, 3.0, 1.0)
    trials = scaling_law(noisy, [20, 60], "best", trials=60, ridge="best")
    predicted = scaling_law(noisy, [20, 60], "best", ridge="best")
    np.testing.assert_array_equal(trials.ridges, predicted.ridges)
    assert (np.abs(trials.risks - predicted.risks) < 4 * trials.standard_errors + 0.03 * predicted.risks).all()


def test_a_law_states_its_error():
    task = Task.power_law(100_000, 1.5, 1.8)
    law = scaling_law(task, [100, 200])
    wanted = scaling_constants(1.5, 1.8)
    np.testing.assert_allclose(law.off_limit, law.risks / (wanted.true_labels * law.sample_sizes**-0.8) - 1, rtol=1e-9)
    assert np.abs(law.off_limit).max() < 0.02
    assert "limit 2.99 n^-0.8, off which the risks are by " in str(law)
    assert f"(predicted 0.8, off by {law.exponent - 0.8:+.2g})" in str(law)
    corner = scaling_law(Task.power_law(20_000, 1.5, 4.0), [50, 100, 200])
    assert (corner.limit.logarithm, corner.predicted_exponent) == (1.0, None)
    assert "limit 21.2 n^-3 log n, off which" in str(corner)
    noisy = scaling_law(Task.power_law(5000, 2.0, 3.0, 0.1), [50, 100, 200])
    assert noisy.limit.floor == pytest.approx(0.1)
    assert "limit 0.1 + 2.47 n^-2, off which" in str(noisy)
    fixed = scaling_law(Task.power_law(500, 2.0, 3.0), [40, 60, 80], ridge=0.01)
    assert fixed.limit is None
    assert np.isnan(fixed.off_limit).all()
    assert "limit" not in str(fixed)
    slow = scaling_law(Task.power_law(1000, 2.0, 1.8, 1.0), [50, 100], ridge="best")
    assert "With noise and the best ridge risks come to their law slowly" in slow.corners[0]
    with pytest.raises(ValueError, match="ridge must be a number or \"best\", got 'least'"):
        scaling_law(task, [2, 3], ridge="least")
    with pytest.raises(TypeError, match="ridge must be a number"):
        scaling_law(task, [2, 3], ridge=None)


@pytest.mark.filterwarnings("ignore::limbeck.distillation.NearPeakWarning")
def test_an_end_of_the_features_is_named_with_the_best_ridge():
    law = scaling_law(Task.power_law(60, 1.2, 1.3, 0.1), [20, 30, 40], ridge="best")
    assert any("The features end at p = 60" in corner for corner in law.corners)
    with pytest.warns(NearPeakWarning):
        scaling_law(Task.power_law(60, 6.0, 3.0), [5, 10], "best", ridge="best")

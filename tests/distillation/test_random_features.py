"""Risks of random features in one stage and two: trials, limits, exponents, arguments."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.distillation import (
    NearPeakWarning,
    Task,
    random_feature_risk,
    risk,
    simulate_random_features,
    two_stage_risk,
)

quiet = pytest.mark.filterwarnings("ignore::limbeck.distillation.NearPeakWarning")
TASK = Task.power_law(250, 1.5, 2.0, 0.2)


def brute_force(task, stages, label_noise, test, trials):
    """Risks of one stage after the other, drawn and solved in NumPy as the definitions say."""
    rng = np.random.default_rng(3)
    p = task.n_features
    for _ in range(trials):
        s, noise = task.beta, task.noise
        for i, (n, n_features, ridge) in enumerate(stages):
            if i == len(stages) - 1:
                noise = label_noise
            W = rng.standard_normal((n_features, p)) / np.sqrt(n_features)
            X = rng.standard_normal((n, p)) * np.sqrt(task.eigenvalues)
            y = X @ s + np.sqrt(noise) * rng.standard_normal(n)
            F = X @ W.T
            s = W.T @ (F.T @ np.linalg.solve(F @ F.T + n * ridge * np.eye(n), y) if ridge else np.linalg.pinv(F) @ y)
        yield float(test @ np.square(s - task.beta))


@pytest.mark.parametrize(
    ("student", "teacher"),
    [
        ((40, 70, 0.02), (50, 25, 0.0)),
        ((60, 30, 0.0), (30, 60, 0.1)),
        pytest.param((40, 60, 0.0), (80, 80, 0.01), marks=pytest.mark.slow),
    ],
)
def test_trials_and_predictions_against_brute_force(student, teacher):
    """Two comparisons beyond four standard errors in three settings: a false alarm in some 3,000."""
    task = Task.power_law(90, 1.2, 2.0, 0.3)
    test = np.linspace(0, 1, 90) ** 2
    n, n_features, ridge = student
    options = {
        "ridge": ridge,
        "m": teacher[0],
        "teacher_features": teacher[1],
        "teacher_ridge": teacher[2],
        "label_noise": 0.1,
        "test_eigenvalues": test,
    }
    risks = list(brute_force(task, (teacher, student), 0.1, test, 150))
    mean, error = np.mean(risks), np.std(risks) / np.sqrt(len(risks))
    found = simulate_random_features(task, n, n_features, trials=150, seed=1, **options)
    predicted = random_feature_risk(task, n, n_features, **options)
    assert abs(found.mean - mean) < 4 * np.hypot(error, found.standard_error)
    # Corrections are of the order of one over the rows, or the random features: 30 here, and poles at n = N.
    assert abs(predicted - mean) < 4 * error + 0.04 * mean
    # Each of the settings matters more than that.
    for change in ({"teacher_ridge": 20.0}, {"label_noise": 100.0}, {"test_eigenvalues": 3 * test}, {"ridge": 20.0}):
        other = random_feature_risk(task, n, n_features, **{**options, **change})
        assert abs(other - predicted) > 8 * error


@pytest.mark.parametrize(
    ("n", "n_features", "ridge", "noise"),
    [
        (100, 180, 0.0, 0.2),
        (120, 120, 0.02, 0.2),
        (150, 60, 1e-3, 0.0),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in [(180, 100, 0.0, 0.0), (100, 250, 1e-5, 1.0)]),
    ],
)
def test_one_stage_agrees_with_trials(n, n_features, ridge, noise):
    options = {"ridge": ridge, "label_noise": noise}
    expected = random_feature_risk(TASK, n, n_features, **options)
    found = simulate_random_features(TASK, n, n_features, trials=80, seed=5, **options)
    # Five settings beyond four standard errors: one false alarm in 3,000.
    assert abs(found.mean - expected) < 4 * found.standard_error + 0.01 * expected


def any_setting(rng):
    """A task and options of a risk, over the ranges of rows and random features that the law is meant for."""
    n, n_features, m, few, p = (int(np.exp(rng.uniform(np.log(100), np.log(1000)))) for _ in range(5))
    ridges = [rng.choice([0.0, np.exp(rng.uniform(-9, -1))]) for _ in range(2)]
    task = Task.power_law(p + 200, rng.uniform(1, 2.5), rng.uniform(1.3, 4), rng.choice([0.0, 0.5]))
    options = {"ridge": ridges[0]}
    if rng.random() < 0.5:
        options |= {"m": m, "teacher_features": few, "teacher_ridge": ridges[1], "label_noise": rng.choice([0, 0.1])}
    return task, n, n_features, options


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_any_setting_without_a_warning_agrees_with_trials(seed):
    """Twenty settings: within 3 % or beyond four standard errors in one case of 800 at most."""
    rng = np.random.default_rng((11, seed))
    while True:
        task, n, n_features, options = any_setting(rng)
        with warnings.catch_warnings(record=True) as given:
            warnings.simplefilter("always")
            expected = random_feature_risk(task, n, n_features, **options)
        if not given and expected > 0:
            break
    found = simulate_random_features(task, n, n_features, trials=60, seed=seed, **options)
    assert abs(found.mean - expected) < max(4 * found.standard_error, 0.03 * expected)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "n_features"), [(100, 80), (80, 100)])
def test_a_small_ridge_leaves_most_of_what_the_pole_adds(n, n_features):
    """The pole adds a twentieth; a false alarm is beyond four standard errors, which are less than that twentieth."""
    task = Task.power_law(300, 1.0, 2.2, 0.2)
    found = simulate_random_features(task, n, n_features, ridge=1e-5, trials=2000, seed=5)
    expected = random_feature_risk(task, n, n_features, ridge=1e-5)
    assert abs(found.mean - expected) < min(4 * found.standard_error, 0.035 * expected)


def test_without_random_features_risks_are_those_of_regression():
    for ridge in (0.0, 0.05):
        assert random_feature_risk(TASK, 100, None, ridge=ridge) == pytest.approx(risk(TASK, 100, ridge=ridge))
        both = two_stage_risk(TASK, 100, TASK, 80, ridge=ridge, surrogate_ridge=0.1, label_noise=0.0)
        found = random_feature_risk(TASK, 100, None, ridge=ridge, m=80, teacher_ridge=0.1)
        assert found == pytest.approx(both)
        assert (found.bias, found.variance, found.noise) == pytest.approx((both.bias, both.variance, both.noise))
    plain = simulate_random_features(TASK, 100, None, trials=60)
    assert abs(plain.mean - risk(TASK, 100)) < 4 * plain.standard_error


def local_exponent(risks, ratio):
    return float(np.log(risks[0] / risks[1]) / np.log(ratio))


def test_a_students_exponent_exceeds_that_of_a_teacher_that_interpolates_noise():
    """The student of ridge n^(-alpha / (k + 1)) has k / (k + 1), k = min(r - 1, 2 alpha), whatever its teacher."""
    task = Task.power_law(60_000, 1.5, 2.5, 0.5)
    sizes = (200, 800)
    teacher = [random_feature_risk(task, n, 2 * n) for n in sizes]
    student = [random_feature_risk(task, n, 2 * n, ridge=n**-0.6, m=n, teacher_features=2 * n) for n in sizes]
    assert abs(local_exponent(teacher, 4)) < 0.02
    assert local_exponent(student, 4) == pytest.approx(0.6, abs=0.02)
    # Without ridges and random features both have the same exponent: that of the noise, none, or k. Features end at p.
    for noise, k in ((0.5, 0.0), (0.0, 1.5)):
        plain = Task.power_law(60_000, 1.5, 2.5, noise)
        first = [risk(plain, n) for n in sizes]
        second = [two_stage_risk(plain, n, plain, n, label_noise=0.0) for n in sizes]
        assert local_exponent(first, 4) == pytest.approx(k, abs=0.05)
        assert local_exponent(second, 4) == pytest.approx(local_exponent(first, 4), abs=0.01)


def test_a_students_exponent_exceeds_that_of_a_teacher_of_few_random_features():
    """The teacher has N^-alpha, its student N^(-2 alpha (2 alpha + 1) / (3 alpha + 1)) where r - 1 >= 2 alpha.

    The latter is a balance of two powers that are met slowly: 2.06, 2.07 and 2.11 from 400, 1600 and 6400 features on.
    """
    task = Task.power_law(200_000, 1.5, 5.0)
    sizes = (400, 1600)
    power = 1.5 * 4 / 5.5
    options = [{"m": n**2, "teacher_features": n, "ridge": n**-power} for n in sizes]
    teacher = [random_feature_risk(task, n**2, n) for n in sizes]
    student = [random_feature_risk(task, n**2, 2_000_000_000, **more) for n, more in zip(sizes, options, strict=True)]
    assert local_exponent(teacher, 4) == pytest.approx(1.5, abs=0.06)
    assert local_exponent(student, 4) == pytest.approx(2 * power, abs=0.15)


def test_parts():
    found = random_feature_risk(TASK, 100, 150, ridge=0.01, m=120, teacher_features=60, label_noise=0.3)
    silent = random_feature_risk(TASK, 100, 150, ridge=0.01, m=120, teacher_features=60)
    assert found == pytest.approx(found.bias + found.variance + found.noise)
    assert silent.noise == 0
    assert silent.bias == found.bias
    assert found.noise == pytest.approx(random_feature_risk(TASK, 100, 150, ridge=0.01, label_noise=0.3).noise)
    again = pickle.loads(pickle.dumps(copy.copy(found)))
    assert (again, again.bias) == (found, found.bias)


@quiet
def test_where_no_mean_exists_a_risk_is_infinite():
    for n_features in (99, 100, 101):
        assert random_feature_risk(TASK, 100, n_features) == np.inf
        assert random_feature_risk(TASK, 50, 80, m=100, teacher_features=n_features) == np.inf
    # Random features miss a part of the truth, which is noise to them.
    assert random_feature_risk(TASK, 100, 100, label_noise=0.0) == np.inf
    small = Task(np.ones(20), np.ones(20))
    for n, n_features in ((20, 20), (20, 50), (50, 20), (21, 22), (50, 40)):
        assert random_feature_risk(small, n, n_features) == pytest.approx(0, abs=1e-20)
    assert simulate_random_features(small, 30, 25, trials=3).mean < 1e-20
    assert random_feature_risk(Task(np.ones(20), np.zeros(20)), 10, 10) == 0


@quiet
@given(data=st.data())
def test_parts_are_numbers_for_any_task(any_tasks, data):
    """Never NaN, never negative, and never less for the noise that a teacher's labels are given."""
    task = data.draw(any_tasks())
    counts = [data.draw(st.integers(1, 12)) for _ in range(4)]
    ridges = [data.draw(st.sampled_from([0.0, 1e-40, 1e-9, 0.1, 1e9])) for _ in range(2)]
    options = {"ridge": ridges[0]}
    if data.draw(st.booleans()):
        options |= {"m": counts[2], "teacher_features": counts[3], "teacher_ridge": ridges[1]}
    found = random_feature_risk(task, *counts[:2], **options)
    assert min(found.bias, found.variance, found.noise) >= 0
    assert found == found.bias + found.variance + found.noise
    assert random_feature_risk(task, *counts[:2], **options, label_noise=20.0) >= found


@quiet
def test_directions_without_variance_count_where_they_are_used():
    """Random features that see 30 features of variance one and five of none: |a|^2 / N for each of these."""
    task = Task(np.r_[np.ones(30), np.zeros(5)], np.r_[np.ones(30), np.zeros(5)], 0.5)
    for n, n_features, ridge in ((60, 50, 0.0), (20, 50, 0.0), (60, 15, 0.0), (60, 50, 0.1)):
        options = {"ridge": ridge, "test_eigenvalues": np.r_[np.zeros(30), np.ones(5)]}
        found = simulate_random_features(task, n, n_features, trials=150, seed=n + n_features, **options)
        expected = random_feature_risk(task, n, n_features, **options)
        # Four settings: one false alarm in 4,000; the rest is the order 1 / n.
        assert abs(found.mean - expected) < 4 * found.standard_error + 0.04 * expected


@pytest.mark.parametrize(
    "options", [{}, {"m": 60, "teacher_features": 100}, {"ridge": 1e-9}, {"n_features": 90}, {"n_features": 110}]
)
def test_warns_near_the_peak(options):
    n_features = {"n_features": 100, **options}.pop("n_features")
    options = {key: value for key, value in options.items() if key != "n_features"}
    with pytest.warns(NearPeakWarning, match="student: n = 100" if "m" in options else "n = 100 rows, N = "):
        random_feature_risk(TASK, 100, n_features, **options)


def test_warns_of_few_rows_and_random_features_and_of_the_teacher():
    for n, n_features in ((4, 200), (200, 4)):
        with pytest.warns(NearPeakWarning, match=f"N = {n_features} random ones of 250 features"):
            random_feature_risk(TASK, n, n_features)
    with pytest.warns(NearPeakWarning, match="teacher: n = 80 rows, N = 82"):
        random_feature_risk(TASK, 100, 200, ridge=0.1, m=80, teacher_features=82)
    # No warning: a ridge, and features that are all spanned.
    random_feature_risk(TASK, 100, 100, ridge=0.05)
    random_feature_risk(Task(np.ones(30), np.ones(30), 1.0), 100, 31)


def test_a_trial_depends_on_the_seed_and_its_number_alone():
    options = {"ridge": 0.01, "m": 30, "teacher_features": 25}
    one = simulate_random_features(TASK, 20, 40, trials=4, seed=3, **options)
    more = simulate_random_features(TASK, 20, 40, trials=7, seed=3, **options)
    other = simulate_random_features(TASK, 20, 40, trials=4, seed=np.random.default_rng(3), **options)
    assert np.array_equal(one.risks, more.risks[:4])
    assert not np.array_equal(one.risks, other.risks)
    assert len(set(more.risks)) == 7
    assert np.isnan(simulate_random_features(TASK, 20, 40, trials=1).standard_error)


def test_a_small_ridge_loses_no_digits():
    """Sixteen decades of eigenvalues: from normal equations nothing would be right."""
    steep = Task(10.0 ** -np.linspace(0, 16, 40), np.ones(40))
    for n, n_features in ((20, 30), (30, 20)):
        none = simulate_random_features(steep, n, n_features, trials=5, seed=1)
        nearly = simulate_random_features(steep, n, n_features, ridge=1e-22, trials=5, seed=1)
        assert nearly.risks == pytest.approx(none.risks, rel=1e-3)


BAD = [
    ((1.5, 10), {}, TypeError, "n must be"),
    ((0, 10), {}, ValueError, "n must be at least 1"),
    ((10, 0), {}, ValueError, "n_features must be at least 1"),
    ((10, "many"), {}, TypeError, "n_features must be"),
    ((10, 20), {"ridge": -0.1}, ValueError, "ridge must be at least 0, got -0.1"),
    ((10, 20), {"ridge": np.nan}, ValueError, "ridge must be finite"),
    ((10, 20), {"m": 0}, ValueError, "m must be at least 1"),
    ((10, 20), {"m": 10, "teacher_features": 0}, ValueError, "teacher_features must be at least 1"),
    ((10, 20), {"m": 10, "teacher_ridge": -1.0}, ValueError, "teacher_ridge must be at least 0"),
    ((10, 20), {"teacher_features": 5}, ValueError, "need m"),
    ((10, 20), {"teacher_ridge": 0.1}, ValueError, "need m"),
    ((10, 20), {"label_noise": -1.0}, ValueError, "label_noise must be at least 0"),
    ((10, 20), {"test_eigenvalues": np.ones(7)}, ValueError, r"test_eigenvalues of shape \(7,\)"),
]


@pytest.mark.parametrize("function", [random_feature_risk, simulate_random_features])
@pytest.mark.parametrize(("sizes", "options", "error", "words"), BAD)
def test_bad_arguments(function, sizes, options, error, words):
    with pytest.raises(error, match=words):
        function(TASK, *sizes, **options)
    with pytest.raises(TypeError, match=r"limbeck\.distillation\.Task"):
        function(TASK.eigenvalues, 10, 20)


def test_trials_that_cannot_be_solved_are_an_error():
    flat = Task(np.r_[1.0, 1e-200, 1e-300], np.ones(3))
    with pytest.raises(FloatingPointError, match="trial"):
        simulate_random_features(flat, 2, 2, trials=3)
    with pytest.raises(ValueError, match="trials must be at least 1"):
        simulate_random_features(TASK, 10, 20, trials=0)


@pytest.mark.filterwarnings("ignore::limbeck.distillation.NearPeakWarning")
@pytest.mark.parametrize("teacher_features", [3, 4, 5, 9])
def test_a_feature_that_does_not_vary_is_no_part_of_a_risk(teacher_features):
    """As many random features of a teacher as there are features that vary leave infinite scatter in the others."""
    varying, beta = np.array([1.0, 0.5, 0.3, 0.2]), np.ones(4)
    how = {"ridge": 0.1, "m": 6, "teacher_features": teacher_features}
    wanted = random_feature_risk(Task(varying, beta), 7, 9, **how)
    found = random_feature_risk(Task(np.r_[varying, 0.0], np.ones(5)), 7, 9, **how)
    assert found == pytest.approx(float(wanted), rel=1e-12)

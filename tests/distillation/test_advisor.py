"""Advice from data alone: how often it is right, and what it is made of."""

import numpy as np
import pytest

from limbeck import ridgeless
from limbeck.distillation import (
    Task,
    advise,
    advisor,
    effective_ridge,
)
from limbeck.distillation.distilled_labels import self_distilled
from limbeck.distillation.equivalents import equivalent
from limbeck.distillation.settings import AdvisorSettings


def advised(seed, n, p, alpha, noise, damage):
    """Advice from the rows of a Gaussian task, and the true gain of a damaged surrogate's labels."""
    rng = np.random.default_rng(seed)
    task = Task.power_law(p, alpha, 1.5, noise)
    surrogate = task.beta * (1 + damage * rng.standard_normal(p))
    X = rng.standard_normal((n, p)) * np.sqrt(task.eigenvalues)
    y = X @ task.beta + np.sqrt(noise) * rng.standard_normal(n)
    fits = np.linalg.pinv(X) @ np.column_stack([y, X @ surrogate])
    strong, weak = task.eigenvalues @ np.square(fits - task.beta[:, None])
    return advise(X, y, X @ surrogate), strong - weak


def tally(draws, *setting):
    """How many gains the interval covers, how many exceed two errors, and how many of those advice got right."""
    found = [advised(seed, *setting) for seed in range(draws)]
    covered = [abs(a.surrogate_gain - gain) < 2 * a.surrogate_standard_error for a, gain in found]
    right = [(a.surrogate_gain > 0) == (gain > 0) for a, gain in found if abs(gain) > 2 * a.surrogate_standard_error]
    return sum(covered), len(right), sum(right)


@pytest.mark.slow
def test_advice_is_right_where_it_is_given():
    settings = [(150, 300, 1.2, 0.5, 0.1), (150, 300, 1.2, 0.02, 1.0), (60, 20, 1.2, 0.2, 0.5)]
    covered, given, right = np.sum([tally(50, *setting) for setting in settings], axis=0)
    assert given > 50
    assert right >= 0.95 * given
    assert 0.9 * 150 <= covered <= 0.985 * 150


@pytest.mark.slow
def test_advice_covers_whatever_the_setting():
    settings = [
        (150, 300, 1.2, 0.5, 0.1),
        (150, 300, 1.2, 0.02, 1.0),
        (100, 400, 0.7, 0.3, 0.4),
        (60, 200, 0.5, 0.5, 0.2),
        (100, 2000, 0.3, 0.3, 0.5),
        (100, 300, 2.0, 0.1, 0.3),
        (300, 100, 1.0, 0.5, 0.3),
        (400, 120, 0.5, 0.5, 0.05),
        (300, 50, 1.0, 1.0, 0.5),
        (200, 150, 1.0, 0.5, 0.2),
    ]
    found = np.array([tally(200, *setting) for setting in settings])
    covered, given, right = found.sum(axis=0)
    assert 0.92 <= covered / (200 * len(settings)) <= 0.98
    assert (found[:, 0] >= 0.88 * 200).all()  # three standard errors below 0.935
    assert right >= 0.95 * given


@pytest.mark.parametrize("intercept", ["centred", None, "penalised"])
@pytest.mark.parametrize(("n", "p"), [(12, 30), (30, 12)])
def test_advice_is_what_leaving_out_shows(n, p, intercept):
    rng = np.random.default_rng(3)
    X, y, weak = rng.standard_normal((n, p)) + 2, rng.standard_normal(n) + 5, rng.standard_normal(n)
    advice = advise(X, y, weak, intercept=intercept)
    for labels, error in (
        (y, advice.strong_error),
        (weak, advice.surrogate_error),
        (advice.weight * weak + (1 - advice.weight) * y, advice.mixture_error),
    ):
        fits = [ridgeless.solve(np.delete(X, i, 0), np.delete(labels, i), intercept=intercept) for i in range(n)]
        assert np.mean([(y[i] - fits[i].predict(X[[i]])[0]) ** 2 for i in range(n)]) == pytest.approx(error)


def test_advice_on_the_same_labels():
    rng = np.random.default_rng(3)
    X, y = rng.standard_normal((12, 30)), rng.standard_normal(12)
    for labels in (y, y * (1 + 1e-12)):
        same = advise(X, y, labels)
        assert (same.recommendation, same.weight) == ("undecided", 0.0)
    assert str(same).startswith("train on: undecided: keep the strong labels")


def test_every_recommendation_is_given():
    rng = np.random.default_rng(0)
    X, truth = rng.standard_normal((180, 60)), rng.standard_normal(60)
    clean, noise = X @ truth, rng.standard_normal(180)
    settings = {
        "surrogate labels": (clean + 20 * noise, clean),
        "strong labels": (clean + 0.1 * noise, clean + 20 * rng.standard_normal(180)),
        "mixture": (clean + 5 * noise, clean + 5 * rng.standard_normal(180)),
        "undecided": (clean + 5 * noise, clean + 5 * noise + 1e-3 * rng.standard_normal(180)),
    }
    found = {recommendation: advise(X, *labels) for recommendation, labels in settings.items()}
    for recommendation, advice in found.items():
        assert advice.recommendation == recommendation
    # Squares of the labels' unit.
    y, labels = settings["mixture"]
    large, mixture = advise(X * 1e-100, y * 2.0**300, labels * 2.0**300), found["mixture"]
    assert large.recommendation == "mixture"
    for name in ("strong_error", "standard_error", "strong_gcv"):
        assert getattr(large, name) == pytest.approx(getattr(mixture, name) * 2.0**600)
    assert mixture.weight == pytest.approx(0.5, abs=0.2)
    strong, weak = settings["surrogate labels"]
    advice = found["surrogate labels"]
    assert advice.strong_gcv == pytest.approx(ridgeless.generalized_cross_validation(X, strong, intercept="centred"))
    assert advice.surrogate_gcv == pytest.approx(
        ridgeless.generalized_cross_validation(X, weak, intercept="centred"), abs=1e-9
    )


@pytest.mark.filterwarnings("ignore::limbeck.distillation.NearPeakWarning")
@pytest.mark.parametrize("alpha", [6, 8])
def test_the_effective_ridge_of_steep_data(alpha):
    task = Task.power_law(400, alpha, 1.5)
    X = np.random.default_rng(4).standard_normal((100, 400)) * np.sqrt(task.eigenvalues)
    advice = advise(X, X @ task.beta, X @ task.beta, intercept=None)
    assert advice.effective_ridge == pytest.approx(effective_ridge(task.eigenvalues, 100), rel=0.2)
    assert advice.degrees_of_freedom == pytest.approx(100 * (1 - equivalent(task, 100).one_minus_omega), rel=0.1)
    units = np.random.default_rng(5).standard_normal((30, 4)) * [1, 1e3, 1e9, 1e-3]
    assert advise(units, np.arange(30.0), np.arange(30.0)).degrees_of_freedom == 5


def test_advice_refuses_rows_that_were_centred():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 120)) + 3
    surrogate = X @ rng.standard_normal(120)
    y = surrogate + 20 * rng.standard_normal(60)
    with pytest.raises(ValueError, match="X has been centred, and has 60 rows of 120 features"):
        advise(X - X.mean(axis=0), y, surrogate, intercept=None)
    # With a constant term it does not matter.
    whole = advise(X, y, surrogate)
    part = advise(X - X.mean(axis=0), y - 7, surrogate - 7)
    assert whole.strong_error == pytest.approx(part.strong_error)
    assert whole.surrogate_error == pytest.approx(part.surrogate_error)
    assert whole.effective_ridge == pytest.approx(part.effective_ridge)


def test_advice_of_deficient_rank_is_that_of_independent_features():
    rng = np.random.default_rng(1)
    X, y, weak = rng.standard_normal((50, 10)), rng.standard_normal(50), rng.standard_normal(50)
    once, often = advise(X, y, weak), advise(np.repeat(X, 20, axis=1), y, weak)
    for name in ("strong_error", "gain", "standard_error", "effective_ridge", "degrees_of_freedom"):
        assert getattr(often, name) == pytest.approx(getattr(once, name)), name


def test_advice_sees_a_surrogate_that_was_fitted_to_the_labels():
    rng = np.random.default_rng(2)
    X, y = rng.standard_normal((100, 10)), rng.standard_normal(100)
    fitted = ridgeless.solve(X, y, intercept="centred").predict(X)
    with pytest.warns(UserWarning, match="as if the surrogate had been fitted to y"):
        advise(X, y, fitted)
    advise(X, y, X @ rng.standard_normal(10))


def test_the_effective_ridge_of_data():
    task = Task.power_law(400, 1.0, 1.5)
    X = np.random.default_rng(4).standard_normal((100, 400)) * np.sqrt(task.eigenvalues)
    advice = advise(X, X @ task.beta, X @ task.beta)
    tau = effective_ridge(task.eigenvalues, 100)
    assert advice.effective_ridge == pytest.approx(tau, rel=0.05)
    expected = np.sum(np.square(task.eigenvalues / (task.eigenvalues + tau)))
    assert advice.degrees_of_freedom == pytest.approx(expected, rel=0.1)


def learnable():
    """Rows, labels that are nearly linear in them, and a surrogate's that know nothing."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 8))
    return X, X @ np.ones(8) + 0.1 * rng.standard_normal(60), rng.standard_normal(60)


def test_settings_decide_what_is_certain():
    X, y, weak = learnable()
    plain = advisor.advice_on(X, y, weak, "centred", 1)
    assert plain.recommendation == "strong labels"
    doubtful = advisor.advice_on(X, y, weak, "centred", 1, AdvisorSettings(certain=1e3))
    assert doubtful.recommendation == "undecided"
    wide = advisor.advice_on(X, y, weak, "centred", 1, AdvisorSettings(calibration=11.0))
    assert wide.surrogate_standard_error > 1.1 * plain.surrogate_standard_error
    assert wide.gain == plain.gain


def test_advice_is_printed_as_a_table():
    X, y, weak = learnable()
    lines = str(advise(X, y, weak)).splitlines()
    assert lines[0] == "train on: strong labels"
    names = ("strong labels", "surrogate labels", "mixture", "self-distillation", "gain")
    assert [line[2:20].rstrip() for line in lines[2:7]] == list(names)
    assert " ".join(lines[1].split()) == "trained on squared error at rows left out of training"
    assert lines[4].endswith(")")
    assert lines[7].startswith("degrees of freedom of a fit: ")


def clustered(seed, clusters=20, size=5, p=30):
    """Rows whose labels share noise within clusters, a surrogate's labels, and the true gain of these."""
    rng = np.random.default_rng(seed)
    which = np.arange(clusters * size) // size
    values = 1 / np.arange(1.0, p + 1)
    X = (rng.standard_normal((clusters, p))[which] + rng.standard_normal((len(which), p))) * np.sqrt(values / 2)
    truth = rng.choice([-1.0, 1.0], p)
    noise = rng.standard_normal(clusters)[which] + 0.5 * rng.standard_normal(len(which))
    y, weak = X @ truth + noise, X @ (truth * (1 + 0.5 * rng.standard_normal(p)))
    fits = [ridgeless.solve(X, labels, intercept="centred") for labels in (y, weak)]
    strong, surrogate = (values @ np.square(fit.coef - truth) + float(np.squeeze(fit.intercept)) ** 2 for fit in fits)
    return X, y, weak, which, strong - surrogate


@pytest.mark.parametrize("intercept", ["centred", None, "penalised"])
@pytest.mark.parametrize("p", [3, 30])
def test_advice_with_clusters_is_what_leaving_them_out_shows(p, intercept):
    X, y, weak, which, _ = clustered(0, clusters=6, size=3, p=p)
    order = np.random.default_rng(0).permutation(len(X))
    X, y, weak, which = X[order], y[order], weak[order], which[order]
    advice = advise(X, y, weak, cluster=which, intercept=intercept)
    for labels, error in ((y, advice.strong_error), (weak, advice.surrogate_error)):
        missed = []
        for c in range(6):
            fit = ridgeless.solve(X[which != c], labels[which != c], intercept=intercept)
            missed.extend(y[which == c] - fit.predict(X[which == c]))
        assert np.mean(np.square(missed)) == pytest.approx(error)
    named = advise(X, y, weak, cluster=[f"ward {c}" for c in which], intercept=intercept)
    assert str(named) == str(advice)


def test_clusters_of_one_row_are_rows():
    X, y, weak, which, _ = clustered(1, clusters=10, size=4, p=12)
    assert str(advise(X, y, weak, cluster=np.arange(len(X)))) == str(advise(X, y, weak))
    assert advise(X, y, weak, cluster=which).strong_error > advise(X, y, weak).strong_error


def test_clusters_that_cannot_be():
    X, y, weak, which, _ = clustered(1)
    with pytest.raises(ValueError, match=r"cluster must have one label for each of 100 rows, got shape \(99,\)"):
        advise(X, y, weak, cluster=which[1:])
    with pytest.raises(ValueError, match="cluster must have at least 4 different labels, got 3"):
        advise(X, y, weak, cluster=which % 3)
    with pytest.raises(ValueError, match="cluster has missing labels"):
        advise(X, y, weak, cluster=np.where(which == 2, np.nan, which))


@pytest.mark.slow
def test_intervals_cover_with_clusters():
    draws = 400
    covered, ignored = 0, 0
    for seed in range(draws):
        X, y, weak, which, gain = clustered(seed)
        with_clusters, without = advise(X, y, weak, cluster=which), advise(X, y, weak)
        covered += abs(with_clusters.surrogate_gain - gain) < 1.96 * with_clusters.surrogate_standard_error
        ignored += abs(without.surrogate_gain - gain) < 1.96 * without.surrogate_standard_error
    # Of 0.95, by three standard errors of 400 draws; seeds are fixed.
    assert 0.917 <= covered / draws <= 0.983
    assert ignored / draws < 0.8


def test_a_student_is_what_leaving_out_shows():
    """Where all blocks choose alike, the error is that of refits of teacher and student without each row."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 60)) * np.arange(1, 61) ** -0.5
    y = X @ np.ones(60) + rng.standard_normal(40) + 3
    settings = AdvisorSettings(ridges=1, smallest_ridge=0.5, largest_ridge=0.5)
    own = self_distilled(X, y, None, "centred", settings)

    def ridge(rows, labels):
        mean = rows.mean(axis=0)
        gram = (rows - mean).T @ (rows - mean) + own.ridge * np.eye(60)
        coef = np.linalg.solve(gram, (rows - mean).T @ (labels - labels.mean()))
        return lambda new: labels.mean() + (new - mean) @ coef

    left_out, student = np.empty(40), np.empty(40)
    for i in range(40):
        rows, labels = np.delete(X, i, 0), np.delete(y, i)
        teacher = ridge(rows, labels)
        left_out[i] = y[i] - teacher(X[i])
        student[i] = y[i] - ridge(rows, teacher(rows))(X[i])
    np.testing.assert_allclose(own.ridge_residuals, left_out)
    change = student - left_out
    assert own.mixing == pytest.approx(-(left_out @ change) / (change @ change))


def test_a_student_is_recommended_where_it_is_certain():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 200))
    y = X[:, 0] + 3 * rng.standard_normal(300)
    advice = advise(X, y, 5 * rng.standard_normal(300))
    assert advice.recommendation == "self-distillation"
    assert advice.gain == advice.self_distillation_gain > 1.645 * advice.standard_error
    assert advice.self_distillation_error == pytest.approx(advice.strong_error - advice.gain)


# Nine ridges of the same span leave as much to choose, at a third of the cost.
@pytest.mark.parametrize("ridges", [9, pytest.param(AdvisorSettings().ridges, marks=pytest.mark.slow)])
def test_the_choosing_of_a_student_is_counted(ridges):
    """The error is that at new rows on average, within three standard errors (and a part in seventy)."""
    differences = []
    for seed in range(36):
        rng = np.random.default_rng(seed)
        X, noise = rng.standard_normal((30, 40)), rng.standard_normal(30)
        y = X[:, 0] + noise
        own = self_distilled(X, y, None, "centred", AdvisorSettings(ridges=ridges))
        mean = X.mean(axis=0)
        U, s, Vt = np.linalg.svd(X - mean, full_matrices=False)
        kept = s > 1e-9
        U, s, Vt = U[:, kept], s[kept], Vt[kept]
        shrunk = s**2 / (s**2 + own.ridge)
        filtered = shrunk * (1 - own.mixing + own.mixing * shrunk)
        coef = Vt.T @ (filtered / s * (U.T @ (y - y.mean())))
        risk = np.sum(np.square(coef - np.eye(40)[0])) + (y.mean() - mean @ coef) ** 2 + 1
        differences.append(np.mean(np.square(own.residuals)) - risk)
    differences = np.array(differences)
    assert abs(differences.mean()) < 3 * differences.std(ddof=1) / np.sqrt(36) + 0.03


@pytest.mark.parametrize(
    ("n", "intercept"),
    [
        *[(40, "centred"), (120, None)],
        *(pytest.param(*case, marks=pytest.mark.slow) for case in ((40, None), (120, "centred"))),
    ],
)
def test_a_smoother_of_y_is_told_and_labels_that_know_nothing_of_its_noise_are_not(n, intercept):
    rng = np.random.default_rng(n)
    X = rng.standard_normal((n, 60)) * np.r_[np.full(4, 8.0), np.ones(56)] + 1
    truth = X[:, :4] @ [1.0, -1.0, 0.5, 0.8]
    y = truth + 2 * rng.standard_normal(n)
    mean, level = (X.mean(axis=0), y.mean()) if intercept else (0.0, 0.0)
    rows = X - mean
    U, sizes, _ = np.linalg.svd(rows, full_matrices=False)
    U_scaled, scaled_sizes, _ = np.linalg.svd(rows / np.sqrt(np.square(rows).mean(axis=0)), full_matrices=False)
    for basis, parts in (
        (U, sizes**2 / (sizes**2 + 0.1)),
        (U, sizes**2 / (sizes**2 + 100.0)),
        (U, np.arange(60)[: len(sizes)] < 6),
        (U, -np.expm1(-0.01 * sizes**2)),
        (U_scaled, scaled_sizes**2 / (scaled_sizes**2 + 30.0)),
    ):
        with pytest.warns(UserWarning, match="as if the surrogate had been fitted to y"):
            advise(X, y, level + basis @ (parts * (basis.T @ (y - level))), intercept=intercept)
    # The truth, the truth of other noise, a constant and y itself have seen nothing of y's noise, or pretend nothing.
    for weak in (truth, truth + rng.standard_normal(n), np.full(n, 3.0), np.zeros(n), y):
        advise(X, y, weak, intercept=intercept)


def test_the_weight_of_labels_in_a_mixture_is_bounded():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((30, 50)), rng.standard_normal(30)
    weights = [advise(X, y, y + 1e-3 * rng.standard_normal(30)).weight for _ in range(8)]
    assert max(map(abs, weights)) == AdvisorSettings().largest_weight


@pytest.mark.parametrize("slope", [1.0, 0.9, 0.7])
def test_an_honest_surrogate_of_one_strong_direction_is_not_accused(slope):
    # A warning would be an error.
    for seed in range(3):
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((80, 6)) * np.r_[30.0, np.ones(5)]
        advise(X, X[:, 0] / 30 + rng.standard_normal(80), slope * X[:, 0] / 30)
        # A part of labels that are all but without noise is no smoother of them.
        truth = X @ rng.standard_normal(6)
        advise(X, truth + 1e-4 * rng.standard_normal(80), 0.9 * truth)

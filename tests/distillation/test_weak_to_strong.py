"""Weak-to-strong training from data alone."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from limbeck.distillation import weak_to_strong
from limbeck.distillation.settings import WeakToStrongSettings
from limbeck.distillation.weak_surrogates import FAMILIES, LabelledRows


def spiked(seed, n=60, p=100, noise=1.0):
    """Labels along three large directions among many small ones."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) * np.r_[np.full(3, 10.0), np.ones(p - 3)]
    return X, X[:, :3] @ [1.0, -1.0, 0.5] + noise * rng.standard_normal(n) + 7


def data_of(X, y, more=None, members=None, constant=True):
    more = np.empty((0, X.shape[1])) if more is None else more
    return LabelledRows(
        X, y, more, members, constant, WeakToStrongSettings(sizes=6, ridges_per_decade=1, target_ridges=2)
    )


def fitted(rows, y, size):
    """Ridge regression with a constant, for scikit-learn's alpha."""
    mean, level = rows.mean(axis=0), y.mean()
    gram = (rows - mean).T @ (rows - mean) + size * np.eye(rows.shape[1])
    coef = np.linalg.solve(gram, (rows - mean).T @ (y - level))
    return lambda new: level + (new - mean) @ coef


def test_left_out_errors_of_ridges_are_those_of_refits():
    rng = np.random.default_rng(1)
    X, y = spiked(1, 20, 8)
    more = rng.standard_normal((15, 8)) + 1
    members = [np.array([i, i + 10]) for i in range(10)]
    for groups, extra in ((None, None), (members, None), (None, more)):
        data = data_of(X, y, extra, groups)
        for trial in FAMILIES["ridge"](data):
            size = float(trial.surrogate.split()[1])
            everything = data.all_rows
            for own in groups or [np.array([i]) for i in range(20)]:
                kept = np.setdiff1d(np.arange(20), own)
                # A surrogate's constant is that of its own rows; the target's ridge has the directions of all rows.
                first = fitted(X[kept], y[kept], size)
                others = np.delete(everything, own, 0)
                target = fitted(others, first(others), trial.ridge) if trial.ridge else first
                # Sizes are printed with three digits.
                np.testing.assert_allclose(y[own] - trial.residuals[own], target(X[own]), rtol=5e-3, atol=5e-3)


def test_targets_are_what_they_are_called():
    X, y = spiked(2, 25, 6)
    for family in FAMILIES.values():
        for trial in family(data_of(X, y))[::3]:
            predict = trial.fit()
            assert np.isfinite(predict(X)).all()
            # A target that learns from the labels of a linear surrogate is no better on them than the surrogate is.
            assert trial.error > np.mean(np.square(y - predict(X))) * 0.5


# Gains of 11 to 26 %, which 120 rows tell from 2 % in three of eight draws: the second is one of those.
@pytest.mark.parametrize(("draws", "least"), [([1], 1), pytest.param(range(8), 3, marks=pytest.mark.slow)])
def test_a_teacher_of_few_components_is_recommended_where_it_is_right(draws, least):
    found = [weak_to_strong(*spiked(seed, 120)) for seed in draws]
    assert all(value.gain > 0 for value in found)
    recommended = [value for value in found if value.recommendation == "weak-to-strong"]
    assert len(recommended) >= least
    assert all("leading principal components" in value.surrogate for value in found)
    X, y = spiked(100, 4000)
    for value in recommended:
        assert np.mean(np.square(value.predict(X) - y)) == pytest.approx(value.error, rel=0.6)
        assert value.gain == pytest.approx(value.ridge_error - value.error)
    report = recommended[0].report
    assert report == str(recommended[0])
    assert "Use weak-to-strong training" in report
    assert "120 rows with labels" in report
    assert repr(recommended[0]).startswith("WeakToStrong('weak-to-strong', ")


# At two standard errors, enlarged: about one in 60 by chance, so that three of 16 are one run in 500, two of five one
# in 370, two of three one in 1,200. Sixteen take seconds; three show a rule that recommends most of the time.
@pytest.mark.parametrize(("draws", "most"), [(3, 1), pytest.param(16, 2, marks=pytest.mark.slow)])
def test_noise_is_not_recommended(draws, most):
    recommended = 0
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        found = weak_to_strong(rng.standard_normal((40, 15)), rng.standard_normal(40))
        recommended += found.recommendation == "weak-to-strong" and found.gain > 0.05 * found.ridge_error
    assert recommended <= most


def test_what_is_not_recommended_is_ridge_regression():
    rng = np.random.default_rng(3)
    X, y = rng.standard_normal((50, 10)), rng.standard_normal(50)
    found = weak_to_strong(X, y)
    assert found.recommendation == "ridge"
    assert f"Use {found.headline}." in found.report
    assert found.headline.startswith("ridge regression, as ")
    for gain, reason in (
        (0.1, "what weak-to-strong gains may be next to nothing"),
        (0.01, "what weak-to-strong gains may be chance"),
        (-0.1, "weak-to-strong training is no better"),
    ):
        assert replace(found, gain=gain).headline.endswith(reason)
    plain = min((t for t in FAMILIES["ridge"](data_of_default(X, y)) if not t.ridge), key=lambda t: t.error).fit()
    np.testing.assert_allclose(found.predict(X), plain(X))


def data_of_default(X, y):
    return LabelledRows(X, y, np.empty((0, X.shape[1])), None, True, WeakToStrongSettings())


def test_candidates_of_all_kinds():
    X, y = spiked(4, n=24, p=8)
    more = spiked(5, n=18, p=8)[0]

    def first_column(X, y):
        slope = (X[:, 0] @ (y - y.mean())) / (X[:, 0] @ X[:, 0])
        return lambda rows: y.mean() + slope * rows[:, 0]

    found = weak_to_strong(X, y, candidates=["all", first_column], X_unlabelled=more)
    assert [family for family, _, _ in found.families] == [*FAMILIES, "given"]
    assert found.families[-1][1] == "first_column"
    assert (found.n_rows, found.n_unlabelled) == (24, 18)
    assert "and 18 without" in found.report
    frame = pd.DataFrame(X, columns=[f"c{j}" for j in range(8)])
    options = {"candidates": first_column, "X_unlabelled": more}
    again = weak_to_strong(frame, pd.Series(y), **options)
    np.testing.assert_array_equal(again.coef, weak_to_strong(X, y, **options).coef)
    without = weak_to_strong(X, y - y.mean(), candidates=first_column, intercept=False)
    assert without.intercept == 0


def test_clusters_are_left_out_whole():
    rng = np.random.default_rng(6)
    X = np.repeat(rng.standard_normal((8, 12)), 2, axis=0)
    y = np.repeat(rng.standard_normal(8), 2) + 0.01 * rng.standard_normal(16)
    cluster = np.repeat(np.arange(8), 2)
    # Copies of rows tell their labels; other clusters know nothing of them.
    assert weak_to_strong(X, y).ridge_error < 0.05
    assert weak_to_strong(X, y, cluster=cluster).ridge_error > 0.5


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"candidates": "magic"}, ValueError, "candidates must be \"principal components\".*got 'magic'"),
        ({"candidates": []}, ValueError, "candidates is empty"),
        ({"candidates": lambda X, y: 3}, TypeError, "must return a function of rows, got int"),
        ({"candidates": lambda X, y: lambda rows: rows[:1, 0]}, ValueError, "labels of <lambda>"),
        ({"candidates": lambda X, y: lambda rows: rows[:, 0] * np.nan}, ValueError, "labels of <lambda>"),
        ({"X_unlabelled": np.ones((3, 2))}, ValueError, "X_unlabelled of shape"),
        ({"cluster": np.arange(5)}, ValueError, "cluster must have one label for each of 20 rows"),
        ({"cluster": np.zeros(20)}, ValueError, "at least 4 different labels, got 1"),
    ],
)
def test_wrong_arguments_are_refused(options, error, message):
    X, y = spiked(7, 20, 5)
    with pytest.raises(error, match=message):
        weak_to_strong(X, y, **options)


def test_wrong_rows_are_refused():
    X, y = spiked(8, 20, 5)
    with pytest.raises(ValueError, match="at least 12 rows"):
        weak_to_strong(X[:11], y[:11])
    with pytest.raises(ValueError, match="constant in every feature"):
        weak_to_strong(np.ones((20, 3)), y)
    with pytest.raises(ValueError, match="y"):
        weak_to_strong(X, y[:19])
    with pytest.raises(ValueError, match="X of shape"):
        weak_to_strong(X, y).predict(X[:, :4])


def test_collinear_features_with_rows_without_labels():
    # Labelled rows do not determine directions that only the other rows show well: such surrogates are passed over.
    rng = np.random.default_rng(9)
    smooth = np.cumsum(np.cumsum(rng.standard_normal((45, 30)), axis=1), axis=1)
    y = smooth[:15, 10] + 0.1 * rng.standard_normal(15)
    found = weak_to_strong(smooth[:15], y, X_unlabelled=smooth[15:], candidates="all")
    assert np.isfinite(found.coef).all()
    assert found.error < np.var(y)
    repeated = np.column_stack([smooth, smooth])
    again = weak_to_strong(repeated[:15], y, X_unlabelled=repeated[15:])
    assert np.isfinite(again.coef).all()


def test_columns_of_frames_are_matched_by_name():
    X, y = spiked(1, 60, 8)
    frame = pd.DataFrame(X, columns=list("abcdefgh"))
    found = weak_to_strong(frame, y, X_unlabelled=frame[list("hgfedcba")] + 1.0)
    assert found.feature_names == tuple("abcdefgh")
    np.testing.assert_array_equal(found.predict(frame[list("hgfedcba")].assign(z="other")), found.predict(X))
    np.testing.assert_allclose(found.coef, weak_to_strong(X, y, X_unlabelled=X + 1.0).coef, rtol=1e-9, atol=1e-12)
    with pytest.raises(ValueError, match="X lacks the column 'a'"):
        found.predict(frame.rename(columns={"a": "A"}))
    with pytest.raises(ValueError, match="X_unlabelled"):
        weak_to_strong(frame, y, X_unlabelled=frame.rename(columns={"a": "A"}))


def test_constant_labels_are_refused():
    with pytest.raises(ValueError, match=r"y is constant \(2\): there is nothing to learn"):
        weak_to_strong(np.random.default_rng(0).standard_normal((20, 3)), np.full(20, 2.0))


def test_the_ridge_of_what_is_recommended_is_told():
    rng = np.random.default_rng(3)
    X, y = rng.standard_normal((50, 10)), rng.standard_normal(50)
    found = weak_to_strong(X, y)
    assert found.recommendation == "ridge"
    np.testing.assert_allclose(found.predict(X), fitted(X, y, found.plain_ridge)(X), rtol=1e-8)
    assert f"Its ridge (alpha) is {found.plain_ridge:.3g}." in found.report
    assert "which gives back the weak teacher itself" in replace(found, ridge=0.0).report

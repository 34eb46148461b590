"""The scikit-learn estimators: scikit-learn's own checks, and what they are made of."""

import pickle

import numpy as np
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import limbeck
from limbeck import ridgeless
from limbeck.estimators import NarrowReLURegressor, RidgelessRegressor

EXPECTED_FAILURES = {
    "NarrowReLURegressor": {
        # Zero weight is removal, but weight two is not a second row: how much weight decay the rows ask for depends on
        # how many they are, and only ratios of weights are taken to matter.
        "check_sample_weight_equivalence_on_dense_data": "weights are relative; repeated rows count as more evidence",
        "check_sample_weight_equivalence_on_sparse_data": "weights are relative; repeated rows count as more evidence",
    }
}


@parametrize_with_checks(
    [RidgelessRegressor(), NarrowReLURegressor(max_width=1, random_state=0)],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES.get(type(estimator).__name__, {}),
)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


# The same without an intercept, and with the search for up to 16 neurons, which most of the time goes into.
@pytest.mark.slow
@parametrize_with_checks(
    [RidgelessRegressor(fit_intercept=False), NarrowReLURegressor(random_state=0)],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES.get(type(estimator).__name__, {}),
)
def test_checks_of_scikit_learn_of_other_settings(estimator, check):
    check(estimator)


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    X = rng.gamma(2.0, size=(120, 5))
    return X, np.column_stack([np.maximum(X[:, 0] - 2, 0) + X[:, 1], X[:, 2]]) + 0.05 * rng.standard_normal((120, 2))


@pytest.mark.parametrize("targets", [slice(None), 0])
@pytest.mark.parametrize("rows", [120, 4])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_ridgeless_is_the_solver(table, targets, rows, fit_intercept):
    X, y = table[0][:rows], table[1][:rows, targets]
    model = RidgelessRegressor(fit_intercept=fit_intercept).fit(X, y)
    found = ridgeless.solve(X, y, intercept="centred" if fit_intercept else None)
    np.testing.assert_array_equal(model.coef_, found.coef.T)
    np.testing.assert_array_equal(model.intercept_, found.intercept)
    np.testing.assert_allclose(model.predict(X), found.predict(X))
    assert model.rank_ == found.rank
    if rows == 4:
        np.testing.assert_allclose(model.predict(X), y)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_weights_of_ridgeless_are_repetitions(table, fit_intercept):
    X, y = table
    counts = np.random.default_rng(1).integers(0, 4, len(X))
    weighted = RidgelessRegressor(fit_intercept=fit_intercept).fit(X, y, counts)
    repeated = RidgelessRegressor(fit_intercept=fit_intercept).fit(np.repeat(X, counts, 0), np.repeat(y, counts, 0))
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-10)
    np.testing.assert_allclose(weighted.intercept_, repeated.intercept_, rtol=1e-10, atol=1e-12)
    with pytest.raises(ValueError, match="sample_weight is zero for every row"):
        RidgelessRegressor().fit(X, y, np.zeros(len(X)))


def test_narrow_networks_are_learned_one_for_each_target(table):
    X, y = table
    model = NarrowReLURegressor(4, random_state=0).fit(X, y)
    assert [type(net) for net in model.network_] == [limbeck.ReLUNetwork] * 2
    np.testing.assert_array_equal(model.predict(X)[:, 1], model.network_[1](X))
    assert model.score(X, y) > 0.95
    one = NarrowReLURegressor(4, random_state=0).fit(X, y[:, 0])
    assert one.network_ == model.network_[0]
    assert one.learned_.network == one.network_
    seed = int(np.random.RandomState(0).randint(2**31 - 1))
    assert limbeck.learn(X, y[:, 0], 4, inputs="any", validation=0.0, seed=seed).network == one.network_
    again = pickle.loads(pickle.dumps(one))
    np.testing.assert_array_equal(again.predict(X), one.predict(X))


def test_in_pipelines_and_searches(table):
    X, y = table
    search = GridSearchCV(
        make_pipeline(StandardScaler(), NarrowReLURegressor(random_state=0)), {"narrowreluregressor__width": [0, 2]}
    )
    search.fit(X, y[:, 0])
    assert search.best_params_["narrowreluregressor__width"] == 2
    assert search.best_score_ > 0.9


def test_few_rows_are_named(table):
    X, y = table
    with pytest.raises(ValueError, match="a network needs 10 rows or more, got n_samples = 9"):
        NarrowReLURegressor().fit(X[:9], y[:9])


def test_without_scikit_learn_it_names_the_extra(monkeypatch):
    import importlib
    import sys

    import limbeck.estimators as module

    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    with pytest.raises(ImportError, match=r"limbeck\[sklearn\]"):
        importlib.reload(module)
    monkeypatch.undo()
    importlib.reload(module)


def test_names_reach_the_sentences():
    pandas = pytest.importorskip("pandas")
    X = np.random.default_rng(0).uniform(-1, 1, (200, 2))
    frame = pandas.DataFrame(X, columns=["width", "height"])
    targets = pandas.DataFrame({"area": np.abs(X[:, 0]), "weight": np.abs(X[:, 1])})
    model = NarrowReLURegressor(width=2, random_state=0).fit(frame, targets)
    assert [one.target_name for one in model.learned_] == ["area", "weight"]
    assert model.learned_[0].feature_names == ("width", "height")
    assert NarrowReLURegressor(width=1).fit(X, targets["area"]).learned_.target_name == "area"
    assert NarrowReLURegressor(width=1).fit(X, X).learned_[1].target_name == "y1"


def test_a_fold_without_a_row_of_a_rare_flag_is_answered_with_the_mean():
    rng = np.random.default_rng(5)
    y = rng.standard_normal(40)
    X = np.zeros((40, 1))
    X[7] = 1.0
    scores = cross_val_score(NarrowReLURegressor(random_state=0), X, y, error_score="raise")
    expected = cross_val_score(DummyRegressor(), X, y)
    np.testing.assert_allclose(scores[0], expected[0])
    weights = rng.uniform(size=40)
    for constant in (np.zeros((40, 3)), np.where(np.arange(40) % 2, 0.3, 0.1 + 0.2)[:, None]):
        one = NarrowReLURegressor(random_state=0).fit(constant, np.column_stack([y, 2 * y]), weights)
        np.testing.assert_allclose(one.predict(constant)[0], np.average(y, weights=weights) * np.array([1, 2]))
    with pytest.raises(ValueError, match="width"):
        NarrowReLURegressor(-1).fit(np.zeros((40, 3)), y)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"validation_fraction": "a"}, TypeError, "validation_fraction must be a number, got 'a'"),
        ({"validation_fraction": 1.0}, ValueError, "validation_fraction is a fraction of the rows"),
        ({"random_state": "a"}, TypeError, "random_state must be an integer"),
        ({"random_state": -1}, ValueError, "random_state must be an integer"),
        ({"time_limit": "5"}, TypeError, "time_limit must be a number of seconds or None"),
        ({"width": "3"}, TypeError, "width must be an integer"),
        ({"inputs": 3}, TypeError, "inputs must be a str"),
    ],
)
def test_parameters_of_the_wrong_type_are_named(table, options, error, text):
    with pytest.raises(error, match=f"^{text}"):
        NarrowReLURegressor(**options).fit(table[0], table[1][:, 0])

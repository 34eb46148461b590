"""Learning from inputs of any distribution."""

import numpy as np
import pytest

import limbeck
from limbeck._base.progress import Progress
from limbeck._learner.model.model import linear_model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.tabular.hinges import select
from limbeck._learner.tabular.learner import fit_any


def test_hinges_are_found_where_they_are(rows_of):
    rows = rows_of(0, 2000, 6, lambda X: 2 * np.maximum(X[:, 1] - 0.3, 0) - 1.5 * np.maximum(-X[:, 4] - 0.2, 0))
    found = fit_any(rows, None, 16, Fit(), Progress(None, False, None), np.random.default_rng(0))
    assert found.error < 1e-4
    assert found.model.width <= 4
    leading = np.abs(found.model.directions[np.argsort(-found.model.sizes)[:2]])
    assert set(leading.argmax(axis=1)) == {1, 4}
    assert leading.max(axis=1).min() > 0.99


def test_more_features_than_rows_are_not_taken_for_an_exact_fit():
    rng = np.random.default_rng(3)
    X = rng.exponential(size=(60, 150))
    found = limbeck.learn(X, X[:, 0] + 0.5 * rng.standard_normal(60), inputs="any", validation=0.0)
    fresh = rng.exponential(size=(2000, 150))
    error = np.mean(np.square(fresh[:, 0] - found.network(fresh))) + 0.25
    assert found.noise_variance > 0.4 * error


@pytest.mark.parametrize(
    "columns",
    [
        lambda X: np.column_stack([X, X[:, 0]]),
        lambda X: np.column_stack([X, np.full(len(X), 3.0)]),
        lambda X: X > 0.5,
        lambda X: np.round(X),
        lambda X: np.exp(4 * X),
        lambda X: 1e8 + 1e-3 * X,
        lambda X: np.hstack([X] * 6)[:25],
        lambda X: X[:12],
    ],
    ids=["collinear", "constant", "binary", "discrete", "skewed", "shifted", "wide", "few"],
)
def test_any_table_is_learned(columns):
    X = columns(np.random.default_rng(5).standard_normal((500, 5))).astype(float)
    rng = np.random.default_rng(6)
    y = np.maximum(X[:, 0] - X[:, 0].mean(), 0) / (X[:, 0].std() + 1e-300) + 0.1 * rng.standard_normal(len(X))
    found = limbeck.learn(X, y, inputs="any", validation=0.0)
    assert found.width <= 16
    values = found.network(X)
    assert np.isfinite(values).all()
    assert np.mean(np.square(y - values)) < (0.9 if len(X) < 50 else 0.5) * y.var()


def test_weights_are_repetitions():
    rng = np.random.default_rng(7)
    X, y = rng.gamma(2.0, size=(200, 3)), rng.standard_normal(200)
    y += 3 * np.maximum(X[:, 0] - 2, 0)
    counts = rng.integers(1, 3, 200)
    weighted = limbeck.learn(X, y, 2, inputs="any", validation=0.0, sample_weight=counts)
    repeated = limbeck.learn(np.repeat(X, counts, 0), np.repeat(y, counts), 2, inputs="any", validation=0.0)
    # The same kink; decay differs, since repeated rows count as more evidence.
    assert np.corrcoef(weighted.network(X), repeated.network(X))[0, 1] > 0.99


def test_the_same_for_any_number_of_threads():
    rng = np.random.default_rng(8)
    X = rng.gamma(2.0, size=(3000, 6))
    y = np.abs(X[:, 0] - X[:, 1]) + 0.2 * rng.standard_normal(3000)
    found = [limbeck.learn(X, y, inputs="any", n_threads=threads).network for threads in (1, 2, 3)]
    assert found[0] == found[1] == found[2]


def test_a_width_is_a_bound(rows_of):
    rows = rows_of(9, 300, 3, lambda X: X[:, 0], 0.5)
    for width in (0, 1, 5):
        found = fit_any(rows, width, 16, Fit(), Progress(None, False, None), np.random.default_rng(0))
        assert found.model.width <= width
        assert len(found.decay) == found.model.width + 1
    assert select(rows, 0, np.random.default_rng(0)).start(0).width == linear_model(3).width == 0


def test_many_features():
    rng = np.random.default_rng(10)
    X = rng.exponential(size=(200, 250))
    y = 3 * np.maximum(X[:, 7] - 1, 0) + 0.1 * rng.standard_normal(200)
    found = limbeck.learn(X, y, inputs="any", validation=0.2)
    assert found.validation_r2 > 0.3


def test_labels_that_are_constant_but_for_a_row_held_out():
    X, y = np.random.default_rng(0).standard_normal((20, 2)), np.zeros(20)
    y[7] = 1
    for seed in range(6):
        found = limbeck.learn(X, y + 5, 1, validation=0.3, seed=seed)
        assert np.isfinite(found.network(X)).all()


def test_weights_count_in_the_standardisation_too():
    rng = np.random.default_rng(1)
    X, weights = rng.gamma(2.0, size=(800, 3)), np.ones(800)
    y = np.maximum(X[:, 0] - 2, 0) + 0.1 * rng.standard_normal(800)
    X[:5], y[:5], weights[:5] = 1e6, -50.0, 1e-14
    found = limbeck.learn(X, y, 1, sample_weight=weights, inputs="any", validation=0.0)
    without = limbeck.learn(X[5:], y[5:], 1, inputs="any", validation=0.0)
    np.testing.assert_allclose(found.network(X[5:]), without.network(X[5:]), atol=0.05)


@pytest.mark.parametrize("factor", [1e-165, 1e160])
def test_features_whose_squares_leave_float64_are_refused(factor):
    X = np.random.default_rng(2).standard_normal((100, 2)) * [1.0, factor]
    with pytest.raises(ValueError, match=r"X: the largest size in column 'x1' is .* scale it"):
        limbeck.learn(X, X[:, 0])


def test_far_from_the_origin_gaussian_inputs_keep_their_covariance():
    rng = np.random.default_rng(3)
    X = rng.standard_normal((4000, 3))
    y = np.maximum(X[:, 0], 0) + 0.1 * rng.standard_normal(4000)
    found = limbeck.learn(X + np.array([1e6, 0, -1e6]), y, 1, inputs="gaussian")
    assert found.validation_r2 > 0.95


def test_a_fit_that_was_cut_off_tells_no_noise():
    rng = np.random.default_rng(4)
    X = rng.uniform(size=(300, 600))
    found = limbeck.learn(X, X[:, 0] + 0.3 * rng.standard_normal(300), time_limit=1e-3)
    assert found.stopped_early
    assert np.isnan(found.noise_variance)
    assert "too little time" in " ".join(str(found).split())


def test_a_feature_that_does_not_vary_changes_nothing():
    rng = np.random.default_rng(5)
    X = rng.gamma(2.0, size=(300, 3))
    y = np.maximum(X[:, 0] - 2, 0) + X[:, 1]
    one = limbeck.learn(X, y, inputs="any").network
    other = limbeck.learn(np.insert(X, 1, 7.0, axis=1), y, inputs="any").network
    np.testing.assert_allclose(np.delete(other.weights, 1, axis=1), one.weights)
    np.testing.assert_array_equal(other.weights[:, 1], 0)


NEARLY_CONSTANT = {
    "one": lambda n: np.where(np.arange(n) % 2, 0.3, 0.1 + 0.2)[:, None],
    "three": lambda n: np.where(np.arange(n) % 2, 0.3, 0.1 + 0.2)[:, None] * [1.0, 3.0, -1e7],
    "beside a constant": lambda n: np.column_stack([np.where(np.arange(n) % 3, 0.3, 0.1 + 0.2), np.ones(n)]),
    "large": lambda n: (2.0**60 + 256 * (np.arange(n) % 3))[:, None],
}


@pytest.mark.parametrize("inputs", ["auto", "standard", "gaussian", "any"])
@pytest.mark.parametrize("kind", NEARLY_CONSTANT)
def test_features_that_are_constant_up_to_rounding_are_refused(kind, inputs):
    X, y = NEARLY_CONSTANT[kind](60), np.random.default_rng(0).standard_normal(60)
    with pytest.raises(ValueError, match=r"X is constant in every feature up to rounding.*subtract an offset"):
        limbeck.learn(X, y, inputs=inputs)
    for sample_rows in (None, 20):
        with pytest.raises(ValueError, match=r"X is constant in every feature up to rounding"):
            limbeck.learn([(X[:30], y[:30]), (X[30:], y[30:])], inputs=inputs, sample_rows=sample_rows)


def test_few_digits_of_a_feature_are_enough_to_learn_from():
    x = np.arange(50.0)
    found = limbeck.learn((1.7e15 + x)[:, None], x + 3, inputs="any", validation=0.0)
    # Rounding in slope times 1.7e15 leaves some tenths.
    np.testing.assert_allclose(found.predict((1.7e15 + x)[:, None]), x + 3, atol=0.5)


def test_a_flag_that_is_set_in_no_row_learned_from_leaves_the_mean():
    y = np.random.default_rng(1).standard_normal(40)
    seen = set()
    for seed in range(6):
        X = np.zeros((40, 2))
        X[seed, 0] = 1.0
        found = limbeck.learn(X, y, max_width=1, seed=seed, validation=0.5)
        held = np.isin(y, found.validation_targets)
        seen.add(bool(held[seed]))
        if held[seed]:
            learned = found
            assert found.width == 0
            np.testing.assert_allclose(found.predict(X), np.mean(y[~held]))
            np.testing.assert_array_equal(found.standard_errors.linear, 0)
    assert "0 neurons" in str(learned)
    assert seen == {True, False}  # each seed draws one or the other evenly: all alike in 1 of 32, not for these


def test_the_mean_is_learned_of_a_sample_in_which_nothing_varies():
    X, y = np.zeros((400, 1)), np.random.default_rng(2).standard_normal(400)
    X[3] = 1.0
    with pytest.warns(UserWarning, match="x0 vary in all 400 rows but not in the 20 sampled"):
        found = limbeck.learn([(X[:200], y[:200]), (X[200:], y[200:])], sample_rows=20, inputs="any")
    assert found.width == 0
    assert np.isfinite(found.predict(X)).all()

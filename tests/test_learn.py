"""The learner recovers planted networks, chooses widths, reports honestly, and refuses bad input."""

import numpy as np
import pytest

import limbeck
from limbeck import datasets


def _relative_error(learned, planted):
    return learned.network.distance(planted) / planted.variance()


@pytest.mark.parametrize(
    ("family", "d", "k"),
    [
        ("generic", 30, 2),
        ("generic", 50, 4),
        ("generic", 30, 8),
        ("positive", 30, 5),
        ("antipodal", 30, 4),
        ("lowrank", 30, 6),
        ("plane", 30, 4),
        ("collinear", 30, 2),
        ("collinear", 30, 4),
    ],
)
def test_noise_free_networks_come_back_to_rounding(family, d, k):
    planted = datasets.make_narrow_network(family, d, k, seed=11)
    X, y = datasets.sample(planted, 20_000, seed=12)
    learned = limbeck.learn(X, y, k)
    assert learned.inputs == "standard"
    assert learned.width <= k
    assert _relative_error(learned, planted) < 1e-20
    assert learned.validation_mse < 1e-20 * planted.variance()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(
    ("family", "d", "k"), [("generic", 50, 4), ("positive", 50, 5), ("antipodal", 50, 4), ("lowrank", 50, 6)]
)
def test_the_families_on_twenty_seeds(family, d, k, seed):
    planted = datasets.make_narrow_network(family, d, k, seed=seed)
    X, y = datasets.sample(planted, 50_000, seed=1000 + seed)
    assert _relative_error(limbeck.learn(X, y, k), planted) < 1e-14


def test_noise_leaves_the_statistical_limit():
    planted = datasets.make_narrow_network("generic", 20, 3, seed=3)
    n, noise = 20_000, 0.3
    X, y = datasets.sample(planted, n, noise=noise, seed=4)
    learned = limbeck.learn(X, y, 3)
    # A least-squares fit of P parameters costs noise^2 P / n on average, chi-squared with P degrees of freedom: for
    # P = 3 * 20 + 21 = 81 its relative spread is (2 / 81)^(1/2) = 0.16, so 1.8 lies five spreads above.
    floor = noise**2 * (3 * 20 + 21) / (0.9 * n)
    assert learned.network.distance(planted) < 1.8 * floor
    # Standard error of a variance from 18,000 residuals: (2 / 18,000)^(1/2) = 1 %; five of them.
    assert learned.noise_variance == pytest.approx(noise**2, rel=0.05)


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_the_width_is_found(noise):
    planted = datasets.make_narrow_network("generic", 20, 3, seed=5)
    X, y = datasets.sample(planted, 20_000, noise=noise, seed=6)
    assert limbeck.learn(X, y, max_width=8).width == 3


def test_a_linear_function_needs_no_neuron():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((5000, 10))
    learned = limbeck.learn(X, X @ np.arange(10.0) + 3, max_width=4)
    assert learned.width == 0
    np.testing.assert_allclose(learned.network.linear, np.arange(10.0), atol=1e-10)
    assert learned.network.bias == pytest.approx(3)


def test_pure_noise_yields_no_neuron():
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((5000, 10)), rng.standard_normal(5000)
    learned = limbeck.learn(X, y, max_width=4)
    assert learned.width == 0
    assert abs(learned.validation_r2) < 0.05


def test_gaussian_inputs_of_any_mean_and_covariance():
    rng = np.random.default_rng(2)
    planted = datasets.make_narrow_network("generic", 12, 3, seed=7)
    Z = rng.standard_normal((20_000, 12))
    mixing, shift = rng.standard_normal((12, 12)), 5 * rng.standard_normal(12)
    X = Z @ mixing + shift
    y = planted(Z) + 0.01 * rng.standard_normal(len(Z))
    learned = limbeck.learn(X, y, 3)
    assert learned.inputs == "gaussian"
    assert learned.validation_r2 > 0.999
    # The mean is estimated, so kinks pass near the true ones, not through them: thresholds of the pulled-back network
    # cancel the shift to about n^(-1/2).
    assert np.sqrt(np.mean((learned.network(X) - planted(Z)) ** 2)) < 0.05


def test_other_inputs_use_thresholds_and_beat_a_line():
    rng = np.random.default_rng(3)
    X = rng.exponential(size=(1500, 4))
    y = np.maximum(X[:, 0] - 1, 0) * 3 + X[:, 1] + 0.1 * rng.standard_normal(1500)
    learned = limbeck.learn(X, y, max_width=4)
    assert learned.inputs == "any"
    assert learned.subspace is None
    line = np.linalg.lstsq(np.c_[X, np.ones(1500)], y, rcond=None)
    line_r2 = 1 - line[1][0] / 1500 / y.var()
    assert learned.validation_r2 > line_r2 + 0.02
    assert learned.validation_r2 > 0.97


def test_features_that_are_constant_or_copies_are_survived():
    rng = np.random.default_rng(4)
    X = rng.exponential(size=(400, 3))
    X = np.column_stack([X, X[:, 0], np.ones(400)])
    learned = limbeck.learn(X, X[:, 0] + np.maximum(X[:, 1] - 1, 0), max_width=2)
    assert learned.inputs == "any"
    assert np.isfinite(learned.network(X)).all()
    assert learned.validation_r2 > 0.9


def test_validation_rows_take_no_part_before_the_last_refinement():
    rng = np.random.default_rng(5)
    planted = datasets.make_narrow_network("generic", 10, 2, seed=8)
    X, y = datasets.sample(planted, 4000, noise=0.1, seed=9)
    first = limbeck.learn(X, y, 2, seed=3, inputs="standard")
    residuals = first.validation_residuals
    np.testing.assert_allclose(first.validation_mse, np.mean(residuals**2))
    np.testing.assert_allclose(first.validation_r2, 1 - np.mean(residuals**2) / np.var(first.validation_targets))
    # Spoil the held-out labels: what they are judged by must come out the same, but for the rounding of y - residual.
    held_out = np.isin(y, first.validation_targets)
    assert held_out.sum() == 400
    spoiled = np.where(held_out, rng.permutation(y), y)
    second = limbeck.learn(X, spoiled, 2, seed=3, inputs="standard")
    judged = second.validation_targets - second.validation_residuals
    np.testing.assert_allclose(judged, first.validation_targets - residuals, rtol=0, atol=1e-14)
    assert second.network != first.network


def test_the_same_bits_for_any_number_of_threads_and_from_run_to_run():
    planted = datasets.make_narrow_network("lowrank", 20, 4, seed=10)
    X, y = datasets.sample(planted, 8000, noise=0.2, seed=11)
    runs = [limbeck.learn(X, y, 4, seed=1, n_threads=threads) for threads in (1, 2, 3, 1)]
    assert all(run.network == runs[0].network for run in runs[1:])


def test_no_validation_rows():
    planted = datasets.make_narrow_network("generic", 10, 2, seed=8)
    X, y = datasets.sample(planted, 3000, seed=9)
    learned = limbeck.learn(X, y, 2, validation=0.0)
    assert np.isnan(learned.validation_r2)
    assert len(learned.validation_targets) == 0
    assert _relative_error(learned, planted) < 1e-20


def test_history_callback_progress_and_timings(capfd):
    seen = []
    planted = datasets.make_narrow_network("generic", 10, 2, seed=8)
    X, y = datasets.sample(planted, 3000, seed=9)
    learned = limbeck.learn(X, y, 2, callback=lambda *told: seen.append(told), progress=True)
    assert [(h["stage"], h["neurons"], h["error"]) for h in learned.history] == seen
    assert seen[0][0] == "linear"
    assert any(stage.startswith("discovery") for stage, _, _ in seen)
    assert learned.timings["total"] >= sum(v for k, v in learned.timings.items() if k != "total") * 0.9
    assert "discovery" in capfd.readouterr().err


def test_silent_by_default(capfd):
    planted = datasets.make_narrow_network("generic", 5, 1, seed=8)
    limbeck.learn(*datasets.sample(planted, 500, seed=9), 1)
    assert capfd.readouterr() == ("", "")


def test_time_limit_returns_the_best_so_far():
    planted = datasets.make_narrow_network("generic", 40, 8, seed=8)
    X, y = datasets.sample(planted, 20_000, noise=0.1, seed=9)
    learned = limbeck.learn(X, y, time_limit=1e-3)
    assert learned.stopped_early
    assert "stopped early" in str(learned)
    assert not limbeck.learn(X[:2000, :5], y[:2000], 1).stopped_early


def test_an_exception_in_the_callback_comes_through():
    planted = datasets.make_narrow_network("generic", 5, 1, seed=8)
    X, y = datasets.sample(planted, 500, seed=9)

    def stop(*_):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        limbeck.learn(X, y, callback=stop)


def test_printing_shows_neurons_and_fit():
    planted = datasets.make_narrow_network("generic", 6, 2, seed=8)
    X, y = datasets.sample(planted, 2000, noise=0.1, seed=9)
    text = str(limbeck.learn(X, y, 2))
    assert "2 neurons" in text
    assert "validation R2" in text
    assert len(text.splitlines()) == 5


_X = np.random.default_rng(0).standard_normal((50, 3))
_Y = _X[:, 0] + 1.0


@pytest.mark.parametrize(
    ("X", "y", "options", "error", "text"),
    [
        (_X, _Y[:49], {}, ValueError, r"X and y .* rows, got X of shape \(50, 3\) and y of shape \(49,\)"),
        (_X[:9], _Y[:9], {}, ValueError, r"X must have at least 10 rows and one feature, got shape \(9, 3\)"),
        (_X[:, :0], _Y, {}, ValueError, r"at least 10 rows and one feature, got shape \(50, 0\)"),
        (_X, np.full(50, 2.5), {}, ValueError, r"y is constant \(2.5\)"),
        (_X, np.where(np.arange(50) == 7, np.nan, _Y), {}, ValueError, r"y holds nan at index 7"),
        (_X + np.array([0, np.inf, 0]), _Y, {}, ValueError, r"X holds inf at index \(0, 1\)"),
        (_X, _Y, {"width": -1}, ValueError, r"width must be at least 0, got -1"),
        (_X, _Y, {"width": 2.0}, TypeError, r"width must be an integer, got 2.0"),
        (_X, _Y, {"max_width": "3"}, TypeError, r"max_width must be an integer, got '3'"),
        (_X, _Y, {"inputs": "normal"}, ValueError, r"inputs must be one of .*; got 'normal'"),
        (_X, _Y, {"validation": 1.0}, ValueError, r"validation is a fraction .*; got 1.0"),
        (_X, _Y, {"time_limit": 0}, ValueError, r"time_limit must be positive or None, got 0"),
        (_X, _Y, {"n_threads": 0}, ValueError, r"n_threads must be at least 1 or None, got 0"),
        (_X, ["a"] * 50, {}, TypeError, r"y must hold real numbers"),
    ],
)
def test_bad_input(X, y, options, error, text):
    with pytest.raises(error, match=text):
        limbeck.learn(X, y, **options)


@pytest.mark.parametrize("limit", [1e-3, 0.05, 0.3])
def test_a_time_limit_never_returns_less_than_a_line(limit):
    rng = np.random.default_rng(9)
    X = rng.exponential(size=(3000, 8))
    y = X @ np.arange(8.0) + np.maximum(X[:, 0] - 1, 0) + 0.1 * rng.standard_normal(3000)
    learned = limbeck.learn(X, y, inputs="any", time_limit=limit)
    line_r2 = 1 - np.linalg.lstsq(np.c_[X, np.ones(3000)], y, rcond=None)[1][0] / 3000 / y.var()
    assert learned.validation_r2 > line_r2 - 0.01


def test_noise_is_not_made_up_where_parameters_are_many():
    rng = np.random.default_rng(10)
    X = rng.exponential(size=(150, 40))
    y = X[:, 0] + 0.1 * rng.standard_normal(150)
    assert 0.005 < limbeck.learn(X, y, 3, inputs="any").noise_variance < 0.5 * y.var()


def test_a_span_found_in_part_does_not_hide_neurons():
    rng = np.random.default_rng(11)
    X = rng.standard_normal((6000, 60))
    clean = np.maximum(X[:, :8], 0).sum(axis=1)
    learned = limbeck.learn(X, clean + rng.standard_normal(6000), 8, inputs="standard")
    line = np.linalg.lstsq(np.c_[X, np.ones(6000)], clean, rcond=None)[1][0] / 6000
    # An eigenvector start alone reaches a third of what a line leaves.
    assert np.mean((learned.network(X) - clean) ** 2) < 0.5 * line


def test_too_few_rows_left_to_learn_from():
    with pytest.raises(ValueError, match=r"validation=0.9 leaves 5 of 50 rows to learn from"):
        limbeck.learn(_X, _Y, validation=0.9)


def test_n_threads_is_kept(run_python):
    code = """
import numpy as np, limbeck
rng = np.random.default_rng(0)
X = rng.standard_normal((20000, 30))
limbeck.learn(X, np.abs(X[:, 0]) + X[:, 1], 2, n_threads=1, inputs="standard")
status = open("/proc/self/status").read()
print(status.split("Threads:")[1].split()[0])
"""
    result = run_python(code, OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="2")
    assert int(result.stdout) == 1

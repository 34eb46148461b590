"""The learner recovers planted networks, chooses widths, reports honestly, and refuses bad input."""

import pickle
import sys

import numpy as np
import pytest

import limbeck
from limbeck import datasets


def _relative_error(learned, planted):
    return learned.network.distance(planted) / planted.variance()


@pytest.mark.parametrize(
    ("family", "d", "k"),
    [
        ("generic", 30, 8),
        ("positive", 30, 5),
        ("antipodal", 30, 4),
        ("lowrank", 30, 6),
        ("plane", 30, 4),
        ("collinear", 30, 4),
        *(pytest.param("generic", d, k, marks=pytest.mark.slow) for d, k in [(30, 2), (50, 4)]),
        pytest.param("collinear", 30, 2, marks=pytest.mark.slow),
    ],
)
def test_noise_free_networks_come_back_to_rounding(family, d, k):
    planted = datasets.make_narrow_network(family, d, k, seed=11)
    X, y = datasets.sample(planted, 8000, seed=12)
    learned = limbeck.learn(X, y, k)
    assert learned.inputs == "standard"
    assert learned.width <= k
    assert _relative_error(learned, planted) < 1e-20
    assert learned.validation_mse < 1e-20 * planted.variance()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(
    ("family", "d", "k", "separation", "n", "most"),
    [
        *(("generic", d, k, 0.1, 50_000, 1e-14) for d, k in [(50, 2), (50, 4), (100, 6), (50, 8)]),
        *(("positive", 50, 5, 0.1, 50_000, 1e-14), ("antipodal", 50, 4, 0.1, 50_000, 1e-14)),
        *(("lowrank", 50, 6, 0.1, 50_000, 1e-14), ("plane", 50, 4, 0.1, 50_000, 1e-14)),
        *(("plane6", 50, 6, 0.1, 200_000, 1e-14), ("plane_even", 20, 8, 0.1, 1_000_000, 1e-12)),
        *(("collinear", 50, k, 0.1, 50_000, 1e-12) for k in (2, 4)),
        *(("collinear", 50, 2, 0.01, 50_000, 1e-10), ("clumps", 50, 6, 0.1, 50_000, 1e-12)),
    ],
)
def test_the_families_on_twenty_seeds(family, d, k, separation, n, most, seed):
    planted = datasets.make_narrow_network(family, d, k, separation=separation, seed=seed)
    X, y = datasets.sample(planted, n, seed=1000 + seed)
    assert _relative_error(limbeck.learn(X, y, k), planted) < most


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("d", "k"), [(50, 2), (50, 4), (100, 6), (50, 8)])
def test_the_width_is_found_in_noise_on_twenty_seeds(d, k, seed):
    planted = datasets.make_narrow_network("generic", d, k, seed=seed)
    X, y = datasets.sample(planted, 16_000, noise=0.3, seed=1000 + seed)
    learned = limbeck.learn(X, y)
    assert learned.width == k
    # The error over the floor of a fit with a linear part, 0.56 to 1.01 on these seeds: that part is left out.
    assert _relative_error(learned, planted) < 1.1 * 0.3**2 * (k + 1) * (d + 1) / len(X) / planted.variance()


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
    X, y = datasets.sample(planted, 8000, noise=noise, seed=6)
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
    X, y = rng.standard_normal((2000, 10)), rng.standard_normal(2000)
    learned = limbeck.learn(X, y, max_width=4)
    assert learned.width == 0
    assert abs(learned.validation_r2) < 0.05


@pytest.mark.slow
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
    planted = datasets.make_narrow_network("lowrank", 10, 4, seed=10)
    X, y = datasets.sample(planted, 3000, noise=0.2, seed=11)
    runs = [limbeck.learn(X, y, 4, seed=1, n_threads=threads) for threads in (1, 3, 1)]
    assert all(run.network == runs[0].network for run in runs[1:])


def test_no_validation_rows():
    planted = datasets.make_narrow_network("generic", 10, 2, seed=8)
    X, y = datasets.sample(planted, 3000, seed=9)
    learned = limbeck.learn(X, y, 2, validation=0.0)
    assert np.isnan(learned.validation_r2)
    assert len(learned.validation_targets) == 0
    assert _relative_error(learned, planted) < 1e-20


def test_progress_without_tqdm(capfd, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    planted = datasets.make_narrow_network("generic", 5, 1, seed=8)
    limbeck.learn(*datasets.sample(planted, 1000, seed=9), 1, progress=True)
    assert "\rdiscovery: eigen" in capfd.readouterr().err


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
    assert "rows held out" in text
    assert text.count("\nNeuron ") == 2


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
        (_X, _Y, {"inputs": 3}, TypeError, r"inputs must be a str, one of .*; got 3"),
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


@pytest.mark.slow
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


@pytest.mark.parametrize(("family", "d", "k", "n"), [("plane6", 12, 6, 30_000), ("clumps", 20, 6, 20_000)])
def test_what_order_two_does_not_show_comes_back_too(family, d, k, n):
    planted = datasets.make_narrow_network(family, d, k, seed=1)
    X, y = datasets.sample(planted, n, seed=2)
    assert _relative_error(limbeck.learn(X, y, k), planted) < 1e-20


def test_a_clump_a_hundredth_of_a_radian_wide_is_resolved():
    planted = datasets.make_narrow_network("clumps", 10, 3, separation=0.01, seed=3)
    X, y = datasets.sample(planted, 20_000, seed=4)
    assert _relative_error(limbeck.learn(X, y, 3), planted) < 1e-20


def test_the_linear_part_is_left_out_where_the_planted_network_has_none():
    planted = datasets.make_narrow_network("generic", 20, 3, seed=3)
    X, y = datasets.sample(planted, 5000, noise=0.3, seed=4)
    learned = limbeck.learn(X, y, 3)
    assert not learned.network.linear.any()
    assert learned.network.bias == 0
    np.testing.assert_array_equal(learned.standard_errors.linear, 0.0)
    tilted = limbeck.learn(X, y + 0.1 * X[:, 0] + 0.05, 3)
    assert abs(tilted.network.linear[0] - 0.1) < 0.05


def test_thresholds_are_fitted_where_the_rows_ask_for_them():
    X = np.random.default_rng(4).standard_normal((2000, 10))
    y = np.maximum(X[:, 0] - 1, 0)
    learned = limbeck.learn(X, y, inputs="standard")
    assert learned.width == 1
    assert learned.network.thresholds[0] == pytest.approx(-1)
    np.testing.assert_allclose(learned.network(X), y, atol=1e-10)


def test_gaussian_inputs_are_learned_to_rounding():
    rng = np.random.default_rng(8)
    planted = datasets.make_narrow_network("generic", 12, 3, seed=1)
    Z, y = datasets.sample(planted, 6000, seed=2)
    X = 3 + Z @ rng.standard_normal((12, 12))
    learned = limbeck.learn(X, y, 3)
    assert learned.inputs == "gaussian"
    np.testing.assert_allclose(learned.network(X), y, atol=1e-9)


def test_weights_count_rows_and_zeros_leave_them_out():
    planted = datasets.make_narrow_network("generic", 10, 2, seed=5)
    X, y = datasets.sample(planted, 5000, seed=6)
    spoiled = np.where(np.arange(5000) < 500, 1e3, y)
    weights = np.where(np.arange(5000) < 500, 0.0, 7.0)
    assert _relative_error(limbeck.learn(X, spoiled, 2, sample_weight=weights), planted) < 1e-20
    rng = np.random.default_rng(7)
    scale = np.where(rng.random(5000) < 0.5, 0.1, 3.0)
    noisy = y + scale * rng.standard_normal(5000)
    even = _relative_error(limbeck.learn(X, noisy, 2, inputs="standard"), planted)
    weighted = _relative_error(limbeck.learn(X, noisy, 2, inputs="standard", sample_weight=scale**-2.0), planted)
    # The variance falls by half the ratio of the mean to the harmonic mean of the noise variances: 450 times, in all.
    assert weighted < even / 50


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.full(200, -1.0), "sample_weight must be at least 0, got -1 at index 0"),
        (np.zeros(200), "sample_weight must be positive in 10 rows or more, is in 0 of 200"),
        (np.ones(3), "sample_weight"),
        (np.full(200, np.nan), "sample_weight"),
    ],
)
def test_bad_weights(weights, message):
    X = np.random.default_rng(0).standard_normal((200, 3))
    with pytest.raises(ValueError, match=message):
        limbeck.learn(X, X[:, 0], sample_weight=weights)


def test_the_moment_method_alone_errs_like_one_over_n():
    planted = datasets.make_narrow_network("generic", 10, 2, seed=0)
    errors = []
    for n in (1000, 16_000):
        X, y = datasets.sample(planted, n, seed=1)
        learned = limbeck.learn(X, y, 2, refine=False, inputs="standard")
        errors.append(_relative_error(learned, planted))
        with pytest.raises(ValueError, match="refine=False"):
            _ = learned.standard_errors
    # 16 times the rows: a sixteenth of the error, give or take a factor of 3 for the draws.
    assert 1e-8 < errors[1] < errors[0] / 5


def test_standard_errors_are_those_of_the_network_and_survive_pickling():
    planted = datasets.make_narrow_network("generic", 10, 2, seed=2)
    X, y = datasets.sample(planted, 5000, noise=0.2, seed=3)
    learned = limbeck.learn(X, y, 2)
    errors = pickle.loads(pickle.dumps(learned)).standard_errors
    assert errors.directions.shape == learned.network.weights.shape
    off = np.abs(learned.network.output - planted.normalized().output) / errors.output
    assert off.max() < 5
    assert 0.001 < errors.output.max() < 0.1


def test_clumps_tell_what_collapsing_them_costs():
    planted = datasets.make_narrow_network("collinear", 10, 2, seed=2)
    X, y = datasets.sample(planted, 5000, seed=3)
    *singles, pair = limbeck.learn(X, y, 2).clumps
    assert [clump.cost for clump in singles] == [0.0, 0.0]
    assert pair.scale == pytest.approx(0.1)
    assert 0.1 < pair.cost < 10  # a dipole has no mean: nothing is left of it


@pytest.mark.parametrize("size", [1e149, 1e-149])
def test_huge_and_tiny_labels(size):
    planted = datasets.make_narrow_network("generic", 10, 2, seed=2)
    X, y = datasets.sample(planted, 3000, seed=3)
    learned = limbeck.learn(X, size * y, 2)
    np.testing.assert_allclose(learned.network(X) / size, y, atol=1e-10)


@pytest.mark.parametrize("size", [1e200, 1e-200])
def test_labels_whose_squares_leave_float64(size):
    X = np.random.default_rng(0).standard_normal((200, 3))
    with pytest.raises(ValueError, match="whose square leaves float64"):
        limbeck.learn(X, size * X[:, 0])


@pytest.mark.parametrize(
    "function", [*(pytest.param(name, marks=pytest.mark.slow) for name in ("product", "wave")), "step"]
)
def test_inputs_that_pass_for_gaussian_cost_no_accuracy(function):
    rng = np.random.default_rng(3)
    X, fresh = rng.standard_normal((2000, 3)), rng.standard_normal((20_000, 3))
    truth = {
        "product": lambda X: X[:, 0] * X[:, 1],
        "wave": lambda X: np.sin(3 * X[:, 0]) + 0.3 * X[:, 1],
        "step": lambda X: (X[:, 0] > 0.3) * 1.0,
    }[function]
    y = truth(X) + 0.2 * rng.standard_normal(2000)
    errors = {i: np.mean((truth(fresh) - limbeck.learn(X, y, inputs=i).network(fresh)) ** 2) for i in ("auto", "any")}
    # Of the variance; the two learners differ by chance.
    assert errors["auto"] < errors["any"] + 0.005 * truth(fresh).var()


@pytest.mark.parametrize("sample_rows", [None, 300])
def test_labels_may_be_a_column(sample_rows):
    planted = datasets.make_narrow_network("generic", 4, 1, seed=0)
    X, y = datasets.sample(planted, 600, seed=1)
    options = {"width": 1, "inputs": "standard", "sample_rows": sample_rows}
    expected = limbeck.learn(X, y, **options).network
    columns = [y[:, None], np.asfortranarray(y[:, None]), y[:, None].tolist()]
    named = []
    for library in ("pandas", "polars"):
        frames = pytest.importorskip(library)
        named += [frames.DataFrame({"income": y, "other": 0 * y})[["income"]]]
    for labels in [*columns, *named]:
        assert limbeck.learn(X, labels, **options).network == expected
    assert {limbeck.learn(X, labels, **options).target_name for labels in named} == {"income"}
    with pytest.raises(ValueError, match=r"\(600, 2, 1\)"):
        limbeck.learn(X, np.column_stack([y, y])[:, :, None], **options)


@pytest.mark.parametrize("options", [{"time_limit": "5"}, {"validation": None}, {"validation": "a"}])
def test_options_of_the_wrong_type_are_named(options):
    with pytest.raises(TypeError, match=next(iter(options))):
        limbeck.learn(np.random.default_rng(0).standard_normal((20, 2)), np.arange(20.0), **options)

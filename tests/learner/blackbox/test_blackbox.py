"""Distilling a callable: few queries to exactness, honest stops, and teachers that misbehave in every way."""

import pickle

import numpy as np
import pytest

import limbeck
from limbeck import datasets
from limbeck.blackbox import Distilled, TeacherError, TeacherTypeError, TeacherValueError, distill


class Teacher:
    """Answers with ``function``, and keeps count of what it was asked."""

    def __init__(self, function):
        self.function = function
        self.batches = []

    def __call__(self, X):
        self.batches.append(X.copy())
        return self.function(X)

    @property
    def asked(self):
        return np.concatenate(self.batches)


def _planted(family="generic", d=8, k=2, separation=0.1, seed=0):
    return datasets.make_narrow_network(family, d, k, separation=separation, seed=seed)


def _relative_error(found, planted):
    return found.network.distance(planted) / planted.variance()


# Bounds are about 1.5 times the largest of four seeds. Plain queries would take 4,000 to 8,000 for the first collinear
# pair, more than 100,000 for the second, and for the clump as many, if they found that there is one.
@pytest.mark.parametrize(
    ("family", "d", "k", "separation", "most"),
    [
        ("generic", 20, 2, 0.1, 400),
        ("generic", 50, 4, 0.1, 1400),
        ("collinear", 20, 2, 0.01, 2000),
        pytest.param("collinear", 20, 2, 0.001, 3000, marks=pytest.mark.slow),
        ("clumps", 20, 3, 0.01, 2000),
    ],
)
def test_exact_within_few_queries(family, d, k, separation, most):
    planted = _planted(family, d, k, separation)
    teacher = Teacher(lambda X: planted(X))
    found = distill(teacher, d, k, n_queries=most, seed=1)
    assert found.stopped == "tolerance"
    assert found.width == k
    # Answers of weights +-1000 have rounding errors of 1e-25 of the variance; a thousand times as large a part of the
    # error lies where the pair is told apart, by the few rows there.
    assert _relative_error(found, planted) < (1e-19 if separation == 0.001 else 1e-20)
    assert found.validation_r2 == pytest.approx(1)
    np.testing.assert_array_equal(teacher.asked, found.X)
    np.testing.assert_array_equal(planted(found.X), found.y)


def test_the_width_is_found():
    planted = _planted(d=10, k=3)
    found = distill(planted, 10, max_width=6)
    assert found.width == 3
    # Kinks that are off zero by rounding: distances have no closed form then, and errors of 1e-15.
    assert _relative_error(found, planted) < 1e-14
    np.testing.assert_allclose(found.network(X := np.eye(10)), planted(X), atol=1e-13)


def test_a_merged_pair_is_not_taken_for_exact():
    # Two neurons 1e-3 apart and one in their place differ by about 1e-10 of the variance, all of it within a thousandth
    # of the kink: 200 plain queries see nothing of it.
    rng = np.random.default_rng(0)
    u, v = np.linalg.qr(rng.standard_normal((6, 2)))[0].T
    planted = limbeck.ReLUNetwork([u, u + 1e-3 * v], [1.0, 0.7])
    found = distill(planted, 6, 2)
    assert found.width == 2
    assert _relative_error(found, planted) < 1e-20


def test_queries_are_plain_at_first_and_focused_later():
    # Answers in single precision have no digits left for differences across a pair of kinks: no help from lines.
    planted = _planted("collinear", 20, 2, 0.01)
    found = distill(lambda X: planted(X).astype(np.float32), 20, 2)
    distance = np.abs(found.X @ planted.weights[0])
    assert np.mean(distance[:150] < 0.05) < 0.15  # 4 % of a standard Gaussian
    assert np.mean(distance[-300:] < 0.05) > 0.3


def test_the_same_queries_for_any_batch_size_and_number_of_threads():
    planted = _planted("collinear", 6, 2, 0.05)
    runs = [distill(planted, 6, 2, seed=3, batch_size=b, n_threads=t) for b, t in ((1000, 1), (7, 1), (1000, 2))]
    for run in runs[1:]:
        np.testing.assert_array_equal(run.X, runs[0].X)
        assert run.network == runs[0].network
    assert not np.array_equal(distill(planted, 6, 2, seed=4).X[:100], runs[0].X[:100])


@pytest.mark.parametrize("n_queries", [27, 60, 333])
def test_the_budget_is_kept(n_queries):
    teacher = Teacher(lambda X: np.tanh(X[:, 0] + X[:, 1]) * X[:, 2])
    found = distill(teacher, 8, 2, n_queries=n_queries, batch_size=50)
    assert len(teacher.asked) == found.n_queries <= n_queries
    assert found.stopped == "budget"
    assert max(len(batch) for batch in teacher.batches) <= 50
    assert len(found.validation_targets) >= 1


@pytest.mark.slow
def test_validation_is_honest():
    planted = _planted(d=20, k=1)
    ratios = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        found = distill(lambda X, r=rng: planted(X) + 0.5 * r.standard_normal(len(X)), 20, 1, n_queries=300, seed=seed)
        assert found.validation_mse == pytest.approx(np.mean(found.validation_residuals**2))
        assert np.isin(found.validation_targets, found.y[-30:]).all()
        ratios.append(found.validation_mse / (found.network.distance(planted) + 0.25))
    # 42 parameters fitted to some 250 rows: on those rows the ratio would be (1 - 42 / 250) / (1 + 42 / 250) = 0.71. 30
    # rows held out for each of 20 seeds give it a standard error of sqrt(2 / 600) = 0.058. Its mean over 200 seeds is
    # 0.95: a constant or a line takes the network's place where it is better on these rows.
    assert 0.8 < np.mean(ratios) < 1.2


def test_tolerance():
    planted = _planted("collinear", 10, 2, 0.01)
    loose, tight = (distill(planted, 10, 2, tolerance=tolerance) for tolerance in (0.1, 1e-15))
    assert loose.stopped == tight.stopped == "tolerance"
    assert loose.n_queries < tight.n_queries
    assert _relative_error(loose, planted) < 0.3
    assert _relative_error(tight, planted) < 1e-15


def test_no_end_of_noise_is_no_endless_run():
    rng = np.random.default_rng(2)
    planted = _planted(d=4, k=1)
    found = distill(lambda X: planted(X) + 0.3 * rng.standard_normal(len(X)), 4, 1)
    assert found.stopped == "noise"
    assert found.n_queries < 5000
    assert found.noise_variance == pytest.approx(0.09, rel=0.25)
    assert _relative_error(found, planted) < 0.05


def test_what_no_network_fits_is_given_up():
    found = distill(lambda X: np.sin(X[:, 0]), 2, 1)
    assert found.stopped == "no improvement"
    assert found.n_queries < 50_000  # of 100,000; the median of 40 seeds is 3,000, the largest 33,000
    assert "more did not help" in str(found)


@pytest.mark.parametrize(
    "convert",
    [
        lambda y: y[:, None],
        lambda y: y.tolist(),
        lambda y: y.astype(np.float32),
        lambda y: 1e6 + y,  # whose rounding error is 1e-20 of the variance
    ],
)
def test_answers_of_many_kinds(convert):
    planted = _planted(d=6, k=2)
    found = distill(lambda X: convert(planted(X)), 6, 2)
    assert found.stopped == "tolerance"
    assert found.validation_r2 == pytest.approx(1)


def test_integers_are_answers():
    found = distill(lambda X: np.round(5 * X[:, 0]).astype(np.int32), 2, 1, n_queries=100)
    assert found.validation_r2 > 0.95


def test_a_teacher_may_write_to_its_input():
    planted = _planted(d=6, k=2)

    def careless(X):
        y = planted(X)
        X[:] = 0
        return y

    found = distill(careless, 6, 2)
    assert found.stopped == "tolerance"
    assert found.X.any(axis=1).all()


def test_a_constant_is_a_network_of_no_neurons():
    found = distill(lambda X: np.full(len(X), 2.5), 3, 2)
    assert found.width == 0
    assert found.stopped == "tolerance"
    np.testing.assert_array_equal(found.network(np.eye(3)), np.full(3, 2.5))


def test_a_linear_teacher_needs_no_neuron():
    found = distill(lambda X: X @ [1.0, 2.0, 3.0] + 4, 3)
    assert found.width == 0
    np.testing.assert_allclose(found.network.linear, [1, 2, 3], rtol=1e-12)


def _fails_on(number, action):
    """A teacher that calls ``action(y)`` on one batch."""
    planted = _planted("collinear", 6, 2, 0.01)
    count = 0

    def teacher(X):
        nonlocal count
        count += 1
        return action(planted(X)) if count == number else planted(X)

    return teacher


def _divide(y):
    return 1 / 0


def test_an_exception_brings_back_what_was_learned():
    healthy = Teacher(_fails_on(0, _divide))
    distill(healthy, 6, 2, batch_size=50)
    last = len(healthy.batches)  # of a batch that is asked for only after something was learned
    assert last > 3
    with pytest.raises(TeacherError, match=rf"ZeroDivisionError on batch {last} .*division by zero") as caught:
        distill(_fails_on(last, _divide), 6, 2, batch_size=50)
    error = caught.value
    assert isinstance(error.__cause__, ZeroDivisionError)
    assert error.batch == last
    np.testing.assert_array_equal(error.inputs, healthy.batches[-1])
    np.testing.assert_array_equal(error.X, np.concatenate(healthy.batches[:-1]))
    np.testing.assert_array_equal(error.y, healthy.function(error.X))
    assert isinstance(error.learned, Distilled)
    assert error.learned.stopped == "error"
    assert error.learned.n_queries <= len(error.y)
    assert pickle.loads(pickle.dumps(error)).batch == last


def test_an_exception_at_once():
    with pytest.raises(TeacherError) as caught:
        distill(_fails_on(1, _divide), 6, 2)
    assert caught.value.learned is None
    assert caught.value.X.shape == (0, 6)


def test_an_interrupt_passes_through():
    def interrupt(y):
        raise KeyboardInterrupt("by hand")

    with pytest.raises(KeyboardInterrupt, match="by hand"):
        distill(_fails_on(3, interrupt), 6, 2, batch_size=50)


def _with_nan(y):
    y[[3, 5]] = np.nan
    return y


@pytest.mark.parametrize(
    ("action", "error", "text"),
    [
        (
            lambda y: y[:-1],
            TeacherValueError,
            r"teacher must return .* \(50,\) or \(50, 1\) .*got shape \(49,\) \(batch 2",
        ),
        (lambda y: y[None], TeacherValueError, r"got shape \(1, 50\)"),
        (lambda y: np.stack([y, y], axis=1), TeacherValueError, r"got shape \(50, 2\)"),
        (lambda y: 3.0, TeacherValueError, r"got shape \(\)"),
        (lambda y: [[1.0], [2.0, 3.0]], TeacherValueError, r"what teacher returned is not a rectangular array"),
        (_with_nan, TeacherValueError, r"teacher returned nan for row 3 of batch 2 \(2 such rows\)"),
        (lambda y: y + 1j, TeacherTypeError, r"what teacher returned must hold real numbers, got dtype complex128"),
        (lambda y: ["a"] * len(y), TeacherTypeError, r"real numbers, got dtype <U1"),
        (lambda y: None, TeacherTypeError, r"real numbers, got dtype object"),
    ],
)
def test_answers_that_cannot_be_learned_from(action, error, text):
    with pytest.raises(error, match=text) as caught:
        distill(_fails_on(2, action), 6, 2, batch_size=50)
    assert isinstance(caught.value, TypeError if error is TeacherTypeError else ValueError)
    assert len(caught.value.y) == 50


def test_a_time_limit_ends_a_slow_teacher():
    calls = []

    def slow(X):
        calls.append(len(X))
        np.linalg.svd(np.ones((300, 300)))
        return np.tanh(X).prod(axis=1)

    found = distill(slow, 3, 2, batch_size=10, time_limit=0.05)
    assert found.stopped == "time"
    assert found.stopped_early
    assert found.n_queries == sum(calls) >= 10


def test_progress_and_callback(capfd):
    seen = []
    planted = _planted(d=6, k=2)
    found = distill(planted, 6, 2, callback=lambda *told: seen.append(told), progress=True)
    assert "queries" in capfd.readouterr().err
    assert [(h["stage"], h["neurons"], h["error"]) for h in found.history] == seen
    assert {"teacher", "learn", "total"} <= set(found.timings)
    distill(planted, 6, 2)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("arguments", "options", "error", "text"),
    [
        ((3, 4), {}, TypeError, "teacher must be callable, got int"),
        ((len, 2.0), {}, TypeError, "n_features must be an integer"),
        ((len, 0), {}, ValueError, "n_features must be at least 1, got 0"),
        ((len, 4, -1), {}, ValueError, "width must be at least 0"),
        ((len, 4), {"n_queries": 19}, ValueError, "n_queries must be at least 20 for 4 features, got 19"),
        ((len, 9), {"n_queries": 29}, ValueError, "n_queries must be at least 30 for 9 features, got 29"),
        ((len, 4), {"n_queries": 1e3}, TypeError, "n_queries must be an integer"),
        ((len, 4), {"tolerance": 0}, ValueError, "tolerance must be positive or None, got 0"),
        ((len, 4), {"tolerance": float("nan")}, ValueError, "tolerance must be positive or None, got nan"),
        ((len, 4), {"tolerance": "1"}, TypeError, "tolerance must be a number or None, got '1'"),
        ((len, 4), {"time_limit": -1}, ValueError, "time_limit must be positive or None, got -1"),
        ((len, 4), {"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
        ((len, 4), {"max_width": "3"}, TypeError, "max_width must be an integer"),
        ((len, 4), {"n_threads": 0}, ValueError, "n_threads must be at least 1"),
    ],
)
def test_bad_arguments(arguments, options, error, text):
    with pytest.raises(error, match=text):
        distill(*arguments, **options)


def test_values_too_small_to_square_are_the_teachers_fault():
    with pytest.raises(TeacherValueError, match="at most, whose square leaves float64; scale them") as caught:
        distill(lambda X: 1e-200 * np.abs(X).sum(axis=1), 3, 6)
    assert len(caught.value.X) == len(caught.value.y) > 0


def _broad(X):
    return np.tanh(X[:, 0] + 0.5 * X[:, 1]) + 0.3 * np.sin(2 * X[:, 2]) * X[:, 3]


@pytest.mark.slow
def test_what_is_no_narrow_network_gets_the_best_of_so_few_neurons():
    found = distill(_broad, 4, 4, seed=0)
    assert found.stopped == "no improvement"
    assert any(entry["stage"] == "narrowed down" for entry in found.history)
    X = np.random.default_rng(1).standard_normal((20_000, 4))
    wanted = _broad(X)
    fidelity = 1 - np.mean((found.network(X) - wanted) ** 2) / np.var(wanted)
    assert found.validation_r2 == pytest.approx(fidelity, abs=0.05)
    # Direct fits from random starts, as many queries: the best of ten by the training error has 0.90.
    assert fidelity > 0.88


def test_broad_teachers_ask_the_same_for_any_batch_size_and_number_of_threads():
    runs = [distill(_broad, 4, 2, n_queries=700, batch_size=b, n_threads=t) for b, t in ((500, 1), (33, 2))]
    np.testing.assert_array_equal(runs[0].X, runs[1].X)
    assert runs[0].network == runs[1].network


def test_residuals_after_a_time_limit_are_those_of_the_network():
    found = distill(_broad, 4, 4, time_limit=0.3)
    if found.stopped == "time":
        assert "by which the network was chosen" in str(found)
    place = [int(np.flatnonzero(found.y == target)[0]) for target in found.validation_targets]
    if found.stopped == "time":
        np.testing.assert_allclose(found.validation_targets - found.network(found.X[place]), found.validation_residuals)


# ---- Time ----


class Clock:
    """Stands still, until the teacher moves it on."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr("time.perf_counter", lambda: self.now)


@pytest.mark.parametrize("batch", [1, 2, 3, 5, 8])
def test_whatever_time_is_up_the_result_is_no_worse_than_a_constant(monkeypatch, batch):
    clock = Clock(monkeypatch)
    planted = _planted("fan_even", 6, 16)
    asked = 0

    def teacher(X):
        nonlocal asked
        asked += 1
        if asked == batch:
            clock.now = 2.0
        return planted(X) + np.sin(7 * X[:, 0])

    found = distill(teacher, 6, 8, time_limit=1.0, batch_size=40)
    assert found.stopped == "time"
    assert asked == batch  # nothing is asked after time is up
    targets = found.validation_targets
    assert len(targets) >= 1
    learned_from = np.ones(len(found.y), dtype=bool)
    learned_from[[int(np.flatnonzero(found.y == target)[0]) for target in targets]] = False
    constant = np.mean((targets - found.y[learned_from].mean()) ** 2)
    assert found.validation_mse <= constant * (1 + 1e-9)
    place = [int(np.flatnonzero(found.y == target)[0]) for target in targets]
    np.testing.assert_allclose(targets - found.network(found.X[place]), found.validation_residuals, atol=1e-12)


# ---- Messages ----


@pytest.mark.parametrize(
    "one_row",
    [
        lambda x: float(x[0]) + max(float(x[1]), 0.0),  # TypeError
        lambda x: x[0] if x[0] > 0 else 0.0,  # ValueError
        lambda x: x[0] + 2 * x[1],  # an answer of one row's shape
        lambda x: sum(x),
    ],
)
def test_a_function_of_one_row_is_told_that_rows_come_in_batches(one_row):
    with pytest.raises(TeacherError, match=r"a function of one row goes as lambda X: \[f\(x\) for x in X\]"):
        distill(one_row, 4, 2)
    assert distill(lambda X: [one_row(x) for x in X], 4, 2, n_queries=300).validation_r2 > 0.9


def test_a_model_of_data_frames_is_told_how_to_be_wrapped():
    pandas = pytest.importorskip("pandas")

    def of_frame(frame):
        return np.asarray(frame["a"] + np.maximum(frame["b"], 0))

    with pytest.raises(TeacherError, match=r"shape \(100, 2\), one query a row: .*pandas\.DataFrame\(X, columns="):
        distill(of_frame, 2, 1)
    found = distill(lambda X: of_frame(pandas.DataFrame(X, columns=["a", "b"])), 2, 1)
    assert found.stopped == "tolerance"


def test_errors_of_later_batches_do_not_speak_of_batches():
    with pytest.raises(TeacherError, match=r"ValueError on batch 2 .*: later$"):
        distill(_fails_on(2, _later), 6, 2, batch_size=50)


def _later(y):
    raise ValueError("later")

"""Distillation of several outputs: neurons shared, exact where the teacher is such a network, else the best one."""

import pickle

import numpy as np
import pytest

import limbeck
from limbeck import TeacherError
from limbeck.blackbox import TeacherValueError, distill
from limbeck.results import Distilled


def family_teacher(family, d, k, q, seed):
    rng = np.random.default_rng([seed, d, k, q])  # not that of the queries
    net = limbeck.datasets.make_narrow_network(family, d, k, seed=seed)
    outputs = rng.standard_normal((k, q)) * np.abs(net.output)[:, None]
    return lambda X: np.maximum(X @ net.weights.T, 0) @ outputs


def random_teacher(d, k, q, seed):
    """Weights of rows N(0, I / d), thresholds N(0, 1/4), outputs N(0, 1)."""
    rng = np.random.default_rng([seed, d, k, q])
    weights, thresholds = rng.standard_normal((k, d)) / np.sqrt(d), 0.5 * rng.standard_normal(k)
    outputs = rng.standard_normal((k, q))
    return lambda X: np.maximum(X @ weights.T + thresholds, 0) @ outputs


def worst(found, teacher, d):
    """Largest error on rows of N(0, I), over the spread of the answers."""
    X = np.random.default_rng(99).standard_normal((10_000, d))
    wanted = teacher(X)
    return np.abs(found.network(X) - wanted).max() / wanted.std()


FAMILIES = [("generic", 4), ("lowrank", 6), ("collinear", 4), ("plane", 4)]


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("q", [3, 10])
@pytest.mark.parametrize(("family", "k"), FAMILIES)
def test_networks_come_back_exactly(family, k, q, seed):
    teacher = family_teacher(family, 20, k, q, seed)
    found = distill(teacher, 20, outputs=q, seed=seed)
    assert (found.stopped, found.route, found.width) == ("tolerance", "kinks", k)
    assert found.network.output.shape == (q, k)
    assert not found.network.thresholds.any()
    assert worst(found, teacher, 20) < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 20))
@pytest.mark.parametrize("q", [3, 10])
@pytest.mark.parametrize(("family", "k"), FAMILIES)
def test_networks_come_back_exactly_for_many_seeds(family, k, q, seed):
    teacher = family_teacher(family, 20, k, q, seed)
    assert worst(distill(teacher, 20, outputs=q, seed=seed), teacher, 20) < 1e-12


@pytest.mark.parametrize(("d", "k", "q"), [(1, 5, 2), (10, 16, 3), (50, 16, 10)])
def test_random_teachers_come_back_exactly(d, k, q):
    teacher = random_teacher(d, k, q, 0)
    found = distill(teacher, d, max_width=k, outputs=q)
    assert (found.stopped, found.width) == ("tolerance", k)
    # Least squares on answers of rounding 1e-15, over steps that are some tenths.
    assert worst(found, teacher, d) < 1e-12


def test_more_outputs_take_fewer_queries():
    queries = [distill(random_teacher(50, 16, q, 0), 50, max_width=16, outputs=q).n_queries for q in (1, 3, 10)]
    # Points on lines and rows, half of the queries with ten outputs, are as many with any number of them.
    assert queries[0] > 1.4 * queries[1] > 1.4 * 1.1 * queries[2]


def test_the_result_is_a_distilled_one():
    teacher = random_teacher(6, 3, 8, 0)
    found = distill(teacher, 6, outputs=8, feature_names=list("abcdef"), target_name="out")
    assert isinstance(found, Distilled)
    assert found.X.shape == (found.n_queries, 6)
    assert found.y.shape == (found.n_queries, 8)
    np.testing.assert_allclose(teacher(found.X), found.y, rtol=0, atol=1e-12)  # in batches, products round otherwise
    assert found.validation_targets.shape == found.validation_residuals.shape
    assert found.validation_r2 == 1.0
    assert found.clumps == []
    text = str(found)
    assert text.startswith("out0 to out7: 3 neurons that 8 outputs share, of 6 features (standard Gaussian)\nR2 on 32 ")
    assert "and 2 more" in text
    assert text.endswith(f"found by kinks; {found.n_queries} queries; no more because the tolerance was met")
    assert "3 neurons that 8 outputs share" in found._repr_html_()
    copy = pickle.loads(pickle.dumps(found))
    assert str(copy) == text
    assert copy.network == found.network
    for name in ("standard_errors", "reading", "narrower"):
        with pytest.raises(ValueError, match=f"^{name} are of networks of one output"):
            getattr(found, name)


def test_results_in_files(tmp_path):
    teacher = random_teacher(4, 3, 2, 0)
    found = distill(teacher, 4, outputs=2)
    found.save(tmp_path / "net.json")
    X = np.random.default_rng(0).standard_normal((20, 4))
    np.testing.assert_array_equal(limbeck.load(tmp_path / "net.json").predict(X), found.predict(X))
    found.to_html(tmp_path / "net.html")
    assert "2 outputs share" in (tmp_path / "net.html").read_text()


def test_outputs_of_all_sizes_count_alike():
    teacher = random_teacher(10, 4, 3, 0)
    sizes, shifts = np.array([1e-6, 1.0, 1e8]), np.array([0.0, 5.0, 0.0])
    found = distill(lambda X: teacher(X) * sizes + shifts, 10, outputs=3)
    X = np.random.default_rng(0).standard_normal((1000, 10))
    assert found.stopped == "tolerance"
    np.testing.assert_allclose((found.network(X) - shifts) / sizes, teacher(X), rtol=0, atol=1e-11)


@pytest.mark.parametrize(
    ("teacher", "width"),
    [
        (lambda X: np.repeat(random_teacher(5, 3, 1, 0)(X), 3, axis=1), 3),
        (lambda X: np.column_stack([random_teacher(5, 3, 1, 0)(X), np.ones(len(X)), X[:, 0]]), 3),
        (lambda X: X[:, :3] + 1.0, 0),
        (lambda X: np.ones((len(X), 3)), 0),
    ],
    ids=["copies", "constant and line", "lines", "constants"],
)
def test_outputs_that_need_no_neurons_of_their_own(teacher, width):
    found = distill(teacher, 5, outputs=3)
    X = np.random.default_rng(0).standard_normal((1000, 5))
    assert (found.stopped, found.width) == ("tolerance", width)
    np.testing.assert_allclose(found.network(X), teacher(X), rtol=0, atol=1e-12)


def test_answers_in_float32():
    teacher = random_teacher(10, 4, 3, 0)
    found = distill(lambda X: teacher(X).astype(np.float32), 10, outputs=3)
    assert (found.stopped, found.width) == ("tolerance", 4)
    # A rounding of 1e-7 in each answer, over steps.
    assert worst(found, teacher, 10) < 1e-5


def test_noise():
    teacher, rng = random_teacher(8, 3, 4, 1), np.random.default_rng(0)
    found = distill(lambda X: teacher(X) + 0.1 * rng.standard_normal((len(X), 4)), 8, 3, outputs=4, n_queries=2000)
    assert found.stopped in ("noise", "budget")
    assert found.route in ("moments", "hinges")
    # The noise's variance, known to a tenth from a thousand answers of four numbers.
    assert found.noise_variance == pytest.approx(0.01, rel=0.2)
    X = np.random.default_rng(1).standard_normal((10_000, 8))
    assert np.square(found.network(X) - teacher(X)).mean() < 0.01 / 10


def test_functions_that_are_no_such_network():
    A = np.random.default_rng(0).standard_normal((3, 2))
    found = distill(lambda X: np.tanh(X @ A), 3, 6, outputs=2, n_queries=1000)
    assert found.stopped in ("no improvement", "budget")
    assert found.width <= 6
    assert found.validation_r2 > 0.97


def test_fewer_neurons_than_the_teacher_has():
    found = distill(random_teacher(6, 12, 3, 0), 6, max_width=4, outputs=3, n_queries=500)
    assert found.stopped in ("no improvement", "budget")
    assert found.width <= 4
    assert 0.5 < found.validation_r2 < 1


@pytest.mark.parametrize("n_queries", [33, 60, 200])
def test_budgets_are_kept(n_queries):
    found = distill(random_teacher(10, 8, 3, 0), 10, outputs=3, n_queries=n_queries)
    assert found.stopped == "budget"
    assert found.n_queries <= n_queries


def test_time_that_is_up_at_once():
    found = distill(random_teacher(20, 16, 3, 0), 20, outputs=3, time_limit=1e-4)
    assert found.stopped == "time"
    assert found.stopped_early
    assert "stopped early" in str(found)


def test_queries_like_a_table():
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    table = pandas.DataFrame({"a": 5 + 3 * rng.standard_normal(50), "b": 0.1 * rng.standard_normal(50)})

    def teacher(frame):
        return np.column_stack([np.abs(frame["a"] - 4), np.maximum(frame["b"], 0.02), frame["a"] + frame["b"]])

    found = distill(teacher, like=table, outputs=3)
    assert found.stopped == "tolerance"
    np.testing.assert_allclose(found.predict(table), teacher(table), rtol=0, atol=1e-11)


def test_results_do_not_depend_on_threads_or_batches():
    teacher = random_teacher(12, 5, 3, 0)
    # Rows in batches of other sizes would be multiplied in another order.
    one_by_one = lambda X: np.concatenate([teacher(row[None]) for row in X])  # noqa: E731
    first = distill(one_by_one, 12, outputs=3, n_threads=1)
    second = distill(one_by_one, 12, outputs=3, n_threads=2, batch_size=37)
    assert first.network == second.network
    np.testing.assert_array_equal(first.X, second.X)


@pytest.mark.parametrize(
    ("teacher", "outputs", "message"),
    [
        (lambda X: X[:, :2], 3, r"shape \(16, 3\) for 16 rows, got shape \(16, 2\) \(batch 1\): outputs=2 is for such"),
        (lambda X: X[:, 0], 3, r"shape \(16, 3\) for 16 rows, got shape \(16,\)"),
        (lambda X: X[:, :2].T, 2, r"shape \(16, 2\) for 16 rows, got shape \(2, 16\)"),
        (lambda X: X[:, :2], 1, r"shape \(\d+,\) or \(\d+, 1\) .* got shape \(\d+, 2\) \(batch 1\): outputs=2 is for"),
        (lambda X: np.where(X[:, :2] > 0, np.nan, X[:, :2]), 2, r"returned nan for row \d+ of batch 1 \(\d+ such rows"),
    ],
)
def test_answers_of_another_shape(teacher, outputs, message):
    with pytest.raises(TeacherValueError, match=message):
        distill(teacher, 4, outputs=outputs)


@pytest.mark.parametrize(("outputs", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), ("2", TypeError)])
def test_outputs_is_a_number(outputs, error):
    with pytest.raises(error, match=r"^outputs must be"):
        distill(lambda X: X[:, :2], 4, outputs=outputs)


def test_teachers_that_fail_on_the_way():
    teacher, calls = random_teacher(6, 4, 2, 0), [0]

    def failing(X):
        calls[0] += 1
        if calls[0] == 6:
            raise OSError("gone")
        return teacher(X)

    with pytest.raises(TeacherError, match="raised OSError on batch 6") as caught:
        distill(failing, 6, outputs=2)
    assert caught.value.y.shape == (len(caught.value.X), 2)

"""Results that can be read: parts and their shares, sentences, HTML, smaller widths, names of columns."""

import copy
import dataclasses
import pickle
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import limbeck
from limbeck import ReLUNetwork, datasets
from limbeck._base.frames import require_same_order
from limbeck._learner.diagnostics import diagnostics as _evidence
from limbeck._learner.diagnostics.diagnostics import Diagnostics, FitRecord
from limbeck._learner.diagnostics.reading import read
from limbeck._learner.model.clumps import Clump, clump_ladder, clump_tree
from limbeck._learner.model.model import Model, model_of
from limbeck._learner.model.pruning import pruned
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows
from limbeck._learner.report.numbers import with_error
from limbeck._learner.report.text import clump_lines, cost_text, r2_text

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def rooms():
    """A table whose truth a person can say: 10 for every room above 6, less 3 for each unit of age."""
    rng = np.random.default_rng(1)
    rooms, age = rng.uniform(3, 9, 800), rng.gamma(2.0, 20.0, 800)
    criterion = 50 + 10 * np.maximum(rooms - 6, 0) - 3 * age + 0.5 * rng.standard_normal(800)
    return np.column_stack([rooms, age]), criterion


@pytest.fixture(scope="module")
def learned(rooms):
    return limbeck.learn(*rooms, 1, inputs="any", feature_names=["rooms", "age"], target_name="price")


def test_parts_add_up_to_the_network():
    X = RNG.gamma(2.0, 3.0, (500, 4))
    net = limbeck.ReLUNetwork(
        RNG.standard_normal((3, 4)),
        [1.0, -2.0, 0.5],
        linear=RNG.standard_normal(4),
        bias=0.7,
        thresholds=[0.1, -3.0, 1.0],
    )
    weights = RNG.uniform(0, 2, 500)
    reading = read(net, X, weights)
    V = (X - reading.means) / reading.scales
    np.testing.assert_allclose(np.average(V, axis=0, weights=weights), 0, atol=1e-12)
    np.testing.assert_allclose(np.average(V**2, axis=0, weights=weights), 1)
    np.testing.assert_allclose(np.linalg.norm(reading.directions, axis=1), 1)
    parts = np.maximum(V @ reading.directions.T - reading.thresholds, 0) * reading.weights
    np.testing.assert_allclose(reading.constant + V @ reading.linear + parts.sum(axis=1), net(X))
    np.testing.assert_allclose(reading.network(V), net(X))
    np.testing.assert_allclose(reading.active, np.average(parts != 0, axis=0, weights=weights))
    total = np.cov(net(X), aweights=weights, ddof=0)
    for share, part in zip(reading.shares, [*parts.T, V @ reading.linear], strict=True):
        assert share == pytest.approx(np.cov(part, net(X), aweights=weights, ddof=0)[0, 1] / total)
    assert reading.shares.sum() == pytest.approx(1)


def test_the_reading_does_not_depend_on_units(rooms):
    X, y = rooms
    one = limbeck.learn(X, y, 1, inputs="any").reading
    # Powers of two, so that both learn from the same numbers.
    other = limbeck.learn(X * [2.0**20, 2.0**-10], 2.0**-5 * y, 1, inputs="any").reading
    for name in ("directions", "thresholds", "active", "shares"):
        np.testing.assert_allclose(getattr(other, name), getattr(one, name), rtol=1e-6)
    np.testing.assert_allclose(other.weights, 2.0**-5 * one.weights, rtol=1e-6)
    np.testing.assert_allclose(other.errors.output, 2.0**-5 * one.errors.output, rtol=1e-5)
    np.testing.assert_allclose(other.errors.directions, one.errors.directions, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("inputs", ["gaussian", "standard"])
def test_errors_of_the_reading_are_those_of_its_network(inputs):
    planted = datasets.make_narrow_network("generic", 4, 2, seed=0)
    Z, y = datasets.sample(planted, 3000, noise=0.2, seed=1)
    scale = np.array([1.0, 2.0, 0.5, 4.0]) if inputs == "gaussian" else np.ones(4)
    found = limbeck.learn(Z * scale + (inputs == "gaussian"), y, 2, inputs=inputs)
    reading = found.reading
    # With features in units of their deviations the errors of output weights are the reading's.
    again = limbeck.learn((Z * scale + (inputs == "gaussian") - reading.means) / reading.scales, y, 2, inputs=inputs)
    order = np.argsort(-np.abs(reading.weights))
    np.testing.assert_allclose(reading.weights[order], again.network.output, rtol=1e-6)
    np.testing.assert_allclose(reading.errors.output[order], again.standard_errors.output, rtol=1e-3)
    np.testing.assert_allclose(reading.errors.directions[order], again.standard_errors.directions, rtol=1e-3)


def test_sentences_are_in_the_units_of_the_data(learned):
    text = str(learned)
    assert text.startswith("price: 1 neuron and a linear part, of 2 features (of any distribution)")
    match = re.search(r"rooms is (above|below) ([\d.]+) \+- ([\d.]+), price rises by ([\d.]+) \+- ([\d.]+)", text)
    side, at, at_error, slope, slope_error = match[1], *map(float, match.groups()[1:])
    assert side in ("above", "below")  # either way round, with the linear part to match
    assert abs(at - 6) < 4 * at_error < 0.5
    assert abs(slope - 10) < 4 * slope_error < 1.0
    assert "per standard deviation" in text
    assert re.search(r"neurons +1 +0\n +R2 ", text)


def test_html_says_the_same_and_escapes(rooms, tmp_path):
    found = limbeck.learn(*rooms, 3, inputs="any", feature_names=["<b>rooms</b>", "age & co"], target_name="a<b")
    page = found.to_html(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page
    assert "<b>rooms</b>" not in page
    assert "&lt;b&gt;rooms&lt;/b&gt;" in page
    assert "<script" not in page
    body = page[page.index('<div class="limbeck">') : page.index("</body>")].replace("&nbsp;", " ")
    tree = ET.fromstring(body)  # well-formed
    text = " ".join("".join(tree.itertext()).split())
    assert "a<b: " in text
    assert "of the variance" in text
    assert len(tree.findall(".//svg/path")) >= found.width - 1
    assert found._repr_html_() in page


def test_pickled_results_print_the_same(learned):
    copy = pickle.loads(pickle.dumps(learned))
    assert str(copy) == str(learned)
    assert copy.to_html() == learned.to_html()


def test_unrefined_results_print_too():
    X, y = datasets.sample(datasets.make_narrow_network("generic", 5, 1, seed=0), 4000, seed=1)
    found = limbeck.learn(X, y, 1, refine=False)
    assert "+-" not in str(found)
    assert found.reading.errors is None
    with pytest.raises(ValueError, match="refine=False"):
        _ = found.narrower
    assert str(pickle.loads(pickle.dumps(found))) == str(found)


def test_a_network_of_no_neurons_prints():
    X = RNG.standard_normal((300, 3))
    found = limbeck.learn(X, X @ [1.0, 2.0, 0.0] + 0.1 * RNG.standard_normal(300), 0)
    assert str(found).startswith("y: 0 neurons and a linear part")
    assert re.search(r"Linear part: -?0\.\d+ \+- 0\.\d+ at the mean of every feature", str(found))
    assert found.narrower == []
    assert "linear part" in found.to_html()


def test_many_parameters_print_at_once():
    X = RNG.standard_normal((1500, 300))
    found = limbeck.learn(X, np.maximum(X[:, 0], 0) + 0.1 * RNG.standard_normal(1500), 1)
    assert "+-" not in str(found)
    assert "ask for them" in str(found)


def test_neurons_are_turned_so_that_little_is_linear():
    X = RNG.uniform(-1, 1, (3000, 2))
    y = np.maximum(0.4 - X[:, 0], 0) + 2 * np.maximum(X[:, 1] - 0.2, 0) + 0.02 * RNG.standard_normal(3000)
    for inputs in ("any", "auto"):
        found = limbeck.learn(X, y, 2, inputs=inputs)
        assert abs(found.reading.shares[-1]) < 0.02
        assert (found.reading.shares[:2] > 0.2).all()
        assert re.search(r"where x0 is below 0\.\d+ .* for each unit of x0 below that", " ".join(str(found).split()))


def test_what_the_rows_do_not_determine_is_said():
    X = RNG.standard_normal((400, 6))
    planted = limbeck.ReLUNetwork([[1.0, 0, 0, 0, 0, 0]], [1.0], thresholds=[-2.3])  # on for some four rows
    y = planted(X) + X[:, 1] + 0.01 * RNG.standard_normal(400)
    origin = FitRecord(
        model=model_of(planted),
        rows=Rows(X, y),
        original=Rows(X, y),
        used=np.arange(400),
        held_out=np.arange(0),
        joined=True,
        thresholds=True,
        standard=True,
    )
    found = dataclasses.replace(
        limbeck.learn(X, y, 1, inputs="standard"), network=planted, _evidence=Diagnostics(planted, origin)
    )
    assert np.isinf(found.standard_errors.output).all()
    assert "+- ?" in str(found)
    assert "?: the rows leave it open." in " ".join(str(found).split())


def test_numbers_keep_their_digits():
    assert with_error(1000141.4, 5.4) == "1,000,141.4 +- 5.4"
    assert with_error(23511.0, 1800.0) == "23,500 +- 1,800"
    assert with_error(2315.0, 230.0) == "2320 +- 230"
    assert with_error(0.5, 0.0123, signed=True) == "+0.500 +- 0.012"
    assert with_error(0.5, np.inf) == "0.5000 +- ?"
    assert with_error(1e-14, 1e-15, scale=1.0) == "0"


def test_clumps_cost_what_the_weighted_rows_say():
    X = np.column_stack([np.sort(RNG.standard_normal(60_000)), RNG.standard_normal(60_000)])
    net = limbeck.ReLUNetwork([[1.0, 0.0], [0.9, 0.3]], [1.0, -1.0], linear=[0.0, 0.1])
    y = net(X) + 0.01 * RNG.standard_normal(60_000)
    whole = net.distance(ReLUNetwork(np.atleast_2d([0.1, -0.3]), [1.0], linear=[0.0, 0.1])) / net.variance()
    found = limbeck.learn(X, y, 2, inputs="standard")
    assert found.clumps[-1].cost == pytest.approx(whole, rel=0.1)  # though the rows come sorted
    few = slice(None, None, 20)
    weights = np.where(X[few, 1] > 0.3, 20, 1)
    one = limbeck.learn(X[few], y[few], 2, inputs="standard", sample_weight=weights, validation=0.0)
    other = limbeck.learn(np.repeat(X[few], weights, axis=0), np.repeat(y[few], weights), 2, inputs="standard")
    assert one.clumps[-1].cost == pytest.approx(other.clumps[-1].cost, rel=0.1)


def test_parallel_neurons_with_other_thresholds_are_not_one():
    x = RNG.uniform(0, 10, 2000)
    found = limbeck.learn(x[:, None], 20.0 * (x > 5) + RNG.standard_normal(2000), 2)
    assert found.clumps[-1].scale == 0
    assert found.clumps[-1].cost > 0.5


def test_copies_keep_what_they_can_tell(learned):
    fresh = limbeck.learn(RNG.standard_normal((100, 2)), RNG.standard_normal(100), 1)
    assert copy.deepcopy(fresh).narrower == fresh.narrower
    assert learned != fresh
    assert len({learned, fresh}) == 2


# ---- Slopes in the unit that is named ----


@pytest.mark.parametrize("inputs", ["standard", "gaussian", "any"])
@pytest.mark.parametrize("levels", [[-6.0, -3.0, -1.0, 1.0, 3.0, 6.0], [-0.5, 0.5], [-1.0, 1.0]])
def test_slopes_are_per_the_unit_that_is_printed(inputs, levels):
    """A symmetric design: every mean is exactly 0, whatever the standard deviations are."""
    X = np.array(np.meshgrid(levels, levels, levels)).reshape(3, -1).T
    X = np.repeat(X, -(-40 // len(X)), axis=0)
    assert not X.mean(axis=0).any()
    y = 5 + X @ [2.0, 1.0, -0.5]
    found = limbeck.learn(X, y, 0, inputs=inputs, validation=0.0)
    text = " ".join(str(found).split())
    line = re.search(r"Linear part: (\S+)(?: \+- \S+)? at (.*?); per (unit|standard deviation) (.*?)\. [\dL]", text)
    constant, where, unit = float(line[1]), line[2], line[3]
    slopes = {name: float(slope) for slope, name in re.findall(r"([+-]\S+)(?: \+- \S+)? for (x\d)", line[4])}
    by_hand = constant + (X if unit == "unit" else X / X.std(axis=0)) @ [slopes[f"x{j}"] for j in range(3)]
    # Four digits of each.
    np.testing.assert_allclose(by_hand, found.predict(X), atol=2e-3 * np.abs(y).max())
    assert where == ("0" if unit == "unit" else "the mean of every feature")


def test_a_neuron_of_symmetric_features_says_that_they_are_standardised():
    rng = np.random.default_rng(0)
    X = np.repeat(
        np.array(np.meshgrid([-6.0, -3.0, -1.0, 1.0, 3.0, 6.0], [-2.0, -1.0, 1.0, 2.0])).reshape(2, -1).T, 20, 0
    )
    y = np.maximum(X @ [0.3, 0.9] - 0.2, 0) + 0.01 * rng.standard_normal(len(X))
    found = limbeck.learn(X, y, 1, inputs="any", validation=0.0)
    text = " ".join(str(found).split())
    sides, threshold, weight = re.search(
        r"where (.*?) \(standardised\) is above (\S+) .*?y (?:rises|falls) by (\S+)", text
    ).groups()
    terms = {name: float(f"{sign}{size}") for sign, size, name in re.findall(r"([+-]?) ?([\d.]+) (x\d)", sides)}
    u = X / X.std(axis=0) @ [terms["x0"], terms["x1"]]
    told = float(weight) * np.maximum(u - float(threshold), 0) * np.sign(found.reading.weights[0])
    rest = found.predict(X) - told
    line = np.column_stack([X, np.ones(len(X))])
    # What is left is the linear part: coefficients have two digits, so the hinge is right to a hundredth.
    assert np.std(rest - line @ np.linalg.lstsq(line, rest)[0]) < 0.02 * np.std(told)


# ---- What is printed depends on the result alone ----


def _results():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((1500, 3))
    y = np.maximum(X[:, 0] - 0.3, 0) - np.abs(X[:, 1]) + 0.1 * rng.standard_normal(1500)
    wide = rng.standard_normal((1500, 260))
    return {
        "any": lambda: limbeck.learn(X, y, 3, inputs="any"),
        "gaussian": lambda: limbeck.learn(X * 2 + 1, y, 3, inputs="gaussian"),
        "few rows": lambda: limbeck.learn(X[:50], y[:50]),
        "no validation": lambda: limbeck.learn(X[:300], y[:300], validation=0.0),
        "weights": lambda: limbeck.learn(X[:300], y[:300], sample_weight=rng.uniform(0.5, 2, 300)),
        "many parameters": lambda: limbeck.learn(wide, np.maximum(wide[:, 0], 0) + 0.1 * y, 1),
        "unrefined": lambda: limbeck.learn(X, np.abs(X[:, 0]), 1, inputs="standard", refine=False),
        "blocks": lambda: limbeck.learn([(X[:700], y[:700]), (X[700:], y[700:])], width=2, sample_rows=800),
        "no neurons": lambda: limbeck.learn(X, X[:, 0] + 0.1 * y, 0),
        "distilled": lambda: limbeck.distill(lambda Z: np.abs(Z[:, 0]) + np.tanh(Z[:, 1]), 2, 2, n_queries=500),
    }


def _ask(found, name):
    try:
        return getattr(found, name)
    except ValueError:
        return None  # there are none, or the rows are gone


@pytest.mark.parametrize("kind", _results())
def test_what_was_asked_before_does_not_show(kind):
    found = _results()[kind]()
    early = pickle.loads(pickle.dumps(found))
    text, page = str(early), early.to_html()
    has_errors = early.reading.errors is not None
    assert has_errors == (kind not in ("many parameters", "unrefined"))
    assert str(found) == text
    for name in ("narrower", "standard_errors", "reading", "clumps"):
        _ask(found, name)
        late = pickle.loads(pickle.dumps(found))
        for one in (found, late, copy.deepcopy(found), pickle.loads(pickle.dumps(late))):
            assert str(one) == text
            assert one.to_html() == page
            assert (one.reading.errors is not None) == has_errors
    if has_errors:
        assert [one.network for one in early.narrower] == [one.network for one in found.narrower]
        np.testing.assert_array_equal(early.standard_errors.slopes, found.standard_errors.slopes)


def test_pickling_computes_nothing(monkeypatch):
    found = [make() for make in _results().values()]
    before = [one._evidence.__dict__.keys() for one in found]

    def never(*_, **__):
        raise AssertionError("pickling computes")

    for name in ("pruned", "cross_validate", "read", "cross_validated"):
        monkeypatch.setattr(_evidence, name, never)
    monkeypatch.setattr("limbeck._learner.diagnostics.standard_errors._sandwich", never)
    for one, keys in zip(found, before, strict=True):
        pickle.dumps(one)
        assert one._evidence.__dict__.keys() == keys


def test_blocks_without_time_for_errors_print_none(monkeypatch):
    """Not even once they were asked for, which takes a pass then."""
    monkeypatch.setattr("limbeck._learner.streaming.rows.StreamedRows.prepare_standard_errors", lambda *_: None)
    found = _results()["blocks"]()
    text = str(found)
    assert "+-" not in text
    copied = pickle.loads(pickle.dumps(found))
    assert np.isfinite(found.standard_errors.output).all()
    assert str(found) == str(copied) == str(pickle.loads(pickle.dumps(found))) == text
    with pytest.raises(ValueError, match="a pickle leaves behind the rows that this takes"):
        _ = copied.standard_errors


def test_rows_are_let_go():
    """Up to 500 parameters a result stays what it is when the rows change."""
    rng = np.random.default_rng(0)
    X, y = rng.uniform(size=(800, 2)), rng.standard_normal(800)
    y += 5 * np.maximum(X[:, 0] - 0.5, 0)
    kept, text = limbeck.learn(X, y, 1), str(limbeck.learn(X, y, 1))
    X[:], y[:] = 0.0, 0.0
    assert str(kept) == text


# ---- Few rows ----


def test_few_rows_are_cross_validated():
    """R2 of the held-out tenth of 40 rows, four of them, is off by a standard deviation of 1 and more."""
    off, held_out = [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        X = rng.uniform(-1, 1, (5040, 3))
        y = 3 * np.maximum(X[:, 0], 0) + X[:, 1] + rng.standard_normal(5040)
        found = limbeck.learn(X[:40], y[:40])
        told = re.search(
            r"cross-validated R2 (\S+) \(40 rows, 5 folds, the search repeated for each\)", _one_line(found)
        )
        residuals = y[40:] - found.predict(X[40:])
        truth = 1 - np.var(residuals) / np.var(y[40:])
        off.append(float(told[1]) - truth)
        held_out.append(found.validation_r2 - truth)
    # Of standard deviation 0.2 each, the mean of 8 is off by 0.07: 4 times that once in 20,000 seeds.
    assert abs(np.mean(off)) < 0.28
    assert np.std(off) < 0.5 * np.std(held_out)


def _one_line(found):
    return " ".join(str(found).split())


@pytest.mark.parametrize("n", [10, 11, 12, 19])
def test_very_few_rows_print(n):
    rng = np.random.default_rng(n)
    X = rng.uniform(size=(n, 2))
    text = _one_line(limbeck.learn(X, X[:, 0] + 0.1 * rng.standard_normal(n), validation=0.0 if n == 10 else 0.05))
    assert "nan" not in text
    assert ("(each left out once, " in text.replace(f"{n} rows, ", "")) == (
        n > 10
    )  # nine rows are too few to learn from


def test_rows_too_many_to_search_again_on_have_an_interval():
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(600, 40))
    found = limbeck.learn(X, X[:, 0] + rng.standard_normal(600), 0)
    r2, low, high = map(
        float,
        re.search(r"R2 (\S+) on 60 rows held out \(few: 95 % interval (\S+) to (\S+)\)", _one_line(found)).groups(),
    )
    assert low < r2 < high
    assert high - low > 0.1


def test_neurons_that_a_line_does_without_are_called_in_question():
    """On lines with noise the note is to be there, on clear hinges it is not."""
    said = {"line": 0, "hinge": 0}
    for seed in range(10):
        rng = np.random.default_rng(seed)
        X = rng.uniform(-1, 1, (200, 2))
        for kind, bend in (("line", 0.0), ("hinge", 4.0)):
            y = X[:, 0] + bend * np.maximum(X[:, 0], 0) + 0.5 * rng.standard_normal(200)
            said[kind] += "a line does as well, within chance" in _one_line(limbeck.learn(X, y, 1, inputs="any"))
    # A line is taken for a hinge with a chance of 2.5 %: 3 of 10 and more in one of 600 times.
    assert said["line"] >= 8
    assert said["hinge"] == 0


def test_large_tables_are_judged_by_the_rows_held_out():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (3000, 2))
    noise = 0.5 * rng.standard_normal(3000)
    line = limbeck.learn(X, X[:, 0] + noise, 1, inputs="any")
    hinge = limbeck.learn(X, 4 * np.maximum(X[:, 0], 0) + noise, 1, inputs="any")
    assert re.search(r"^R2 0\.\d+ on 300 rows held out; ", str(line).splitlines()[1])
    assert "a line does as well" in _one_line(line)
    assert "a line does as well" not in _one_line(hinge)


def test_an_exact_fit_leaves_nothing_unexplained():
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(300, 2))
    y = 3 * np.maximum(X[:, 0] - 0.5, 0) + X[:, 1]
    for validation in (0.0, 0.1):
        for offset in (0.0, 1e9):
            found = limbeck.learn(X, offset + y, 1, validation=validation)
            assert "; nothing unexplained" in _one_line(found)
    assert "nothing unexplained" not in str(limbeck.learn(X, y + 1e-6 * rng.standard_normal(300), 1, validation=0.0))


def test_few_rows_for_each_parameter_are_said():
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(4000, 3))
    y = np.maximum(X[:, 0] - 0.5, 0) + 0.1 * rng.standard_normal(4000)
    few = _one_line(limbeck.learn(X[:80], y[:80], 1))
    assert "With 10 rows for each parameter they are too small: 1.96 of them hold the true value in 75 to 93 % " in few
    assert "rows for each parameter" not in str(limbeck.learn(X, y, 1))


def test_html_keeps_names_as_they_are():
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(300, 2))
    y = np.maximum(X @ [1.0, -1.0], 0) - np.maximum(X[:, 0] - 0.5, 0) + 0.01 * rng.standard_normal(300)
    names = ["pre - post %", "a +- b - c % <i>"]
    page = limbeck.learn(X, y, 2, inputs="any", feature_names=names, target_name="x - y % of z").to_html()
    body = page[page.index('<div class="limbeck">') : page.index("</body>")].replace("&nbsp;", "\N{NO-BREAK SPACE}")
    text = "".join(ET.fromstring(body).itertext())
    for name in (*names, "x - y % of z"):
        assert name in text
    assert "-0" not in text


# ---- Smaller widths ----


def test_the_neuron_needed_least_is_given_up():
    planted = limbeck.ReLUNetwork(np.eye(4)[:3], [1.0, 0.05, -1.0], thresholds=[0.2, 0.0, -0.1])
    X = RNG.standard_normal((3000, 4))
    model, decay = pruned(model_of(planted), Rows(X, planted(X)), Fit(thresholds=True), 2, 1e-9 * np.arange(1.0, 5.0))
    assert model.width == 2
    np.testing.assert_array_equal(decay, 1e-9 * np.array([1.0, 3.0, 4.0]))
    assert np.mean((model(X) - planted(X)) ** 2) < 1.1 * 0.05**2 * (1 - 2 / np.pi) / 4  # what a line leaves


def test_what_it_is_worth_is_what_a_fit_without_it_loses():
    """With gates held, the worth is the rise of the least squares of the linear problem."""
    from limbeck._learner.model import pruning as _narrowing

    X = RNG.standard_normal((400, 3))
    parameters = RNG.standard_normal((4, 4))
    model = Model(np.array([1.0, -1.0, 1.0]), parameters)
    y = model(X)
    A = np.column_stack([X, np.ones(400)])
    gates = np.column_stack([(A @ parameters[:3].T > 0) * model.signs, np.ones(400)])
    rises = []
    for i in range(3):
        design = np.column_stack([gates[:, [j]] * A for j in range(4) if j != i])
        rises.append(np.sum((y - design @ np.linalg.lstsq(design, y)[0]) ** 2))
    index, without = _narrowing._without_least_needed(model, Rows(X, y), Fit(thresholds=True), np.zeros(4))
    assert index == int(np.argmin(rises))
    design = np.column_stack([gates[:, [j]] * A for j in range(4) if j != index])
    expected = np.linalg.lstsq(design, y)[0].reshape(3, 4)
    np.testing.assert_allclose(without.parameters, expected, atol=1e-6)


def test_narrower_networks_cost_what_they_say():
    planted = datasets.make_narrow_network("generic", 6, 3, seed=2)
    X, y = datasets.sample(planted, 5000, noise=0.1, seed=3)
    found = limbeck.learn(X, y, 3)
    assert [one.width for one in found.narrower] == [2, 1, 0]
    fresh, _ = datasets.sample(planted, 20_000, seed=4)
    wanted = planted(fresh)
    for one in found.narrower:
        assert one.network.width == one.width
        error = np.mean((one.network(fresh) - wanted) ** 2) + 0.01
        assert one.mse == pytest.approx(error, rel=0.3)  # 500 rows held out
        assert one.r2 == pytest.approx(1 - one.mse / np.var(found.validation_targets), abs=1e-12)
    assert found.narrower[0].mse < found.narrower[1].mse < found.narrower[2].mse


def test_narrower_networks_are_not_fitted_to_the_rows_held_out(monkeypatch):
    X = RNG.standard_normal((400, 8))
    y = np.abs(X[:, 0]) + np.abs(X[:, 1]) + 0.5 * RNG.standard_normal(400)
    found = limbeck.learn(X, y, 3, inputs="any", validation=0.25)
    fitted = []
    monkeypatch.setattr(_evidence, "pruned", lambda model, rows, *a: fitted.append(rows) or pruned(model, rows, *a))
    _ = found.narrower
    held_out = set(found.validation_targets)
    assert len(held_out) == 100
    assert all(not held_out & set(rows.y) for rows in fitted)


def test_without_rows_held_out_decayed_fits_are_judged_by_what_the_rows_determine():
    X = np.random.default_rng(3).standard_normal((60, 15))
    y = X[:, 0] + 0.3 * np.random.default_rng(4).standard_normal(60)
    found = limbeck.learn(X, y, 2, inputs="any", validation=0.0)
    fresh = np.random.default_rng(5).standard_normal((5000, 15))
    for one in found.narrower:
        assert one.mse == pytest.approx(np.mean((one.network(fresh) - fresh[:, 0]) ** 2) + 0.09, rel=0.6)


def test_narrower_networks_are_of_the_features_as_given(rooms, learned):
    X, y = rooms
    line = np.linalg.lstsq(np.column_stack([X, np.ones(len(X))]), y)[0]
    (none,) = learned.narrower
    np.testing.assert_allclose(none.network.linear, line[:2], rtol=0.05)


# ---- The clump tree ----


def test_the_tree_has_no_crossings():
    directions = RNG.standard_normal((7, 5))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    ladder = clump_ladder(directions)
    order, mergers = clump_tree(ladder)
    assert sorted(order) == list(range(7))
    assert [m.scale for m in mergers] == [c.scale for c in ladder if len(c.members) > 1]
    for clump in ladder:  # members of every clump lie side by side
        places = sorted(order.index(i) for i in clump.members)
        assert places == list(range(places[0], places[0] + len(places)))
    for m in mergers:
        assert m.ends[0] < m.ends[1]
        assert max(m.starts) <= m.scale


# ---- Tables with names ----


def test_names_of_columns(rooms):
    pandas = pytest.importorskip("pandas")
    X, y = rooms
    frame = pandas.DataFrame({"rooms": X[:, 0], "age": X[:, 1], "old": X[:, 1] > 60})
    found = limbeck.learn(frame, pandas.Series(y, name="price"), 1, inputs="any")
    assert found.feature_names == ("rooms", "age", "old")
    assert found.target_name == "price"
    plain = limbeck.learn(frame.to_numpy(float), y, 1, inputs="any")
    assert plain.network == found.network
    assert plain.feature_names == ("x0", "x1", "x2")
    with pytest.raises(TypeError, match=r"columns 'town' do not: drop or encode them"):
        limbeck.learn(frame.assign(town="A"), y)
    with pytest.raises(ValueError, match="same row labels in another order"):
        limbeck.learn(frame, pandas.Series(y).sample(frac=1.0, random_state=0))


def test_labels_of_rows_that_mean_nothing_are_left_alone():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1.0, 2.0]}, index=[5, 6])
    require_same_order(frame, pandas.Series([1.0, 2.0]))
    require_same_order(frame, np.array([1.0, 2.0]))


def test_predictions_match_columns_by_name(rooms):
    pandas = pytest.importorskip("pandas")
    X, y = rooms
    frame = pandas.DataFrame(X, columns=["rooms", "age"])
    found = limbeck.learn(frame, y, 1, inputs="any")
    wanted = found.network(X)
    np.testing.assert_array_equal(found.predict(X), wanted)
    np.testing.assert_array_equal(found.predict(frame[["age", "rooms"]].assign(other="text")), wanted)
    with pytest.raises(ValueError, match="X lacks the column 'age'"):
        found.predict(frame[["rooms"]])
    assert limbeck.learn(pandas.DataFrame(X), y, 1, inputs="any").feature_names == ("x[0]", "x[1]")


def test_row_labels_of_any_kind():
    pandas = pytest.importorskip("pandas")
    X, y = RNG.standard_normal((20, 2)), RNG.standard_normal(20)
    labels = [*range(10), *"abcdefghij"]
    frame = pandas.DataFrame(X, index=labels)
    with pytest.raises(ValueError, match="X and y have the same row labels"):
        limbeck.learn(frame, pandas.Series(y, index=labels[::-1]))
    with pytest.raises(ValueError, match="X and sample_weight have the same row labels"):
        limbeck.learn(frame, y, sample_weight=pandas.Series(np.ones(20), index=labels[::-1]))


@pytest.mark.parametrize(
    ("names", "error", "text"),
    [
        ("ab", TypeError, "feature_names must be a sequence of str"),
        (["a", 3], TypeError, "feature_names must be a sequence of str"),
        (5, TypeError, "feature_names must be a sequence of str"),
        ({"a", "b"}, TypeError, "feature_names must be a sequence of str"),
        ((name for name in "ab"), TypeError, "feature_names must be a sequence of str"),
        (["a"], ValueError, "one name for each of 2 features, got 1"),
    ],
)
def test_names_that_cannot_be(rooms, names, error, text):
    with pytest.raises(error, match=text):
        limbeck.learn(*rooms, feature_names=names)
    with pytest.raises(TypeError, match="target_name must be a str"):
        limbeck.learn(*rooms, target_name=3)


@pytest.mark.parametrize("inputs", ["standard", "gaussian", "any"])
def test_labels_that_differ_in_one_row_alone_are_cross_validated(inputs):
    y = np.zeros(60)
    y[7] = 1.0
    found = limbeck.learn(np.random.default_rng(0).standard_normal((60, 2)), y, inputs=inputs)
    told = re.search(r"cross-validated R2 (\S+) ", str(found))
    # The mean of the others is all that can be known of it, or a little worse.
    assert -1 < float(told[1]) < 0


@pytest.mark.parametrize("size", [1e-100, 1e78, 1e140])
def test_sentences_do_not_depend_on_the_unit_of_the_labels(size):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((300, 2))
    y = np.maximum(X[:, 0], 0) + 0.1 * rng.standard_normal(300)
    assert "a line does as well" not in str(limbeck.learn(X, size * y))


# ---- Rounding, and numbers that say nothing ----


def _sentences(found):
    return " ".join(str(found).split())


def test_rounding_is_0_where_there_are_no_neurons():
    for seed in range(10):
        U = np.random.default_rng(seed).standard_normal((200, 3)) * 10.0**seed
        found = limbeck.learn(U, U[:, 1] - U[:, 1].mean(), 0, inputs="any")
        assert "Linear part: 0 at the mean of every feature; per standard deviation +" in _sentences(found)
        assert re.search(r"deviation \+\S+ for x1\. 100 %", _sentences(found))  # none that is rounding beside it
        assert "e-" not in _sentences(found).partition("Linear part")[2]
    # Features far from 0: their means times the slopes are rounded, too.
    far = np.random.default_rng(0).standard_normal((200, 2)) + 1e6
    assert "Linear part: 0 at the mean" in _sentences(limbeck.learn(far, far[:, 0] - far[:, 0].mean(), 0))
    narrow = np.random.default_rng(2).standard_normal((400, 2)) * 1e-6 + 10  # a neuron's, too: 1e12 times 10 is rounded
    hinge = 1e12 * (np.maximum(narrow[:, 0] - narrow[:, 0].mean(), 0) + narrow[:, 1] - narrow[:, 1].mean())
    assert "Linear part: 0 at the mean" in _sentences(limbeck.learn(narrow, hinge, 1, inputs="any"))
    student = limbeck.distill(lambda X: X[:, 1], 2)
    assert "Linear part: 0 at 0; per unit +1.000 for x1. 100 %" in _sentences(student)
    constant = _sentences(limbeck.distill(lambda X: np.full(len(X), 5.0), 2))
    assert constant.startswith("y: 0 neurons, of 2 features")
    assert "Linear part: 5.000, a constant." in constant


def test_small_numbers_that_are_not_rounding_are_told():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 2))
    found = limbeck.learn(X, 1e-30 * (X @ [1.0, 1e-6] + 1e-5), 0, inputs="standard")
    assert re.search(
        r"Linear part: 1\.0000*e-35 at 0; per unit \+1\.000e-30 for x0 and 1 smaller", _sentences(found)
    ), _sentences(found)
    noisy = _sentences(limbeck.learn(X, X[:, 0] + rng.standard_normal(400), 0))
    assert re.search(r"Linear part: -?0\.\d+ \+- 0\.\d+ at", noisy)


def test_r2_far_below_0_is_not_told_in_digits(learned, monkeypatch):
    assert [r2_text(value) for value in (-191213906.877, -10.5, -9.5, -0.25)] == [
        "below -10",
        "below -10",
        "-9.500",
        "-0.250",
    ]
    judged = dataclasses.replace(learned._evidence.cross_validation, r2=np.array([-2.36e16, 0.5]))
    monkeypatch.setitem(learned._evidence.__dict__, "cross_validation", judged)  # where it is kept
    text = _sentences(learned)
    assert "cross-validated R2 below -10 (800 rows" in text
    assert text.endswith("neurons 1 0 R2 below -10 0.500")
    assert "<td>below -10</td>" in learned.to_html()


def test_costs_above_the_whole_are_not_told_in_digits():
    assert [cost_text(cost) for cost in (4.128, 1.001, 1.0, 0.999, 0.0)] == [
        "more than 100 %",
        "more than 100 %",
        "100.0 %",
        "99.9 %",
        "0 %",
    ]
    lines = clump_lines([Clump((0, 1), 0.5, 4.128), Clump((0, 1, 2), 1.2e-17, 0.5)])
    assert lines == [
        "Clumps: neurons alike from this angle on; the change if their sum stood in, nothing refitted",
        "      0.5 rad  0, 1                      more than 100 % of the variance",
        "        0 rad  0, 1, 2                   50.0 % of the variance",  # an angle that is rounding
    ]


def test_question_marks_are_explained_wherever_they_are():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((12, 12))
    found = limbeck.learn(X, rng.standard_normal(12), 0, validation=0.0)  # as many rows as slopes
    note = "?: the rows leave it open."
    assert "+- ?" in str(found)
    assert _sentences(found).count(note) == found.to_html().count(note) == 1
    X = rng.standard_normal((100, 2))
    assert note not in str(limbeck.learn(X, X[:, 0] + rng.standard_normal(100), 0))

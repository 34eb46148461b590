"""Parallel neurons are told as the curves and steps that they are together."""

import re

import numpy as np
import pytest

import limbeck
from limbeck import ReLUNetwork
from limbeck._learner.diagnostics.curves import curves_of
from limbeck._learner.diagnostics.reading import read


def _parallel(rng, k, d=1, feature=0):
    """Hinges of one feature, on above or below their kinks, and a linear part."""
    weights = np.zeros((k, d))
    weights[:, feature] = rng.choice([-1.0, 1.0], k)
    return ReLUNetwork(
        weights,
        rng.standard_normal(k),
        linear=rng.standard_normal(d),
        bias=rng.standard_normal(),
        thresholds=rng.standard_normal(k),
    )


def _told(reading, X):
    """Values by what is told: constant, linear part without the features of curves, curves that are 0 at the start."""
    V = (X - reading.means) / reading.scales
    linear = reading.linear.copy()
    linear[[curve.feature for curve in reading.curves if curve.feature is not None]] = 0.0
    single = sorted(set(range(len(reading.weights))) - {i for curve in reading.curves for i in curve.members})
    hinges = np.maximum(V @ reading.directions[single].T - reading.thresholds[single], 0) @ reading.weights[single]
    values = reading.constant + V @ linear + hinges
    for curve in reading.curves:
        z = V @ curve.direction
        values += curve.start + curve.slopes[0] * np.minimum(z - curve.knots[0], 0)
        for i, slope in enumerate(curve.slopes[1:]):
            end = curve.knots[i + 1] if i + 1 < len(curve.knots) else np.inf
            values += slope * (np.clip(z, curve.knots[i], end) - curve.knots[i])
    return values


@pytest.mark.parametrize("k", [2, 3, 5, 8])
@pytest.mark.parametrize("d", [1, 3])
def test_curves_are_the_network(k, d):
    for seed in range(10):
        rng = np.random.default_rng([k, d, seed])
        X = rng.standard_normal((3000, d)) * rng.uniform(0.1, 10, d) + 5
        inner = _parallel(rng, k, d, d - 1)
        net = ReLUNetwork(
            inner.weights / X.std(axis=0),
            inner.output,
            linear=inner.linear,
            bias=inner.bias,
            thresholds=inner.thresholds - (inner.weights / X.std(axis=0)) @ X.mean(axis=0),
        )
        reading = read(net, X)
        (curve,) = reading.curves
        assert curve.members == tuple(range(k))
        assert curve.feature == d - 1
        # Kinks that no row lies between are one: what is told is exact on the rows all the same.
        np.testing.assert_allclose(_told(reading, X), net(X), atol=1e-9 * np.ptp(net(X)))
        rest = reading.shares[-1] - curve.linear_share
        assert curve.share + rest == pytest.approx(1)


def test_a_direction_of_several_features_is_a_curve_too():
    rng = np.random.default_rng(0)
    u = np.array([0.6, -0.8, 0.0])
    net = ReLUNetwork([u, -u, u, [0, 0, 1.0]], [1.0, 2.0, -1.5, 0.3], thresholds=[-0.5, 0.3, 0.0, 0.1])
    X = rng.standard_normal((2000, 3))
    reading = read(net, X, means=np.zeros(3), scales=np.ones(3))
    (curve,) = reading.curves
    assert curve.members == (0, 1, 2)
    assert curve.feature is None
    np.testing.assert_allclose(np.abs(curve.direction @ u), 1)
    np.testing.assert_allclose(_told(reading, X), net(X), atol=1e-12)


def test_neurons_that_are_not_parallel_are_not_joined():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((2000, 2))
    for angle in (0.2, 0.5):  # their difference is no function of one direction
        u = [[1.0, 0.0], [np.cos(angle), np.sin(angle)]]
        assert read(ReLUNetwork(u, [1.0, -1.0]), X).curves == ()


def test_giants_that_cancel_in_their_feature_but_not_beside_it_are_not_joined():
    """A ridge of height 3 across a step of height 1: to call it a step would hide the larger part."""
    X = np.random.default_rng(0).uniform(-1, 1, (2000, 2))
    net = ReLUNetwork([[1.0, 0.01], [1.0, -0.01]], [300.0, -300.0], thresholds=[0.0, -0.003])
    assert read(net, X).curves == ()


def test_kinks_that_cancel_are_none():
    X = np.random.default_rng(0).standard_normal((500, 1))
    net = ReLUNetwork([[1.0], [1.0], [1.0], [1.0]], [1.0, 2.0, -2.0, 1.0], thresholds=[0.5, 0.1, 0.1, 0.5])
    (curve,) = read(net, X, means=np.zeros(1), scales=np.ones(1)).curves
    np.testing.assert_allclose(curve.knots, [-0.5])
    np.testing.assert_allclose(curve.slopes, [0.0, 2.0], atol=1e-12)
    assert read(ReLUNetwork([[1.0], [1.0]], [1.0, -1.0]), X).curves == ()


def test_steps_and_slopes_are_told_apart():
    X = np.linspace(0, 10, 2001)[:, None]

    def curve_of(knots, changes):
        net = ReLUNetwork(np.ones((len(knots), 1)), changes, thresholds=-np.array(knots))
        (curve,) = read(net, X).curves
        return curve

    step = curve_of([3.0, 3.01], [100.0, -100.0])
    assert [(jump.first, jump.last) for jump in step.jumps] == [(0, 1)]
    assert step.jumps[0].height == pytest.approx(1.0)
    stairs = curve_of([2.0, 2.01, 5.0, 5.02, 7.0, 7.001], [100.0, -100.0, 50.0, -50.0, -2000.0, 2000.0])
    np.testing.assert_allclose([jump.height for jump in stairs.jumps], [1.0, 1.0, -2.0])
    three = curve_of([6.0, 6.002, 6.003], [500.0, -100.0, -400.0])  # a step in two strokes
    np.testing.assert_allclose([jump.height for jump in three.jumps], [1.4])
    assert curve_of([3.0, 7.0], [0.25, -0.25]).jumps == ()  # a ramp
    assert curve_of([3.0, 7.0], [1.0, 1.0]).jumps == ()  # brackets
    assert curve_of([4.0, 4.1, 4.2], [10.0, -20.0, 10.0]).jumps == ()  # a peak


# ---- Learned steps, ramps and brackets ----


def _sentence(found):
    text = " ".join(str(found).split())
    return re.search(r"(Neurons? [\d, and]+: .*?) Linear part", text)[1]


def _numbers(text):
    return [
        float(number.replace(",", "")) for number in re.findall(r"(?<![\w.])[+-]?\d[\d,]*\.?\d*(?:e[+-]\d+)?", text)
    ]


@pytest.mark.parametrize("seed", [0, *(pytest.param(s, marks=pytest.mark.slow) for s in (1, 2))])
def test_a_learned_step_reads_as_one(seed):
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 50, 1500)
    y = 7.0 * (x > 20) + 0.3 * rng.standard_normal(1500)
    found = limbeck.learn(x[:, None], y, feature_names=["dose"], target_name="effect", inputs="any")
    text = _sentence(found)
    assert "together a step in dose" in text
    match = re.search(r"up to (\S+) \+- \S+, where effect rises by (\S+) \+- (\S+) until (\S+)", text)
    begin, height, error, end = (float(number) for number in match.groups())
    assert begin < 20.1 < 20.0 + 1.0
    assert 19.0 < begin < end < 21.0
    assert abs(height - 7) < 4.5 * error < 0.3  # a false alarm in 1e5
    # Nothing in it is larger than the step, and the shares are those of parts of a whole.
    assert all(-0.05 < float(share) < 1.05 for share in _shares(found))
    assert max(abs(number) for number in _numbers(text.partition(" of the variance")[0].rpartition(".")[0])) < 60


def _shares(found):
    page = found.to_html()
    shown = re.findall(r"</span> (&#8722;)?(?:less than )?(\d+)&nbsp;%", page)
    assert shown
    return [(-1 if sign else 1) * int(number) / 100 for sign, number in shown]


def test_learned_brackets_read_as_slopes():
    rng = np.random.default_rng(1)
    income = rng.uniform(0, 90_000, 2000)
    tax = 0.1 * income + 0.15 * np.maximum(income - 20_000, 0) + 0.2 * np.maximum(income - 60_000, 0)
    found = limbeck.learn(income[:, None], tax + 50 * rng.standard_normal(2000), 2, feature_names=["income"])
    text = _sentence(found)
    slopes = re.findall(r"slope (\S+) \+- ([\d.]*\d)", text)
    for (slope, error), wanted in zip(slopes, [0.1, 0.25, 0.45], strict=True):
        assert abs(float(slope) - wanted) < 4.5 * float(error) < 0.02
    kinks = re.findall(r"up to (\S+) \+- (\S+),", text)
    for (kink, error), wanted in zip(kinks, [20_000, 60_000], strict=True):
        assert abs(float(kink.replace(",", "")) - wanted) < 4.5 * float(error.replace(",", "")) < 2000
    # The printed curve and its constant predict the tax: where the curve is 0 is the first kink.
    start = float(
        re.search(r"Linear part: (\S+) \+- \S+ where the curve is 0", " ".join(str(found).split()))[1].replace(",", "")
    )
    first, second = (float(kink.replace(",", "")) for kink, _ in kinks)
    low, middle, high = (float(slope) for slope, _ in slopes)
    by_hand = start + low * np.minimum(income - first, 0) + middle * (np.clip(income, first, second) - first)
    by_hand += high * np.maximum(income - second, 0)
    assert np.abs(by_hand - found.predict(income[:, None])).max() < 0.003 * tax.max()


def test_one_kink_between_two_slopes_reads_as_slopes():
    """A hinge and a linear part that cancel: shares of 185 and -85 per cent would tell nobody anything."""
    rng = np.random.default_rng(0)
    x = rng.uniform(10, 30, 800)
    found = limbeck.learn(x[:, None], np.abs(x - 18) + 0.1 * rng.standard_normal(800), 1, feature_names=["age"])
    text = _sentence(found)
    pattern = (
        r"Neuron 0: a curve of age: slope (\S+) \+- (\S+) for each unit of age up to (\S+) \+- (\S+), and beyond slope "
    )
    slope, slope_error, kink, kink_error, other, other_error = map(
        float, re.match(pattern + r"(\S+) \+- (\S+)\. 100 % of", text).groups()
    )
    assert abs(slope + 1) < 4.5 * slope_error < 0.05
    assert abs(other - 1) < 4.5 * other_error < 0.05
    assert abs(kink - 18) < 4.5 * kink_error < 0.2
    assert _shares(found) == [1.0, 0.0]
    # One that is level on one side is a hinge all the same.
    level = limbeck.learn(x[:, None], np.maximum(x - 18, 0) + 0.1 * rng.standard_normal(800), 1, inputs="any")
    assert level.reading.curves == ()


def test_a_table_with_a_staircase_has_one_curve():
    rng = np.random.default_rng(0)
    X = rng.uniform(0, 1, (2000, 3))
    y = (X[:, 0] > 0.3) + 2.0 * (X[:, 0] > 0.6) + X[:, 1] + 0.05 * rng.standard_normal(2000)
    found = limbeck.learn(X, y)
    heights = [jump.height for curve in found.reading.curves for jump in curve.jumps]
    np.testing.assert_allclose(heights, [1.0, 2.0], atol=0.1)  # the network's steps, which the slopes beside them share
    assert all(-0.05 < share < 1.05 for share in _shares(found))
    linear = " ".join(str(found).split()).partition("Linear part")[2].partition("Clumps")[0]
    assert "per unit" in linear
    assert " for x0" not in linear  # told with the curve


def test_weighted_rows_count_by_their_weights():
    rng = np.random.default_rng(3)
    X = rng.standard_normal((400, 1))
    net = _parallel(rng, 3)
    counts = rng.integers(1, 4, 400)
    one, other = read(net, X, counts.astype(float)), read(net, np.repeat(X, counts, axis=0))
    for a, b in zip(one.curves, other.curves, strict=True):
        np.testing.assert_allclose(a.knots, b.knots)
        assert a.share == pytest.approx(b.share)
    assert curves_of(one.parts, X, np.zeros((400, 4)), None) == ()  # a constant

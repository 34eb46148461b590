"""Exact Gaussian moments of networks: closed forms in 60 digits, quadrature, Monte Carlo."""

import itertools

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import ndtr

from limbeck import ReLUNetwork, _kernels


def exact_moments(neurons, linear, bias):
    """Mean and second moment of sum c relu(<a, x>) + <w, x> + b in 60 digits, for lists of mpf.

    E relu(<a,x>) relu(<b,x>) = |a||b| (sin t + (pi - t) cos t) / (2 pi), t the angle; E relu(<a,x>) = |a| / sqrt(2 pi);
    E relu(<a,x>) <w,x> = <a,w> / 2.
    """
    norm = [mpmath.sqrt(mpmath.fdot(a, a)) for a, _ in neurons]
    mean = bias + sum(c * r for (_, c), r in zip(neurons, norm, strict=True)) / mpmath.sqrt(2 * mpmath.pi)
    second = mpmath.fdot(linear, linear) + 2 * bias * mean - bias**2
    for i, (a, c) in enumerate(neurons):
        second += c * mpmath.fdot(a, linear)
        for j, (b, e) in enumerate(neurons):
            cosine = max(-1, min(1, mpmath.fdot(a, b) / (norm[i] * norm[j])))
            t = mpmath.acos(cosine)
            second += c * e * norm[i] * norm[j] * (mpmath.sin(t) + (mpmath.pi - t) * cosine) / (2 * mpmath.pi)
    return mean, second


def neurons_of(net, sign=1):
    rows = [[mpmath.mpf(float(w)) for w in row] for row in net.weights]
    return list(zip(rows, [sign * mpmath.mpf(float(c)) for c in net.output], strict=True))


def exact_distance(f, g):
    with mpmath.workdps(60):
        linear = [mpmath.mpf(float(p)) - mpmath.mpf(float(q)) for p, q in zip(f.linear, g.linear, strict=True)]
        bias = mpmath.mpf(f.bias) - mpmath.mpf(g.bias)
        return exact_moments(neurons_of(f) + neurons_of(g, -1), linear, bias)[1]


def relative_error(value, exact):
    with mpmath.workdps(60):
        return float(abs(mpmath.mpf(value) - exact) / exact)


def collinear(rng, d=5, pairs=3, angle=1e-3, weight=1000.0):
    rows = []
    for _ in range(pairs):
        u, v = np.linalg.qr(rng.standard_normal((d, 2)))[0].T
        rows += [u, np.cos(angle) * u + np.sin(angle) * v]
    return np.array(rows), np.tile([weight, -weight], pairs)


def test_distance_of_near_collinear_pairs_with_large_opposite_weights():
    # The squared terms are 1e6 and cancel to about 1: 1e-32 * 36 * 1e6 in double-double arithmetic, and the last
    # rounding.
    rng = np.random.default_rng(0)
    f, g = (ReLUNetwork(*collinear(rng), linear=rng.standard_normal(5), bias=b) for b in (0.3, -1.0))
    assert relative_error(f.distance(g), exact_distance(f, g)) <= 1e-15


@pytest.mark.parametrize("size", [1e-3, 1e-6, 1e-9, 1e-11])
def test_distance_of_a_perturbed_copy_has_its_own_digits(size):
    # Pairs of weights +-1000 moved by `size` are about (1000 size)^2 apart, as little as 1e-16, the difference of
    # squares of size 1e6. Double-double arithmetic is off by about 1e-32 * 144 * 1e6 = 1e-24, 1e-8 of 1e-16: so 1e-9
    # is asked down to size 1e-9 and 1e-7 below. Double precision would be off by 1e-10 and have no digit from 1e-9 on.
    rng = np.random.default_rng(1)
    rows, output = collinear(rng)
    f = ReLUNetwork(rows, output, linear=rng.standard_normal(5))
    g = ReLUNetwork(rows + size * rng.standard_normal(rows.shape), output * (1 + size), linear=f.linear, bias=size)
    assert relative_error(f.distance(g), exact_distance(f, g)) <= (1e-9 if size >= 1e-9 else 1e-7)


def test_distance_is_symmetric_and_zero_for_identical_networks():
    rng = np.random.default_rng(2)
    rows, output = collinear(rng)
    f = ReLUNetwork(rows, output, linear=rng.standard_normal(5), bias=0.1)
    p = rng.permutation(6)
    scale = np.sum(output**2)
    assert f.distance(f) <= 1e-24 * scale
    assert f.distance(ReLUNetwork(rows[p], output[p], linear=f.linear, bias=0.1)) <= 1e-24 * scale
    g = ReLUNetwork(rows[:2], output[:2])
    assert f.distance(g) == pytest.approx(g.distance(f), rel=1e-15)


def test_antipodal_neurons():
    u = np.array([0.6, -0.8, 0.0])
    # relu(z) - relu(-z) = z and relu(z) + relu(-z) = |z|, |u| = 1 to rounding.
    odd, even = ReLUNetwork([u, -u], [1.0, -1.0]), ReLUNetwork([u, -u], [1.0, 1.0])
    assert odd.distance(ReLUNetwork(np.empty((0, 3)), [], linear=u)) <= 1e-30
    assert odd.variance() == pytest.approx(1.0, rel=1e-14)
    assert even.variance() == pytest.approx(1 - 2 / np.pi, rel=1e-14)
    # relu(z) and relu(-z) are never positive together, so E (relu(z) - relu(-z))^2 = E z^2.
    assert ReLUNetwork([u], [1.0]).distance(ReLUNetwork([-u], [1.0])) == pytest.approx(1.0, rel=1e-14)


def test_linear_parts_and_biases_that_differ():
    f = ReLUNetwork(np.empty((0, 2)), [], linear=[1.0, 2.0], bias=3.0)
    g = ReLUNetwork(np.empty((0, 2)), [], linear=[0.5, -1.0], bias=1.0)
    assert f.distance(g) == pytest.approx(0.25 + 9 + 4, rel=1e-15)
    assert f.variance() == pytest.approx(5.0, rel=1e-15)


@pytest.mark.parametrize("rest", [1e-3, 1e-6, 1e-9])
def test_a_linear_part_that_cancels_neurons_keeps_its_digits(rest):
    # x = relu(x) - relu(-x), so the networks differ by rest * x; 1 - rest is not a double. Double-double arithmetic on
    # squares of size 1 leaves 1e-31 / rest^2 of relative error, 1e-13 at worst.
    f = ReLUNetwork(np.empty((0, 1)), [], linear=[1.0])
    g = ReLUNetwork([[1.0], [-1.0]], [1.0, -1.0], linear=[rest])
    assert relative_error(f.distance(g), exact_distance(f, g)) <= 1e-9


@pytest.mark.parametrize("thresholds", [None, [0.5, -1.0, 2.0, 0.0]])
def test_distance_and_variance_against_monte_carlo(thresholds):
    # Bands of five standard errors: each of four checks gives a false alarm in 6e-7 of seeds.
    rng = np.random.default_rng(3)
    linear = rng.standard_normal(6)
    f = ReLUNetwork(rng.standard_normal((4, 6)), rng.standard_normal(4), linear=linear, bias=0.4, thresholds=thresholds)
    g = ReLUNetwork(rng.standard_normal((3, 6)), rng.standard_normal(3), bias=-0.2)
    X = rng.standard_normal((200_000, 6))
    for value, samples in [(f.distance(g), (f(X) - g(X)) ** 2), (f.variance(), (f(X) - f(X).mean()) ** 2)]:
        assert abs(samples.mean() - value) < 5 * samples.std() / np.sqrt(len(X))


def test_variance_without_thresholds_is_exact():
    rng = np.random.default_rng(4)
    f = ReLUNetwork(*collinear(rng), linear=rng.standard_normal(5), bias=5.0)
    with mpmath.workdps(60):
        linear = [mpmath.mpf(float(w)) for w in f.linear]
        mean, second = exact_moments(neurons_of(f), linear, mpmath.mpf(f.bias))
        assert relative_error(f.variance(), second - mean**2) <= 1e-15


@pytest.mark.parametrize("size", [1e160, 1e200])
def test_squares_beyond_the_range_are_never_zero(size):
    f, g = ReLUNetwork([[size]], [1.0]), ReLUNetwork([[1.0]], [1.0])
    for value in (f.distance(g), f.variance()):
        assert not np.isfinite(value) or value > 1e300


# ---- With thresholds ----


def relu_product(s, t, r):
    """E relu(X + s) relu(Y + t) for standard normal X, Y of correlation r, by Gauss-Legendre quadrature over X.

    Given X, Y is N(rX, 1 - r^2), and E relu(N(m, v^2)) = m P(m / v) + v p(m / v). Panels of at most half a unit, finer
    by factors of two towards the point where m = 0, and 30 nodes in each: the integrand is smooth on every panel.
    """
    v = np.sqrt(max(0.0, 1 - r * r))
    turn = -t / r if r else 0.0
    fine = max(v, 1e-12) * 2.0 ** np.arange(-3, 44)
    cuts = np.unique(np.concatenate([np.arange(-s, 15, 0.5), turn + fine, turn - fine, [turn, 15.0]]))
    cuts = cuts[(cuts >= -s) & (cuts <= 15)]
    node, weight = np.polynomial.legendre.leggauss(30)
    half, middle = np.diff(cuts)[:, None] / 2, (cuts[1:] + cuts[:-1])[:, None] / 2
    x = middle + half * node
    m = t + r * x
    inner = np.maximum(m, 0) if v == 0 else m * ndtr(m / v) + v * np.exp(-((m / v) ** 2) / 2) / np.sqrt(2 * np.pi)
    return np.sum(half * weight * (x + s) * inner * np.exp(-x * x / 2)) / np.sqrt(2 * np.pi)


CORRELATIONS = [-1.0, -0.999999, -0.9, -0.3, 0.0, 0.5, 0.99, 0.999999, 1.0]
THRESHOLDS = [(0.5, -0.5), (1.0, 1.0), (-1.0, 1.0001), (6.0, 6.0), (6.0, -6.0), (-6.0, -6.0), (-3.0, -2.9), (0.0, 4.0)]


@pytest.mark.parametrize("r", CORRELATIONS)
def test_products_of_relus_with_thresholds(r):
    b = [r, np.sqrt(1 - r * r)]
    for s, t in [*THRESHOLDS, *[(t, s) for s, t in THRESHOLDS]]:
        weights, thresholds = np.array([[1.0, 0.0], b]), np.array([s, t])
        # (E (f + g)^2 - E (f - g)^2) / 4 = E f g.
        plus, minus = (
            _kernels.gaussian_moments(weights, thresholds, np.array([1.0, c]), np.zeros(2), 0.0)[1] for c in (1.0, -1.0)
        )
        assert abs((plus - minus) / 4 - relu_product(s, t, r)) <= 1e-10


def test_the_quadrature_knows_the_case_without_thresholds():
    for r in CORRELATIONS:
        t = np.arccos(r)
        closed = (np.sin(t) + (np.pi - t) * r) / (2 * np.pi)
        assert abs(relu_product(0.0, 0.0, r) - closed) <= 1e-12


def test_distance_and_variance_with_thresholds_norms_linear_part_and_bias():
    rng = np.random.default_rng(5)
    a, t, c = rng.standard_normal((4, 3)) * 2, rng.uniform(-4, 4, 4), rng.standard_normal(4)
    w, bias = rng.standard_normal(3), 0.8
    f = ReLUNetwork(a, c, linear=w, bias=bias, thresholds=t)
    norm = np.linalg.norm(a, axis=1)
    s = t / norm
    mean = bias + c @ (norm * (s * ndtr(s) + np.exp(-(s**2) / 2) / np.sqrt(2 * np.pi)))
    second = w @ w + 2 * (c * ndtr(s)) @ (a @ w) + 2 * bias * mean - bias**2
    for i in range(4):
        for j in range(4):
            r = np.clip(a[i] @ a[j] / (norm[i] * norm[j]), -1, 1) if i != j else 1.0
            second += c[i] * c[j] * norm[i] * norm[j] * relu_product(s[i], s[j], r)
    scale = np.sum((np.abs(c) * norm * (1 + np.abs(s))) ** 2)
    assert abs(f.variance() - (second - mean**2)) <= 1e-10 * scale
    assert abs(f.distance(ReLUNetwork(np.empty((0, 3)), [])) - second) <= 1e-10 * scale
    assert f.distance(f) <= 1e-10 * scale
    assert f.distance(f.normalized()) <= 1e-10 * scale


def test_variance_does_not_cancel_against_a_large_threshold():
    # Far above its threshold a ReLU is linear: the variance is that of x, whatever the mean.
    assert ReLUNetwork([[1.0]], [1.0], thresholds=[1e8]).variance() == pytest.approx(1.0, rel=1e-12)


# ---- Any networks ----


@st.composite
def any_networks(draw, d, thresholds=False):
    """Few neurons, often parallel, opposite or zero, of sizes that differ by many decades."""
    k = draw(st.integers(0, 3))
    if thresholds:  # over norms they are moderate numbers, for quadrature
        number = st.integers(-16, 16).map(lambda v: v / 4)
    else:
        special = st.sampled_from([0.0, -0.0, 1.0, -1.0, 1e-30, 1e30, -1e20, 5e-324])
        number = st.one_of(st.floats(-4, 4, width=32, allow_subnormal=False), special)
    weights = draw(hnp.arrays(np.float64, (k, d), elements=number))
    for i in range(1, k):
        if weights[0].any() and draw(st.booleans()):
            weights[i] = (
                draw(st.sampled_from([-1.0, 1.0, 2.0])) * weights[0] + draw(st.sampled_from([0.0, 1e-9])) * weights[i]
            )
    arrays = [draw(hnp.arrays(np.float64, side, elements=number)) for side in (k, d, k)]
    return ReLUNetwork(
        weights, arrays[0], linear=arrays[1], bias=draw(number), thresholds=arrays[2] if thresholds else None
    )


def size(net):
    """A bound on the root of the mean square of any part of the network."""
    neurons = np.linalg.norm(net.weights, axis=1) + np.abs(net.thresholds)
    return np.abs(net.output) @ neurons + np.linalg.norm(net.linear) + abs(net.bias)


@given(st.integers(0, 3).flatmap(lambda d: st.tuples(any_networks(d), any_networks(d))))
def test_distance_and_variance_of_any_networks(pair):
    f, g = pair
    with mpmath.workdps(60):
        mean, second = exact_moments(
            [n for n in neurons_of(f) if any(n[0])], [mpmath.mpf(float(w)) for w in f.linear], mpmath.mpf(f.bias)
        )
        variance = float(second - mean**2)
    live = [
        ReLUNetwork(net.weights[alive], net.output[alive], linear=net.linear, bias=net.bias)
        for net in pair
        for alive in [np.abs(net.weights).max(axis=1, initial=0) > 0]
    ]
    exact = float(exact_distance(*live))
    # Double-double arithmetic, 1e-32 of the squares that cancel, of which there are few dozens; one rounding to
    # float64; and squares below the range, of numbers whose other factor is no larger than 1e60.
    for value, expected, whole in ((f.distance(g), exact, size(f) + size(g)), (f.variance(), variance, size(f))):
        assert abs(value - expected) <= 4e-16 * expected + 1e-29 * whole**2 + 1e-200


@given(st.integers(0, 2).flatmap(lambda d: any_networks(d, thresholds=True)))
def test_distance_and_variance_of_any_networks_with_thresholds(net):
    norm = np.linalg.norm(net.weights, axis=1)
    alive = norm > 0
    a, c, r, s = net.weights[alive], net.output[alive], norm[alive], net.thresholds[alive] / norm[alive]
    bias = net.bias + net.output[~alive] @ np.maximum(net.thresholds[~alive], 0)
    mean = bias + c @ (r * (s * ndtr(s) + np.exp(-(s**2) / 2) / np.sqrt(2 * np.pi)))
    second = net.linear @ net.linear + 2 * (c * ndtr(s)) @ (a @ net.linear) + 2 * bias * mean - bias**2
    for i, j in itertools.product(range(len(c)), repeat=2):
        correlation = np.clip(a[i] @ a[j] / (r[i] * r[j]), -1, 1) if i != j else 1.0
        second += c[i] * c[j] * r[i] * r[j] * relu_product(s[i], s[j], correlation)
    assert abs(net.distance(ReLUNetwork(np.empty((0, net.n_features)), [])) - second) <= 1e-10 * size(net) ** 2
    assert abs(net.variance() - (second - mean**2)) <= 1e-10 * size(net) ** 2

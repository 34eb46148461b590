"""Planted networks: each family has the property it is named after."""

import numpy as np
import pytest

from limbeck import ReLUNetwork, datasets
from limbeck.datasets import make_narrow_network, sample

WIDTHS = {
    **dict.fromkeys(["generic", "positive", "collinear", "antipodal", "lowrank", "clumps"], 6),
    "plane": 4,
    "plane6": 6,
    "plane_even": 8,
    "fan": 8,
    "fan_even": 12,
}
EPS = np.finfo(float).eps


def moment(net, order):
    """sum_i lam_i u_i^(x) order, which the moment of an even order is proportional to."""
    tensor = net.output
    for _ in range(order):
        tensor = np.einsum("k...,ki->k...i", tensor, net.weights)
    return tensor.sum(axis=0)


def test_the_families_are_those_tested_here():
    assert set(datasets.FAMILIES) == set(WIDTHS)


@pytest.mark.parametrize("d", [6, 20])
@pytest.mark.parametrize("family", list(WIDTHS))
def test_every_family_has_unit_rows_and_no_linear_part_and_is_reproducible(family, d):
    net = make_narrow_network(family, d, WIDTHS[family], separation=0.05, seed=3)
    assert net.weights.shape == (WIDTHS[family], d)
    # A norm of d squares and a division: (d + 4) eps.
    np.testing.assert_allclose(np.linalg.norm(net.weights, axis=1), 1, rtol=0, atol=(d + 4) * EPS)
    assert not net.linear.any()
    assert not net.thresholds.any()
    assert net.bias == 0
    assert make_narrow_network(family, d, WIDTHS[family], separation=0.05, seed=3) == net
    assert make_narrow_network(family, d, WIDTHS[family], separation=0.05, seed=4) != net
    assert make_narrow_network(family, d, WIDTHS[family], separation=0.05, seed=np.random.default_rng(3)) == net


@pytest.mark.parametrize("family", ["generic", "clumps", "antipodal", "lowrank"])
def test_weights_of_both_signs_between_a_half_and_three_halves(family):
    output = make_narrow_network(family, 300, 120, seed=0).output
    assert np.all((np.abs(output) >= 0.5) & (np.abs(output) <= 1.5))
    # 120 fair signs: fewer than 30 of one kind has probability 3e-8.
    assert 30 <= np.sum(output > 0) <= 90


def test_positive_weights():
    output = make_narrow_network("positive", 50, 200, seed=0).output
    assert np.all((output >= 0.5) & (output <= 1.5))
    # The mean of 200 U(0.5, 1.5) has standard deviation 0.0204; 0.11 is over five of them, 1e-7 of seeds.
    assert abs(output.mean() - 1) < 0.11


@pytest.mark.parametrize("family", ["generic", "positive"])
def test_directions_are_uniform_on_the_sphere(family):
    # For uniform directions k |mean u|^2 d is close to chi-squared with d = 5 degrees of freedom: above 45 in 1e-8 of
    # seeds. The squares of each coordinate have mean 1/5 and standard deviation 0.1506; 5.5 standard errors, 4e-8 of
    # seeds each.
    u = make_narrow_network(family, 5, 2000, seed=1).weights
    assert 2000 * 5 * np.sum(u.mean(axis=0) ** 2) < 45
    assert np.all(np.abs(np.mean(u**2, axis=0) - 0.2) < 5.5 * 0.1513 / np.sqrt(2000))


@pytest.mark.parametrize("separation", [0.3, 0.01, 1e-6])
def test_collinear_pairs(separation):
    net = make_narrow_network("collinear", 7, 6, separation=separation, seed=2)
    chord = np.linalg.norm(net.weights[::2] - net.weights[1::2], axis=1)
    # Unit vectors known to a few eps, so their chord is known to a few eps absolutely.
    np.testing.assert_allclose(chord, 2 * np.sin(separation / 2), rtol=1e-12, atol=20 * EPS)
    np.testing.assert_array_equal(net.output, np.tile([1 / separation, -1 / separation], 3))


def test_clumps_of_three():
    separation = 0.05
    u = make_narrow_network("clumps", 10, 9, separation=separation, seed=2).weights.reshape(3, 3, 10)
    # A centre moved by `separation` turns by at most asin(separation), two of them by twice that.
    within = np.arccos(np.clip(np.einsum("cid,cjd->cij", u, u), -1, 1))
    assert np.all(within <= 2 * np.arcsin(separation) + 1e-7)
    assert np.all(within[:, [0, 0, 1], [1, 2, 2]] > 0.1 * separation)
    between = np.abs(np.einsum("id,jd->ij", u[:, 0], u[:, 0]))[np.triu_indices(3, 1)]
    assert np.all(between < 0.95)


@pytest.mark.parametrize(
    ("family", "vanishing", "remaining"), [("plane", [2], 4), ("plane6", [2, 4], 6), ("plane_even", [1, 2, 3], 4)]
)
def test_planes_lose_their_low_moments(family, vanishing, remaining):
    net = make_narrow_network(family, 9, WIDTHS[family], seed=5)
    assert np.linalg.matrix_rank(net.weights, tol=1e-10) == 2
    for order in vanishing:
        # Sums of up to 8 products of unit vectors that are known to a few eps.
        assert np.abs(moment(net, order)).max() <= 8 * (order + 1) * 10 * EPS
    assert np.abs(moment(net, remaining)).max() > 1e-3
    np.testing.assert_array_equal(np.abs(net.output), 1)


@pytest.mark.parametrize(("family", "angle", "count"), [("plane", 45, 4), ("plane6", 30, 6), ("plane_even", 45, 4)])
def test_planes_are_fans_of_equal_angles_and_alternating_signs(family, angle, count):
    net = make_narrow_network(family, 5, WIDTHS[family], seed=6)
    u = net.weights[:count]
    angles = np.degrees(np.arccos(np.clip(u @ u[0], -1, 1)))
    np.testing.assert_allclose(angles, np.arange(count) * angle, atol=1e-5)  # arccos near 1 keeps half of the digits
    np.testing.assert_array_equal(net.output[:count], (-1.0) ** np.arange(count))
    if family == "plane_even":
        np.testing.assert_array_equal(net.weights[4:], -u)
        np.testing.assert_array_equal(net.output[4:], net.output[:4])


@pytest.mark.parametrize("family", ["fan", "fan_even"])
@pytest.mark.parametrize("lines", [4, 6, 8, 10])
def test_a_fan_has_no_moment_of_an_even_order_below_the_number_of_lines(family, lines):
    width = lines if family == "fan" else 2 * lines
    net = make_narrow_network(family, 3, width, seed=7)
    assert np.linalg.matrix_rank(net.weights, tol=1e-10) == 2
    for order in range(2, lines, 2):
        # Sums of `width` products of `order` coordinates of unit vectors that are known to a few eps.
        assert np.abs(moment(net, order)).max() <= width * (order + 1) * 10 * EPS
    # At order `lines` all neurons agree along a vector at angle t to the first: width * mean of cos^lines, whose part
    # that turns with t has amplitude width / 2^(lines - 1); some entry of the tensor has a share of at least
    # 3^(-lines / 2) of its norm.
    assert np.abs(moment(net, lines)).max() > width / 2.0 ** (lines - 1) * 3.0 ** (-lines / 2)
    if family == "fan_even":
        assert np.abs(moment(net, 1)).max() <= width * 10 * EPS


@pytest.mark.parametrize(
    ("family", "width", "same"), [("fan", 4, "plane"), ("fan", 6, "plane6"), ("fan_even", 8, "plane_even")]
)
def test_narrow_fans_are_the_planes(family, width, same):
    assert make_narrow_network(family, 7, width, seed=1) == make_narrow_network(same, 7, width, seed=1)


@pytest.mark.parametrize("lines", [4, 8, 14])
def test_fans_have_equal_angles_and_alternating_signs(lines):
    net = make_narrow_network("fan", 5, lines, seed=6)
    angles = np.degrees(np.arccos(np.clip(net.weights @ net.weights[0], -1, 1)))
    np.testing.assert_allclose(angles, np.arange(lines) * 180 / lines, atol=1e-5)  # arccos near 1 keeps half the digits
    np.testing.assert_array_equal(net.output, (-1.0) ** np.arange(lines))
    even = make_narrow_network("fan_even", 5, 2 * lines, seed=6)
    np.testing.assert_array_equal(even.weights, np.concatenate([net.weights, -net.weights]))
    np.testing.assert_array_equal(even.output, np.tile(net.output, 2))


def test_antipodal_pairs_with_independent_weights():
    net = make_narrow_network("antipodal", 5, 10, seed=0)
    np.testing.assert_array_equal(net.weights[::2], -net.weights[1::2])
    assert len(np.unique(np.abs(net.output))) == 10


@pytest.mark.parametrize(("width", "rank"), [(2, 2), (5, 2), (6, 3), (12, 6)])
def test_lowrank_directions(width, rank):
    net = make_narrow_network("lowrank", 15, width, seed=0)
    assert np.linalg.matrix_rank(net.weights, tol=1e-10) == rank


def test_errors_of_make_narrow_network():
    cases = [
        (("spiral", 5, 4), {}, r"family must be one of generic, .*lowrank; got 'spiral'"),
        (("generic", 0, 4), {}, r"n_features must be at least 1, got 0"),
        (("generic", 5, 0), {}, r"width must be at least 1, got 0"),
        (("collinear", 5, 3), {}, r"width must be a multiple of 2 for family 'collinear', got 3"),
        (("antipodal", 5, 3), {}, r"width must be a multiple of 2 for family 'antipodal', got 3"),
        (("clumps", 5, 4), {}, r"width must be a multiple of 3 for family 'clumps', got 4"),
        (("plane", 5, 5), {}, r"width must be 4 for family 'plane', got 5"),
        (("plane6", 5, 4), {}, r"width must be 6 for family 'plane6', got 4"),
        (("plane_even", 5, 4), {}, r"width must be 8 for family 'plane_even', got 4"),
        (("fan", 5, 5), {}, r"width must be a multiple of 2, at least 4, for family 'fan', got 5"),
        (("fan", 5, 2), {}, r"width must be a multiple of 2, at least 4, for family 'fan', got 2"),
        (("fan_even", 5, 4), {}, r"width must be a multiple of 4, at least 8, for family 'fan_even', got 4"),
        (("fan_even", 5, 10), {}, r"width must be a multiple of 4, at least 8, for family 'fan_even', got 10"),
        (("fan", 1, 4), {}, r"n_features must be at least 2 for this family and width, got 1"),
        (("plane", 1, 4), {}, r"n_features must be at least 2 for this family and width, got 1"),
        (("lowrank", 2, 6), {}, r"n_features must be at least 3 for this family and width, got 2"),
        *(
            (("clumps", 5, 6), {"separation": s}, r"separation must lie between 0 and pi/2")
            for s in (0, -1, 1.6, np.nan)
        ),
    ]
    for arguments, options, message in cases:
        with pytest.raises(ValueError, match=f"^{message}"):
            make_narrow_network(*arguments, **options, seed=0)
    with pytest.raises(TypeError, match=r"^width must be an integer, got 4\.0$"):
        make_narrow_network("generic", 5, 4.0, seed=0)
    with pytest.raises(TypeError, match="seed"):
        make_narrow_network("generic", 5, 4)


# ---- Samples ----


def test_samples_are_labelled_by_the_network_and_reproducible():
    net = make_narrow_network("generic", 4, 3, seed=0)
    X, y = sample(net, 100, seed=1)
    np.testing.assert_array_equal(y, net(X))
    again = sample(net, 100, seed=np.random.default_rng(1))
    np.testing.assert_array_equal(again[0], X)
    np.testing.assert_array_equal(again[1], y)
    assert sample(net, 0, noise=1.0, seed=1)[1].shape == (0,)


def test_noise_is_a_standard_deviation_and_leaves_the_inputs_alone():
    # 40,000 draws give a standard deviation to 0.35 % and a mean to 0.0015: five of each, 6e-7 of seeds.
    net = ReLUNetwork([[1.0, 0.0]], [1.0])
    X, y = sample(net, 40_000, noise=0.3, seed=2)
    np.testing.assert_array_equal(X, sample(net, 40_000, seed=2)[0])
    noise = y - net(X)
    assert abs(noise.std() / 0.3 - 1) < 5 * 0.00354
    assert abs(noise.mean()) < 5 * 0.0015
    assert abs(np.corrcoef(noise, y - noise)[0, 1]) < 5 * 0.005
    assert np.abs(X.mean(axis=0)).max() < 5 * 0.005
    assert np.abs(X.var(axis=0) - 1).max() < 5 * 0.00708


def test_errors_of_sample():
    net = ReLUNetwork([[1.0]], [1.0])
    with pytest.raises(ValueError, match=r"^n must be at least 0, got -1$"):
        sample(net, -1, seed=0)
    with pytest.raises(TypeError, match=r"^n must be an integer, got 10\.0$"):
        sample(net, 10.0, seed=0)
    for noise in (-0.1, np.nan, np.inf):
        with pytest.raises(ValueError, match=rf"^noise is a standard deviation, at least 0; got {noise}"):
            sample(net, 10, noise=noise, seed=0)

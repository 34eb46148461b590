"""The rows between the kinks of a clump: cut out and stretched, learned from, and the neurons put in its place."""

import numpy as np
import pytest

from limbeck._learner.gaussian.clump_resolution import ClumpProblem, _contracted, excess_band
from limbeck._learner.model.clumps import centre_of
from limbeck._learner.model.model import Model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows


def _unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def _model(directions, weights, linear=None):
    directions, weights = np.asarray(directions), np.asarray(weights, dtype=float)
    last = np.zeros((1, directions.shape[1])) if linear is None else linear[None]
    rows = np.vstack([np.abs(weights)[:, None] * directions, last])
    return Model(np.where(weights < 0, -1.0, 1.0), np.column_stack([rows, np.zeros(len(rows))]))


def _clump(rng, d, separation, others=1):
    """Three neurons around a random centre, the second turned round, and others elsewhere."""
    centre = _unit(rng.standard_normal(d))
    three = _unit(centre + separation * _unit(rng.standard_normal((3, d)))) * [[1.0], [-1.0], [1.0]]
    rest = _unit(rng.standard_normal((others, d)))
    return _model(np.vstack([three, rest]), [1.0, -0.7, 1.2, *np.linspace(1, 2, others)], rng.standard_normal(d))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def _rows(rng, model, n, d, weights=None):
    X = rng.standard_normal((n, d))
    return Rows(X, model(X), weights)


@pytest.mark.parametrize("members", [[0, 1, 2], [1], [0, 3], [4, 2, 1, 0, 3]])
@pytest.mark.parametrize("band", [0.5, 1e-3])
def test_replacing_the_members_by_themselves_is_the_same_function(rng, members, band):
    model = _clump(rng, 5, 0.05, others=2)
    model.parameters[:, -1] = rng.standard_normal(6)  # thresholds and a bias
    rows = _rows(rng, model, 500, 5)
    problem = ClumpProblem.cut_out(model, members, band, rows, [])
    again = problem.with_replaced(problem.members_stretched())
    assert again.width == model.width
    X = 10 * rng.standard_normal((300, 5))  # also far outside the band
    # A coordinate is divided by the band and multiplied by it again, with a rounding of its own size before: eps / band
    # at worst, on values of order 100.
    np.testing.assert_allclose(again(X), model(X), rtol=0, atol=100 * 2.3e-16 * 10 / band)


@pytest.mark.parametrize("weighted", [False, True])
def test_the_rows_of_the_band_are_cut_out_and_stretched(rng, weighted):
    model = _clump(rng, 5, 0.05)
    rows = _rows(rng, model, 2000, 5, rng.uniform(0.5, 2, 2000) if weighted else None)
    problem = ClumpProblem.cut_out(model, [0, 1, 2], 0.2, rows, [])
    inside = np.abs(rows.X @ problem.centre) < 0.2
    assert len(problem.rows) == inside.sum() > 200
    np.testing.assert_allclose(
        problem.rows.X @ problem.centre, rows.X[inside] @ problem.centre / 0.2, rtol=0, atol=1e-13
    )
    across = np.eye(5) - np.outer(problem.centre, problem.centre)
    np.testing.assert_allclose(problem.rows.X @ across, rows.X[inside] @ across, rtol=0, atol=1e-13)
    # The labels are those of the members and the linear part, whose model in the band is members_stretched().
    np.testing.assert_allclose(problem.rows.y, problem.members_stretched()(problem.rows.X), rtol=0, atol=1e-12)
    assert problem.rows.y.std() > 0.1
    if weighted:
        np.testing.assert_array_equal(problem.rows.weights, rows.weights[inside])
    else:
        assert problem.rows.weights is None


def test_rows_of_other_bands_are_left_out(rng):
    model = _clump(rng, 5, 0.05)
    other = model.directions[3]
    rows = _rows(rng, model, 5000, 5)
    everything, less = (ClumpProblem.cut_out(model, [0, 1, 2], 0.3, rows, bands) for bands in ([], [(other, 0.4)]))
    centre = everything.centre
    inside = np.abs(rows.X @ centre) < 0.3
    expected = rows.X[inside & (np.abs(rows.X @ other) > 0.4)]
    assert 0 < len(expected) < 0.8 * len(everything.rows)
    back = less.rows.X + np.outer((0.3 - 1) * (less.rows.X @ centre), centre)
    np.testing.assert_allclose(back, expected, rtol=0, atol=1e-13)


def test_at_most_4000_rows_the_first(rng):
    model = _clump(rng, 3, 0.05)
    rows = _rows(rng, model, 20_000, 3)
    problem = ClumpProblem.cut_out(model, [0, 1, 2], 0.9, rows, [])
    assert len(problem.rows) == 4000
    first = np.flatnonzero(np.abs(rows.X @ problem.centre) < 0.9)[:4000]
    across = _unit(np.cross(problem.centre, [1.0, 0, 0]))
    np.testing.assert_allclose(problem.rows.X @ across, rows.X[first] @ across, rtol=0, atol=1e-13)


def test_has_rows_for(rng):
    # 2.5 rows for each of (parts + 1) (d + 1) parameters: 60 for 3 parts in 5 dimensions.
    model = _clump(rng, 5, 0.05)
    X = rng.standard_normal((61, 5))
    problem = ClumpProblem.cut_out(model, [0, 1, 2], 50.0, Rows(X, model(X)), [])
    assert problem.has_rows_for(3)
    assert not problem.has_rows_for(4)
    assert not ClumpProblem.cut_out(model, [0, 1, 2], 50.0, Rows(X[:60], model(X[:60])), []).has_rows_for(3)


def _moments(model, centre):
    """Sum of weights, sum of weighted directions, for neurons turned towards the centre: what shows far outside."""
    along = model.neurons[:, :-1] @ centre
    return model.signs @ np.abs(along), (model.signs * np.sign(along)) @ model.neurons


@pytest.mark.parametrize("factor", [1.0, 0.5, 0.25])
def test_contracting_keeps_weights_and_dipoles(rng, factor):
    model = _clump(rng, 5, 0.2, others=0)
    centre = centre_of(model, [0, 1, 2])
    narrow = _contracted(model, centre, factor)
    for kept, expected in zip(_moments(narrow, centre), _moments(model, centre), strict=True):
        np.testing.assert_allclose(kept, expected, rtol=0, atol=1e-13)
    # So on rows far from the kinks, on both sides, nothing has changed.
    X = rng.standard_normal((1000, 5))
    far = np.abs(X @ centre) > 0.5 * np.linalg.norm(X, axis=1)
    assert far.sum() > 100
    np.testing.assert_allclose(narrow(X[far]), model(X[far]), rtol=0, atol=1e-12)
    # Offsets from the mean, in the plane at distance one along the centre, have shrunk by the factor.
    sections = [m.neurons[:, :-1] / (m.neurons[:, :-1] @ centre)[:, None] for m in (model, narrow)]
    wide, shrunk = (s - s.mean(axis=0) for s in sections)
    np.testing.assert_allclose(shrunk, factor * wide, rtol=0, atol=1e-13)
    if factor == 1.0:
        np.testing.assert_allclose(narrow(X), model(X), rtol=0, atol=1e-12)


def test_contracting_a_dipole_keeps_its_strength(rng):
    u, v = np.linalg.qr(rng.standard_normal((4, 2)))[0].T
    pair = _model([u, _unit(u + 0.1 * v)], [10.0, -10.0])
    narrow = _contracted(pair, u, 0.1)
    offset = narrow.directions[1] @ v / (narrow.directions[1] @ u) - narrow.directions[0] @ v / (
        narrow.directions[0] @ u
    )
    assert offset == pytest.approx(0.01)
    weights = narrow.signs * (narrow.neurons[:, :-1] @ u)
    assert weights[1] * offset == pytest.approx(pair.signs[1] * (pair.neurons[1, :-1] @ u) * 0.1, rel=0.01)


@pytest.mark.parametrize("width", [0.5, 0.125, 0.03125])
def test_excess_band_finds_a_planted_band(rng, width):
    distance = np.abs(rng.standard_normal(20_000))
    errors = np.square(rng.standard_normal(20_000)) * np.where(distance < width, 2.0, 1.0)
    band, z = excess_band(errors, distance)
    assert z > 5
    assert width / 2 <= band <= 2 * width


def test_excess_band_measures_in_standard_errors():
    # One band only holds more than twenty rows: z is the textbook's.
    rng = np.random.default_rng(1)
    errors, distance = rng.exponential(size=400), np.repeat([0.4, 2.0], 200)
    errors[:200] *= 1.5
    band, z = excess_band(errors, distance)
    assert band == 0.5
    assert z == pytest.approx((errors[:200].mean() - errors.mean()) / (errors.std() / np.sqrt(200)))


def test_excess_band_reports_little_on_noise():
    # Among 20,000 draws 0.07 % are above 4 at n = 1000 (0.15 % at 20,000) and none above 5: among 600 more than four
    # above 4 come once in ten thousand times.
    rng = np.random.default_rng(2)
    z = np.array(
        [excess_band(np.square(rng.standard_normal(1000)), np.abs(rng.standard_normal(1000)))[1] for _ in range(600)]
    )
    assert (z > 4).sum() <= 4
    assert z.max() < 5.5
    # The largest of some nine bands is rarely negative.
    assert (z > 0).mean() > 0.7


def test_excess_band_without_anything_to_see():
    assert excess_band(np.ones(100), np.linspace(0, 1, 100))[1] == 0
    assert excess_band(np.arange(100.0), np.full(100, 3.0))[1] == -np.inf


def _collapsed(truth):
    """The first three neurons of a network as one, everything else exact."""
    return truth.merged([[0, 1, 2], *([i] for i in range(3, truth.width))])


@pytest.mark.parametrize(
    ("separation", "seeds", "least"),
    [(0.003, 3, 2), *(pytest.param(separation, 8, 6, marks=pytest.mark.slow) for separation in (0.01, 0.003))],
)
def test_a_clump_of_three_is_resolved_to_rounding(separation, seeds, least):
    # A call succeeds in 97 % of 240 trials (starts are random, and the learner calls again); of eight all but two must.
    resolved = 0
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        truth = _clump(rng, 4, separation)
        rows = _rows(rng, truth, 40_000, 4)
        one = _collapsed(truth)
        problem = ClumpProblem.cut_out(one, [0], 4 * separation, rows, [])
        assert problem.has_rows_for(3)
        found, gain = problem.resolve(3, Fit(60, 1e-5), rng)
        before, after = (rows.errors(model).mean() for model in (one, found))
        assert 1e-10 < before < 1e-5
        if after < 1e-12 * before:
            resolved += 1
            assert found.width == truth.width
            # The band's own error falls by as much: a factor of more than e^20 for each row.
            assert gain > 20 * len(problem.rows)
    assert resolved >= least


def test_resolving_what_cannot_be_better_gains_nothing(rng):
    # One neuron and noise: two in its place fit 2 * 5 more parameters to noise, a gain of 10 on average, and some more
    # as the best of several; five times that is far above.
    truth = _model(_unit(rng.standard_normal((1, 4))), [1.0])
    X = rng.standard_normal((5000, 4))
    rows = Rows(X, truth(X) + 0.1 * rng.standard_normal(5000))
    fitted, _ = Fit()(truth, rows)
    found = ClumpProblem.cut_out(fitted, [0], 0.5, rows, []).resolve(2, Fit(60, 1e-5), rng)
    assert found is None or found[1] < 50


def test_the_gain_is_that_over_the_members_refined(rng):
    # The members are off, but a refinement alone puts them right: no gain to speak of.
    truth = _clump(rng, 4, 0.3, others=0)
    X = rng.standard_normal((4000, 4))
    rows = Rows(X, truth(X) + 0.1 * rng.standard_normal(4000))
    off = Model(truth.signs, truth.parameters + 0.05 * rng.standard_normal(truth.parameters.shape))
    off.parameters[:, -1] = 0
    found = ClumpProblem.cut_out(off, [0, 1, 2], 0.9, rows, []).resolve(3, Fit(60, 1e-5), rng)
    assert found is None or found[1] < 20

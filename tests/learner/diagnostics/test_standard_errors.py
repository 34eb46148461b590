"""Standard errors: against dense algebra and numerical differentiation, by identities, and by what they cover."""

import numpy as np
import pytest

import limbeck
from limbeck import datasets
from limbeck._learner.diagnostics.settings import DiagnosticsSettings
from limbeck._learner.diagnostics.standard_errors import standard_errors
from limbeck._learner.model.coordinates import Whitening, standardization, whitening
from limbeck._learner.model.model import Model, linear_model
from limbeck._learner.model.refinement import Fit
from limbeck._learner.model.rows import Rows

FIELDS = ("directions", "output", "thresholds", "linear", "bias")


def _model(d=5, k=3, seed=0, thresholds=True):
    rng = np.random.default_rng(seed)
    parameters = rng.standard_normal((k + 1, d + 1))
    if not thresholds:
        parameters[:-1, -1] = 0.0
    return Model(rng.choice([-1.0, 1.0], k), parameters)


def _rows(model, n=400, noise=0.3, seed=1, weights=None):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, model.parameters.shape[1] - 1))
    y = model(X, 1) + noise * (1 + np.abs(X[:, 0])) * rng.standard_normal(n)
    return Rows(X, y, weights, n_threads=1)


def _flat(errors):
    return np.concatenate([np.ravel(getattr(errors, name)) for name in FIELDS])


# ---- Oracles ----


def _jacobian(model, X):
    """By (a_i, t_i) for every neuron, then (w, b)."""
    ones = np.column_stack([X, np.ones(len(X))])
    gates = X @ model.neurons[:, :-1].T + model.neurons[:, -1] > 0
    return np.concatenate([model.signs[i] * gates[:, [i]] * ones for i in range(model.width)] + [ones], axis=1)


def _dense_covariance(model, rows, free, decay):
    """HC1 from the definition, with rows and columns of zeros for what is not free.

    The decay of the linear part is not in it, but the distance to where that part would be without.
    """
    J, r = _jacobian(model, rows.X)[:, free], rows.y - model(rows.X, 1)
    v = np.ones(len(r)) if rows.weights is None else rows.weights
    decayed = np.ones(model.parameters.shape)
    decayed[:, -1] = decayed[-1] = 0
    bread = np.linalg.inv((J * v[:, None]).T @ J + decay * v.sum() * np.diag(decayed.ravel()[free]))
    n, p = np.count_nonzero(v), np.count_nonzero(free)
    covariance = np.zeros((free.size, free.size))
    scores = J * (v * r)[:, None]
    pull = np.zeros(model.parameters.shape)
    pull[-1, :-1] = decay * v.sum() * model.parameters[-1, :-1]
    away = bread @ pull.ravel()[free]
    covariance[np.ix_(free, free)] = n / (n - p) * bread @ (scores.T @ scores) @ bread + np.outer(away, away)
    return covariance


def _reported(model, coordinates):
    network = model.network()
    if coordinates is not None:
        network = coordinates.pull_back(network).normalized()
    return np.concatenate([network.weights.ravel(), network.output, network.thresholds, network.linear, [network.bias]])


def _numerical_derivative(model, coordinates, step=1e-5):
    """Of everything reported by every parameter; the step's error is about step^2 plus eps / step, 1e-10."""
    columns = []
    for index in np.ndindex(model.parameters.shape):
        sides = []
        for h in (step, -step):
            moved = model.parameters.copy()
            moved[index] += h
            sides.append(_reported(Model(model.signs, moved), coordinates))
        columns.append((sides[0] - sides[1]) / (2 * step))
    return np.array(columns).T


@pytest.fixture(params=["none", "whitening", "standardization", "thin"])
def coordinates(request):
    """Changes of coordinates of five dimensions or from more."""
    rng = np.random.default_rng(4)
    X = rng.standard_normal((300, 5)) @ rng.standard_normal((5, 5)) + rng.standard_normal(5)
    if request.param == "thin":
        return Whitening(rng.standard_normal(8), rng.standard_normal((5, 8)))
    return {"none": None, "whitening": whitening(X, 1), "standardization": standardization(X)}[request.param]


@pytest.mark.parametrize("thresholds", [False, True])
@pytest.mark.parametrize(("weighted", "decay"), [(False, 0.0), (True, 0.0), (False, 0.03), (True, 0.1)])
def test_against_dense_algebra_and_numerical_differentiation(coordinates, thresholds, weighted, decay):
    model = _model()
    weights = np.random.default_rng(2).uniform(0, 2, 400) * (np.arange(400) % 5 > 0) if weighted else None
    rows = _rows(model, weights=weights)
    free = np.ones(model.parameters.shape, dtype=bool)
    free[:-1, -1] = thresholds
    derivative = _numerical_derivative(model, coordinates)
    covariance = _dense_covariance(model, rows, free.ravel(), decay)
    expected = np.sqrt(np.diag(derivative @ covariance @ derivative.T))
    errors = standard_errors(model, rows, thresholds=thresholds, decay=decay, coordinates=coordinates)
    np.testing.assert_allclose(_flat(errors), expected, rtol=1e-8, atol=1e-11)


def test_errors_of_a_linear_part_that_evidence_shrinks_cover_the_truth():
    covered = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        X = rng.uniform(-np.sqrt(3), np.sqrt(3), (200, 2))
        y = 10 + 0.1 * X[:, 0] + rng.standard_normal(200)
        found = limbeck.learn(X, y, 0, inputs="any")
        covered.append(abs(found.network.linear[0] - 0.1) < 1.96 * found.standard_errors.linear[0])
    # Errors about the shrunken slope covered a third to a half; at 95 % less than 33 of 40 have a chance below 1e-3.
    assert sum(covered) >= 33


def test_shapes_and_types():
    errors = standard_errors(_model(), _rows(_model()), thresholds=True)
    assert errors.directions.shape == (3, 5)
    assert errors.output.shape == errors.thresholds.shape == (3,)
    assert errors.linear.shape == (5,)
    assert type(errors.bias) is float


@pytest.mark.parametrize("factor", [1.0, 1e-170, 1e170])
def test_a_line_has_the_errors_of_least_squares(factor):
    """In any units: squares of these residuals would vanish or overflow."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((100, 4)), rng.standard_normal(100)
    J = np.column_stack([X, np.ones(100)])
    hat = np.linalg.pinv(J)
    model = Model(np.empty(0), factor * (hat @ y)[None])
    errors = standard_errors(model, Rows(X, factor * y, n_threads=1), thresholds=False)
    expected = np.sqrt(100 / 95 * np.diag(hat * (y - J @ (hat @ y)) ** 2 @ hat.T))
    assert errors.directions.shape == (0, 4)
    np.testing.assert_allclose([*errors.linear, errors.bias], factor * expected, rtol=1e-8)


# ---- Identities ----


def test_frozen_thresholds_are_known():
    model = _model(thresholds=False)
    errors = standard_errors(model, _rows(model), thresholds=False)
    assert not errors.thresholds.any()
    assert (errors.output > 0).all()


def test_directions_move_at_right_angles_only():
    model = Model(np.array([1.0]), np.array([[2.0, 0.0, 0.0, 0.1], [0.0, 0.0, 0.0, 0.0]]))
    errors = standard_errors(model, _rows(model), thresholds=True)
    assert errors.directions[0, 0] == 0
    assert (errors.directions[0, 1:] > 0).all()


def test_order_is_that_of_the_network():
    """Neurons that change places take their errors along, and the network stays as it is."""
    model, rows = _model(), _rows(_model())
    order = [2, 0, 1]
    shuffled = Model(model.signs[order], model.parameters[[*order, 3]])
    one, other = (_flat(standard_errors(m, rows, thresholds=True)) for m in (model, shuffled))
    np.testing.assert_allclose(one, other, rtol=1e-9)


@pytest.mark.parametrize("factor", [1e-100, 1e100])
def test_units_of_the_labels(factor):
    model, rows = _model(), _rows(_model())
    scaled = Model(model.signs, factor * model.parameters)
    one = standard_errors(model, rows, thresholds=True)
    other = standard_errors(scaled, Rows(rows.X, factor * rows.y, n_threads=1), thresholds=True)
    np.testing.assert_allclose(other.directions, one.directions, rtol=1e-9)
    np.testing.assert_allclose(other.thresholds, one.thresholds, rtol=1e-9)
    np.testing.assert_allclose(other.output, factor * one.output, rtol=1e-9)
    np.testing.assert_allclose(other.linear, factor * one.linear, rtol=1e-9)


def test_the_same_network_in_other_coordinates():
    """All parameters free and no decay: the fit knows nothing of coordinates, so the errors do not either."""
    rng = np.random.default_rng(3)
    model = _model()
    X = rng.standard_normal((500, 5)) @ rng.standard_normal((5, 5)) + rng.standard_normal(5)
    # Features in units that differ by 1e8 altogether: the tolerance for the undetermined must not see units.
    X *= 10.0 ** np.arange(-4, 5, 2)
    there = whitening(X, 1)
    Z = there(X)
    y = model(Z, 1) + rng.standard_normal(500)
    a = model.parameters[:, :-1] @ there.matrix
    here = Model(model.signs, np.column_stack([a, model.parameters[:, -1] - a @ there.mean]))
    one = standard_errors(model, Rows(Z, y, n_threads=1), thresholds=True, coordinates=there)
    other = standard_errors(here, Rows(X, y, n_threads=1), thresholds=True)
    np.testing.assert_allclose(_flat(one), _flat(other), rtol=1e-6)


def test_rows_without_weight_do_not_count():
    model, rows = _model(), _rows(_model())
    kept = np.arange(400) % 3 > 0
    one = standard_errors(model, Rows(rows.X, rows.y, 2.0 * kept, 1), thresholds=True)
    other = standard_errors(model, rows.part(kept), thresholds=True)
    np.testing.assert_allclose(_flat(one), _flat(other), rtol=1e-9)


def test_an_exact_fit_has_no_error():
    model = _model()
    errors = standard_errors(model, _rows(model, noise=0.0), thresholds=True)
    assert (_flat(errors) < 1e-13).all()
    line = linear_model(3)
    assert not _flat(standard_errors(line, Rows(np.eye(20, 3), np.zeros(20), n_threads=1), thresholds=True)).any()


# ---- What the rows do not determine ----


@pytest.mark.parametrize("thresholds", [False, True])
def test_two_neurons_that_are_one(thresholds):
    """Neither can be told from its twin; the rest has the errors that it has beside a single neuron."""
    model = _model(k=2, thresholds=False)
    twins = Model(model.signs[[0, 0, 1]], model.parameters[[0, 0, 1, 2]] * [[0.5], [0.5], [1], [1]])
    rows = _rows(model)
    whole = standard_errors(model, rows, thresholds=thresholds)
    split = standard_errors(twins, rows, thresholds=thresholds)
    is_twin = np.isclose(np.abs(twins.network().output), 0.5 * np.linalg.norm(model.neurons[0, :-1]))
    assert is_twin.sum() == 2
    assert np.isinf(split.directions[is_twin]).all()
    assert np.isinf(split.output[is_twin]).all()
    assert np.isinf(split.thresholds[is_twin]).all() == thresholds
    # More parameters, so another small-sample factor.
    p, q = (np.count_nonzero(m.parameters) if not thresholds else m.parameters.size for m in (model, twins))
    factor = np.sqrt((400 - p) / (400 - q))
    np.testing.assert_allclose(split.linear, factor * whole.linear, rtol=1e-6)
    np.testing.assert_allclose(split.bias, factor * whole.bias, rtol=1e-6)
    lone = np.abs(whole.output * factor - split.output[~is_twin]).argmin()
    np.testing.assert_allclose(split.directions[~is_twin][0], factor * whole.directions[lone], rtol=1e-6)


def test_opposite_neurons_hide_the_linear_part():
    """relu(z) - relu(-z) = z: what both neurons gain, the linear part can lose."""
    row = np.array([1.0, 2.0, -1.0, 0.0])
    model = Model(np.array([1.0, 1.0]), np.array([row, -row, np.zeros(4)]))
    errors = standard_errors(model, _rows(model), thresholds=False)
    assert np.isinf(errors.directions).all()
    assert np.isinf(errors.linear).all()
    assert np.isfinite(errors.bias)


def test_too_few_rows_between_two_gates():
    """Two neurons are told apart by the rows between their gates; three rows do not do for eight weights."""
    rng = np.random.default_rng(5)
    X = rng.standard_normal((500, 8))
    angle = np.sort(np.abs(np.arctan2(X[:, 0], X[:, 1])))  # of the gate of a row that turns in the first two features
    gap = np.mean(angle[2:4])
    parameters = np.zeros((3, 9))
    parameters[0, 0] = 1.0
    parameters[1, :2] = np.cos(gap), -np.sin(gap)
    model = Model(np.array([1.0, -1.0]), parameters)
    between = np.count_nonzero((model.neurons[:, :-1] @ X.T > 0).sum(axis=0) == 1)
    assert 0 < between < 8
    errors = standard_errors(model, Rows(X, rng.standard_normal(500), n_threads=1), thresholds=False)
    assert np.isinf(errors.directions[:, 2:]).all()
    assert np.isfinite(errors.linear).all()


def test_a_neuron_that_no_row_switches_on():
    rng = np.random.default_rng(6)
    X = np.abs(rng.standard_normal((300, 3)))
    model = Model(np.array([1.0]), np.array([[-1.0, -2.0, -1.0, -0.5], [1.0, 0.0, 0.0, 0.0]]))
    errors = standard_errors(model, Rows(X, rng.standard_normal(300), n_threads=1), thresholds=True)
    assert np.isinf([*errors.directions[0], errors.output[0], errors.thresholds[0]]).all()
    assert np.isfinite([*errors.linear, errors.bias]).all()


def test_neurons_without_a_direction_are_constants():
    """Of no size, or in a feature alone that does not vary: not in the network, so not in the errors."""
    rng = np.random.default_rng(7)
    X = rng.standard_normal((300, 3))
    X[:, 2] = 5.0
    there = Whitening(X.mean(axis=0), np.diag([1 / X[:, 0].std(), 1 / X[:, 1].std(), 0.0]))
    lead, last = np.array([1.0, 2.0, 0.0, 0.3]), np.array([0.1, 0.2, 0.0, 1.0])
    model = Model(np.ones(3), np.array([np.append(np.zeros(3), 0.7), lead, [0.0, 0.0, 1.0, 0.4], last]))
    gathered = np.array([0.1, 0.2, 0.0, 1.0 + 0.7 + 0.4])
    rows = Rows(there(X), rng.standard_normal(300), n_threads=1)
    one = standard_errors(model, rows, thresholds=True, coordinates=there)
    other = standard_errors(Model(np.ones(1), np.array([lead, gathered])), rows, thresholds=True, coordinates=there)
    assert one.directions.shape == (1, 3)
    np.testing.assert_array_equal(_flat(one), _flat(other))
    # A feature that does not vary says nothing, and the coordinates leave it out.
    assert one.linear[2] == 0
    assert np.isfinite(_flat(one)).all()


@pytest.mark.parametrize("n", [1, 23, 24])
def test_no_more_rows_than_parameters(n):
    model = _model()
    rows = _rows(model, n=n)
    errors = standard_errors(model, rows, thresholds=True, coordinates=Whitening(np.zeros(7), np.ones((5, 7))))
    assert errors.directions.shape == (3, 7)
    assert np.isnan(_flat(errors)).all()


def test_too_many_parameters():
    model = _model()
    settings = DiagnosticsSettings(max_parameters=model.parameters.size - 1)
    assert np.isnan(_flat(standard_errors(model, _rows(model), thresholds=True, settings=settings))).all()


# ---- Coverage ----


def _truth(d, k, thresholds, rng):
    planted = datasets.make_narrow_network("generic", d, k, seed=3)
    parameters = np.empty((k + 1, d + 1))
    parameters[:-1, :-1] = np.abs(planted.output)[:, None] * planted.weights
    parameters[:-1, -1] = rng.uniform(-0.5, 0.5, k) if thresholds else 0.0
    parameters[-1] = rng.standard_normal(d + 1)
    return Model(np.sign(planted.output), parameters)


def _noise(X, heteroskedastic, rng):
    """Of standard deviation 0.3, at every row or over all of them: E (1 + |x_1|)^2 = 2 + 2 sqrt(2 / pi)."""
    size = (1 + np.abs(X[:, 0])) / np.sqrt(2 + 2 * np.sqrt(2 / np.pi)) if heteroskedastic else 1.0
    return 0.3 * size * rng.standard_normal(len(X))


def _covered(truth, fitted, errors):
    """Share of each field's entries that their 95 % intervals contain."""
    target, found = truth.network(), fitted.network()
    apart = np.square(found.weights[None] - target.weights[:, None]).sum(axis=2)
    apart += np.square(found.output[None] - target.output[:, None])
    order = apart.argmin(axis=1)
    pairs = {name: (getattr(found, name)[order] - getattr(target, name)) for name in ("output", "thresholds")}
    pairs["directions"] = found.weights[order] - target.weights
    shares = {name: np.mean(np.abs(off) <= 1.959964 * getattr(errors, name)[order]) for name, off in pairs.items()}
    shares["linear"] = np.mean(np.abs(found.linear - target.linear) <= 1.959964 * errors.linear)
    shares["bias"] = float(abs(found.bias - target.bias) <= 1.959964 * errors.bias)
    return [shares[name] for name in FIELDS]


def _coverage(d, k, n, thresholds, heteroskedastic, replications):
    """Mean over replications of the covered shares, and its standard error."""
    rng = np.random.default_rng(0)
    truth = _truth(d, k, thresholds, rng)
    fit = Fit(thresholds=thresholds, tolerance=1e-9)
    shares = []
    for _ in range(replications):
        X = rng.standard_normal((n, d))
        rows = Rows(X, truth(X, 1) + _noise(X, heteroskedastic, rng), n_threads=1)
        fitted, _ = fit(truth, rows)
        shares.append(_covered(truth, fitted, standard_errors(fitted, rows, thresholds=thresholds)))
    return np.mean(shares, axis=0), np.std(shares, axis=0) / np.sqrt(replications)


# What asymptotics leave open: rows between the true gates and the fitted ones are as few as sqrt(n), so that the rest
# falls slowly. 1500 replications of the smaller test below covered 93.9 to 95.3 % in each field.
SLACK = 0.015


def _limits(error):
    """How far coverage may be from 95 %: beyond the slack 4.5 standard errors.

    Replications are independent, so the chance that one of five means is further off is about 3e-5, a little more since
    the errors are estimated.
    """
    return SLACK + 4.5 * error


@pytest.mark.parametrize("heteroskedastic", [pytest.param(False, marks=pytest.mark.slow), True])
def test_intervals_cover(heteroskedastic):
    mean, error = _coverage(5, 2, 2000, True, heteroskedastic, 50)
    np.testing.assert_array_less(np.abs(mean - 0.95), _limits(error), err_msg=f"{mean} of {FIELDS}")


@pytest.mark.slow
@pytest.mark.parametrize("heteroskedastic", [False, True])
@pytest.mark.parametrize(("d", "k", "n"), [(20, 3, 4000), (50, 4, 10_000)])
def test_intervals_cover_at_full_size(d, k, n, heteroskedastic):
    mean, error = _coverage(d, k, n, False, heteroskedastic, 200)
    shown = [i for i, name in enumerate(FIELDS) if name != "thresholds"]  # which are known, and covered always
    print(f"d={d} k={k} n={n} {heteroskedastic=}", {FIELDS[i]: f"{mean[i]:.3f} +- {error[i]:.3f}" for i in shown})
    assert mean[FIELDS.index("thresholds")] == 1
    np.testing.assert_array_less(np.abs(mean - 0.95)[shown], _limits(error)[shown])
    pooled = [FIELDS.index("directions"), FIELDS.index("linear")]  # of enough entries for 3 points to be many errors
    np.testing.assert_array_less(np.abs(mean - 0.95)[pooled], 0.03)

"""Standard errors of kinks, slopes and steps."""

import numpy as np
import pytest

import limbeck
from limbeck import ReLUNetwork
from limbeck._learner.diagnostics.curve_errors import with_errors
from limbeck._learner.diagnostics.reading import read
from limbeck._learner.diagnostics.standard_errors import FittedErrors
from limbeck._learner.model.coordinates import Whitening
from limbeck._learner.model.model import model_of
from limbeck._learner.model.rows import Rows


@pytest.mark.slow
def test_errors_of_curves_are_the_spread_over_repeats():
    """Standard deviations over 100 repeats are off by 7 % each: 35 % are five times that."""
    rng = np.random.default_rng(0)
    truth = ReLUNetwork([[1.0], [1.0]], [2.0, -1.5], linear=[0.5], bias=1.0, thresholds=[0.6, -0.7])
    told, errors = [], []
    for _ in range(100):
        x = rng.uniform(-2, 2, (600, 1))
        y = truth(x) + 0.2 * rng.standard_normal(600)
        found = limbeck.learn(x, y, 2, inputs="any", validation=0.0)
        (curve,) = found.reading.curves
        scale, mean = found.reading.scales[0], found.reading.means[0]
        told.append([*(mean + scale * curve.knots), *(curve.slopes / scale)])
        errors.append([*(scale * curve.knot_errors), *(curve.slope_errors / scale)])
    np.testing.assert_allclose(np.mean(told, axis=0), [-0.6, 0.7, 0.5, 2.5, 1.0], atol=0.03)
    np.testing.assert_allclose(np.mean(errors, axis=0), np.std(told, axis=0), rtol=0.35)


def test_the_height_of_a_step_has_an_error_where_its_edges_have_none():
    """No row lies within the step: where it begins and ends is not determined, how high it is is."""
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(0, 1, 300), rng.uniform(1.1, 2, 300)])[:, None]
    net = ReLUNetwork([[1.0], [1.0]], [40.0, -40.0], thresholds=[-1.025, -1.075])
    y = net(x) + 0.1 * rng.standard_normal(600)
    reading = read(net, x)
    errors = FittedErrors(model_of(net), Rows(x, y), thresholds=True)
    joint = errors.about(Whitening(-reading.means / reading.scales, np.diag(reading.scales)), reading.network)
    (curve,) = with_errors(reading.curves, reading.parts, joint)
    assert np.isinf(curve.knot_errors).all()
    assert curve.jumps[0].height == pytest.approx(2.0)
    # Two lines of 300 rows each, at the edges of their rows: each is off there by 2 sd / sqrt(300).
    assert curve.jumps[0].error == pytest.approx(np.sqrt(2) * 2 * 0.1 / np.sqrt(300), rel=0.3)

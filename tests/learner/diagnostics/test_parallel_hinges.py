"""Parallel neurons as hinges of one direction."""

import numpy as np
import pytest

from limbeck._learner.diagnostics.parallel_hinges import ParallelHinges, Parts
from limbeck._learner.diagnostics.settings import DIAGNOSTICS

X_AXIS = np.array([1.0, 0.0])


def hinges_of(weights, sides, kinks, slope=0.0):
    """Hinges of the first feature: weight, side that each is on at, and where."""
    sides = np.array(sides, dtype=float)
    parts = Parts(
        np.array(weights, dtype=float),
        np.column_stack([sides, np.zeros(len(sides))]),
        sides * np.array(kinks, dtype=float),
        np.array([slope, 3.0]),
    )
    return ParallelHinges.of(parts, np.arange(len(sides)), X_AXIS, 0), parts


def test_values_kinks_and_slopes_are_those_of_the_neurons():
    hinges, parts = hinges_of([2.0, -1.0, 0.5], [1, -1, 1], [0.5, -1.0, 0.0], slope=0.25)
    z = np.linspace(-3, 3, 601)
    V = np.column_stack([z, np.zeros(601)])
    values = np.maximum(V @ parts.directions.T - parts.thresholds, 0) @ parts.weights + 0.25 * z
    np.testing.assert_allclose(hinges.value(z), values, atol=1e-12)
    np.testing.assert_allclose(hinges.knots, [-1.0, 0.0, 0.5])
    gradients, slopes = hinges.slope_gradients()
    between = [-2.0, -0.5, 0.25, 2.0]
    expected = [(hinges.value(np.array([at + 0.1])) - hinges.value(np.array([at])))[0] / 0.1 for at in between]
    np.testing.assert_allclose(slopes, expected, rtol=1e-10)
    np.testing.assert_allclose(gradients @ hinges.changes + 0.25, slopes)


def test_kinks_without_rows_between_them_are_joined_where_lines_meet():
    z = np.concatenate([np.linspace(-1, 0, 50), np.linspace(1, 2, 50)])
    hinges, _ = hinges_of([1.0, 3.0], [1, 1], [0.2, 0.6])
    joined = hinges.with_kinks_joined(z, DIAGNOSTICS)
    assert [group.tolist() for group in joined.groups] == [[0, 1]]
    np.testing.assert_allclose(joined.knots, [0.5])  # where lines of slopes 0 and 4 meet
    with_a_row_between = np.append(z, 0.4)
    assert len(hinges.with_kinks_joined(with_a_row_between, DIAGNOSTICS).groups) == 2


def test_kinks_that_make_a_step_are_kept_and_those_that_cancel_are_dropped():
    z = np.concatenate([np.linspace(-1, 0, 50), np.linspace(1, 2, 50)])
    step, _ = hinges_of([10.0, -10.0], [1, 1], [0.4, 0.6])
    assert len(step.with_kinks_joined(z, DIAGNOSTICS).groups) == 2
    assert step.height(0, 1) == pytest.approx(2.0)
    nothing, _ = hinges_of([1.0, -1.0], [1, 1], [0.4, 0.4])
    assert nothing.with_kinks_joined(z, DIAGNOSTICS).groups == ()

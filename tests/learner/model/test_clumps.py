"""Clumps of directions modulo sign."""

import numpy as np
import pytest

from limbeck._learner.model.clumps import angles_modulo_sign, centre_of, clump_ladder, clump_tree, cluster
from limbeck._learner.model.model import Model


def _unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def _model(directions, weights, linear=None):
    directions, weights = np.asarray(directions), np.asarray(weights, dtype=float)
    last = np.zeros((1, directions.shape[1])) if linear is None else linear[None]
    rows = np.vstack([np.abs(weights)[:, None] * directions, last])
    return Model(np.where(weights < 0, -1.0, 1.0), np.column_stack([rows, np.zeros(len(rows))]))


def _fan(*angles):
    return np.array([[np.cos(a), np.sin(a)] for a in angles])


def test_angles_ignore_sign_and_keep_small_ones():
    u = _fan(0.0, 1e-9, np.pi / 2, np.pi + 0.3)
    angles = angles_modulo_sign(u)
    # A chord of two unit vectors carries rounding of one eps, so angles are good to a few eps, not to sqrt(eps).
    np.testing.assert_allclose(angles[0], [0, 1e-9, np.pi / 2, 0.3], rtol=1e-6, atol=1e-15)
    np.testing.assert_array_equal(angles, angles.T)


def test_ladder_joins_nearest_first_and_ends_with_all():
    ladder = clump_ladder(_fan(0.0, 0.01, 0.5, np.pi + 0.52))
    assert [clump.members for clump in ladder[:4]] == [(0,), (1,), (2,), (3,)]
    assert [clump.members for clump in ladder[4:]] == [(0, 1), (2, 3), (0, 1, 2, 3)]
    assert [clump.scale for clump in ladder[4:]] == pytest.approx([0.01, 0.02, 0.49])


@pytest.mark.parametrize(
    ("scale", "groups"),
    [(0.0, [[0], [1], [2], [3]]), (0.015, [[0, 1], [2], [3]]), (0.1, [[0, 1], [2, 3]]), (2.0, [[0, 1, 2, 3]])],
)
def test_cluster_at_a_scale(scale, groups):
    assert cluster(_fan(0.0, 0.01, 0.5, np.pi + 0.52), scale) == groups


def test_nothing_to_cluster():
    assert clump_ladder(np.empty((0, 3))) == []
    assert cluster(np.empty((0, 3)), 0.1) == []
    assert cluster(np.array([[1.0, 0.0]]), 0.1) == [[0]]


def test_centre_ignores_signs_and_weighs_by_size():
    u, v = np.eye(4)[:2]
    lines = _model([u, -_unit(u + 0.1 * v)], [3.0, -1.0])
    expected = _unit(3 * u + _unit(u + 0.1 * v))
    np.testing.assert_allclose(centre_of(lines, [0, 1]), expected, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(centre_of(lines, [1]), -_unit(u + 0.1 * v), rtol=1e-14, atol=1e-15)


def test_the_tree_has_no_crossings():
    rng = np.random.default_rng(0)
    directions = rng.standard_normal((7, 5))
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

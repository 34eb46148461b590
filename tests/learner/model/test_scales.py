"""Clumps of directions modulo sign."""

import numpy as np
import pytest

from limbeck._learner.model.clumps import angles_modulo_sign, clump_ladder, cluster


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

"""Planted neurons are paired with the learned ones and shown side by side."""

import numpy as np
import pytest

import limbeck
from limbeck import ReLUNetwork
from limbeck._cli.network_table import compare_networks, matched


def test_matching_is_up_to_sign_and_tells_a_close_pair_apart():
    planted = limbeck.datasets.make_narrow_network("collinear", 6, 4, separation=0.01, seed=0)
    order = [2, 0, 3, 1]
    found = ReLUNetwork(-planted.weights[order], planted.output[order])
    assert [(i, j) for i, j, _ in matched(planted, found)] == [(0, 1), (1, 3), (2, 0), (3, 2)]
    assert all(angle < 1e-15 for *_, angle in matched(planted, found))
    few = ReLUNetwork(planted.weights[:1], planted.output[:1])
    assert [j for _, j, _ in matched(planted, few)].count(None) == 3


def test_more_than_eight_planted_neurons_are_refused():
    wide = ReLUNetwork(np.eye(9), np.ones(9))
    with pytest.raises(ValueError, match="at most 8 planted neurons can be matched, got 9"):
        matched(wide, wide)


def test_the_table_has_a_row_for_each_planted_neuron():
    planted = ReLUNetwork(np.eye(2), [2.0, -1.0])
    found = ReLUNetwork(np.eye(3)[:1, :2], [2.0])
    assert compare_networks(planted, found).splitlines() == [
        "neuron   planted weight  recovered weight  angle between (rad)",
        "------  ---------------  ----------------  -------------------",
        "     0    +2.0000000000     +2.0000000000              0.0e+00",
        "     1    -1.0000000000                              not found",
    ]
    assert compare_networks(found, planted).splitlines()[-1] == "and 1 neuron more than planted"

"""What is printed, collected from the diagnostics of a network; nothing is learned here."""

import numpy as np
import pytest

from limbeck import ReLUNetwork
from limbeck._learner.diagnostics.diagnostics import Diagnostics, FitRecord, PrunedNetwork
from limbeck._learner.model.model import model_of
from limbeck._learner.model.rows import Rows
from limbeck._learner.report.content import HeldOut, known_widths, report_content


def diagnostics_of(network, n=200, *, n_held_out=0, **changes):
    """Diagnostics of a network, and labels less values, on standard Gaussian rows with noise."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, network.n_features))
    residuals = 0.1 * rng.standard_normal(n)
    rows = Rows(X, network(X) + residuals)
    record = FitRecord(
        model=model_of(network),
        rows=rows,
        original=rows,
        used=np.arange(n_held_out, n),
        held_out=np.arange(n_held_out),
        joined=True,
        thresholds=True,
        standard=True,
        **changes,
    )
    return Diagnostics(network, record), rows, residuals


def content_of(network, n=200, *, n_held_out=0, **changes):
    diagnostics, rows, residuals = diagnostics_of(network, n, n_held_out=n_held_out, **changes)
    held_out = HeldOut(0.75, rows.y[:n_held_out], residuals[:n_held_out])
    return report_content(
        diagnostics,
        diagnostics.reading,
        target="y",
        names=tuple(f"x{j}" for j in range(network.n_features)),
        inputs="standard",
        held_out=held_out,
        noise_variance=0.01,
        clumps=diagnostics.clumps,
        stopped_early=False,
    )


HINGES = ReLUNetwork([[1.0, 0.0], [0.0, 1.0]], [2.0, -1.0], thresholds=[0.1, 0.2])


def test_sizes_are_those_of_the_network():
    content = content_of(HINGES)
    assert (content.width, content.n_features) == (2, 2)
    assert content.rows_per_parameter == 200 / 9
    assert content.has_width_table
    assert len(content.clumps) == 3


def test_smaller_widths_are_those_of_pruned_networks():
    content = content_of(HINGES, n_held_out=50)
    assert [width for width, _ in content.widths] == [2, 1, 0]
    assert content.widths[0] == (2, 0.75)
    assert content.widths[1][1] > content.widths[2][1]


@pytest.mark.parametrize(
    ("network", "n", "changes"),
    [
        (HINGES, 200, {"refined": False}),
        (ReLUNetwork(np.eye(1, 300), [1.0]), 20, {}),  # 602 parameters
        (ReLUNetwork(np.empty((0, 2)), [], linear=[1.0, 2.0]), 200, {}),
    ],
    ids=["unrefined", "many parameters", "no neurons"],
)
def test_where_smaller_widths_are_not_printed_none_are_computed(network, n, changes):
    content = content_of(network, n, **changes)
    assert content.widths == ()
    assert not content.has_width_table


@pytest.mark.parametrize("bend", [0.0, 4.0])
def test_a_line_that_does_as_well_is_noticed(bend):
    """Of a network without a bend the line is the same function, of one with a bend it is far worse."""
    network = ReLUNetwork([[1.0, 0.0]], [bend or 1e-9], linear=[1.0, 1.0])
    content = content_of(network, 1000, n_held_out=200)
    assert content.line_is_no_worse == (not bend)


def test_widths_whose_r2_is_not_known_are_left_out():
    network = ReLUNetwork(np.empty((0, 1)), [])
    pruned = [PrunedNetwork(1, network, 1.0, np.nan), PrunedNetwork(0, network, 1.0, 0.5)]
    assert known_widths(2, 0.9, pruned) == [(2, 0.9), (0, 0.5)]
    assert known_widths(2, np.nan, pruned) == [(0, 0.5)]

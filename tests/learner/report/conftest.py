"""A content to print that no learner had a part in."""

import numpy as np
import pytest

from limbeck import ReLUNetwork
from limbeck._learner.diagnostics.reading import read
from limbeck._learner.report.content import HeldOut, ReportContent


@pytest.fixture
def content():
    """One hinge of "rooms" above 6 and a slope of "age", rows held out without noise to speak of."""
    X = np.random.default_rng(0).uniform([3, 0], [9, 80], (400, 2))
    network = ReLUNetwork([[1.0, 0.0]], [10.0], linear=[0.0, -3.0], bias=50.0, thresholds=[-6.0])
    residuals = np.where(np.arange(200) % 2, 0.5, -0.5)
    return ReportContent(
        target="price",
        names=("rooms", "age"),
        inputs="any",
        reading=read(network, X),
        noise_variance=0.25,
        held_out=HeldOut(0.98765, network(X[:200]) + residuals, residuals),
        widths=[(1, 0.98765), (0, 0.25)],
    )

"""Rows of a planted network, in memory and in blocks."""

from types import SimpleNamespace

import numpy as np
import pytest

import limbeck
from limbeck._base.progress import Progress
from limbeck._learner.model.rows import Rows
from limbeck._learner.streaming.rows import StreamedRows
from limbeck._learner.streaming.scan import scanned
from limbeck._learner.streaming.settings import STREAMING
from limbeck.blocks._protocol import as_blocks


@pytest.fixture(scope="session")
def planted():
    """A network of three neurons of eight features, and 30,000 rows with noise of standard deviation 0.1."""
    network = limbeck.datasets.make_narrow_network("generic", 8, 3, seed=0)
    X, y = limbeck.datasets.sample(network, 30_000, noise=0.1, seed=1)
    return SimpleNamespace(network=network, X=X, y=y, blocks=[(X[:10_000], y[:10_000]), (X[10_000:], y[10_000:])])


@pytest.fixture
def streamed(planted):
    """Rows in blocks with a sample, as a refinement takes them."""

    def make(progress=None, sample_rows=2000, settings=STREAMING):
        progress = progress or Progress(None, False, None)
        source = as_blocks(planted.blocks)
        scan = scanned(source, lambda d: sample_rows, np.random.default_rng(0), 1, progress)
        sample = Rows(*scan.sample.pop_sorted()[:2], None, 1)
        return StreamedRows(source, scan, None, 1.0, sample, progress, settings)

    return make

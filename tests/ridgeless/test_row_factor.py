"""The triangular factor of rows in blocks."""

import numpy as np
import pytest

from limbeck import _kernels
from limbeck.ridgeless import Accumulator

EPS = np.finfo(np.float64).eps


def test_the_factor_is_that_of_the_rows():
    rng = np.random.default_rng(1)
    for n, p in ((50, 3), (3000, 3), (30_000, 21), (2000, 77)):
        X, Y, w = rng.standard_normal((n, p)), rng.standard_normal((n, 2)), rng.uniform(0.1, 3, n)
        whole = np.column_stack([np.ones(n), X, Y]) * np.sqrt(w)[:, None]
        for dtype, slack in ((np.float64, 1), (np.float32, 1e8)):
            R = _kernels.merge_rows(np.zeros((p + 3, p + 3)), X.astype(dtype), Y, w, 1.0, 1.0, 2)
            np.testing.assert_array_equal(np.tril(R, -1), 0)
            gram = whole.T @ whole
            assert np.abs(R.T @ R - gram).max() < 30 * slack * EPS * np.abs(gram).max()


def test_places_are_those_in_the_arrays_that_were_passed():
    # Rows are merged in pieces of 16 MiB, here of some 60,000.
    X, y = np.zeros((150_000, 30)), np.zeros(150_000)
    total = Accumulator(30)
    for array, name, at, place in ((X, "X", (140_000, 7), r"\(140000, 7\)"), (y, "Y", 140_000, "140000")):
        array[at] = np.nan
        with pytest.raises(ValueError, match=rf"^{name} holds nan at index {place};"):
            total.update(X, y)
        array[at] = 0
    y[3] = np.inf
    for Y, place in ((y, "3"), (y[:, None], r"\(3, 0\)")):
        for n in (5, 5000):
            with pytest.raises(ValueError, match=rf"^Y holds inf at index {place};"):
                total.update(X[:n], Y[:n])

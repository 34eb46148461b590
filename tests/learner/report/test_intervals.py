"""Bootstrap intervals of R2: coverage of the spread over fresh samples, fixed seeds, edges."""

import numpy as np

from limbeck._learner.report.intervals import r2_interval


def test_interval_of_r2():
    """Against the spread of R2 over 400 fresh samples, whose standard deviation is known to 3.5 % (one standard error).

    The interval's own length varies by some 8 % at 400 rows (fourth moments): 30 % is more than three times both.
    """
    rng = np.random.default_rng(0)

    def draw(m):
        y = rng.standard_normal(m)
        return 0.5 * rng.standard_normal(m), y

    for m in (400, 12_000):
        fresh = [1 - np.sum(r**2) / np.sum((y - y.mean()) ** 2) for r, y in (draw(m) for _ in range(400))]
        interval = r2_interval(*draw(m))
        assert (interval.rows, interval.resamples) == (m, 2000)
        assert 0.7 < (interval.high - interval.low) / (2 * 1.96 * np.std(fresh)) < 1.3


def test_interval_edges():
    same = r2_interval(np.zeros(50), np.arange(50.0))
    assert (same.low, same.high) == (1.0, 1.0)
    noisy = np.random.default_rng(0).standard_normal((2, 100))
    assert r2_interval(*noisy) == r2_interval(*noisy)  # the seed is fixed
    assert r2_interval(np.zeros(50), np.arange(50.0)) == same
    for m in (0, 1):
        assert np.isnan(r2_interval(np.zeros(m), np.ones(m)).low)
    assert np.isnan(r2_interval(np.ones(5), np.ones(5)).low)

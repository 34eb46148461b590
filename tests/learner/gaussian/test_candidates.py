"""Candidate networks inside a span."""

import numpy as np

from limbeck._learner.gaussian.candidates import scale_space_peaks


def test_peaks_of_sorted_rows_are_where_the_kink_is():
    for seed in range(6):
        rng = np.random.default_rng(seed)
        Z, u = rng.standard_normal((20_000, 3)), rng.standard_normal(3)
        u /= np.linalg.norm(u)
        y = np.abs(Z @ u) - np.abs(Z @ u).mean()
        y -= Z @ np.linalg.lstsq(Z, y)[0]
        order = np.argsort(Z[:, 0])
        # 5000 rows, drawn, leave .9987 and more; the first 5000 left .984.
        assert abs(scale_space_peaks(Z[order], y[order], np.random.default_rng(1), 1)[0] @ u) > 0.995

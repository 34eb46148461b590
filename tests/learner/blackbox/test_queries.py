"""The log of queries: what it copies, and which queries count in means."""

import numpy as np

from limbeck._base.progress import Progress
from limbeck._learner.blackbox.queries import Queries


def test_the_log_of_queries_is_not_copied_for_every_batch():
    queries = Queries(lambda X: X[:, 0], 3, 1, 100_000, Progress(None, False, None))
    rng = np.random.default_rng(0)
    copied, address, rows = 0, None, []
    for _ in range(2000):
        rows.append(rng.standard_normal((1, 3)))
        queries.ask_iid(rows[-1])
        here = queries.X.__array_interface__["data"][0]
        copied += (here != address) * (len(queries) - 1)
        address = here
    queries.trim()
    # Lengths that grow by a half each time: 1 / (1 - 1 / 1.5) times the last copy, of 2000 rows at most. A copy
    # for each batch would be 2,000,000 rows.
    assert copied <= 3 * 2000
    np.testing.assert_array_equal(queries.X, np.concatenate(rows))
    np.testing.assert_array_equal(queries.y, queries.X[:, 0])
    assert queries.X.base.nbytes == queries.X.nbytes


def test_queries_on_lines_have_no_part_in_means():
    queries = Queries(lambda X: X[:, 0], 2, 100, 1000, Progress(None, False, None))
    rng = np.random.default_rng(0)
    queries.ask_iid(rng.standard_normal((50, 2)))
    assert queries.weights() is None
    line = queries.ask_lines(np.full((10, 2), 9.0))
    held = queries.ask_held_out(rng.standard_normal((5, 2)))
    weights = queries.weights()
    assert not weights[line].any()
    assert not weights[held].any()
    np.testing.assert_allclose(weights[:50], 1)
    assert queries.n_iid == 50
    queries.release(held)
    assert queries.n_iid == 55
    np.testing.assert_allclose(queries.weights()[held], 1)

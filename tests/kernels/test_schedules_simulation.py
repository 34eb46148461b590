"""How trials are dealt to tasks: enough of them, of equal size, for many threads, by counts alone."""

import numpy as np
import pytest

from limbeck import _kernels


def simulated(count, n, p, threads):
    l = np.arange(1, p + 1.0) ** -1
    return _kernels.simulate(l, l, np.ones(p), np.ones(p), n, 0.1, 0.0, None, 0, 0, count, threads)


@pytest.mark.parametrize("count", [64, 200, 256, 1000])
@pytest.mark.parametrize("threads", [2, 8, 64])
def test_trials_are_dealt_evenly(tasks_of, count, threads):
    # One region (64 such trials are more than what stays on one thread). A lane of trials is a task, and none has more
    # than one trial above another's. Four lanes a thread: a thread is late by a quarter of its work, or one trial.
    (lanes,) = tasks_of(lambda: simulated(count, 30, 40, threads))
    assert lanes == min(count, 4 * threads)


def test_large_trials_share_all_threads(tasks_of):
    # 500 rows of 700 features are work for a team: regions inside of two trials, and strips of a Gram matrix.
    regions = tasks_of(lambda: simulated(2, 500, 700, 64))
    assert len(regions) > 2
    # Sixty-four rows each; the last ones have a task of their own where half of their register is empty, which is so by
    # the width of registers.
    assert {512 // 64, 512 // 64 + 1} & set(regions)

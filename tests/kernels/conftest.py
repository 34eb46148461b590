"""What the tests of schedules share: the tasks that a call is cut into."""

import pytest

from limbeck import _kernels


def _traced(call):
    """Run a call and return the seconds of its tasks, one list for each region that may use several threads.

    A kernel shows its regions only where it may use more than one thread: give the call ``n_threads`` above one. All
    tasks then run on the calling thread, so any number may be asked for on any machine. Numbers of tasks follow from
    sizes; seconds are for reading, and no test may depend on them.
    """
    _kernels.begin_trace()
    try:
        call()
    finally:
        regions, _ = _kernels.end_trace()
    return [seconds for _, seconds, _ in regions]


@pytest.fixture(scope="session")
def traced():
    """traced(callable) -> list of lists of seconds, see _traced."""
    return _traced


@pytest.fixture(scope="session")
def tasks_of():
    """tasks_of(callable) -> number of tasks of each region, see _traced."""
    return lambda call: [len(seconds) for seconds in _traced(call)]

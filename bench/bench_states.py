"""One call of every kernel on all processors: after a rest, and right after a product of NumPy."""

import calls
import pytest

ROUNDS = 9  # of one call each


@pytest.mark.parametrize("name", calls.MAKERS)
def test_call(benchmark, name, prepare, all_threads):
    benchmark.group = name
    call = calls.make(name)
    threads = 1 if name in calls.SERIAL else all_threads
    result = benchmark.pedantic(call, (threads,), setup=prepare, rounds=ROUNDS, warmup_rounds=1)
    # Whatever else the machine does, and however many threads there are: the same bits.
    assert calls.same_bits(result, call(1))

"""Interleaved timing of the sides of a comparison, in one run, order alternating."""

import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from threadpoolctl import threadpool_limits

_SHORTEST = (
    2e-3  # seconds: shorter calls are repeated within a sample, so that the clock and the interpreter do not count
)
_SETTLE = 0.05  # seconds: idle worker threads of the other side spin for a while before they sleep


@dataclass
class Timing:
    """Seconds per call of each sample, and what the probe said around it."""

    samples: list[float] = field(default_factory=list)
    around: list[float] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Median time of a call."""
        return statistics.median(self.samples)

    def fraction_of_probe(self, work: float) -> float:
        """Median of (work / time) / probe, each sample against the probes next to it."""
        return statistics.median(work / seconds / rate for seconds, rate in zip(self.samples, self.around, strict=True))


def interleave(
    sides: Mapping[str, Callable[[], object]],
    rounds: int,
    *,
    threads: int = 1,
    probe: Callable[[], float] | None = None,
    budget: float = 60.0,
) -> dict[str, Timing]:
    """Time every side once a round, every other round in reverse order.

    ``probe`` is called right before and right after each sample; its mean is kept beside the sample. The pools of NumPy
    and SciPy are held to ``threads`` threads. After three rounds no new one is begun once ``budget`` seconds are spent.
    """
    timings = {name: Timing() for name in sides}
    with threadpool_limits(threads):
        calls = {name: _calls_per_sample(run) for name, run in sides.items()}
        begin = time.perf_counter()
        for index in range(rounds):
            if index >= 3 and time.perf_counter() - begin > budget:
                break
            order = list(sides) if index % 2 == 0 else list(sides)[::-1]
            for name in order:
                if threads > 1:
                    time.sleep(_SETTLE)
                before = probe() if probe else math.nan
                timings[name].samples.append(_seconds(sides[name], calls[name]))
                after = probe() if probe else math.nan
                timings[name].around.append((before + after) / 2)
    return timings


def fastest(sides: Mapping[str, Callable[[], object]], *, threads: int = 1, calls: int = 2) -> str:
    """Name of the side with the shortest best time: which formulation is the peer."""
    best = dict.fromkeys(sides, math.inf)
    with threadpool_limits(threads):
        for _ in range(calls):
            for name, run in sides.items():
                best[name] = min(best[name], _seconds(run, 1))
    return min(best, key=best.__getitem__)


def _seconds(run: Callable[[], object], calls: int) -> float:
    begin = time.perf_counter()
    for _ in range(calls):
        run()
    return (time.perf_counter() - begin) / calls


def _calls_per_sample(run: Callable[[], object]) -> int:
    seconds = _seconds(run, 1)  # the first call pays for page faults and thread start-up
    if seconds < 10 * _SHORTEST:
        seconds = _seconds(run, 3)
    return max(1, math.ceil(_SHORTEST / seconds))

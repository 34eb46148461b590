"""Telling a caller how far the learner is, and stopping when its time is up."""

import sys
import time
from collections.abc import Callable

Callback = Callable[[str, int, float], None]


class Progress:
    """Times stages, calls back, prints one line on stderr if asked, and knows when time is up.

    Parameters
    ----------
    callback : callable, optional
        Called as ``callback(stage, neurons, error)``: the error is relative to the variance of the labels.
    show : bool
        Whether to keep a line on stderr up to date.
    time_limit : float, optional
        Seconds from now.
    """

    def __init__(self, callback: Callback | None, show: bool, time_limit: float | None) -> None:
        self._callback = callback
        self._show = show
        self._start = self._stage_start = time.perf_counter()
        self.deadline = float("inf") if time_limit is None else self._start + time_limit
        self._stage: str | None = None
        self.timings: dict[str, float] = {}
        self.history: list[dict[str, object]] = []
        self.stopped_early = False

    def report(self, stage: str, neurons: int, error: float) -> None:
        """Record that ``stage`` has reached an error with a number of neurons."""
        self.history.append(
            {"stage": stage, "neurons": neurons, "error": error, "seconds": time.perf_counter() - self._start}
        )
        if self._callback is not None:
            self._callback(stage, neurons, error)
        if self._show:
            print(f"\r{stage:<22} {neurons:3d} neurons  relative error {error:9.2e}  ", end="", file=sys.stderr)
            sys.stderr.flush()

    def enter(self, stage: str) -> None:
        """Begin to time a stage."""
        now = time.perf_counter()
        if self._stage is not None:
            self.timings[self._stage] = self.timings.get(self._stage, 0.0) + now - self._stage_start
        self._stage, self._stage_start = stage, now

    def finish(self) -> None:
        """End the last stage and the line on stderr."""
        self.enter("")
        self._stage = None
        self.timings["total"] = time.perf_counter() - self._start
        if self._show and self.history:
            print(file=sys.stderr)

    def out_of_time(self) -> bool:
        """Whether the time limit has passed; remembered as ``stopped_early``."""
        if time.perf_counter() > self.deadline:
            self.stopped_early = True
            return True
        return False

"""Telling a caller how far the learner is, and stopping when its time is up."""

import sys
import time
from collections.abc import Callable
from typing import Protocol

Callback = Callable[[str, int, float], None]


class _Line(Protocol):
    """A line that is kept up to date."""

    def show(self, text: str) -> None: ...

    def close(self) -> None: ...


class _PlainLine:
    """A line on stderr, written over itself."""

    def __init__(self) -> None:
        self._shown = False

    def show(self, text: str) -> None:
        print(f"\r{text}  ", end="", file=sys.stderr, flush=True)
        self._shown = True

    def close(self) -> None:
        if self._shown:
            print(file=sys.stderr)


class _TqdmLine:
    """The same by tqdm, which knows notebooks and shows the time."""

    def __init__(self) -> None:
        from tqdm.auto import tqdm

        self._bar = tqdm(bar_format="{desc} {elapsed}", mininterval=0)

    def show(self, text: str) -> None:
        self._bar.set_description_str(text)

    def close(self) -> None:
        self._bar.close()


def progress_line() -> _Line:
    """A line on stderr, by tqdm if that is installed."""
    try:
        return _TqdmLine()
    except ImportError:
        return _PlainLine()


class Progress:
    """Times stages, calls back, prints one line on stderr if asked, and knows when time is up.

    Parameters
    ----------
    callback : callable, optional
        Called as ``callback(stage, neurons, error)``: the error is relative to the variance of the labels.
    show : bool
        Whether to keep a line on stderr up to date, by tqdm where it is installed.
    time_limit : float, optional
        Seconds from now.
    """

    def __init__(self, callback: Callback | None, show: bool, time_limit: float | None) -> None:
        self._callback = callback
        self._show = show
        self._line: _Line | None = None
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
            self._line = self._line or progress_line()
            self._line.show(f"{stage:<22} {neurons:3d} neurons  relative error {error:9.2e}")

    def show_pass(self, text: str | None) -> None:
        """Show how far a pass over the rows is; None changes nothing."""
        if self._show and text is not None:
            self._line = self._line or progress_line()
            self._line.show(text)

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
        if self._line is not None:
            self._line.close()
            self._show, self._line = False, None

    def out_of_time(self) -> bool:
        """Whether the time limit has passed; remembered as ``stopped_early``."""
        if time.perf_counter() > self.deadline:
            self.stopped_early = True
            return True
        return False

"""Progress of passes, simulations and the learner on stderr; timings, history and the time limit of the learner."""

import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["Callback", "Progress", "ProgressBar", "progress_bar"]

Callback = Callable[[str, int, float], None]

_REFRESH = 0.1  # seconds between two writings of a plain line, as in tqdm: more often is slower and no easier to read


class ProgressBar(Protocol):
    """Bar for the number of rows or trials that are done, kept up to date on stderr."""

    def advance_to(self, done: int, total: int | None) -> None:
        """Show that so many are done, of ``total`` where that is known; the first call says where the bar begins."""

    def close(self) -> None:
        """End the line."""


class _StatusLine(Protocol):
    """Line for the learner's stage and its error, kept up to date on stderr."""

    def show(self, stage: str, details: str) -> None: ...

    def close(self) -> None: ...


def progress_bar(name: str, unit: str) -> ProgressBar:
    """Bar with the rate and the time left by tqdm, if that is installed; otherwise a plain line."""
    tqdm = _tqdm()
    return _PlainBar(name, unit, _PlainLine()) if tqdm is None else _TqdmBar(tqdm, name, unit)


def _tqdm() -> Any:  # noqa: ANN401 - tqdm has no type information
    """Class of bars for terminals or notebooks; None where tqdm is not installed."""
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm


class _PlainLine:
    """Line on stderr that is written over itself."""

    def __init__(self) -> None:
        self._length = 0

    def write(self, text: str) -> None:
        """Write over what the line held before, to its end."""
        print(f"\r{text:<{self._length}}", end="", file=sys.stderr, flush=True)
        self._length = len(text)

    def close(self) -> None:
        """Begin a new line, if anything was written."""
        if self._length:
            print(file=sys.stderr)
            self._length = 0


class _PlainStatus:
    """Status line without tqdm."""

    def __init__(self, line: _PlainLine) -> None:
        self._line = line

    def show(self, stage: str, details: str) -> None:
        self._line.write(f"{stage}  {details}")

    def close(self) -> None:
        self._line.close()


class _PlainBar:
    """Numbers of what is done, without tqdm."""

    def __init__(self, name: str, unit: str, line: _PlainLine, *, keep: bool = True) -> None:
        self._name, self._unit, self._line, self._keep = name, unit, line, keep
        self._last = -_REFRESH

    def advance_to(self, done: int, total: int | None) -> None:
        now = time.perf_counter()
        if now - self._last < _REFRESH and done != total:
            return
        self._last = now
        of_all = f" of {total:,}" if total else ""
        self._line.write(f"{self._name}  {done:,}{of_all} {self._unit}")

    def close(self) -> None:
        if self._keep:
            self._line.close()


class _TqdmStatus:
    """Status line by tqdm, which knows notebooks and shows the time."""

    def __init__(self, tqdm: Any) -> None:  # noqa: ANN401 - as above
        self._tqdm = tqdm
        self._bar: Any = None

    def show(self, stage: str, details: str) -> None:
        if self._bar is None:
            self._bar = self._tqdm(desc=stage, postfix=details, bar_format="{desc} {elapsed}{postfix}")
        else:
            self._bar.set_description_str(stage, refresh=False)
            self._bar.set_postfix_str(details)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


class _TqdmBar:
    """Bar by tqdm, made at the first call, which says where it begins."""

    def __init__(self, tqdm: Any, name: str, unit: str, *, keep: bool = True) -> None:  # noqa: ANN401 - as above
        self._tqdm, self._name, self._unit, self._keep = tqdm, name, unit, keep
        self._bar: Any = None

    def advance_to(self, done: int, total: int | None) -> None:
        if self._bar is None:
            self._bar = self._tqdm(
                total=total, initial=done, desc=self._name, unit=f" {self._unit}", unit_scale=True, leave=self._keep
            )
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


class _Display:
    """Status line of the learner, and below it a bar for the pass over the rows that is being made."""

    def __init__(self) -> None:
        self._status: _StatusLine | None = None
        self._bar: ProgressBar | None = None
        self._plain = _PlainLine()
        self._tqdm = _tqdm()

    def show(self, stage: str, details: str) -> None:
        """Show the stage, its bar being over."""
        self._end_pass()
        if self._status is None:
            self._status = _PlainStatus(self._plain) if self._tqdm is None else _TqdmStatus(self._tqdm)
        self._status.show(stage, details)

    def begin_pass(self, name: str) -> Callable[[int, int | None], None]:
        """Begin a bar; the function takes the number of rows done, and of all where it is known."""
        self._end_pass()
        if self._tqdm is None:
            self._bar = _PlainBar(name, "rows", self._plain, keep=False)
        else:
            self._bar = _TqdmBar(self._tqdm, name, "rows", keep=False)
        return self._bar.advance_to

    def _end_pass(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def close(self) -> None:
        """End all lines."""
        self._end_pass()
        if self._status is not None:
            self._status.close()
        self._plain.close()


class Progress:
    """Times of stages, calls back to the user, a status on stderr if asked for, and the end of the time.

    Parameters
    ----------
    callback : callable, optional
        Called as ``callback(stage, neurons, error)``: the error is relative to the variance of the labels.
    show : bool
        Whether to show stages and passes on stderr, by tqdm where it is installed.
    time_limit : float, optional
        Seconds from now.
    """

    def __init__(self, callback: Callback | None, show: bool, time_limit: float | None) -> None:
        self._callback = callback
        self._display = _Display() if show else None
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
        if self._display is not None:
            self._display.show(stage, f"{neurons} neurons, relative error {error:.2e}")

    def begin_pass(self, name: str) -> Callable[[int, int | None], None]:
        """Show a pass over the rows, until the next stage or pass begins.

        Returns
        -------
        callable
            Takes the number of rows done, and the number of all rows or None.
        """
        return _shown_nowhere if self._display is None else self._display.begin_pass(name)

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
        if self._display is not None:
            self._display.close()
            self._display = None

    def out_of_time(self) -> bool:
        """Whether the time limit has passed; remembered as ``stopped_early``."""
        if time.perf_counter() > self.deadline:
            self.stopped_early = True
            return True
        return False


def _shown_nowhere(done: int, total: int | None) -> None:
    """Take the place of a bar where none is wanted."""

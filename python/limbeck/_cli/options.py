"""What the commands share: options, errors of one line, where files go."""

import argparse
import contextlib
import math
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from limbeck._base.files import is_special
from limbeck._learner.pipeline.from_arrays import ConstantFeaturesError
from limbeck._learner.pipeline.result import Learned
from limbeck._learner.report import text as sentences
from limbeck.network._network_file import is_network_file

__all__ = [
    "STANDARD_OUTPUT",
    "CommandError",
    "Parser",
    "check_folder",
    "count",
    "fraction",
    "line_left",
    "network_path",
    "output_path",
    "positive",
    "r2_text",
    "record",
    "refusals",
    "say",
    "seconds",
    "whole",
    "write",
]


STANDARD_OUTPUT = Path("-")  # compared by identity, for ./- is a file


class CommandError(Exception):
    """A request that cannot be met; the message is one line for the user."""


def say(message: str) -> None:
    """One line on the standard error, if there is one that takes it."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(f"limbeck: {' '.join(message.split())}", file=sys.stderr)


@contextlib.contextmanager
def line_left(progress: bool) -> Iterator[None]:
    """Leave the line of progress when Ctrl-C ends what keeps it."""
    try:
        yield
    except KeyboardInterrupt:
        if progress:
            print(file=sys.stderr)
        raise


@contextlib.contextmanager
def refusals(what: str) -> Iterator[None]:
    """Turn the library's refusal of data or options into a CommandError.

    It is a ValueError, or the learner's own for features that do not vary. Errors of other derived classes, such as
    that of a singular matrix, are faults of the library and pass, with their traceback.
    """
    try:
        yield
    except ValueError as error:
        if type(error) not in (ValueError, ConstantFeaturesError):
            raise
        raise CommandError(f"{what}: {error}") from error


# ---- Options ----


class Parser(argparse.ArgumentParser):
    """Mistakes end in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"limbeck: error: {' '.join(message.split())} (see {self.prog} --help)\n")

    def _print_message(self, message: str, file: Any = None) -> None:  # noqa: ANN401 (as argparse has it)
        if file is sys.stdout:  # argparse passes over a disk that is full
            file.write(message)
        else:
            super()._print_message(message, file)


def _checked_type(kind: type, accepts: Callable[[float], bool], wanted: str) -> Callable[[str], float]:
    def convert(text: str) -> float:
        try:
            value: float = kind(text)
        except ValueError:
            value = math.nan
        if not accepts(value):
            raise argparse.ArgumentTypeError(f"{wanted}, got {text!r}")
        return value

    return convert


count = _checked_type(int, lambda value: value >= 1, "must be a whole number, at least 1")
whole = _checked_type(int, lambda value: value >= 0, "must be a whole number, at least 0")
fraction = _checked_type(float, lambda value: 0 <= value < 1, "must be at least 0 and below 1")
positive = _checked_type(float, lambda value: 0 < value < math.inf, "must be a positive number")
seconds = _checked_type(float, lambda value: 0 < value < math.inf, "must be a positive number of seconds")


# ---- Files ----


def output_path(text: str) -> Path:
    """What --output names: - alone is the standard output."""
    return STANDARD_OUTPUT if text == "-" else Path(text)


def network_path(given: Path | None, stem: str) -> Path:
    """Where the network goes; refuse before learning what would fail after it."""
    if given is STANDARD_OUTPUT:
        raise CommandError("--output -: the report goes to the standard output, the network to a file ending in .json")
    path = Path(f"{stem}.network.json") if given is None else given
    if path.suffix.lower() != ".json":
        raise CommandError(f"the network's file must end in .json, got --output {path}")
    if path.is_dir():
        raise CommandError(f"{path} is a folder: name a file with --output")
    if given is None and path.exists() and not is_network_file(path):
        raise CommandError(f"{path} exists and is not a limbeck network: name another file with --output")
    check_folder(path)
    return path


def check_folder(path: Path) -> None:
    """Refuse a file or a folder that cannot be written to."""
    if is_special(path):
        return
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        folder = target.parent if path.is_symlink() else path.parent
        raise CommandError(f"cannot write {path}: there is no folder {folder}")
    if target.exists() and not os.access(target, os.W_OK):
        raise CommandError(f"cannot write {path}: the file is read-only; name another with --output")
    if not os.access(target.parent, os.W_OK):
        raise CommandError(f"cannot write {path}: the folder is read-only; name another with --output")


def write(action: Callable[[], None], path: Path) -> None:
    """Do what writes to a path, and explain what goes wrong."""
    try:
        action()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from error


# ---- Numbers ----


r2_text = partial(sentences.r2_text, digits=2)


def record(result: Learned, rows: int) -> dict[str, float | int | None]:
    """How well a network was learned, for its file."""
    return {
        "rows": rows,
        "held_out": len(result.validation_residuals),
        "validation_r2": float(result.validation_r2),
        "validation_mse": float(result.validation_mse),
        "noise_variance": float(result.noise_variance),
    }

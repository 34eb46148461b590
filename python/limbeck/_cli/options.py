"""Shared by the commands: types of options, errors of one line, places of files."""

import argparse
import contextlib
import math
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from limbeck._base.files import is_special
from limbeck._tables.files import stem
from limbeck.network._network_file import is_network_file

__all__ = [
    "STANDARD_OUTPUT",
    "CommandError",
    "Parser",
    "add_search_options",
    "check_folder",
    "fold_count",
    "network_path",
    "network_stem",
    "nonnegative_int",
    "output_path",
    "positive_float",
    "positive_int",
    "positive_seconds",
    "progress_line_ended",
    "r2_text",
    "refusals",
    "say",
    "search_options",
    "unit_fraction",
    "write",
]


STANDARD_OUTPUT = Path("-")  # compared by identity, for ./- is a file


class CommandError(Exception):
    """Request that cannot be met; the message is one line for the user."""


def say(message: str) -> None:
    """Write one line to the standard error, if there is one and it can be written to."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(f"limbeck: {' '.join(message.split())}", file=sys.stderr)


@contextlib.contextmanager
def progress_line_ended(progress: bool) -> Iterator[None]:
    """End the line of progress when Ctrl-C interrupts what keeps it up to date."""
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
        from limbeck._learner.pipeline.checks import ConstantFeaturesError

        if type(error) not in (ValueError, ConstantFeaturesError):
            raise
        raise CommandError(f"{what}: {error}") from error


# ---- Options ----


class Parser(argparse.ArgumentParser):
    """Parser whose messages about mistakes are one line."""

    def error(self, message: str) -> NoReturn:
        """Exit with status 2."""
        self.exit(2, f"limbeck: error: {' '.join(message.split())} (see {self.prog} --help)\n")

    def _print_message(self, message: str, file: Any = None) -> None:  # noqa: ANN401 (as argparse has it)
        if file is sys.stdout:  # argparse passes over a disk that is full
            file.write(message)
        else:
            super()._print_message(message, file)


def _checked_type(kind: type, accepts: Callable[[float], bool], wanted: str) -> Callable[[str], float]:
    """Type of an option for argparse: numbers of a kind that a test accepts."""

    def convert(text: str) -> float:
        try:
            value: float = kind(text)
        except ValueError:
            value = math.nan
        if not accepts(value):
            raise argparse.ArgumentTypeError(f"{wanted}, got {text!r}")
        return value

    return convert


fold_count = _checked_type(int, lambda value: value >= 2, "must be a whole number, at least 2")
positive_int = _checked_type(int, lambda value: value >= 1, "must be a whole number, at least 1")
nonnegative_int = _checked_type(int, lambda value: value >= 0, "must be a whole number, at least 0")
unit_fraction = _checked_type(float, lambda value: 0 <= value < 1, "must be at least 0 and below 1")
positive_float = _checked_type(float, lambda value: 0 < value < math.inf, "must be a positive number")
positive_seconds = _checked_type(float, lambda value: 0 < value < math.inf, "must be a positive number of seconds")


def add_search_options(parser: Parser) -> None:
    """Add the options that searches for a network have in common."""
    add = parser.add_argument
    add("--max-width", metavar="K", type=positive_int, default=16, help="largest number of neurons (default 16)")
    add("--seed", metavar="N", type=nonnegative_int, default=0, help="seed of every random choice (default 0)")
    add(
        "--time-limit",
        metavar="S",
        type=positive_seconds,
        help="stop after so many seconds with the best network so far",
    )
    add("--threads", metavar="N", type=positive_int, help="number of threads")
    add("--progress", action="store_true", help="show progress on the standard error")


def search_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Options of ``limbeck learn`` that are those of limbeck.learn."""
    return {
        "max_width": arguments.max_width,
        "inputs": arguments.inputs,
        "validation": arguments.validation,
        "sample_rows": arguments.sample_rows,
        "extrapolate": arguments.extrapolate,
        "bag": arguments.bag,
        "seed": arguments.seed,
        "progress": arguments.progress,
        "time_limit": arguments.time_limit,
        "n_threads": arguments.threads,
    }


# ---- Files ----


def output_path(text: str) -> Path:
    """Path of an --output option; - alone is the standard output."""
    return STANDARD_OUTPUT if text == "-" else Path(text)


def network_path(given: Path | None, stem: str) -> Path:
    """Path of the network's file, refused before learning where it could not be written after it."""
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


def network_stem(file: Path) -> str:
    """Stem of the network's name for a table, which may be the standard input, a folder or a pattern."""
    name = stem(file)
    return "learned" if not name.strip(".-") or any(mark in name for mark in "*?[") else name


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
    """Run an action that writes to a path; an OSError becomes a CommandError that names the path."""
    try:
        action()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CommandError(f"cannot write {path}: {error.strerror}") from error


# ---- Numbers ----


def r2_text(r2: float) -> str:
    """R2 with two digits, as all commands print it."""
    from limbeck._learner.report import text

    return text.r2_text(r2, digits=2)

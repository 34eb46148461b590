"""The command ``limbeck``: learn a small network from a file or from a function, predict with it, see a demonstration.

What a user can do wrong, or a disk refuse, ends in one line on stderr and exit status 2; Ctrl-C in 130; a closed pipe
in 141. Faults of the library keep their traceback, and ``--debug`` shows it for the others, too.
"""

import argparse
import contextlib
import errno
import io
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import TextIO

from limbeck import _kernels
from limbeck._base.config import show_config
from limbeck._cli.options import CommandError, Parser, say
from limbeck._tables.errors import TableError
from limbeck.network._network_file import NetworkFileError

__all__ = ["main"]

# The commands, and what --help says of them.
_COMMANDS = {
    "learn": "learn a network from a file",
    "distill": "learn a network from a Python function",
    "predict": "apply a learned network to a file",
    "advise": "train on given labels or on a surrogate's?",
    "weak-to-strong": "train a linear model on a weak one's labels",
    "demo": "plant a network, learn it back, compare",
    "config": "version, instruction set, threads, libraries",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; default those of the process.

    Returns
    -------
    int
        Exit status: 0 done, 1 the demonstration failed, 2 a mistake that the message on stderr explains,
        130 interrupted, 141 the reader of the output has closed the pipe.
    """
    if sys.stdout is None:  # closed by whoever started the process
        sys.stdout = _NoOutput(refuses=True)
    if sys.stderr is None:
        sys.stderr = _NoOutput(refuses=False)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a column's name must not stop the report of a terminal without Unicode
            stream.reconfigure(errors="backslashreplace")
    return _flushed(_status(argv))


def _status(argv: Sequence[str] | None) -> int:
    """Run a command and turn its errors into messages and exit statuses."""
    debug = False
    try:
        argv = sys.argv[1:] if argv is None else argv
        arguments = _parser(argv).parse_args(argv)
        debug = arguments.debug
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            status: int = arguments.run(arguments)
        return status
    except SystemExit as stop:  # argparse: --help, --version, a wrong option
        return stop.code if isinstance(stop.code, int) else 2
    except (CommandError, TableError, NetworkFileError) as error:
        return _fail(str(error), debug)
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    except BrokenPipeError:
        _drop(sys.stdout)
        return 141
    except OSError as error:
        return _fail(_os_message(error), debug)
    except MemoryError:
        return _fail("out of memory: give fewer rows or columns", debug)


def _fail(message: str, debug: bool = False) -> int:
    """Write a message about a mistake; returns the exit status."""
    if debug:
        traceback.print_exc()
    say(f"error: {message}")
    return 2


def _os_message(error: OSError) -> str:
    """Message for an error of the operating system, with the name of the file."""
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}" if error.filename else f"cannot write to the standard output: {reason}"


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    say(f"warning: {message}")


# ---- Output ----


class _NoOutput(io.TextIOBase):
    """Stream for a process without one: writing results to it is an error, messages are dropped."""

    def __init__(self, *, refuses: bool) -> None:
        self._refuses = refuses

    def write(self, text: str) -> int:
        if self._refuses:
            raise OSError(errno.EBADF, "it is closed")
        return len(text)


def _flushed(status: int) -> int:
    """Flush the streams and return the exit status: the interpreter's own flush would end in a traceback."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _drop(sys.stdout)
        status = status or 141
    except OSError as error:
        _drop(sys.stdout)
        status = status or _fail(_os_message(error))
    try:
        sys.stderr.flush()
    except OSError:
        _drop(sys.stderr)
    return status


def _drop(stream: TextIO) -> None:
    """Redirect a stream to the null device, so that its buffer can be flushed where it could not be written."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


# ---- Arguments ----


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """Parser of all commands, with the options of the one that is asked for.

    To import the modules of all would take as long as to predict for a small file. No option before the command has a
    value, so that the first argument which is none is the command.
    """
    parser = Parser(prog="limbeck", description="Learn small sums of ReLUs that a person can read.")
    parser.add_argument("--version", action="version", version=f"limbeck {_kernels.version}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    wanted = next((argument for argument in argv if not argument.startswith("-")), None)
    for name, text in _COMMANDS.items():
        command = commands.add_parser(name, help=text)
        if name == wanted:
            _add_options(command, name)
        # Without a default, which would undo the option before the command.
        command.add_argument(
            "--debug", action="store_true", default=argparse.SUPPRESS, help="show the traceback of an error"
        )
    return parser


def _add_options(command: Parser, name: str) -> None:
    """Give a command its options and what it runs, from its module."""
    match name:
        case "learn":
            from limbeck._cli import learn

            learn.add_options(command)
        case "distill":
            from limbeck._cli import distill

            distill.add_options(command)
        case "predict":
            from limbeck._cli import predict

            predict.add_options(command)
        case "advise":
            from limbeck._cli import advise

            advise.add_advise_options(command)
        case "weak-to-strong":
            from limbeck._cli import advise

            advise.add_weak_to_strong_options(command)
        case "demo":
            from limbeck._cli import demo

            demo.add_options(command)
        case "config":
            command.set_defaults(run=_config)


def _config(_: argparse.Namespace) -> int:
    show_config()
    return 0

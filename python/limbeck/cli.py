"""The command ``limbeck``: learn a small network from a file or from a function, predict with it, see a demonstration.

What a user can do wrong ends in one line on stderr and exit status 2; Ctrl-C in 130; a closed pipe in 141.
"""

import argparse
import contextlib
import math
import os
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from limbeck import __version__, _command_distill, datasets, show_config
from limbeck._command import (
    CommandError,
    Parser,
    check_folder,
    count,
    fraction,
    line_left,
    network_path,
    r2_text,
    record,
    say,
    seconds,
    whole,
    write,
)
from limbeck._files import write_whole
from limbeck._model_file import (
    Model,
    ModelFileError,
    Preprocessing,
    load_model,
    save_model,
)
from limbeck._report import clipped, compare_networks, describe_network, number, r2_interval, readable
from limbeck._sentences import INPUTS
from limbeck._table_words import TableError, listed
from limbeck._tables import SUFFIXES, Table, open_table
from limbeck.learn import Learned, learn
from limbeck.network import ReLUNetwork

__all__ = ["main"]

Float64Array = NDArray[np.float64]

_FEWEST_ROWS = 10
# Relative squared error below which only rounding is left; a network that is merely good ends above 1e-10.
_ROUNDING = 1e-20
_LAST_DIGITS = 1e-28  # ReLUNetwork.distance carries some 32 digits, of which cancelling weights take a few


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
        130 interrupted, 141 whoever read the output has gone.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a column's name must not stop the report of a terminal without Unicode
            stream.reconfigure(errors="backslashreplace")
    try:
        arguments = _parser().parse_args(argv)
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            status: int = arguments.run(arguments)
        sys.stdout.flush()
        return status
    except SystemExit as stop:  # argparse: --help, --version, a wrong option
        return stop.code if isinstance(stop.code, int) else 2
    except (
        CommandError,
        TableError,
        ModelFileError,
        ValueError,
    ) as error:  # the library's own errors explain themselves
        return _fail(str(error))
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    except BrokenPipeError:
        _drop_output()
        return 141
    except MemoryError:
        return _fail("out of memory: give fewer rows or columns")


def _fail(message: str) -> int:
    say(f"error: {message}")
    return 2


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    say(f"warning: {message}")


def _drop_output() -> None:
    """Let the interpreter's last flush go nowhere instead of into the closed pipe."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# ---- Arguments ----


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="limbeck", description="Learn small sums of ReLUs that a person can read.")
    parser.add_argument("--version", action="version", version=f"limbeck {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_learn(commands)
    _command_distill.add_parser(commands)

    predict = commands.add_parser("predict", help="apply a learned network to a file", description=_predict.__doc__)
    predict.add_argument("network", metavar="NETWORK", type=Path, help="file written by limbeck learn")
    predict.add_argument("file", metavar="FILE", type=Path, help="; ".join(SUFFIXES).replace(";", ","))
    predict.add_argument("--output", metavar="PATH", type=Path, help="write here instead of to the standard output")
    predict.add_argument("--threads", metavar="N", type=count, help="number of threads")
    predict.set_defaults(run=_predict)

    demo = commands.add_parser("demo", help="plant a network, learn it back, compare", description=_demo.__doc__)
    demo.add_argument("--seed", metavar="N", type=whole, default=0, help="another network and other data (default 0)")
    demo.add_argument("--threads", metavar="N", type=count, help="number of threads")
    demo.set_defaults(run=_demo)

    config = commands.add_parser("config", help="version, instruction set, threads, libraries")
    config.set_defaults(run=_config)
    return parser


def _add_learn(commands: "argparse._SubParsersAction[Parser]") -> None:
    parser = commands.add_parser("learn", help="learn a network from a file", description=_learn.__doc__)
    add = parser.add_argument
    add("file", metavar="FILE", type=Path, help=f"numbers in rows and columns: {', '.join(SUFFIXES)}")
    add("--target", metavar="COLUMN", help="name, or index from 0, negative from the end (default the last column)")
    add("--drop", metavar="COLUMN", action="append", default=[], help="leave a column out; may be repeated")
    add("--width", metavar="K", type=whole, help="number of neurons (default chosen from the data)")
    add("--max-width", metavar="K", type=count, default=16, help="most neurons to choose from (default 16)")
    add(
        "--output", metavar="PATH", type=Path, help="where the network goes (default FILE's stem + .network.json, here)"
    )
    add("--validation", metavar="F", type=fraction, default=0.1, help="fraction of rows held out (default 0.1)")
    add("--seed", metavar="N", type=whole, default=0, help="seed of every random choice (default 0)")
    add("--time-limit", metavar="S", type=seconds, help="stop after so many seconds with the best network so far")
    add("--threads", metavar="N", type=count, help="number of threads")
    add("--progress", action="store_true", help="show progress on the standard error")
    parser.set_defaults(run=_learn)


# ---- limbeck learn ----


def _learn(arguments: argparse.Namespace) -> int:
    """Learn a small network from a file of numbers, print it as a table, and write it as JSON."""
    started = time.perf_counter()
    output = network_path(arguments.output, arguments.file.stem)
    table = open_table(arguments.file)
    target, features = _split_columns(table, arguments.target, arguments.drop)
    values = table.read([*features, target])
    _check_rows(table, values, arguments.validation)
    preprocessing = _standardisation(table, features, target, values)
    Z = preprocessing.inputs(values[:, :-1])
    y = (values[:, -1] - preprocessing.target_mean) / preprocessing.target_scale
    read_in = time.perf_counter() - started
    try:
        with line_left(arguments.progress):
            result = learn(
                Z,
                y,
                arguments.width,
                max_width=arguments.max_width,
                validation=arguments.validation,
                seed=arguments.seed,
                progress=arguments.progress,
                time_limit=arguments.time_limit,
                n_threads=arguments.threads,
            )
    except ValueError as error:
        raise CommandError(f"cannot learn from {arguments.file}: {error}") from error
    took = time.perf_counter() - started - read_in
    network = readable(result.network)
    summary = _summary(arguments, result, preprocessing, len(y))
    write(lambda: save_model(output, network, preprocessing, record(result, len(y))), output)
    print(f"{arguments.file.name}: {len(y):,} rows, {len(features)} feature{'s' if len(features) > 1 else ''}\n")
    print(describe_network(network, preprocessing, Z), end="\n\n")
    for name, text in [*summary, ("time", f"{took:.1f} s to learn, {read_in:.1f} s to read"), ("written", str(output))]:
        print(f"{name:<15}{text}")
    return 0


def _split_columns(table: Table, target: str | None, drop: Sequence[str]) -> tuple[int, list[int]]:
    default = len(table.names) - 1 if table.labels is None else table.labels
    chosen = default if target is None else table.index(target)
    dropped = {table.index(column) for column in drop}
    if chosen in dropped:
        raise CommandError(f"column {table.names[chosen]!r} is the target and cannot be dropped: choose --target")
    features = [j for j in range(len(table.names)) if j != chosen and j not in dropped]
    if not features:
        raise CommandError(f"{table.path} has no feature beside the target {table.names[chosen]!r}: give more columns")
    return chosen, features


def _check_rows(table: Table, values: Float64Array, validation: float) -> None:
    n = len(values)
    if n < _FEWEST_ROWS:
        raise CommandError(f"{table.path} has {n} row{'' if n == 1 else 's'}: give at least {_FEWEST_ROWS}")
    if n * validation < 2:
        raise CommandError(f"--validation {validation:g} of {n} rows holds out fewer than 2: give more")


def _standardisation(table: Table, features: list[int], target: int, values: Float64Array) -> Preprocessing:
    """Means and scales of all rows, those held out for validation included.

    No label enters the features'. The target's mean and scale only set its units: R2 does not change with them, and
    the learner fits a constant and a scale of its own, on its training rows.
    """
    for k, j in enumerate([*features, target]):
        if values[:, k].min() == values[:, k].max():
            what, advice = (
                ("target", "choose --target") if j == target else ("column", f"drop it, --drop {table.names[j]!r}")
            )
            value = number(float(values[0, k]))
            raise CommandError(f"{table.path}: constant {what} {table.names[j]!r} (always {value}): {advice}")
    with np.errstate(over="ignore", invalid="ignore"):
        means, scales = values.mean(axis=0), values.std(axis=0)
    usable = np.isfinite(means) & np.isfinite(scales) & (scales > np.finfo(np.float64).tiny)
    if not usable.all():
        name = table.names[[*features, target][int(np.argmin(usable))]]
        raise CommandError(f"{table.path}: column {name!r} is too large or too small for float64: change its unit")
    # A mean that is 0 within its error is left: centring would move kinks through the origin, a natural place, off it.
    centred = np.abs(means[:-1]) <= min(4 / math.sqrt(len(values)), 0.1) * scales[:-1]
    means[:-1][centred] = 0.0
    return Preprocessing(
        tuple(table.names[j] for j in features),
        table.named,
        tuple(features),
        table.names[target],
        target,
        len(table.names),
        means[:-1],
        scales[:-1],
        float(means[-1]),
        float(scales[-1]),
    )


def _summary(
    arguments: argparse.Namespace, result: Learned, preprocessing: Preprocessing, rows: int
) -> list[tuple[str, str]]:
    unit = f"in units of {clipped(preprocessing.target)!r}"
    residuals, targets = np.asarray(result.validation_residuals), np.asarray(result.validation_targets)
    interval = r2_interval(residuals, targets)
    if arguments.width is None:
        chosen = f"chosen from the data, at most {arguments.max_width}"
    else:
        chosen = (
            "as asked" if result.width == arguments.width else f"which do as well as the {arguments.width} asked for"
        )
    scale = preprocessing.target_scale
    lines = [
        ("width", f"{result.width}, {chosen}"),
        ("inputs", f"taken as {INPUTS.get(result.inputs, result.inputs)}"),
        ("rows", f"{rows - interval.rows:,} to learn from, {interval.rows:,} held out"),
        (
            "validation R2",
            f"{r2_text(result.validation_r2)}, 95 % confidence interval {r2_text(interval.low)} to "
            f"{r2_text(interval.high)}",
        ),
        ("", f"({interval.resamples:,} bootstrap resamples of the {interval.rows:,} held-out rows)"),
        ("error", f"{number(scale * math.sqrt(result.validation_mse))} root mean square on the held-out rows, {unit}"),
        ("noise", f"{number(scale * math.sqrt(max(result.noise_variance, 0.0)))} standard deviation, {unit}"),
    ]
    if result.stopped_early:
        lines.append(("stopped", f"at the time limit of {arguments.time_limit:g} s: a longer one may find more"))
    return lines


# ---- limbeck predict ----


def _predict(arguments: argparse.Namespace) -> int:
    """Apply a network to a file, and write one prediction a line as CSV with a header.

    Columns are matched by name where the file has names, else by position. If the target is among them, R2 goes to the
    standard error.
    """
    model = load_model(arguments.network)
    table = open_table(arguments.file)
    output: Path | None = arguments.output
    if output is not None:
        if output.is_dir():
            raise CommandError(f"{output} is a folder: name a file with --output")
        if any(output.exists() and output.samefile(path) for path in (arguments.network, arguments.file)):
            raise CommandError(f"--output {output} would overwrite an input: name another file")
        check_folder(output)
    features, target = _matched_columns(model, table)
    X, y = _read_rows(table, features, target)
    with np.errstate(over="ignore", invalid="ignore"):
        predictions = model(X, n_threads=arguments.threads)
    lines = ["prediction\n", *(f"{value!r}\n" for value in predictions.tolist())]
    if output is None:
        for start in range(0, len(lines), 10_000):  # in parts, to notice soon when nobody reads on
            sys.stdout.write("".join(lines[start : start + 10_000]))
        sys.stdout.flush()
    else:
        write(lambda: write_whole(output, "".join(lines).encode()), output)
    if y is not None:
        say(f"{len(y):,} rows, {_score(y, predictions)} on column {table.names[target or 0]!r}")
    return 0


def _matched_columns(model: Model, table: Table) -> tuple[list[int], int | None]:
    """Columns of the features in the order of the network, and of the target if it is there."""
    known, width = model.preprocessing, len(table.names)
    if known is not None and known.named and table.named:
        missing = [name for name in known.features if name not in table.names]
        if missing:
            lacks = f"{table.path} lacks column{'s' if len(missing) > 1 else ''} {listed(missing)}"
            raise CommandError(f"{lacks} that the network needs: it has {listed(table.names)}")
        target = table.labels
        if target is None and known.target in table.names:
            target = table.names.index(known.target)
        return [table.names.index(name) for name in known.features], target
    d = model.network.n_features
    if width == d + 1 and table.labels is not None:
        return [j for j in range(width) if j != table.labels], table.labels
    if known is not None and width == known.n_columns:
        return list(known.positions), known.target_position
    if width == d:
        return list(range(d)), None
    if known is not None and known.target_position is not None and width == d + 1:
        # learned with columns dropped: the target keeps its place among the rest
        target = sum(position < known.target_position for position in known.positions)
        return [j for j in range(width) if j != target], target
    raise CommandError(
        f"{table.path} has {width} column{'' if width == 1 else 's'} and the network reads {d}: "
        "give the same columns in the same order, or names in both files"
    )


def _read_rows(table: Table, features: list[int], target: int | None) -> tuple[Float64Array, Float64Array | None]:
    """Features, and labels where they can be had: rows to predict often have theirs blank."""
    if target is not None:
        try:
            values = table.read([*features, target])
            return values[:, :-1], values[:, -1]
        except TableError as error:
            X = table.read(features)  # raises if a feature is at fault
            say(f"no R2, for the target cannot be read: {error}")
            return X, None
    return table.read(features), None


def _score(y: Float64Array, predictions: Float64Array) -> str:
    spread = float(np.sum((y - y.mean()) ** 2)) if len(y) else 0.0
    if spread == 0:
        return "no R2 (the target is constant)"
    return f"R2 = {1 - float(np.sum((y - predictions) ** 2)) / spread:.6f}"


# ---- limbeck demo, limbeck config ----


def _demo(arguments: argparse.Namespace) -> int:
    """Plant a sum of four ReLUs, two of them nearly parallel, learn it back from samples, and compare."""
    rows, d, separation = 20_000, 20, 0.1
    planted = _demo_network(d, separation, arguments.seed)
    X, y = datasets.sample(planted, rows, seed=arguments.seed + 1)
    print(
        f"Planted: a sum of {planted.width} ReLUs of {d} Gaussian features. Neurons 1 and 2 are only\n"
        f"{separation} rad apart, and their large weights nearly cancel. Learning it from {rows:,} noise-free\n"
        "rows ...\n",
        flush=True,
    )
    started = time.perf_counter()
    result = learn(X, y, planted.width, seed=arguments.seed, n_threads=arguments.threads)
    took = time.perf_counter() - started
    error = planted.distance(result.network) / planted.variance()
    print(compare_networks(planted, result.network))
    shown = f"{error:.1e}" if error >= _LAST_DIGITS else f"below {_LAST_DIGITS:.0e}"
    print(f"\nrelative squared error over the whole Gaussian population, in closed form: {shown}; {took:.1f} s\n")
    if error <= _ROUNDING:
        print("Every neuron was recovered to rounding, up to its sign (which the linear part settles), though two of")
        print("them are almost the same: what the network computes was found, and the parts it is made of.")
        return 0
    print("NOT recovered to rounding. Please report this with the output of `limbeck config`.")
    return 1


def _demo_network(d: int, separation: float, seed: int) -> ReLUNetwork:
    """A pair `separation` apart with weights 1/separation and -1/separation, and two generic neurons."""
    rng = np.random.default_rng(seed)
    pair = datasets.make_narrow_network("collinear", d, 2, separation=separation, seed=rng)
    generic = datasets.make_narrow_network("generic", d, 2, seed=rng)
    return ReLUNetwork(np.concatenate([pair.weights, generic.weights]), np.concatenate([pair.output, generic.output]))


def _config(_: argparse.Namespace) -> int:
    show_config()
    return 0

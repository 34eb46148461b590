"""The program: options, warnings, interrupts, help and configuration, closed pipes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import limbeck
from limbeck import ReLUNetwork
from limbeck._cli import learn as _command_learn


@pytest.mark.parametrize(
    "argv",
    [
        ["learn"],
        [],
        ["fly"],
        ["learn", "a.csv", "--width", "-1"],
        ["learn", "a.csv", "--width", "two"],
        ["learn", "a.csv", "--max-width", "0"],
        ["learn", "a.csv", "--validation", "1"],
        ["learn", "a.csv", "--validation", "nan"],
        ["learn", "a.csv", "--validation", "-0.1"],
        ["learn", "a.csv", "--inputs", "odd"],
        ["learn", "a.csv", "--decimal", ";"],
        ["learn", "a.csv", "--thousands", "_"],
        ["learn", "a.csv", "--skip-rows", "-1"],
        ["learn", "a.csv", "--time-limit", "-3"],
        ["learn", "a.csv", "--time-limit", "inf"],
        ["learn", "a.csv", "--threads", "0"],
        ["learn", "a.csv", "--colour"],
        ["predict", "a.json"],
    ],
)
def test_wrong_options(argv, error_of):
    assert "--help" in error_of(*argv)


def test_warnings_are_one_line(houses, calls, monkeypatch, run):
    import warnings

    real = _command_learn.learn

    def warn(*args, **options):
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.warn("think\ntwice", UserWarning, stacklevel=1)
        return real(*args, **options)

    monkeypatch.setattr(_command_learn, "learn", warn)
    assert run("learn", "houses.csv", "--width", 1)[2] == "limbeck: warning: think twice\n"


@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt, 130), (MemoryError, 2)])
def test_interrupts(houses, monkeypatch, error, status, run):
    def stop(*_, **__):
        raise error

    monkeypatch.setattr(_command_learn, "learn", stop)
    got, out, err = run("learn", "houses.csv")
    assert (got, out) == (status, "")
    assert err.count("\n") == 1
    assert os.listdir() == ["houses.csv"]


def test_version_help_and_config(run):
    assert run("--version") == (0, f"limbeck {limbeck.__version__}\n", "")
    status, out, _ = run("--help")
    assert status == 0
    assert all(command in out for command in ("learn", "predict", "demo", "config"))
    assert "--target" in run("learn", "--help")[1]
    status, out, _ = run("config")
    assert status == 0
    assert "instruction set" in out


def _start(*argv, **options):
    environment = {**os.environ, "PYTHONPATH": str(Path(limbeck.__file__).parents[1])}
    command = [sys.executable, "-m", "limbeck", *map(str, argv)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**environment, **options}
    )


def test_program(houses):
    process = _start("learn", "none.csv")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert err == "limbeck: error: none.csv does not exist: check the name and the folder\n"


def test_names_that_the_terminal_cannot_show(regression_data):
    X, y = regression_data()
    Path("g.csv").write_text(
        "\n".join(["Größe,b,c,π", *(",".join(map(repr, r)) for r in np.column_stack([X, y]).tolist())])
    )
    process = _start("learn", "g.csv", "--target", "nix", PYTHONIOENCODING="ascii")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert r"'Gr\xf6\xdfe'" in err


@pytest.mark.skipif(os.name != "posix", reason="closed pipes and signals of POSIX")
def test_closed_pipe_is_quiet():
    ReLUNetwork([[1.0]], [1.0]).save("n.json")
    np.save("x.npy", np.ones((60_000, 1)))
    process = _start("predict", "n.json", "x.npy")
    assert process.stdout.readline() == "prediction\n"
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(timeout=60) == 141


@pytest.mark.skipif(os.name != "posix", reason="closed pipes and signals of POSIX")
def test_ctrl_c():
    """Sent while the program waits for its input: a named pipe that nobody writes to is a CSV file without end."""
    os.mkfifo("endless.csv")
    process = _start("learn", "endless.csv")
    with open("endless.csv", "w") as pipe:  # opens when the program has come to read it
        pipe.write("a,b\n1,2\n")
        pipe.flush()
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "limbeck: interrupted\n")

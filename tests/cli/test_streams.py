"""Output that cannot be written, input that cannot be read: one line and status 2, no traceback of the interpreter."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import limbeck
from limbeck import ReLUNetwork, cli
from limbeck._cli import learn as _command_learn

posix = pytest.mark.skipif(os.name != "posix", reason="special files of POSIX")
full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")

LEARN, PREDICT = ["learn", "d.csv", "--width", "1"], ["predict", "n.json", "x.csv"]
DISTILL = ["distill", "f.py:f", "--features", "2", "--width", "1"]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    X = rng.uniform(0, 1, (40, 2))
    rows = np.column_stack([X, np.maximum(X[:, 0] - 0.5, 0) + 0.01 * rng.standard_normal(40)])
    Path("d.csv").write_text("a,b,y\n" + "\n".join(",".join(map(repr, row)) for row in rows.tolist()) + "\n")
    Path("x.csv").write_text("\n".join(",".join(map(repr, row)) for row in X.tolist()) + "\n")
    Path("f.py").write_text("def f(X):\n    return abs(X[:, 0])\n")
    ReLUNetwork([[1.0, 0.0]], [1.0]).save("n.json")


def _run(command, shell="", unbuffered=False):
    """Exit status and stderr of a command whose streams the shell redirects."""
    environment = {**os.environ, "PYTHONPATH": str(Path(limbeck.__file__).parents[1])}
    environment.pop("PYTHONUNBUFFERED", None)
    if unbuffered:
        environment["PYTHONUNBUFFERED"] = "1"
    words = " ".join([sys.executable, "-m", "limbeck", *command])
    done = subprocess.run(
        ["sh", "-c", f"{words} {shell}"], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stderr


@posix
@full
@pytest.mark.parametrize(
    "command",
    [
        PREDICT,
        *(pytest.param(c, marks=pytest.mark.slow) for c in (["learn", "--help"], LEARN, DISTILL, ["config"])),
    ],
    ids=" ".join,
)
def test_a_full_disk_behind_stdout(command):
    status, err = _run(command, ">/dev/full")
    assert status == 2
    assert err == "limbeck: error: cannot write to the standard output: No space left on device\n"


@posix
@full
def test_the_same_without_a_buffer():
    status, err = _run(["--help"], ">/dev/full", unbuffered=True)
    assert (status, err.count("\n")) == (2, 1)
    assert "No space left on device" in err


@posix
@pytest.mark.parametrize("command", [PREDICT, pytest.param(["--version"], marks=pytest.mark.slow)], ids=" ".join)
def test_a_closed_stdout(command):
    status, err = _run(command, ">&-")
    assert (status, err) == (2, "limbeck: error: cannot write to the standard output: it is closed\n")


@posix
def test_a_closed_stdout_that_is_not_needed():
    assert _run([*PREDICT, "--output", "p.csv"], ">&-")[0] == 0
    assert len(Path("p.csv").read_text().splitlines()) == 41


@posix
def test_progress_without_a_stderr():
    assert _run([*LEARN, "--progress"], "2>&-") == (0, "")


@posix
@full
@pytest.mark.parametrize(
    ("argv", "shell"),
    [
        ("learn none.csv", "2>/dev/full"),
        pytest.param("learn --fly", "2>/dev/full", marks=pytest.mark.slow),
        pytest.param("config", ">&- 2>&-", marks=pytest.mark.slow),
    ],
)
def test_a_stderr_that_takes_nothing_leaves_the_status(argv, shell):
    assert _run(argv.split(), shell) == (2, "")


@posix
def test_a_reader_that_goes_is_quiet():
    assert _run(LEARN, "| true") == (0, "")


@posix
@full
def test_files_that_cannot_be_written(capsys):
    assert cli.main([*PREDICT, "--output", "/dev/full"]) == 2
    assert capsys.readouterr().err == "limbeck: error: cannot write /dev/full: No space left on device\n"
    for argv in ([*PREDICT, "--output", "."], ["learn", "d.csv", "--output", "x.json/n.json"]):
        Path("x.json").mkdir(exist_ok=True)
        (Path("x.json") / "n.json").mkdir(exist_ok=True)
        assert cli.main(argv) == 2
        assert "is a folder" in capsys.readouterr().err


@posix
def test_open_files_as_output():
    status, _ = _run([*PREDICT, "--output", "/dev/stdout"], ">out.csv")
    assert status == 0
    assert len(Path("out.csv").read_text().splitlines()) == 41


def test_a_link_as_output_stays_one(capsys):
    Path("real").mkdir()
    Path("net.json").symlink_to("real/net.json")
    assert cli.main(["learn", "d.csv", "--width", "1", "--output", "net.json"]) == 0
    assert Path("net.json").is_symlink()
    assert ReLUNetwork.load("real/net.json").n_features == 2


@pytest.mark.parametrize(
    ("number", "text"), [(errno.EACCES, "Permission denied"), (errno.EIO, "Input/output error"), (errno.ESTALE, "tale")]
)
@pytest.mark.parametrize("command", [LEARN, PREDICT], ids=" ".join)
def test_files_that_cannot_be_read(command, number, text, capsys, monkeypatch):
    real = Path.open

    def refuse(self, *args, **options):
        if self.name in ("d.csv", "n.json") and (self.name == "n.json") == (command[0] == "predict"):
            raise OSError(number, os.strerror(number), str(self))
        return real(self, *args, **options)

    monkeypatch.setattr(Path, "open", refuse)
    assert cli.main(command) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert text in err


def test_names_that_no_file_can_have(capsys):
    for argv in (["learn", "a" * 300 + ".csv"], ["predict", "a" * 300 + ".json", "d.csv"]):
        assert cli.main(argv) == 2
        err = capsys.readouterr().err
        assert err.startswith("limbeck: error: ")
        assert err.count("\n") == 1


# ---- Mistakes and faults ----


def _raise(error):
    def learn(*_, **__):
        raise error

    return learn


@pytest.mark.parametrize(
    "error",
    [np.linalg.LinAlgError("singular"), ZeroDivisionError("0"), TypeError("t"), AssertionError(), KeyError("k")],
)
def test_faults_of_the_library_keep_their_traceback(error, monkeypatch):
    monkeypatch.setattr(_command_learn, "learn", _raise(error))
    with pytest.raises(type(error)):
        cli.main(["learn", "d.csv"])


@pytest.mark.parametrize("argv", [["--debug", "learn", "d.csv"], ["learn", "d.csv", "--debug"]])
def test_debug_shows_where_a_refusal_comes_from(argv, monkeypatch, capsys):
    monkeypatch.setattr(_command_learn, "learn", _raise(ValueError("too few rows")))
    assert cli.main(argv) == 2
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "ValueError: too few rows" in err
    assert err.endswith("limbeck: error: cannot learn from d.csv: too few rows\n")
    assert cli.main(["learn", "d.csv"]) == 2
    assert capsys.readouterr().err == "limbeck: error: cannot learn from d.csv: too few rows\n"

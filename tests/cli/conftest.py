"""Folders, data and runs of the program within the process of the tests, as fixtures."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from limbeck import cli
from limbeck._cli import learn as _command_learn


def shared(function):
    """A fixture of a function's name that gives the function: test modules cannot import each other."""
    return pytest.fixture(scope="session", name=function.__name__)(lambda: function)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys):
    """run(*argv) -> status, what stands on stdout, what stands on stderr."""

    def run(*argv):
        status = cli.main([str(a) for a in argv])
        out, err = capsys.readouterr()
        return status, out, err

    return run


@pytest.fixture
def error_of(run):
    """error_of(*argv) -> the one line on stderr of a command that must fail."""

    def error_of(*argv):
        status, out, err = run(*argv)
        assert status == 2
        assert out == ""
        assert err.startswith("limbeck: error: ")
        assert err.count("\n") == 1
        assert "Traceback" not in err
        return err

    return error_of


@pytest.fixture
def calls(monkeypatch):
    """The calls that the learner gets."""
    calls, real = [], _command_learn.learn

    def learn(X, y, width=None, **options):
        calls.append(SimpleNamespace(X=X, y=y, width=width, **options))
        return real(X, y, width, **options)

    monkeypatch.setattr(_command_learn, "learn", learn)
    return calls


def regression_data(n=200, d=3, seed=0):
    """Rows in units of 1, 10, 100 and so on, and labels that bend."""
    rng = np.random.default_rng(seed)
    X = (rng.standard_normal((n, d)) + 5) * 10.0 ** np.arange(d)
    return X, 100 + 3 * np.maximum(X[:, 0] - 5, 0) + X[:, -1] / 100 + rng.standard_normal(n)


regression_data_fixture = shared(regression_data)


def write_csv(path, names, columns, delimiter=","):
    """Write numbers with all their digits."""
    lines = [delimiter.join(names)] if names else []
    lines += [delimiter.join(repr(float(v)) for v in row) for row in np.column_stack(columns)]
    Path(path).write_text("\n".join(lines) + "\n")


write_csv_fixture = shared(write_csv)


@pytest.fixture
def houses():
    X, y = regression_data()
    write_csv("houses.csv", ["rooms", "age", "area", "price"], [X, y])
    return X, y


@pytest.fixture(scope="session")
def _network_of_houses(tmp_path_factory):
    """Content of the file of a network that ``limbeck learn`` learned from the houses."""
    folder = tmp_path_factory.mktemp("houses")
    write_csv(folder / "houses.csv", ["rooms", "age", "area", "price"], list(regression_data()))
    assert cli.main(["learn", str(folder / "houses.csv"), "--width", "1", "--output", str(folder / "h.json")]) == 0
    return (folder / "h.json").read_bytes()


@pytest.fixture
def learned(houses, _network_of_houses):
    """The houses, after a network was learned from them into h.json."""
    Path("h.json").write_bytes(_network_of_houses)
    return houses


def predictions_in(out):
    """The numbers that ``limbeck predict`` wrote."""
    head, *rest = out.splitlines()
    assert head == "prediction"
    return np.array([float(v) for v in rest])


predictions_in_fixture = shared(predictions_in)


def forty_rows(n=40):
    """Two features and labels of four decimals."""
    rng = np.random.default_rng(0)
    X = rng.uniform(0.1, 0.9, (n, 2)).round(4)
    return X, (X[:, 0] + 2 * np.maximum(X[:, 1] - 0.5, 0) + 0.01 * rng.standard_normal(n)).round(4)


forty_rows_fixture = shared(forty_rows)


def write_columns(path, names, columns, delimiter=","):
    """Write values of any kind as they print."""
    rows = zip(*columns, strict=True)
    head = [delimiter.join(names)] if names else []
    Path(path).write_text("\n".join([*head, *(delimiter.join(str(v) for v in row) for row in rows)]) + "\n")


write_columns_fixture = shared(write_columns)


def network_content(path="d.network.json"):
    return json.loads(Path(path).read_text())


network_content_fixture = shared(network_content)

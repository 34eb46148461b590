"""Hints about columns of row numbers, identifiers and constants."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from limbeck import cli


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def _run(capsys, *argv):
    status = cli.main([str(a) for a in argv])
    out, err = capsys.readouterr()
    return status, out, err


def _numbers(n=40):
    rng = np.random.default_rng(0)
    X = rng.uniform(0.1, 0.9, (n, 2)).round(4)
    return X, (X[:, 0] + 2 * np.maximum(X[:, 1] - 0.5, 0) + 0.01 * rng.standard_normal(n)).round(4)


def _write(path, names, columns, delimiter=","):
    rows = zip(*columns, strict=True)
    head = [delimiter.join(names)] if names else []
    Path(path).write_text("\n".join([*head, *(delimiter.join(str(v) for v in row) for row in rows)]) + "\n")


def _network(path="d.network.json"):
    return json.loads(Path(path).read_text())


LEARN = ["--width", "1", "--output", "d.network.json"]


def _hints(capsys, path="d.csv", *argv):
    status, _, err = _run(capsys, "learn", path, *LEARN, *argv)
    assert status == 0
    return re.findall(r"limbeck: hint: (.*)", err)


@pytest.mark.parametrize(
    ("name", "numbers", "drop"),
    [
        ("", np.arange(40), "x0"),
        ("", np.arange(1, 41), "x0"),
        ("", np.random.default_rng(0).permutation(40), "x0"),
        ("Unnamed: 0", np.arange(40), "'Unnamed: 0'"),
        ("id", np.arange(1, 41), "id"),
        ("Row_ID", np.random.default_rng(0).permutation(40) + 1000, "Row_ID"),
        ("index", np.arange(40), "index"),
        ("Nr.", np.arange(1, 41), "Nr."),
        ("X", np.arange(1, 41), "X"),
    ],
)
def test_row_numbers(capsys, name, numbers, drop):
    X, y = _numbers()
    _write("d.csv", [name, "b", "y"], [numbers, X[:, 1], y])
    (hint,) = _hints(capsys)
    assert "row numbers?" in hint
    assert hint.endswith(f"--drop {drop}")
    assert len(_network()["preprocessing"]["features"]) == 2  # a feature all the same
    assert _hints(capsys, "d.csv", "--drop", "0") == []


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("time", np.arange(40)),
        ("id", np.arange(40) * 2),
        ("id", np.arange(40) // 2),
        ("X", np.random.default_rng(0).permutation(40)),
        ("valid", np.arange(40)),
        ("", np.arange(40) / 8),
        ("seconds", 1_700_000_000 + np.arange(40)),
        ("kg", 10.0 ** np.linspace(22, 30, 40)),
    ],
)
def test_what_is_no_row_number(capsys, name, numbers):
    X, y = _numbers()
    _write("d.csv", [name, "b", "y"], [numbers, X[:, 1], y])
    assert _hints(capsys) == []


def test_row_numbers_without_a_header_and_in_parquet(capsys):
    X, y = _numbers()
    _write("d.csv", None, [np.arange(40), X[:, 1], y])
    (hint,) = _hints(capsys, "d.csv", "--no-header")
    assert hint.endswith("--drop x0")
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"a": X[:, 0], "y": y}, index=pd.RangeIndex(100, 140, name="plot")).sample(
        frac=1, random_state=0
    )
    frame.to_parquet("d.parquet")
    (hint,) = _hints(capsys, "d.parquet", "--target", "y")
    assert "row numbers?" in hint
    assert "'plot'" in hint


@pytest.mark.parametrize("digits", [13, 16, 19])
def test_identifiers(capsys, digits):
    X, y = _numbers()
    ids = [10 ** (digits - 1) + 37 * int(i) for i in np.random.default_rng(0).permutation(40)]
    _write("d.csv", ["account", "b", "y"], [ids, X[:, 1], y])
    (hint,) = _hints(capsys)
    assert "identifiers? --drop account" in hint


def test_constants_are_learned_from_with_a_hint(capsys):
    X, y = _numbers()
    _write("d.csv", ["a", "b", "c", "y"], [X[:, 0], [7] * 40, X[:, 1], y])
    assert _hints(capsys) == ["d.csv: column 'b' holds one value alone (7.000): nothing can be learned from it"]
    _write("d.csv", ["a", "b", "c", "d", "e", "y"], [X[:, 0], *[[k] * 40 for k in range(4)], y])
    assert _hints(capsys)[0].startswith("d.csv: columns 'b', 'c', 'd' and 1 more hold one value alone")

"""Options of text files, and hints about columns, at the command line."""

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


def test_a_target_that_is_a_number_finds_its_header(capsys):
    X, y = _numbers()
    _write("d.csv", ["2019", "2020", "2021"], [*X.T, y])
    assert "say --header or --no-header" in _run(capsys, "learn", "d.csv")[2]
    assert _run(capsys, "learn", "d.csv", "--target", "2021", *LEARN)[0] == 0
    assert _network()["preprocessing"]["features"] == ["2019", "2020"]
    status, out, err = _run(capsys, "predict", "d.network.json", "d.csv")  # the network knows its names
    assert (status, len(out.splitlines())) == (0, 41)
    assert "40 rows" in err
    _write("d.csv", ["0", "1", "2"], [*X.T, y])
    assert "say --header or --no-header" in _run(capsys, "learn", "d.csv", "--target", "2")[2]
    assert _run(capsys, "learn", "d.csv", "--header", *LEARN)[1].startswith("d.csv: 40 rows")
    assert _run(capsys, "learn", "d.csv", "--no-header", *LEARN)[1].startswith("d.csv: 41 rows")
    assert _run(capsys, "predict", "d.network.json", "d.csv", "--no-header")[0] == 0


def test_every_option_reaches_the_reader(capsys):
    X, y = _numbers()
    columns = [[f"{value:.4f}".replace(".", ",") for value in column] for column in (*X.T, y)]
    _write("d.csv", ["Größe", "b", "miete"], columns, ":")
    text = "ein Titel: mit : vielen : Teilen\n" + Path("d.csv").read_text()
    Path("d.csv").write_bytes(text.encode("cp1252"))
    options = ["--skip-rows", 1, "--delimiter", ":", "--decimal", ",", "--encoding", "cp1252"]
    status, out, _ = _run(capsys, "learn", "d.csv", *LEARN, *options)
    assert status == 0
    assert out.startswith("d.csv: 40 rows, 2 features\n\nmiete: ")
    first = _network()
    _write("e.csv", ["Größe", "b", "miete"], [*X.T, y])
    assert _run(capsys, "learn", "e.csv", *LEARN)[0] == 0
    assert _network() == first
    wanted = _run(capsys, "predict", "d.network.json", "e.csv")
    assert _run(capsys, "predict", "d.network.json", "d.csv", *options) == wanted
    for command in (["learn", "d.csv"], ["predict", "d.network.json", "d.csv"]):
        assert "--encoding" in _run(capsys, *command)[2]


def test_thousands(capsys):
    """A whole number beyond 999 with a point, beside smaller ones without: a thousand times larger, or refused."""
    X, _ = _numbers()
    rents = np.random.default_rng(1).integers(500, 2000, 40)
    texts = [f"{rent:,}".replace(",", ".") for rent in rents]
    _write("d.csv", ["a", "b", "miete"], [(100 * X[:, 0]).astype(int), (100 * X[:, 1]).astype(int), texts], ";")
    status, out, err = _run(capsys, "learn", "d.csv")
    assert (status, out) == (2, "")
    assert "column 'miete' holds" in err
    assert "--decimal . or --thousands ." in err
    assert _run(capsys, "learn", "d.csv", "--thousands", ".", *LEARN)[0] == 0
    status, _, err = _run(capsys, "predict", "d.network.json", "d.csv", "--thousands", ".")
    assert "40 rows" in err
    _write("e.csv", ["a", "b", "miete"], [(100 * X[:, 0]).astype(int), (100 * X[:, 1]).astype(int), rents])
    assert _run(capsys, "predict", "d.network.json", "e.csv")[2] == err
    assert (
        "give --thousands , if the comma parts thousands"
        in _run(capsys, "predict", "d.network.json", _quoted("p.csv"))[2]
    )


def _quoted(path):
    Path(path).write_text('a,b\n"1,200",2\n3,4\n')
    return path


@pytest.mark.parametrize(
    "options",
    [["--decimal", ".", "--thousands", "."], ["--delimiter", "ab"], ["--encoding", "klingon"], ["--delimiter", "7"]],
)
def test_options_that_make_no_sense(capsys, options):
    X, y = _numbers()
    _write("d.csv", ["a", "b", "y"], [*X.T, y])
    status, out, err = _run(capsys, "learn", "d.csv", *options)
    assert (status, out, err.count("\n")) == (2, "", 1)


def test_a_delimiter_at_the_end_of_every_row_without_a_header(capsys):
    X, y = _numbers()
    Path("d.csv").write_text("\n".join(f"{a},{b},{c}," for a, b, c in zip(*X.T, y, strict=True)))
    assert "column 'x3' is empty; drop it (--drop x3)" in _run(capsys, "learn", "d.csv")[2]
    assert _run(capsys, "learn", "d.csv", "--drop", "x3", *LEARN)[1].startswith("d.csv: 40 rows, 2 features\n\nx2: ")


@pytest.mark.parametrize("head", ["a,b,y,", "a,b,y"])
def test_a_delimiter_at_the_end_of_every_row(capsys, head):
    X, y = _numbers()
    Path("d.csv").write_text("\n".join([head, *(f"{a},{b},{c}," for a, b, c in zip(*X.T, y, strict=True))]))
    assert "column 'x3' is empty; drop it (--drop x3)" in _run(capsys, "learn", "d.csv")[2]
    assert _run(capsys, "learn", "d.csv", "--drop", "x3", *LEARN)[1].startswith("d.csv: 40 rows, 2 features\n\ny: ")
    assert "40 rows, R2 = " in _run(capsys, "predict", "d.network.json", "d.csv")[2]


def test_one_column_may_be_several(capsys):
    X, y = _numbers()
    _write("d.csv", ["a", "b", "y"], [*X.T, y], ":")
    assert "give more columns, or the character between fields, --delimiter" in _run(capsys, "learn", "d.csv")[2]


# ---- Hints ----


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


def test_a_network_and_a_file_without_names_of_another_width(capsys):
    """Nothing tells which column would be the target, so that none is guessed."""
    rows = np.random.default_rng(0).uniform(0, 1, (40, 4))
    np.save("d.npy", rows)
    assert _run(capsys, "learn", "d.npy", "--drop", "1", *LEARN)[0] == 0
    np.save("e.npy", rows[:, [0, 2, 3]])
    err = _run(capsys, "predict", "d.network.json", "e.npy")[2]
    assert "has 3 columns and the network reads 2 of the 4 it was learned from" in err
    np.save("f.npy", rows[:, [0, 2]])
    both = [_run(capsys, "predict", "d.network.json", path)[1] for path in ("d.npy", "f.npy")]
    assert both[0] == both[1]

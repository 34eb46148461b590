"""Options of text files at the command line, and columns that are named."""

from pathlib import Path

import numpy as np
import pytest

LEARN = ["--width", "1", "--output", "d.network.json"]


def test_a_target_that_is_a_number_finds_its_header(forty_rows, write_columns, run, network_content):
    X, y = forty_rows()
    write_columns("d.csv", ["2019", "2020", "2021"], [*X.T, y])
    assert "say --header or --no-header" in run("learn", "d.csv")[2]
    assert run("learn", "d.csv", "--target", "2021", *LEARN)[0] == 0
    assert network_content()["preprocessing"]["features"] == ["2019", "2020"]
    status, out, err = run("predict", "d.network.json", "d.csv")  # the network knows its names
    assert (status, len(out.splitlines())) == (0, 41)
    assert "40 rows" in err
    write_columns("d.csv", ["0", "1", "2"], [*X.T, y])
    assert "say --header or --no-header" in run("learn", "d.csv", "--target", "2")[2]
    assert run("learn", "d.csv", "--header", *LEARN)[1].startswith("d.csv: 40 rows")
    assert run("learn", "d.csv", "--no-header", *LEARN)[1].startswith("d.csv: 41 rows")
    assert run("predict", "d.network.json", "d.csv", "--no-header")[0] == 0


def test_every_option_reaches_the_reader(forty_rows, write_columns, run, network_content):
    X, y = forty_rows()
    columns = [[f"{value:.4f}".replace(".", ",") for value in column] for column in (*X.T, y)]
    write_columns("d.csv", ["Größe", "b", "miete"], columns, ":")
    text = "ein Titel: mit : vielen : Teilen\n" + Path("d.csv").read_text()
    Path("d.csv").write_bytes(text.encode("cp1252"))
    options = ["--skip-rows", 1, "--delimiter", ":", "--decimal", ",", "--encoding", "cp1252"]
    status, out, _ = run("learn", "d.csv", *LEARN, *options)
    assert status == 0
    assert out.startswith("d.csv: 40 rows, 2 features\n\nmiete: ")
    first = network_content()
    write_columns("e.csv", ["Größe", "b", "miete"], [*X.T, y])
    assert run("learn", "e.csv", *LEARN)[0] == 0
    assert network_content() == first
    wanted = run("predict", "d.network.json", "e.csv")
    assert run("predict", "d.network.json", "d.csv", *options) == wanted
    for command in (["learn", "d.csv"], ["predict", "d.network.json", "d.csv"]):
        assert "--skip-rows" in run(*command)[2]
        assert "is not utf-16 text" in run(*command, "--encoding", "utf-16")[2]


def test_thousands(forty_rows, write_columns, run):
    """A whole number beyond 999 with a point, beside smaller ones without: a thousand times larger, or refused."""
    X, _ = forty_rows()
    rents = np.random.default_rng(1).integers(500, 2000, 40)
    texts = [f"{rent:,}".replace(",", ".") for rent in rents]
    write_columns("d.csv", ["a", "b", "miete"], [(100 * X[:, 0]).astype(int), (100 * X[:, 1]).astype(int), texts], ";")
    status, out, err = run("learn", "d.csv")
    assert (status, out) == (2, "")
    assert "column 'miete' holds" in err
    assert "--decimal . or --thousands ." in err
    assert run("learn", "d.csv", "--thousands", ".", *LEARN)[0] == 0
    status, _, err = run("predict", "d.network.json", "d.csv", "--thousands", ".")
    assert "40 rows" in err
    write_columns("e.csv", ["a", "b", "miete"], [(100 * X[:, 0]).astype(int), (100 * X[:, 1]).astype(int), rents])
    assert run("predict", "d.network.json", "e.csv")[2] == err
    assert "give --thousands , if the comma parts thousands" in run("predict", "d.network.json", _quoted("p.csv"))[2]


def _quoted(path):
    Path(path).write_text('a,b\n"1,200",2\n3,4\n')
    return path


@pytest.mark.parametrize(
    "options",
    [["--decimal", ".", "--thousands", "."], ["--delimiter", "ab"], ["--encoding", "klingon"], ["--delimiter", "7"]],
)
def test_options_that_make_no_sense(options, forty_rows, write_columns, run):
    X, y = forty_rows()
    write_columns("d.csv", ["a", "b", "y"], [*X.T, y])
    status, out, err = run("learn", "d.csv", *options)
    assert (status, out, err.count("\n")) == (2, "", 1)


def test_a_delimiter_at_the_end_of_every_row_without_a_header(forty_rows, run):
    X, y = forty_rows()
    Path("d.csv").write_text("\n".join(f"{a},{b},{c}," for a, b, c in zip(*X.T, y, strict=True)))
    status, out, err = run("learn", "d.csv", *LEARN)
    assert (status, err) == (0, "limbeck: d.csv: read as: a delimiter at the end of each row left out\n")
    assert out.startswith("d.csv: 40 rows, 2 features\n\nx2: ")


@pytest.mark.parametrize("head", ["a,b,y,", "a,b,y"])
def test_a_delimiter_at_the_end_of_every_row(head, forty_rows, run):
    X, y = forty_rows()
    Path("d.csv").write_text("\n".join([head, *(f"{a},{b},{c}," for a, b, c in zip(*X.T, y, strict=True))]))
    assert run("learn", "d.csv", *LEARN)[1].startswith("d.csv: 40 rows, 2 features\n\ny: ")
    assert "40 rows, R2 = " in run("predict", "d.network.json", "d.csv")[2]


def test_one_column_may_be_several(forty_rows, write_columns, run):
    X, y = forty_rows()
    write_columns("d.csv", ["a", "b", "y"], [*X.T, y], ":")
    assert "give more columns, or the character between fields, --delimiter" in run("learn", "d.csv")[2]


def test_a_network_and_a_file_without_names_of_another_width(run):
    """Nothing tells which column would be the target, so that none is guessed."""
    rows = np.random.default_rng(0).uniform(0, 1, (40, 4))
    np.save("d.npy", rows)
    assert run("learn", "d.npy", "--drop", "1", *LEARN)[0] == 0
    np.save("e.npy", rows[:, [0, 2, 3]])
    err = run("predict", "d.network.json", "e.npy")[2]
    assert "has 3 columns and the network reads 2 of the 4 it was learned from" in err
    np.save("f.npy", rows[:, [0, 2]])
    both = [run("predict", "d.network.json", path)[1] for path in ("d.npy", "f.npy")]
    assert both[0] == both[1]

"""Hints about columns of row numbers, identifiers and constants."""

import re

import numpy as np
import pytest

LEARN = ["--width", "0", "--output", "d.network.json"]


@pytest.fixture
def hints(run):
    """The hints of ``limbeck learn`` for a file."""

    def learn(path="d.csv", *argv):
        status, _, err = run("learn", path, *argv, *LEARN)
        assert status == 0
        return re.findall(r"limbeck: hint: (.*)", err)

    return learn


@pytest.mark.parametrize(
    ("name", "numbers", "drop"),
    [
        ("", np.arange(40), "x0"),
        ("", np.random.default_rng(0).permutation(40), "x0"),
        ("Unnamed: 0", np.arange(40), "'Unnamed: 0'"),
        ("Row_ID", np.random.default_rng(0).permutation(40) + 1000, "Row_ID"),
        ("Nr.", np.arange(1, 41), "Nr."),
        pytest.param("", np.arange(1, 41), "x0", marks=pytest.mark.slow),
        pytest.param("id", np.arange(1, 41), "id", marks=pytest.mark.slow),
        pytest.param("index", np.arange(40), "index", marks=pytest.mark.slow),
    ],
)
def test_row_numbers(hints, name, numbers, drop, forty_rows, write_columns, network_content):
    X, y = forty_rows()
    write_columns("d.csv", [name, "b", "y"], [numbers, X[:, 1], y])
    (hint,) = hints()
    assert hint.endswith(f"holds row numbers: left out (--keep {drop})")
    assert network_content()["preprocessing"]["features"] == ["b"]
    assert hints("d.csv", "--drop", "0") == []
    assert hints("d.csv", "--keep", "0") == []
    assert len(network_content()["preprocessing"]["features"]) == 2


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("time", np.arange(40)),
        ("id", np.arange(40) // 2),
        ("X", np.random.default_rng(0).permutation(40)),
        ("valid", np.arange(40)),
        ("", np.arange(40) / 8),
        ("seconds", 1_700_000_000 + np.arange(40)),
        ("kg", 10.0 ** np.linspace(22, 30, 40)),
    ],
)
def test_what_is_no_row_number(hints, name, numbers, forty_rows, write_columns):
    X, y = forty_rows()
    write_columns("d.csv", [name, "b", "y"], [numbers, X[:, 1], y])
    assert hints() == []


def test_what_may_be_row_numbers(hints, forty_rows, write_columns):
    """R's name for a column without one, and that of many a feature."""
    X, y = forty_rows()
    write_columns("d.csv", ["X", "b", "y"], [np.arange(1, 41), X[:, 1], y])
    (hint,) = hints()
    assert hint.endswith("row numbers? --drop X")


def test_row_numbers_without_a_header_and_in_parquet(hints, forty_rows, write_columns):
    X, y = forty_rows()
    write_columns("d.csv", None, [np.arange(40), X[:, 1], y])
    (hint,) = hints("d.csv", "--no-header")
    assert hint.endswith("--drop x0")
    pd = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"a": X[:, 0], "y": y}, index=pd.RangeIndex(100, 140, name="plot")).sample(
        frac=1, random_state=0
    )
    frame.to_parquet("d.parquet")
    (hint,) = hints("d.parquet", "--target", "y")
    assert "column 'plot' holds row numbers: left out" in hint


@pytest.mark.parametrize("digits", [13, 19, pytest.param(16, marks=pytest.mark.slow)])
def test_identifiers(hints, digits, forty_rows, write_columns):
    X, y = forty_rows()
    ids = [10 ** (digits - 1) + 37 * int(i) for i in np.random.default_rng(0).permutation(40)]
    write_columns("d.csv", ["balance", "b", "y"], [ids, X[:, 1], y])
    (hint,) = hints()
    assert "identifiers? --drop balance" in hint
    for name in ("account", "customer_id", "Order No."):
        write_columns("d.csv", [name, "b", "y"], [ids, X[:, 1], y])
        (hint,) = hints()
        assert f"column '{name}' holds identifiers: left out (--keep " in hint
        assert hints("d.csv", "--keep", name) == []
    assert hints("d.csv", "--keep", "Order No.", "b") == []


def test_constants_are_learned_from_with_a_hint(hints, forty_rows, write_columns):
    X, y = forty_rows()
    write_columns("d.csv", ["a", "b", "c", "y"], [X[:, 0], [7] * 40, X[:, 1], y])
    assert hints() == ["d.csv: column 'b' holds one value alone (7.000): nothing can be learned from it"]
    write_columns("d.csv", ["a", "b", "c", "d", "e", "y"], [X[:, 0], *[[k] * 40 for k in range(4)], y])
    assert hints()[0].startswith("d.csv: columns 'b', 'c', 'd' and 1 more hold one value alone")

"""Points before three digits: decimals, thousands, or in doubt and so refused."""

import gzip

import numpy as np
import pytest

from limbeck._tables.dialect import Dialect
from limbeck._tables.errors import TableError
from limbeck._tables.files import open_table


def _read_text(tmp_path, text, name="data.csv", written="utf-8", names=(), columns=(), **options):
    path = tmp_path / name
    content = text if isinstance(text, bytes) else text.encode(written)
    path.write_bytes(gzip.compress(content) if name.lower().endswith(".gz") else content)
    table = open_table(path, Dialect.of(**options), names=names, columns=columns)
    return table, table.read(range(len(table.names)))


def _text_error(tmp_path, text, **options):
    with pytest.raises(TableError) as caught:
        _read_text(tmp_path, text, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert "data" in message
    return message


def _lines(*fields, delimiter=";", header="a;b"):
    return "\n".join([header.replace(";", delimiter), *(delimiter.join([field, "0"]) for field in fields)]) + "\n"


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_a_point_that_may_part_thousands_is_refused(tmp_path, delimiter):
    text = _lines("952", "1.146", "870", "-2.001", delimiter=delimiter)
    message = _text_error(tmp_path, text)
    for part in ("column 'a'", "952", "1.146", "--decimal .", "--thousands ."):
        assert part in message
    _, values = _read_text(tmp_path, text, thousands=".")
    np.testing.assert_array_equal(values[:, 0], [952, 1146, 870, -2001])
    _, values = _read_text(tmp_path, text, decimal=".")
    np.testing.assert_array_equal(values[:, 0], [952, 1.146, 870, -2.001])


@pytest.mark.parametrize(
    "fields",
    [
        ("952", "1.146", "0.5"),  # less than 1
        ("952", "1.146", "12.25"),  # two decimals
        ("952", "1.146", "12.2500"),
        ("952", "1.146", "0.952"),  # no group begins with 0
        ("952", "1.146", "1146.250"),  # four digits before the point
        ("952", "1.146", "1146"),  # a thousand without a mark
        ("952", "1.146", "1.146e0"),
        ("952", "1.146", ".146"),
        ("952", "1.146", "1e2"),
    ],
)
def test_a_number_that_can_only_be_decimal_settles_the_point(tmp_path, fields):
    table, values = _read_text(tmp_path, _lines(*fields))
    np.testing.assert_array_equal(values[:, 0], [float(field) for field in fields])
    assert table.hints == []
    other = "\n".join(["a;b", f"952;{fields[2]}", f"1.146;{fields[2]}"])  # every column for itself
    assert "column 'a' holds 952 and 1.146" in _text_error(tmp_path, other)


def test_three_decimals_all_the_way_down_are_decimals(tmp_path):
    """Read, for %.3f is common, and another unit is the worst that can come of it; between semicolons with a hint."""
    for delimiter in ",\t;":
        table, values = _read_text(tmp_path, _lines("1.146", "2.000", "12.250", delimiter=delimiter))
        np.testing.assert_array_equal(values[:, 0], [1.146, 2, 12.25])
        assert len(table.hints) == (delimiter == ";")
    assert "'a': 1.146 is read as a number with three decimals" in table.hints[0]
    for other in ("0.5", "12.25"):  # the file's point is a decimal one
        table, values = _read_text(tmp_path, f"a;b\n1.146;{other}\n2.331;{other}\n")
        assert table.hints == []
        assert values[0, 0] == 1.146


def test_between_commas_a_point_is_decimal_with_a_hint(tmp_path):
    table, values = _read_text(tmp_path, _lines("952", "1.146", delimiter=","))
    np.testing.assert_array_equal(values[:, 0], [952, 1.146])
    (hint,) = table.hints
    assert "--thousands ." in hint
    for option in ({"decimal": "."}, {"thousands": "."}):
        assert _read_text(tmp_path, _lines("952", "1.146", delimiter=","), **option)[0].hints == []


def test_whole_numbers_printed_with_three_decimals_beside_whole_numbers(tmp_path):
    assert "holds 3 and 12.000" in _text_error(tmp_path, _lines("12.000", "3"))
    assert _read_text(tmp_path, _lines("12.000", "3", delimiter=","))[0].hints == []
    long = _lines(*["12"] * 30_000, "1.000")  # far behind the beginning
    assert "holds 12 and 1.000" in _text_error(tmp_path, long)

"""Points before three digits: decimals, thousands, or in doubt and so refused."""

import numpy as np
import pytest


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_a_point_that_may_part_thousands_is_refused(tmp_path, delimiter, two_columns, text_error, read_text):
    text = two_columns("952", "1.146", "870", "-2.001", delimiter=delimiter)
    message = text_error(tmp_path, text)
    for part in ("column 'a'", "952", "1.146", "--decimal .", "--thousands ."):
        assert part in message
    _, values = read_text(tmp_path, text, thousands=".")
    np.testing.assert_array_equal(values[:, 0], [952, 1146, 870, -2001])
    _, values = read_text(tmp_path, text, decimal=".")
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
def test_a_number_that_can_only_be_decimal_settles_the_point(tmp_path, fields, read_text, two_columns, text_error):
    table, values = read_text(tmp_path, two_columns(*fields))
    np.testing.assert_array_equal(values[:, 0], [float(field) for field in fields])
    assert table.hints == []
    other = "\n".join(["a;b", f"952;{fields[2]}", f"1.146;{fields[2]}"])  # every column for itself
    assert "column 'a' holds 952 and 1.146" in text_error(tmp_path, other)


def test_three_decimals_all_the_way_down_are_decimals(tmp_path, read_text, two_columns):
    """Read, for %.3f is common, and another unit is the worst that can come of it; between semicolons with a hint."""
    for delimiter in ",\t;":
        table, values = read_text(tmp_path, two_columns("1.146", "2.000", "12.250", delimiter=delimiter))
        np.testing.assert_array_equal(values[:, 0], [1.146, 2, 12.25])
        assert len(table.hints) == (delimiter == ";")
    assert "'a': 1.146 is read as a number with three decimals" in table.hints[0]
    for other in ("0.5", "12.25"):  # the file's point is a decimal one
        table, values = read_text(tmp_path, f"a;b\n1.146;{other}\n2.331;{other}\n")
        assert table.hints == []
        assert values[0, 0] == 1.146


def test_between_commas_a_point_is_decimal_with_a_hint(tmp_path, read_text, two_columns):
    table, values = read_text(tmp_path, two_columns("952", "1.146", delimiter=","))
    np.testing.assert_array_equal(values[:, 0], [952, 1.146])
    (hint,) = table.hints
    assert "--thousands ." in hint
    for option in ({"decimal": "."}, {"thousands": "."}):
        assert read_text(tmp_path, two_columns("952", "1.146", delimiter=","), **option)[0].hints == []


def test_whole_numbers_printed_with_three_decimals_beside_whole_numbers(tmp_path, two_columns, text_error, read_text):
    assert "holds 3 and 12.000" in text_error(tmp_path, two_columns("12.000", "3"))
    assert read_text(tmp_path, two_columns("12.000", "3", delimiter=","))[0].hints == []
    long = two_columns(*["12"] * 15_000, "1.000")  # far behind the beginning
    assert "holds 12 and 1.000" in text_error(tmp_path, long)

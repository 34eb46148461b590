"""Numbers as text: marks of decimals and thousands, signs, and the option that reads what is refused."""

import numpy as np
import pytest

from limbeck._tables.dialect import Dialect
from limbeck._tables.files import open_table


@pytest.mark.parametrize(
    ("field", "advice", "options", "value"),
    [
        ("6,5", "--decimal ,", {"decimal": ","}, 6.5),
        (",5", "--decimal ,", {"decimal": ","}, 0.5),
        ("-6,50", "--decimal ,", {"decimal": ","}, -6.5),
        ("1,146", "--thousands ,", {"thousands": ","}, 1146),
        ("1,146", "--decimal ,", {"decimal": ","}, 1.146),
        ("1.299,99", "--decimal , --thousands .", {"decimal": ",", "thousands": "."}, 1299.99),
        ("1.299,99", "--decimal , --thousands .", {"thousands": ".", "decimal": ","}, 1299.99),
        ("7,457.07", "--thousands ,", {"thousands": ","}, 7457.07),
        ("1,234,567", "--thousands ,", {"thousands": ","}, 1234567),
        ("1.234.567", "--thousands .", {"thousands": "."}, 1234567),
        ("1,5e3", "--decimal ,", {"decimal": ","}, 1500),
        ("1 146", "--thousands space", {"thousands": "space"}, 1146),
        ("1\N{NO-BREAK SPACE}146", "--thousands space", {"thousands": "space"}, 1146),
        ("1\N{THIN SPACE}146.5", "--thousands space", {"thousands": "space"}, 1146.5),
        ("1\N{NARROW NO-BREAK SPACE}146,5", "--thousands space --decimal ,", {"thousands": " ", "decimal": ","}, None),
        (
            "1\N{NARROW NO-BREAK SPACE}146,5",
            "--thousands space --decimal ,",
            {"thousands": "space", "decimal": ","},
            1146.5,
        ),
        ("1'146", "--thousands apostrophe", {"thousands": "apostrophe"}, 1146),
        ("1’146.5", "--thousands apostrophe", {"thousands": "apostrophe"}, 1146.5),
        ("-1'146'000", "--thousands apostrophe", {"thousands": "apostrophe"}, -1146000),
    ],
)
def test_other_marks_are_read_or_refused_with_the_option_that_reads_them(
    tmp_path, field, advice, options, value, two_columns, text_error, read_text
):
    """Three digits behind one comma are decimals or thousands; anything else can be read in one way."""
    text = two_columns("12", field)
    if field == "1,146":
        message = text_error(tmp_path, text)
        for part in ("line 3", "column 'a'", advice):
            assert part in message
    elif value is not None:
        table, values = read_text(tmp_path, text)
        np.testing.assert_array_equal(values[:, 0], [12, value])
        (guess,) = {", ".join(table.guesses)}
        assert ("decimal comma" in guess) == ("decimal" in options)
        assert ("thousands" in guess) == ("thousands" in options)
    if value is not None:
        np.testing.assert_array_equal(read_text(tmp_path, text, **options)[1][:, 0], [12, value])


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("1.14", {"thousands": "."}),
        ("0.952", {"thousands": "."}),
        ("1146.000", {"thousands": "."}),
        ("1.146.00", {"thousands": "."}),
        ("1,14", {"thousands": ","}),
        ("1.146", {"decimal": ","}),
        ("1,1.5", {"decimal": ","}),
        ("1,146,5", {"decimal": ","}),
        ("1,5.146", {"thousands": "."}),
        ("1 14", {"thousands": "space"}),
        ("1 146\N{THIN SPACE}000", {"thousands": "space"}),
        ("1.5 146", {"thousands": "space"}),
    ],
)
def test_marks_in_wrong_places_are_text(tmp_path, field, options, text_error, two_columns):
    assert "holds text" in text_error(tmp_path, two_columns("12", field), **options)


MINUSES = "\N{MINUS SIGN}\N{EN DASH}\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{FIGURE DASH}\N{FULLWIDTH HYPHEN-MINUS}"


@pytest.mark.parametrize("minus", MINUSES)
def test_any_minus_before_digits_is_one(tmp_path, minus, two_columns, read_text, text_error):
    text = two_columns("2", f"{minus}6.5", f" {minus}.5e{minus}3")
    np.testing.assert_array_equal(read_text(tmp_path, text)[1][:, 0], [2, -6.5, -0.5e-3])
    text = two_columns(f"{minus}1.234,5", f"{minus}7")
    np.testing.assert_array_equal(read_text(tmp_path, text, decimal=",", thousands=".")[1][:, 0], [-1234.5, -7])
    np.testing.assert_array_equal(read_text(tmp_path, two_columns(f"{minus}1,234,567"))[1][:, 0], [-1234567])
    assert "give --thousands ," in text_error(tmp_path, two_columns(f"{minus}1,234"))
    text = f"{minus}1;2\n3;{minus}4\n"  # no header, for all are numbers
    table, values = read_text(tmp_path, text)
    assert not table.named
    np.testing.assert_array_equal(values, [[-1, 2], [3, -4]])
    for field in (f"3{minus}5", f"2020{minus}2021", f"{minus}{minus}5", f"5{minus}", f"{minus}x"):
        assert "holds text" in text_error(tmp_path, two_columns("12", field))
    assert "missing value" in text_error(tmp_path, two_columns("12", minus))
    # Whole numbers beside points before three digits stay in doubt, whatever their minus.
    assert "say --decimal . or --thousands ." in text_error(tmp_path, two_columns(f"{minus}952", f"{minus}1.146"))


@pytest.mark.parametrize(
    ("field", "options", "mark"),
    [
        ("12,34,567", {"thousands": ","}, "','"),
        ("-1,2345,678.5", {"thousands": ","}, "','"),
        ("12,34,567.89", {}, "','"),
        ("12.34.567,8", {"thousands": "."}, "'.'"),
        ("1 14", {"thousands": "space"}, "a space"),
        ("12\N{NO-BREAK SPACE}34\N{NO-BREAK SPACE}567", {"thousands": "space"}, "a space"),
        ("12'34'567", {"thousands": "apostrophe"}, "an apostrophe"),
    ],
)
def test_groups_must_be_of_three_digits(tmp_path, field, options, mark, text_error, two_columns):
    message = text_error(tmp_path, two_columns("12", field), **options)
    assert f"write groups of three digits, which alone {mark} may part, or no marks between digits" in message
    assert "--drop" not in message


def test_two_digits_behind_a_mark_of_thousands(tmp_path, text_error, two_columns):
    """Decimals, more likely than a group of two."""
    message = text_error(tmp_path, two_columns("12", "1,14"), thousands=",")
    assert "give --decimal , if the comma begins decimals; now" in message
    assert "',' parts thousands, in groups of three digits" in message


@pytest.mark.parametrize("field", ["2024.01.05", "1.2.3", "192.168.0.1", "3,4 x"])
def test_dates_versions_and_words_are_text(tmp_path, field, text_error, two_columns):
    assert "encode it as numbers or drop the column" in text_error(tmp_path, two_columns("12", field))


@pytest.mark.parametrize("field", ["17.4%", "$7457", "7 €", "£1,000"])
def test_units_are_refused(tmp_path, field, text_error, two_columns):
    assert "write plain numbers, without a unit" in text_error(tmp_path, two_columns("12", field))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_marks(tmp_path, encoding, read_text):
    table, values = read_text(tmp_path, "Größe\tb\r\n1\t2\r\n3\t4\r\n", written=encoding)
    assert table.names == ("Größe", "b")
    np.testing.assert_array_equal(values, [[1, 2], [3, 4]])
    for given in ("utf-8", "utf-16-le") if encoding == "utf-8-sig" else ("utf-16-le", "utf8"):
        (tmp_path / "data.csv").write_bytes("Größe\n1\n".encode(encoding))
        assert open_table(tmp_path / "data.csv", Dialect.of(encoding=given)).names == ("Größe",)


def test_other_marks_are_read_to_the_bit(tmp_path, read_text):
    values = np.random.default_rng(0).standard_normal((200, 3)) * [1e-3, 1.0, 1e7]
    rows = [";".join(f"{value:,.12f}".translate({44: 46, 46: 44}) for value in row) for row in values.tolist()]
    wanted = [[float(f"{value:.12f}") for value in row] for row in values.tolist()]
    quoted = ['"' + row.replace(";", '";"') + '"' for row in rows]  # read row by row
    for lines in (rows, quoted, rows[:9] + quoted[9:]):
        _, read = read_text(tmp_path, "a;b;c\n" + "\n".join(lines), decimal=",", thousands=".")
        np.testing.assert_array_equal(read, wanted)

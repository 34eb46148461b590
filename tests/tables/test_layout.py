"""Delimiters, titles and headers are recognised from the beginning of a text file."""

import numpy as np
import pytest

from limbeck._tables.files import open_table


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_recognised(tmp_path, delimiter, read_text):
    table, values = read_text(tmp_path, f"a{delimiter}b\n1.5{delimiter}2\n3{delimiter}4\n")
    assert table.names == ("a", "b")
    np.testing.assert_array_equal(values, [[1.5, 2], [3, 4]])


@pytest.mark.parametrize(
    ("given", "delimiter"), [(":", ":"), ("tab", "\t"), ("\\t", "\t"), ("space", "  "), (" ", " \t "), ("Comma", ",")]
)
def test_delimiters_that_are_told(tmp_path, given, delimiter, read_text):
    text = f'"a, m"{delimiter}b\n1.5{delimiter}2\n3{delimiter}"4"\n'
    table, values = read_text(tmp_path, text, delimiter=given)
    assert table.names == ("a, m", "b")
    np.testing.assert_array_equal(values, [[1.5, 2], [3, 4]])


@pytest.mark.parametrize("name", ["data.txt", "data.dat", "data.DAT.gz"])
def test_blanks_between_numbers(tmp_path, name, read_text, text_error):
    values = np.random.default_rng(0).standard_normal((20, 3))
    text = "\n".join("  " + "   ".join(f"{value!r:>25}" for value in row) + " " for row in values.tolist())
    table, read = read_text(tmp_path, text, name)
    assert not table.named
    np.testing.assert_array_equal(read, values)
    message = text_error(tmp_path, "  a b\n 1 2\n 3 x\n", name=name)
    assert "line 3: column 'b' holds text, first 'x'" in message


def test_the_separator_that_excel_writes(tmp_path, read_text, text_error):
    for first in ("sep=;", '"sep=;"', "SEP=;"):
        table, values = read_text(tmp_path, f"{first}\r\na;b\r\n1;2\r\n3;4\r\n")
        assert table.names == ("a", "b")
        np.testing.assert_array_equal(values, [[1, 2], [3, 4]])
    assert "line 4: column 'b'" in text_error(tmp_path, "sep=;\na;b\n1;2\n3;x\n")


@pytest.mark.parametrize("first", ["# exported 2024", "Rents of 2024; all towns, as of May"])
def test_lines_before_the_header(tmp_path, first, read_text, text_error):
    text = f"{first}\n# by me\na,b,c,d\n1,2,3,4\n5,6,7,8\n"
    for options in ({}, {"skip_rows": 2}):
        table, values = read_text(tmp_path, text, **options)
        assert table.names == ("a", "b", "c", "d")
        np.testing.assert_array_equal(values, [[1, 2, 3, 4], [5, 6, 7, 8]])
        assert table.guesses == ([] if options else ["2 lines above the table left out"])
    assert "--skip-rows 2" in text_error(tmp_path, text, skip_rows=0)
    assert "line 5: column 'd' holds text, first 'x'" in text_error(tmp_path, text[:-2] + "x\n", skip_rows=2)
    assert "is empty after the 5 line(s) skipped" in text_error(tmp_path, text, skip_rows=9)


@pytest.mark.parametrize(
    ("title", "lines"),
    [
        ("Rents, of 2024, by town", 1),
        ("# a, b, c", 1),
        ("# Rents, of 2024, by town\n# all, of, them", 2),
        ("Rents, 2024, 2024", 1),  # numbers in a title
        ("Rents,,", 1),
        ("Rents,Rents,Rents", 1),
        (",,\nRents, of 2024, by town", 2),
        ("1, 2, by town", 1),
    ],
)
def test_a_title_that_looks_like_names(tmp_path, title, lines, read_text, text_error):
    """As many fields as the table has columns: what is told names the option, and the option reads the file."""
    text = f"{title}\na,b,c\n1,2,3\n4,5,6\n7,8,9\n"
    if title.startswith("#") or title == "Rents,,":  # a comment, or one field alone
        table, values = read_text(tmp_path, text)
        assert table.names == ("a", "b", "c")
        np.testing.assert_array_equal(values, [[1, 2, 3], [4, 5, 6], [7, 8, 9]])
        assert table.guesses == [f"{lines} line{'s' if lines > 1 else ''} above the table left out"]
        return
    assert f"--skip-rows {lines}" in text_error(tmp_path, text)
    table, values = read_text(tmp_path, text, skip_rows=lines)
    assert table.names == ("a", "b", "c")
    np.testing.assert_array_equal(values, [[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    for asked in ({"names": ("c", "a")}, {"columns": ("b", "0")}, {"columns": ("c",), "header": True}):
        assert f"--skip-rows {lines}" in text_error(tmp_path, text, **asked)


def test_a_title_of_two_lines_is_told_line_by_line(tmp_path, text_error, read_text):
    """The second may be the names, above a row of units."""
    text = "a title\nRents, of 2024, by town\na,b,c\n1,2,3\n4,5,6\n"
    for options in ({}, {"skip_rows": 1}):
        assert "if line 3 names the columns, give --skip-rows 2" in text_error(tmp_path, text, **options)
    assert read_text(tmp_path, text, skip_rows=2)[0].names == ("a", "b", "c")


def test_text_that_is_no_title(tmp_path, text_error):
    text = "town,a,b\nRome,1,2\nOslo,3,4\n"
    for asked in ({}, {"names": ("a", "b")}, {"columns": ("town",)}, {"columns": ("none",)}):
        assert "--skip-rows" not in text_error(tmp_path, text, **asked)
    assert "--skip-rows" not in text_error(tmp_path, "Rome,1,2\nOslo,3,4\nBonn,5,6\n")


def test_names_that_stand_twice(tmp_path, read_text):
    table, _ = read_text(tmp_path, "a,a (2),a,b,a\n1,2,3,4,5\n3,4,5,6,7\n")
    assert table.names == ("a", "a (2)", "a (3)", "b", "a (4)")
    assert table.guesses == ["the second column 'a' as 'a (3)'", "the second column 'a' as 'a (4)'"]


@pytest.mark.parametrize("many", [1000, pytest.param(30_000, marks=pytest.mark.slow)])  # no loop within a loop
def test_many_names_that_are_one(tmp_path, read_text, many):
    table, _ = read_text(tmp_path, "a," * many + "a\n" + "1," * many + "1\n")
    assert len(set(table.names)) == many + 1


def test_names_for_all_columns_but_the_row_labels(tmp_path, read_text, text_error):
    for first, second in [('"1"', '"2"'), ("Rome", "Oslo")]:
        (tmp_path / "data.csv").write_text(f"a,b,c\n{first},2,3,4\n{second},3,4,5\n")
        table = open_table(tmp_path / "data.csv")
        assert (table.names, table.nameless) == (("x0", "a", "b", "c"), {0})
        assert "labels of the rows" in table.guesses[0]
        np.testing.assert_array_equal(table.read([1, 2, 3]), [[2, 3, 4], [3, 4, 5]])
    message = text_error(tmp_path, "a,b,c\n7,2,3,4\n2,3,4,5\n")
    assert "line 1: the header has 3 names for 4 field(s) in most lines; name every column" in message
    assert "--skip-rows 1" in text_error(tmp_path, "Rents, 2024\na,b,c\n1,2,3\n4,5,6\n")
    table, _ = read_text(tmp_path, "Rents, of 2024, by town, in EUR\na,b\n1,2\n3,4\n")
    assert table.names == ("a", "b")
    assert table.guesses == ["1 line above the table left out"]
    assert "line 2: 3 field(s) where the first row has 2" in text_error(tmp_path, "1,2\n1,2,3\n4,5,6\n")


@pytest.mark.parametrize("text", ["a,b,y,\n1,2,3,\n4,5,6,\n", "a,b,y\n1,2,3,\n4,5,6,\n"])
def test_a_delimiter_at_the_end_of_every_row(tmp_path, text, read_text):
    table, values = read_text(tmp_path, text)
    assert table.names == ("a", "b", "y")
    np.testing.assert_array_equal(values, [[1, 2, 3], [4, 5, 6]])
    assert table.guesses == ["a delimiter at the end of each row left out"]


def test_wide_headers(tmp_path, read_text):
    """Longer than what the delimiter is recognised by."""
    names = [f"measurement number {i} of {', many' * 20}" for i in range(500)]
    text = ",".join(f'"{name}"' for name in names) + "\n" + (",".join(["1.5"] * 500) + "\n") * 3
    assert text.index("\n") > 1 << 16
    table, values = read_text(tmp_path, text)
    assert table.names == tuple(names)
    assert values.shape == (3, 500)

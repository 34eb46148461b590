"""Numbers of delimited text, to the bit, and an error with a line for every field that is none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck._tables.dialect import Dialect
from limbeck._tables.errors import TableError
from limbeck._tables.files import open_table


def test_every_bit_survives_text(tmp_path, read_all, write, csv_text):
    values = np.random.default_rng(0).standard_normal((500, 4)) * 10.0 ** np.arange(-200, 200, 100)
    np.testing.assert_array_equal(read_all(write(tmp_path, csv_text(values)))[1], values)


def test_quoted_names_and_numbers(tmp_path, read_all, write):
    text = '"size, m2","say ""hi""","two\nlines"\r\n"1.5",2,"3"\r\n4,"5",6\r\n'
    table, values = read_all(write(tmp_path, text))
    assert table.names == ("size, m2", 'say "hi"', "two\nlines")
    np.testing.assert_array_equal(values, [[1.5, 2, 3], [4, 5, 6]])


def test_semicolon_inside_a_quoted_name_is_no_delimiter(tmp_path, read_all, write):
    table, values = read_all(write(tmp_path, '"a;b",c\n1,2\n3,4\n'))
    assert table.names == ("a;b", "c")
    assert values.shape == (2, 2)


def test_spaces_blank_lines_and_no_last_line_end(tmp_path, read_all, write):
    table, values = read_all(write(tmp_path, '\n a , b\n\n 1,  2\n3 ,"4"\n\n5, "6"'))
    assert table.names == ("a", "b")
    np.testing.assert_array_equal(values, [[1, 2], [3, 4], [5, 6]])


def test_columns_that_are_not_asked_for_may_hold_anything(tmp_path, write):
    path = write(tmp_path, 'a,city,b\n1,Rome,2\n3,,4\n5,"x, ""y""",6\n')
    np.testing.assert_array_equal(open_table(path).read([2, 0]), [[2, 1], [4, 3], [6, 5]])


@given(
    values=st.lists(
        st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=2), min_size=1, max_size=8
    ),
    delimiter=st.sampled_from(",;\t"),
    quote=st.booleans(),
)
def test_any_finite_numbers_round_trip(tmp_path_factory, values, delimiter, quote, read_all):
    mark = '"' if quote else ""
    text = "\n".join(delimiter.join(f"{mark}{v!r}{mark}" for v in row) for row in values)
    path = tmp_path_factory.mktemp("t") / "a.csv"
    path.write_text(text)
    np.testing.assert_array_equal(read_all(path)[1], values)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a,b\n1,2\n3,red\n4,blue\n", ["line 3", "'b'", "text", "'red'", "encode it as numbers or drop"]),
        ("1,2\n3,red\n", ["line 2", "'x1'", "'red'"]),
        ("a;b\n1,523;2\n3;4\n", ["line 2", "'a'", "'1,523'", "--decimal , if the comma begins decimals"]),
        ("a,b\n1,2\n1_0,2\n", ["line 3", "'a'", "'1_0'"]),
        ("a,b\n1,2\n\n3,\n", ["line 4", "'b'", "missing value;", "fill it"]),
        ("a,b\n1,2\nNA,3\n", ["line 3", "'a'", "missing value ('NA')"]),
        ("a,b\n1,2\n3,nan\n", ["line 3", "'b'", "missing value ('nan')"]),
        ("a,b\n1,2\n-inf,3\n", ["line 3", "'a'", "infinite value '-inf'"]),
        ("a,b\n1,2\n1e999,3\n", ["line 3", "'a'", "infinite value '1e999'"]),
        ("a,b\n1,2\n3,4,5\n", ["line 3", "3 field(s)", "the header has 2"]),
        ("1,2\n3,4\n5\n", ["line 3", "1 field(s)", "the first row has 2"]),
        ("a,b,c\n1,2\n3,4\n", ["line 2", "2 field(s)", "the header has 3"]),
        ('"a\nb",c\n1,2\n3,red\n', ["line 4", "'c'"]),
        ("a,b\n", ["a header and no rows"]),
        ("", ["is empty"]),
        ("\n\n", ["is empty"]),
        ("\ufeff", ["is empty"]),
    ],
)
def test_csv_errors_say_where(tmp_path, text, parts, error_of, write):
    message = error_of(write(tmp_path, text))
    for part in parts:
        assert part in message


def test_ragged_row_is_found_when_the_rest_of_it_is_not_asked_for(tmp_path, error_of, write):
    assert "line 3" in error_of(write(tmp_path, "a,b,c\n1,2,x\n3,4,y,9\n"), [0, 1])


@pytest.mark.parametrize("text", ["ä,b\n1,2\n".encode() + b"3,\xff\n", b"a,b\n1,2\n3,\x81\n", b"\xff\xfe\x00"])
def test_other_encodings(tmp_path, text, error_of, write):
    assert "UTF-8" in error_of(write(tmp_path, text))
    assert "--encoding" in error_of(write(tmp_path, text))


def test_bad_encoding_far_down(tmp_path, error_of, write):
    text = b"a,b\n" + b"1,2\n" * 20_000 + b"3,\x81\n"
    assert "UTF-8" in error_of(write(tmp_path, text))


def test_another_encoding_far_down(tmp_path, write):
    text = b"a,b\n" + b"".join(b"1,%d\n" % i for i in range(15_000)) + b"3,caf\xe9\n"
    table = open_table(write(tmp_path, text))
    assert table.read_columns([0]).items[0].kind == "number"
    assert table.guesses == ["cp1252"]
    with pytest.raises(TableError, match=r"line 15002: column 'b' holds numbers in 15000 rows .* first 'café'"):
        table.read_columns([1])


def test_rows_of_empty_fields(tmp_path, read_text, text_error):
    table, values = read_text(tmp_path, "a,b,c\n1,2,3\n4,5,6\n,,\n,,\n")
    np.testing.assert_array_equal(values, [[1, 2, 3], [4, 5, 6]])
    assert table.guesses == ["lines 4 to 5 at the end, of empty fields, left out"]
    assert "column 'a' has a missing value (line 3)" in text_error(tmp_path, "a,b,c\n1,2,3\n,,\n4,5,6\n")


def test_a_row_of_units_is_recognised(tmp_path, read_text, text_error):
    for units in ("[m],[s],-", "m,s,kg", "mm,km/h,%", "EUR,m²,µg/m3", "(1000 USD),°C,"):
        table, values = read_text(tmp_path, f"a,b,c\n{units}\n1,2,3\n4,5,6\n")
        np.testing.assert_array_equal(values, [[1, 2, 3], [4, 5, 6]])
        assert table.guesses == ["line 2 as units"]
        assert "'a' holds text, first" in text_error(tmp_path, f"a,b,c\n{units}\n1,2,3\n4,5,6\n", units=False)
    message = text_error(tmp_path, "a,b,c\nx,y,z\n1,2,3\n4,5,6\n")
    assert "line 2 is no row of numbers: if it holds units, give --units, or delete it; if line 2 names the" in message
    assert "--units" not in text_error(tmp_path, "a,b,c\n1,2,3\nx,y,z\n4,5,6\n")
    assert "lines 2 to 3 are no rows of numbers" in text_error(tmp_path, "a,b,c\nx,y,z\nx,y,z\n4,5,6\n")
    assert "line 2 is no row of numbers" in text_error(tmp_path, "a,b,c\n(5),(6),(7)\n1,2,3\n4,5,6\n")
    for no_units in ("1,2,3\n4,5,6", "Rome,m,s\nOslo,1,2"):  # numbers, and rows of words
        (tmp_path / "data.csv").write_text(f"a,b,c\n{no_units}\n7,8,9\n")
        assert open_table(tmp_path / "data.csv").guesses == []


def test_words_of_any_script_in_columns_that_are_not_asked_for(tmp_path):
    for options in ({}, {"decimal": ","}):
        (tmp_path / "data.csv").write_text("a;stadt\n1;Łódź π\n2;北京\n", encoding="utf-8")
        np.testing.assert_array_equal(open_table(tmp_path / "data.csv", Dialect.of(**options)).read([0]), [[1], [2]])

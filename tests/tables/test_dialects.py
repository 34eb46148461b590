"""Text files of other dialects: what is recognised, what an option settles, what is in doubt and so refused."""

import gzip

import numpy as np
import pytest

from limbeck._tables.dialect import Dialect
from limbeck._tables.errors import TableError
from limbeck._tables.files import open_table, stem


def _read(tmp_path, text, name="data.csv", written="utf-8", names=(), columns=(), **options):
    path = tmp_path / name
    content = text if isinstance(text, bytes) else text.encode(written)
    path.write_bytes(gzip.compress(content) if name.lower().endswith(".gz") else content)
    table = open_table(path, Dialect.of(**options), names=names, columns=columns)
    return table, table.read(range(len(table.names)))


def _error(tmp_path, text, **options):
    with pytest.raises(TableError) as caught:
        _read(tmp_path, text, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert "data" in message
    return message


def _lines(*fields, delimiter=";", header="a;b"):
    return "\n".join([header.replace(";", delimiter), *(delimiter.join([field, "0"]) for field in fields)]) + "\n"


# ---- Marks of decimals and thousands ----


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_a_point_that_may_part_thousands_is_refused(tmp_path, delimiter):
    text = _lines("952", "1.146", "870", "-2.001", delimiter=delimiter)
    message = _error(tmp_path, text)
    for part in ("column 'a'", "952", "1.146", "--decimal .", "--thousands ."):
        assert part in message
    _, values = _read(tmp_path, text, thousands=".")
    np.testing.assert_array_equal(values[:, 0], [952, 1146, 870, -2001])
    _, values = _read(tmp_path, text, decimal=".")
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
    table, values = _read(tmp_path, _lines(*fields))
    np.testing.assert_array_equal(values[:, 0], [float(field) for field in fields])
    assert table.hints == []
    other = "\n".join(["a;b", f"952;{fields[2]}", f"1.146;{fields[2]}"])  # every column for itself
    assert "column 'a' holds 952 and 1.146" in _error(tmp_path, other)


def test_three_decimals_all_the_way_down_are_decimals(tmp_path):
    """Read, for %.3f is common, and another unit is the worst that can come of it; between semicolons with a hint."""
    for delimiter in ",\t;":
        table, values = _read(tmp_path, _lines("1.146", "2.000", "12.250", delimiter=delimiter))
        np.testing.assert_array_equal(values[:, 0], [1.146, 2, 12.25])
        assert len(table.hints) == (delimiter == ";")
    assert "'a': 1.146 is read as a number with three decimals" in table.hints[0]
    for other in ("0.5", "12.25"):  # the file's point is a decimal one
        table, values = _read(tmp_path, f"a;b\n1.146;{other}\n2.331;{other}\n")
        assert table.hints == []
        assert values[0, 0] == 1.146


def test_between_commas_a_point_is_decimal_with_a_hint(tmp_path):
    table, values = _read(tmp_path, _lines("952", "1.146", delimiter=","))
    np.testing.assert_array_equal(values[:, 0], [952, 1.146])
    (hint,) = table.hints
    assert "--thousands ." in hint
    for option in ({"decimal": "."}, {"thousands": "."}):
        assert _read(tmp_path, _lines("952", "1.146", delimiter=","), **option)[0].hints == []


def test_whole_numbers_printed_with_three_decimals_beside_whole_numbers(tmp_path):
    assert "holds 3 and 12.000" in _error(tmp_path, _lines("12.000", "3"))
    assert _read(tmp_path, _lines("12.000", "3", delimiter=","))[0].hints == []
    long = _lines(*["12"] * 30_000, "1.000")  # far behind the beginning
    assert "holds 12 and 1.000" in _error(tmp_path, long)


@pytest.mark.parametrize(
    ("field", "advice", "options", "value"),
    [
        ("6,5", "--decimal ,", {"decimal": ","}, 6.5),
        (",5", "--decimal ,", {"decimal": ","}, 0.5),
        ("-6,50", "--decimal ,", {"decimal": ","}, -6.5),
        ("1,146", "--thousands ,", {"thousands": ","}, 1146),
        ("1,146", "--decimal ,", {"decimal": ","}, 1.146),
        ("1.299,99", "--decimal , --thousands .", {"decimal": ",", "thousands": "."}, 1299.99),
        ("1.299,99", "--decimal , --thousands .", {"thousands": "."}, 1299.99),
        ("7,457.07", "--thousands ,", {"thousands": ","}, 7457.07),
        ("1,234,567", "--thousands ,", {"thousands": ","}, 1234567),
        ("1.234.567", "--thousands .", {"thousands": "."}, 1234567),
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
        ("-1'146'000", "--thousands apostrophe", {"thousands": "'"}, -1146000),
    ],
)
def test_other_marks_are_refused_with_the_option_that_reads_them(tmp_path, field, advice, options, value):
    text = _lines("12", field)
    message = _error(tmp_path, text)
    for part in ("line 3", "column 'a'", advice):
        assert part in message
    assert "write decimals with a point" not in message
    if value is not None:
        np.testing.assert_array_equal(_read(tmp_path, text, **options)[1][:, 0], [12, value])


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
def test_marks_in_wrong_places_are_text(tmp_path, field, options):
    assert "holds text" in _error(tmp_path, _lines("12", field), **options)


MINUSES = "\N{MINUS SIGN}\N{EN DASH}\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{FIGURE DASH}\N{FULLWIDTH HYPHEN-MINUS}"


@pytest.mark.parametrize("minus", MINUSES)
def test_any_minus_before_digits_is_one(tmp_path, minus):
    text = _lines("2", f"{minus}6.5", f" {minus}.5e{minus}3")
    np.testing.assert_array_equal(_read(tmp_path, text)[1][:, 0], [2, -6.5, -0.5e-3])
    text = _lines(f"{minus}1.234,5", f"{minus}7")
    np.testing.assert_array_equal(_read(tmp_path, text, decimal=",", thousands=".")[1][:, 0], [-1234.5, -7])
    assert "give --thousands ," in _error(tmp_path, _lines(f"{minus}1,234,567"))
    text = f"{minus}1;2\n3;{minus}4\n"  # no header, for all are numbers
    table, values = _read(tmp_path, text)
    assert not table.named
    np.testing.assert_array_equal(values, [[-1, 2], [3, -4]])
    for field in (f"3{minus}5", f"2020{minus}2021", f"{minus}{minus}5", f"5{minus}", f"{minus}x"):
        assert "holds text" in _error(tmp_path, _lines("12", field))
    assert "missing value" in _error(tmp_path, _lines("12", minus))
    # Whole numbers beside points before three digits stay in doubt, whatever their minus.
    assert "say --decimal . or --thousands ." in _error(tmp_path, _lines(f"{minus}952", f"{minus}1.146"))


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
def test_groups_must_be_of_three_digits(tmp_path, field, options, mark):
    message = _error(tmp_path, _lines("12", field), **options)
    assert f"write groups of three digits, which alone {mark} may part, or no marks between digits" in message
    assert "--drop" not in message


def test_two_digits_behind_a_mark_of_thousands(tmp_path):
    """Decimals, more likely than a group of two."""
    message = _error(tmp_path, _lines("12", "1,14"), thousands=",")
    assert "give --decimal , if the comma begins decimals; now" in message
    assert "',' parts thousands, in groups of three digits" in message


@pytest.mark.parametrize("field", ["2024.01.05", "1.2.3", "192.168.0.1", "3,4 x"])
def test_dates_versions_and_words_are_text(tmp_path, field):
    assert "encode it as numbers or drop the column" in _error(tmp_path, _lines("12", field))


@pytest.mark.parametrize("field", ["17.4%", "$7457", "7 €", "£1,000"])
def test_units_are_refused(tmp_path, field):
    assert "write plain numbers, without a unit" in _error(tmp_path, _lines("12", field))


def test_options_that_make_no_sense():
    for options, part in [
        ({"decimal": ".", "thousands": "."}, "one character cannot be both"),
        ({"delimiter": "::"}, "--delimiter is one character"),
        ({"delimiter": "1"}, "--delimiter is one character"),
        ({"delimiter": ""}, "--delimiter is one character"),
        ({"encoding": "klingon"}, "got 'klingon'"),
        ({"encoding": "base64"}, "got 'base64'"),
    ]:
        with pytest.raises(ValueError, match=part):
            Dialect.of(**options)


# ---- Headers of numbers ----

_SERIES = np.random.default_rng(0).normal(50, 10, (30, 8)).round(2)


def _table(head, rows, delimiter=","):
    return "\n".join([head, *(delimiter.join(f"{value:g}" for value in row) for row in rows)]) + "\n"


@pytest.mark.parametrize(
    ("head", "rows"),
    [
        ("2019,2020", _SERIES[:, :2]),  # years over decimals
        ("2019,2020", _SERIES[:, :2].round(0)),  # years over whole numbers
        ("2020,2015,2010", _SERIES[:, :3].round(0)),
        ("0,1,2,3", _SERIES[:, :4].round(0)),  # what pandas calls columns without a name
        ("1,2,3", _SERIES[:, :3]),
        ("400,410,420,430", _SERIES[:, :4].round(0)),
        ("400.5,401,401.5,402", _SERIES[:, :4]),
        ("250,500,1000,2000,4000,8000", _SERIES[:, :6].round(0)),
        ("5,1000", _SERIES[:, :2]),  # whole numbers over decimals
        ("5000,1000", _SERIES[:, :2].round(0)),  # far from all that follows
        (",0,1", _SERIES[:, :3]),  # row labels without a name
    ],
)
def test_a_first_line_of_numbers_unlike_the_rest_is_in_doubt(tmp_path, head, rows):
    message = _error(tmp_path, _table(head, rows))
    assert "--header or --no-header" in message
    table, values = _read(tmp_path, _table(head, rows), header=True)
    assert table.names == tuple(name or "x0" for name in head.split(","))
    np.testing.assert_array_equal(values, rows)
    if head[0] != ",":
        table, values = _read(tmp_path, _table(head, rows), header=False)
        assert not table.named
        np.testing.assert_array_equal(values, [[float(x) for x in head.split(",")], *rows])


@pytest.mark.parametrize("rows", ["France,1.0,2.0\nPeru,3.0,4.0\n", "France,1,2\nPeru,3,4\n"])
def test_years_beside_a_name(tmp_path, rows):
    assert "--header" in _error(tmp_path, "country,2019,2020\n" + rows)
    table = open_table(tmp_path / "data.csv", Dialect.of(header=True))
    assert table.names == ("country", "2019", "2020")


@pytest.mark.parametrize(
    "text",
    [
        "1,2\n3,4\n",
        "1,2,3\n4,5,6\n7,8,9\n",  # every row has equal steps
        "red,1\nblue,2\n",
        _table("50,51,49", _SERIES[:, :3].round(0)),
        _table("1,1", _SERIES[:, :2]),  # columns have different names
        _table("52.5,41.25", _SERIES[:, :2]),
        _table("1950,2", np.column_stack([np.arange(1951, 1981), _SERIES[:, 0]])),  # years in the rows as well
        _table("1,2,3,4,5,6,7", np.sort(_SERIES[:, :7].round(0), axis=1) * [1, 2, 3, 4, 5, 6, 7])[14:],
    ],
)
def test_a_first_row_like_the_rest_is_one(tmp_path, text):
    path = tmp_path / "data.csv"
    path.write_text(text)
    assert not open_table(path).named


def test_names_in_quotes_above_numbers_without(tmp_path):
    text = '"2","1"\n1,2\n2,1\n1,1\n'
    assert _read(tmp_path, text)[0].names == ("2", "1")
    assert not _read(tmp_path, text, header=False)[0].named
    assert not _read(tmp_path, text.replace("\n1,2", '\n"1",2'))[0].named


def test_rows_of_a_survey_are_rows(tmp_path):
    """Whole numbers from 1 to 5 in three columns: 8 of 125 rows have equal steps; here the first is one of them."""
    rows = np.random.default_rng(0).integers(1, 6, (200, 3))
    assert not _read(tmp_path, _table("1,2,3", rows))[0].named


def test_names_that_are_asked_for_make_a_header(tmp_path):
    text = _table("2019,2020,2021", _SERIES[:, :3])
    for asked in ({"columns": ["2021"]}, {"columns": ["2021", "2019"]}, {"names": ["2019", "2020"]}):
        assert _read(tmp_path, text, **asked)[0].names == ("2019", "2020", "2021")
    assert "--header" in _error(tmp_path, text, columns=["2"])
    assert "--header" in _error(tmp_path, text, names=["2019", "2018"])
    counts = _table("0,1,2", _SERIES[:, :3])
    assert "--header" in _error(tmp_path, counts, columns=["2"])  # an index as well
    assert _read(tmp_path, counts, names=["0", "1"])[0].named  # a network's names are no indices


# ---- Delimiters, encodings, what precedes the table ----


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_are_recognised(tmp_path, delimiter):
    table, values = _read(tmp_path, f"a{delimiter}b\n1.5{delimiter}2\n3{delimiter}4\n")
    assert table.names == ("a", "b")
    np.testing.assert_array_equal(values, [[1.5, 2], [3, 4]])


@pytest.mark.parametrize(
    ("given", "delimiter"), [(":", ":"), ("tab", "\t"), ("\\t", "\t"), ("space", "  "), (" ", " \t "), ("Comma", ",")]
)
def test_delimiters_that_are_told(tmp_path, given, delimiter):
    text = f'"a, m"{delimiter}b\n1.5{delimiter}2\n3{delimiter}"4"\n'
    table, values = _read(tmp_path, text, delimiter=given)
    assert table.names == ("a, m", "b")
    np.testing.assert_array_equal(values, [[1.5, 2], [3, 4]])


@pytest.mark.parametrize("name", ["data.txt", "data.dat", "data.DAT.gz"])
def test_blanks_between_numbers(tmp_path, name):
    values = np.random.default_rng(0).standard_normal((20, 3))
    text = "\n".join("  " + "   ".join(f"{value!r:>25}" for value in row) + " " for row in values.tolist())
    table, read = _read(tmp_path, text, name)
    assert not table.named
    np.testing.assert_array_equal(read, values)
    message = _error(tmp_path, "  a b\n 1 2\n 3 x\n", name=name)
    assert "line 3: column 'b' holds text, first 'x'" in message


@pytest.mark.parametrize("name", ["data.csv.gz", "data.tsv.gz", "data.txt.gz", "DATA.CSV.GZ"])
def test_compressed_text(tmp_path, name):
    assert _read(tmp_path, "a,b\n1,2\n3,4\n", name)[1].shape == (2, 2)


def test_damaged_compressed_text(tmp_path):
    whole = gzip.compress(("a,b\n" + "1,2\n" * 1000).encode())
    for content in (whole[:-9], whole[:30], b"a,b\n1,2\n", whole[:20] + b"xxxxxx" + whole[26:]):
        (tmp_path / "data.csv.gz").write_bytes(content)
        with pytest.raises(TableError, match="damaged"):
            open_table(tmp_path / "data.csv.gz").read([0, 1])


def test_stems():
    from pathlib import Path

    names = ["a.csv", "b/a.CSV.gz", "a.parquet", "a", ".csv", "a.b.csv"]
    assert [stem(Path(name)) for name in names] == ["a", "a", "a", "a", ".csv", "a.b"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_marks(tmp_path, encoding):
    table, values = _read(tmp_path, "Größe\tb\r\n1\t2\r\n3\t4\r\n", written=encoding)
    assert table.names == ("Größe", "b")
    np.testing.assert_array_equal(values, [[1, 2], [3, 4]])
    for given in ("utf-8", "utf-16-le") if encoding == "utf-8-sig" else ("utf-16-le", "utf8"):
        (tmp_path / "data.csv").write_bytes("Größe\n1\n".encode(encoding))
        assert open_table(tmp_path / "data.csv", Dialect.of(encoding=given)).names == ("Größe",)


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-16-le", "utf-16-be", "cp437"])
def test_encodings_that_are_told(tmp_path, encoding):
    content = "Größe,b\n1,2\n3,4\n".encode(encoding)
    assert "--encoding" in _error(tmp_path, content)
    assert _read(tmp_path, content, encoding=encoding)[0].names == ("Größe", "b")
    if not encoding.startswith("utf-16"):
        assert "is not ascii text" in _error(tmp_path, content, encoding="ascii")


def test_the_separator_that_excel_writes(tmp_path):
    for first in ("sep=;", '"sep=;"', "SEP=;"):
        table, values = _read(tmp_path, f"{first}\r\na;b\r\n1;2\r\n3;4\r\n")
        assert table.names == ("a", "b")
        np.testing.assert_array_equal(values, [[1, 2], [3, 4]])
    assert "line 4: column 'b'" in _error(tmp_path, "sep=;\na;b\n1;2\n3;x\n")


@pytest.mark.parametrize("first", ["# exported 2024", "Rents of 2024; all towns, as of May"])
def test_lines_before_the_header(tmp_path, first):
    text = f"{first}\n# by me\na,b,c,d\n1,2,3,4\n5,6,7,8\n"
    assert "are left out by --skip-rows 2" in _error(tmp_path, text)
    table, values = _read(tmp_path, text, skip_rows=2)
    assert table.names == ("a", "b", "c", "d")
    np.testing.assert_array_equal(values, [[1, 2, 3, 4], [5, 6, 7, 8]])
    assert "line 5: column 'd' holds text, first 'x'" in _error(tmp_path, text[:-2] + "x\n", skip_rows=2)
    assert "is empty after the 5 line(s) skipped" in _error(tmp_path, text, skip_rows=9)


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
def test_a_title_that_looks_like_names(tmp_path, title, lines):
    """As many fields as the table has columns: what is told names the option, and the option reads the file."""
    text = f"{title}\na,b,c\n1,2,3\n4,5,6\n7,8,9\n"
    assert f"--skip-rows {lines}" in _error(tmp_path, text)
    table, values = _read(tmp_path, text, skip_rows=lines)
    assert table.names == ("a", "b", "c")
    np.testing.assert_array_equal(values, [[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    for asked in ({"names": ("c", "a")}, {"columns": ("b", "0")}, {"columns": ("c",), "header": True}):
        assert f"--skip-rows {lines}" in _error(tmp_path, text, **asked)


def test_a_title_of_two_lines_is_told_line_by_line(tmp_path):
    """The second may be the names, above a row of units."""
    text = "a title\nRents, of 2024, by town\na,b,c\n1,2,3\n4,5,6\n"
    assert "--skip-rows 1" in _error(tmp_path, text)
    assert "if line 3 names the columns, give --skip-rows 2" in _error(tmp_path, text, skip_rows=1)
    assert _read(tmp_path, text, skip_rows=2)[0].names == ("a", "b", "c")


def test_text_that_is_no_title(tmp_path):
    text = "town,a,b\nRome,1,2\nOslo,3,4\n"
    for asked in ({}, {"names": ("a", "b")}, {"columns": ("town",)}, {"columns": ("none",)}):
        assert "--skip-rows" not in _error(tmp_path, text, **asked)
    assert "--skip-rows" not in _error(tmp_path, "Rome,1,2\nOslo,3,4\nBonn,5,6\n")
    assert "two columns named 'a': rename one" in _error(tmp_path, "a,a\n1,2\n3,4\n")


def test_names_for_all_columns_but_the_row_labels(tmp_path):
    message = _error(tmp_path, 'a,b,c\n"1",2,3,4\n"2",3,4,5\n')
    assert "line 1: the header has 3 names for 4 field(s) in most lines; name every column" in message
    assert "--skip-rows 1" in _error(tmp_path, "Rents, 2024\na,b,c\n1,2,3\n4,5,6\n")
    assert "line 2: 2 field(s) where the header has 4; mend or drop that line, or leave out" in _error(
        tmp_path, "Rents, of 2024, by town, in EUR\na,b\n1,2\n3,4\n"
    )
    assert "line 2: 3 field(s) where the first row has 2" in _error(tmp_path, "1,2\n1,2,3\n4,5,6\n")


def test_rows_of_empty_fields(tmp_path):
    assert "line 4: every field is empty; delete that line" in _error(tmp_path, "a,b,c\n1,2,3\n4,5,6\n,,\n,,\n")


def test_a_row_of_units_is_recognised(tmp_path):
    message = _error(tmp_path, "a,b,c\n[m],[s],-\n1,2,3\n4,5,6\n")
    assert "line 2 is no row of numbers: if it holds units, delete it; if line 2 names the columns, give" in message
    assert "delete it" not in _error(tmp_path, "a,b,c\n1,2,3\nx,y,z\n4,5,6\n")
    assert "delete it" not in _error(tmp_path, "a,b,c\nx,y,z\nx,y,z\n4,5,6\n")


# ---- Several columns at once ----


def test_several_columns_are_named_at_once(tmp_path):
    text = "a,b,c,d,e,f\n1,Rome,2,x,,9\n1,Oslo,NA,y,2,9\n1,2,3,z,4,inf\n"
    message = _error(tmp_path, text)
    for part in (
        "column 'b' holds text, first 'Rome' (line 2)",
        "column 'c' has a missing value ('NA') (line 3)",
        "column 'd' holds text, first 'x' (line 2)",
        "and 2 more",
        "--drop b --drop c --drop d --drop e",
    ):
        assert part in message
    assert "--drop f" not in message  # its row is to go


def test_many_columns_and_odd_names(tmp_path):
    head = ",".join(f"col {i}" for i in range(30))
    message = _error(tmp_path, f"{head}\n" + (",".join(["x1y"] * 29) + ",1\n") * 3)
    assert "and 26 more" in message
    assert "--drop 'col 0'" in message
    assert len(message) < 800


def test_columns_of_arrays_and_parquet_are_named_at_once(tmp_path):
    values = np.ones((4, 6))
    values[2, 1], values[3, 4], values[0, 5] = np.nan, np.inf, np.nan
    np.save(tmp_path / "data.npy", values)
    with pytest.raises(TableError, match=r"'x1' .*row 2.*'x4' .*infinite.*row 3.*'x5'.*--drop x1 --drop x5"):
        open_table(tmp_path / "data.npy").read(range(6))
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table({"a": ["x"], "b": [1.0], "c": [None], "d": [[1]], "e": ["y"]}), tmp_path / "data.parquet")
    with pytest.raises(TableError, match=r"'a' holds text.*'c' .*missing.*'d' holds list.*and 1 more"):
        open_table(tmp_path / "data.parquet").read(range(5))


@pytest.mark.parametrize("text", ["a,b,y,\n1,2,3,\n4,5,6,\n", "a,b,y\n1,2,3,\n4,5,6,\n"])
def test_a_delimiter_at_the_end_of_every_row(tmp_path, text):
    message = _error(tmp_path, text)
    assert "column 'x3' is empty; drop it (--drop x3)" in message
    np.testing.assert_array_equal(open_table(tmp_path / "data.csv").read([0, 1, 2]), [[1, 2, 3], [4, 5, 6]])


def test_options_of_text_are_for_text(tmp_path):
    np.save(tmp_path / "data.npy", np.ones((2, 2)))
    with pytest.raises(TableError, match="is no text"):
        open_table(tmp_path / "data.npy", Dialect.of(header=True))


def test_wide_headers(tmp_path):
    """Longer than what the delimiter is recognised by."""
    names = [f"measurement number {i}" for i in range(5000)]
    text = ",".join(names) + "\n" + (",".join(["1.5"] * 5000) + "\n") * 3
    table, values = _read(tmp_path, text)
    assert table.names == tuple(names)
    assert values.shape == (3, 5000)


def test_other_marks_are_read_to_the_bit(tmp_path):
    values = np.random.default_rng(0).standard_normal((200, 3)) * [1e-3, 1.0, 1e7]
    rows = [";".join(f"{value:,.12f}".translate({44: 46, 46: 44}) for value in row) for row in values.tolist()]
    wanted = [[float(f"{value:.12f}") for value in row] for row in values.tolist()]
    quoted = ['"' + row.replace(";", '";"') + '"' for row in rows]  # read row by row
    for lines in (rows, quoted, rows[:9] + quoted[9:]):
        _, read = _read(tmp_path, "a;b;c\n" + "\n".join(lines), decimal=",", thousands=".")
        np.testing.assert_array_equal(read, wanted)


def test_words_of_any_script_in_columns_that_are_not_asked_for(tmp_path):
    for options in ({}, {"decimal": ","}):
        (tmp_path / "data.csv").write_text("a;stadt\n1;Łódź π\n2;北京\n", encoding="utf-8")
        np.testing.assert_array_equal(open_table(tmp_path / "data.csv", Dialect.of(**options)).read([0]), [[1], [2]])

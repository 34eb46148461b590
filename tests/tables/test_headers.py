"""First lines that name the columns, that hold numbers, and those in doubt."""

import numpy as np
import pytest

from limbeck._tables.dialect import Dialect
from limbeck._tables.files import open_table


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("1,2\n3,4\n", None),
        ("a,b\n3,4\n", ("a", "b")),
        ("2019,rate\n3,4\n", ("2019", "rate")),  # text above a number, though another name looks like a number
        ("red,1\nblue,2\n", None),  # a column of text in a file without header
        ("NA,1\n3,4\n", None),  # a missing value is no name
        ("name,city\nAda,London\n", ("name", "city")),
        ("a,\n3,4\n", ("a", "x1")),  # pandas writes its index without a name
        ("-1e-3,inf\n3,4\n", None),
    ],
)
def test_header_detection(tmp_path, text, names, write):
    table = open_table(write(tmp_path, text))
    assert table.named is (names is not None)
    assert table.names == (names or ("x0", "x1"))


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
def test_a_first_line_of_numbers_unlike_the_rest_is_in_doubt(tmp_path, head, rows, text_error, read_text):
    message = text_error(tmp_path, _table(head, rows))
    assert "--header or --no-header" in message
    table, values = read_text(tmp_path, _table(head, rows), header=True)
    assert table.names == tuple(name or "x0" for name in head.split(","))
    np.testing.assert_array_equal(values, rows)
    if head[0] != ",":
        table, values = read_text(tmp_path, _table(head, rows), header=False)
        assert not table.named
        np.testing.assert_array_equal(values, [[float(x) for x in head.split(",")], *rows])


@pytest.mark.parametrize("rows", ["France,1.0,2.0\nPeru,3.0,4.0\n", "France,1,2\nPeru,3,4\n"])
def test_years_beside_a_name(tmp_path, rows, text_error):
    assert "--header" in text_error(tmp_path, "country,2019,2020\n" + rows)
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


def test_names_in_quotes_above_numbers_without(tmp_path, read_text):
    text = '"2","1"\n1,2\n2,1\n1,1\n'
    assert read_text(tmp_path, text)[0].names == ("2", "1")
    assert not read_text(tmp_path, text, header=False)[0].named
    assert not read_text(tmp_path, text.replace("\n1,2", '\n"1",2'))[0].named


def test_rows_of_a_survey_are_rows(tmp_path, read_text):
    """Whole numbers from 1 to 5 in three columns: 8 of 125 rows have equal steps; here the first is one of them."""
    rows = np.random.default_rng(0).integers(1, 6, (200, 3))
    assert not read_text(tmp_path, _table("1,2,3", rows))[0].named


def test_names_that_are_asked_for_make_a_header(tmp_path, text_error, read_text):
    text = _table("2019,2020,2021", _SERIES[:, :3])
    for asked in ({"columns": ["2021"]}, {"columns": ["2021", "2019"]}, {"names": ["2019", "2020"]}):
        assert read_text(tmp_path, text, **asked)[0].names == ("2019", "2020", "2021")
    assert "--header" in text_error(tmp_path, text, columns=["2"])
    assert "--header" in text_error(tmp_path, text, names=["2019", "2018"])
    counts = _table("0,1,2", _SERIES[:, :3])
    assert "--header" in text_error(tmp_path, counts, columns=["2"])  # an index as well
    assert read_text(tmp_path, counts, names=["0", "1"])[0].named  # a network's names are no indices

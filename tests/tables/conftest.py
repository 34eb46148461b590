"""Files of a table written, read back, and refused, as fixtures: test modules cannot import each other."""

import gzip

import pytest

from limbeck._tables.dialect import Dialect
from limbeck._tables.errors import TableError
from limbeck._tables.files import open_table


def shared(function):
    """A fixture of a function's name that gives the function: test modules cannot import each other."""
    return pytest.fixture(scope="session", name=function.__name__)(lambda: function)


def write(tmp_path, text, name="data.csv", encoding="utf-8"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
    return path


write_fixture = shared(write)


def csv_text(values, delimiter=",", header=None, end="\n"):
    lines = [delimiter.join(header)] if header else []
    return end.join([*lines, *(delimiter.join(repr(float(v)) for v in row) for row in values), ""])


csv_text_fixture = shared(csv_text)


def two_columns(*fields, delimiter=";", header="a;b"):
    """Text of a table whose first column holds the fields, and the second one zeros."""
    return "\n".join([header.replace(";", delimiter), *(delimiter.join([field, "0"]) for field in fields)]) + "\n"


two_columns_fixture = shared(two_columns)


def read_all(path):
    """The table of a file, and its numbers."""
    table = open_table(path)
    return table, table.read(range(len(table.names)))


read_all_fixture = shared(read_all)


def error_of(path, columns=None):
    """The one line by which a file is refused."""
    with pytest.raises(TableError) as caught:
        read_all(path) if columns is None else open_table(path).read(columns)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


error_of_fixture = shared(error_of)


def read_text(tmp_path, text, name="data.csv", written="utf-8", names=(), columns=(), **options):
    """The table of a text under the options of its dialect, and its numbers."""
    path = tmp_path / name
    content = text if isinstance(text, bytes) else text.encode(written)
    path.write_bytes(gzip.compress(content) if name.lower().endswith(".gz") else content)
    table = open_table(path, Dialect.of(**options), names=names, columns=columns)
    return table, table.read(range(len(table.names)))


read_text_fixture = shared(read_text)


def text_error(tmp_path, text, **options):
    """The one line by which a text is refused."""
    with pytest.raises(TableError) as caught:
        read_text(tmp_path, text, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert "data" in message
    return message


text_error_fixture = shared(text_error)

"""Options of text files and encodings."""

import gzip

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


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-16-le", "utf-16-be", "cp437"])
def test_encodings_that_are_told(tmp_path, encoding):
    content = "Größe,b\n1,2\n3,4\n".encode(encoding)
    assert "--encoding" in _text_error(tmp_path, content)
    assert _read_text(tmp_path, content, encoding=encoding)[0].names == ("Größe", "b")
    if not encoding.startswith("utf-16"):
        assert "is not ascii text" in _text_error(tmp_path, content, encoding="ascii")

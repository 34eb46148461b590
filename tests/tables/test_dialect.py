"""Options of text files and encodings."""

import pytest

from limbeck._tables.dialect import Dialect


def test_options_that_make_no_sense():
    for options, part in [
        ({"decimal": ".", "thousands": "."}, "one character cannot be both"),
        ({"delimiter": "::"}, "--delimiter is one character"),
        ({"delimiter": "1"}, "--delimiter is one character"),
        ({"delimiter": ""}, "--delimiter is one character"),
        ({"encoding": "klingon"}, "got 'klingon'"),
        ({"encoding": "base64"}, "got 'base64'"),
        ({"dates": "ymd"}, "--dates is dmy or mdy"),
    ]:
        with pytest.raises(ValueError, match=part):
            Dialect.of(**options)


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-16-le", "utf-16-be", "cp437"])
def test_encodings_that_are_told(tmp_path, encoding, text_error, read_text):
    content = "Größe,b\n1,2\n3,4\n".encode(encoding)
    if encoding == "cp437":
        assert "--encoding" in text_error(tmp_path, content)
    else:
        table, _ = read_text(tmp_path, content)
        assert table.names == ("Größe", "b")
        assert table.guesses == [f"{encoding.upper()} by its zero bytes" if "utf" in encoding else "cp1252"]
    assert read_text(tmp_path, content, encoding=encoding)[0].names == ("Größe", "b")
    if not encoding.startswith("utf-16"):
        assert "is not ascii text" in text_error(tmp_path, content, encoding="ascii")

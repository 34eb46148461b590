"""Encodings of text files that no mark names: UTF-8, UTF-16 told by its zero bytes, and cp1252 by trial."""

import codecs
import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

__all__ = ["MARKS", "Guess", "guessed_encoding", "open_bytes"]

Guess = tuple[str | None, str]  # encoding, None for UTF-8 or that of the mark; what is said of a guess

# Longer marks first, for the mark of UTF-32 begins with that of UTF-16.
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BLOCK = 1 << 16  # bytes looked at first, and at once
_FEW, _MANY = 0.02, 0.2  # parts of the bytes in odd or even places that are zero in UTF-16: names, digits and marks
_UTF8 = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}")
# Bytes that cp1252 leaves free or that no text holds, words of other alphabets in one byte a letter, and marks of
# cp1252 within a word, which are letters of other code pages.
_NOT_CP1252 = re.compile(
    rb"[\x81\x8d\x8f\x90\x9d\x00-\x08\x0e-\x1f]|[\x80-\xff]{4}|"
    rb"[A-Za-z\xc0-\xff][\x82-\x84\x86-\x89\x8b\x91\x93-\x95\x98\x9b\xa1-\xa9\xab-\xb3\xb6\xb8\xb9\xbb-\xbf][A-Za-z\xc0-\xff]"
)


def open_bytes(path: Path) -> BinaryIO:
    """Open a file, compressed or not, as bytes."""
    packed = path.suffix.lower() == ".gz"
    return cast("BinaryIO", gzip.open(path)) if packed else path.open("rb")


def guessed_encoding(path: Path, *, whole: bool = False) -> Guess:
    """Encoding of a text file without a mark, by its first bytes or, if these tell nothing, by all.

    Parameters
    ----------
    path : Path
    whole : bool
        Whether the beginning is known to be ASCII, and a later byte is not UTF-8.
    """
    with open_bytes(path) as file:
        start = file.read(_BLOCK)
    if any(start.startswith(mark) for mark, _ in MARKS):
        return None, ""
    if (wide := _utf16(start)) is not None:
        return wide, f"{wide.upper()} by its zero bytes"
    if not whole and _is_utf8(start):
        return None, ""
    if all(_UTF8.search(block) is None and _NOT_CP1252.search(block) is None for block in _blocks(path)):
        return "cp1252", "cp1252"
    return None, ""


def _utf16(start: bytes) -> str | None:
    """Name of the UTF-16 whose letters of the Latin alphabet have zeros where the text has them."""
    pairs = len(start) // 2
    if not pairs:
        return None
    even, odd = start[0::2].count(0) / pairs, start[1::2].count(0) / pairs
    if odd >= _MANY and even <= _FEW:
        return "utf-16-le"
    return "utf-16-be" if even >= _MANY and odd <= _FEW else None


def _is_utf8(start: bytes) -> bool:
    """Whether the beginning of a file is UTF-8; its last character may be cut."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return False
    return True


def _blocks(path: Path) -> Iterator[bytes]:
    with open_bytes(path) as file:
        yield from iter(lambda: file.read(_BLOCK), b"")

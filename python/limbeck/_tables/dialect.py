"""Dialects of text files as the user describes them, and opening of text in any encoding."""

import codecs
import gzip
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from limbeck._tables.number_text import NumberFormat

__all__ = ["BLANKS", "Dialect", "open_text", "tabbed"]

BLANKS = " "  # as a delimiter: any run of spaces and tabs
_DELIMITERS = {"tab": "\t", "\\t": "\t", "space": BLANKS, "blank": BLANKS, "comma": ",", "semicolon": ";", "pipe": "|"}
# Longer marks first, for the mark of UTF-32 begins with that of UTF-16.
_MARKS = [
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
]
# A quoted field, which is kept, or a run of blanks.
_FIELD = re.compile(r'("(?:[^"]|"")*")|[ \t]+')


@dataclass(frozen=True)
class Dialect:
    """Description of a text file by the user; None for what is to be recognised.

    Attributes
    ----------
    header : bool or None
        Whether the first line names the columns.
    delimiter : str or None
        One character; a blank stands for any run of spaces and tabs.
    numbers : NumberFormat
        Marks of decimals and thousands.
    encoding : str or None
    skip_rows : int
        Lines before the header or the first row.
    """

    header: bool | None = None
    delimiter: str | None = None
    numbers: NumberFormat = field(default_factory=NumberFormat)
    encoding: str | None = None
    skip_rows: int = 0

    @property
    def is_default(self) -> bool:
        """Whether everything is to be recognised."""
        return self == Dialect()

    @staticmethod
    def of(
        *,
        header: bool | None = None,
        delimiter: str | None = None,
        decimal: str | None = None,
        thousands: str | None = None,
        encoding: str | None = None,
        skip_rows: int = 0,
    ) -> "Dialect":
        """Dialect that the options describe.

        Raises
        ------
        ValueError
            An option has no meaning, or two of them contradict each other.
        """
        if delimiter is not None:
            delimiter = _DELIMITERS.get(delimiter.lower(), delimiter)
            if len(delimiter) != 1 or delimiter in '"\r\n\0' or delimiter.isalnum():
                raise ValueError(
                    f"--delimiter is one character that is no letter, digit or quotation mark, or tab or space; "
                    f"got {delimiter!r}"
                )
        if encoding is not None:
            try:
                encoding = codecs.lookup(encoding).name
                "".encode(encoding)  # refuses what is a codec of no text, such as base64
            except (LookupError, ValueError):
                raise ValueError(
                    f"--encoding is the name of an encoding, such as utf-16 or cp1252; got {encoding!r}"
                ) from None
        return Dialect(header, delimiter, NumberFormat.of(decimal, thousands), encoding, skip_rows)


def open_text(path: Path, encoding: str | None = None, *, newline: str | None = "") -> TextIO:
    """Open a text file, compressed or not, in the encoding of its byte order mark, else UTF-8.

    By default line ends are left as they are, as the csv module needs them.
    """
    packed = path.suffix.lower() == ".gz"
    raw = cast("BinaryIO", gzip.open(path)) if packed else path.open("rb")  # noqa: SIM115 (the caller closes it)
    try:
        start = raw.peek(4)[:4]  # type: ignore[attr-defined]
        marked = next((name for mark, name in _MARKS if start.startswith(mark)), None)
        if marked is not None and (encoding is None or encoding.startswith("utf")):
            encoding = marked
        return io.TextIOWrapper(raw, encoding=encoding or "utf-8", newline=newline)
    except BaseException:
        raw.close()
        raise


def tabbed(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines in which every run of blanks outside quotes is one tab."""
    for line in lines:
        yield _FIELD.sub(lambda found: found[1] or "\t", line.strip(" \t\r\n")) + "\n"

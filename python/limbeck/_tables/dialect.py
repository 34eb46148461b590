"""How a text file is written: what the user says of it, and how it is opened."""

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
# The longer first: the mark of UTF-16 begins that of UTF-32.
_MARKS = [
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
]
_FIELD = re.compile(r'("(?:[^"]|"")*")|[ \t]+')


@dataclass(frozen=True)
class Dialect:
    """What the user says of a text file; None where it is left to be recognised.

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
        """Whether the user has said nothing."""
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
        """What the options ask for.

        Raises
        ------
        ValueError
            An option makes no sense, or two do not go together.
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
    """Open a text file, compressed or not, in the encoding that its byte order mark tells, else UTF-8.

    Line ends are left as they are, which the csv module wants, unless told.
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
    """Lines whose runs of blanks, but for those in quotes, are one tab each."""
    for line in lines:
        yield _FIELD.sub(lambda found: found[1] or "\t", line.strip(" \t\r\n")) + "\n"

"""Dialects of text files as the user describes them, and opening of text in any encoding."""

import codecs
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TextIO

from limbeck._tables.date_text import ORDERS
from limbeck._tables.number_text import NumberFormat
from limbeck._tables.text_codec import MARKS, open_bytes

__all__ = ["BLANKS", "Dialect", "open_text", "tabbed"]

BLANKS = " "  # as a delimiter: any run of spaces and tabs
_DELIMITERS = {"tab": "\t", "\\t": "\t", "space": BLANKS, "blank": BLANKS, "comma": ",", "semicolon": ";", "pipe": "|"}
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
    skip_rows : int or None
        Lines before the header or the first row.
    units : bool or None
        Whether the line below the header holds units.
    dates : str or None
        Order of day and month: "dmy" or "mdy".
    missing : tuple of str
        What stands for a gap, beside empty fields, NA and the like.
    words : tuple of str
        Columns whose numbers, dates and truth values are words.
    """

    header: bool | None = None
    delimiter: str | None = None
    numbers: NumberFormat = field(default_factory=NumberFormat)
    encoding: str | None = None
    skip_rows: int | None = None
    units: bool | None = None
    dates: str | None = None
    missing: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    @property
    def is_default(self) -> bool:
        """Whether everything is to be recognised that only text leaves open."""
        return replace(self, missing=(), words=()) == Dialect()

    @staticmethod
    def of(
        *,
        header: bool | None = None,
        delimiter: str | None = None,
        decimal: str | None = None,
        thousands: str | None = None,
        encoding: str | None = None,
        skip_rows: int | None = None,
        units: bool | None = None,
        dates: str | None = None,
        missing: Sequence[str] = (),
        words: Sequence[str] = (),
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
        if dates is not None and dates not in ORDERS:
            raise ValueError(f"--dates is dmy or mdy, the order of day, month and year; got {dates!r}")
        numbers = NumberFormat.of(decimal, thousands)
        gaps = tuple(text.strip() for text in missing)
        return Dialect(header, delimiter, numbers, encoding, skip_rows, units, dates, gaps, tuple(words))


def open_text(path: Path, encoding: str | None = None, *, newline: str | None = "") -> TextIO:
    """Open a text file, compressed or not, in the encoding of its byte order mark, else UTF-8.

    By default line ends are left as they are, as the csv module needs them.
    """
    raw = open_bytes(path)
    try:
        start = raw.peek(4)[:4]  # type: ignore[attr-defined]
        marked = next((name for mark, name in MARKS if start.startswith(mark)), None)
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

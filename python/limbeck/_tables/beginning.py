"""Beginning of a text file: encoding, delimiter, lines above the table, and the first rows."""

import csv
import gzip
import itertools
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from limbeck._tables.dialect import BLANKS, Dialect, open_text, tabbed
from limbeck._tables.errors import TableError
from limbeck._tables.field_kinds import Number, field_kind, number_reader
from limbeck._tables.preamble import Record, preamble
from limbeck._tables.text_codec import guessed_encoding

__all__ = ["Beginning", "explained", "read_beginning", "records"]

# Delimiter and header are recognised from at least so many characters, and so many lines unless these are long.
_SAMPLE, _SAMPLE_LINES = 1 << 16, 200
_LONG, _LONG_LINES = 1 << 20, 4
_SEPARATOR = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)  # what Excel writes and obeys in a first line


@contextmanager
def explained(path: Path, encoding: str | None = None) -> Iterator[None]:
    """Turn what text, CSV and compressed files raise into TableError."""
    try:
        yield
    except UnicodeError as error:
        given = encoding or getattr(error, "encoding", "utf-8").upper()
        place = f" at byte {error.start}" if isinstance(error, UnicodeDecodeError) else ""
        reason = error.reason if isinstance(error, UnicodeDecodeError) else error
        raise TableError(
            f"{path} is not {given} text ({reason}{place}): give its --encoding (such as cp1252), or save it as UTF-8"
        ) from None
    except csv.Error as error:
        raise TableError(f"{path} is not CSV: {error}") from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise TableError(f"{path} is damaged ({error}): write it again") from None


def records(lines: Iterable[str], delimiter: str, first_line: int = 1) -> Iterator[Record]:
    """Yield the rows that are not blank, each with the line on which it begins."""
    if delimiter == BLANKS:
        lines, delimiter = tabbed(lines), "\t"
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    begins = first_line
    for row in reader:
        if row and not (len(row) == 1 and not row[0].strip()):
            yield begins, row
        begins = reader.line_num + first_line


@dataclass(frozen=True)
class Beginning:
    """First lines of a file after those skipped, and their rows; there is at least one.

    Attributes
    ----------
    lines : list of str
    skipped : int
        Lines before ``lines``.
    delimiter : str
    encoding : str or None
    rows : list of (line, fields)
        From the header or the first row on.
    names : list of str or None
        Names of the columns that a comment above the rows holds.
    guesses : list of str
        What was guessed.
    """

    lines: list[str]
    skipped: int
    delimiter: str
    encoding: str | None
    rows: list[Record]
    names: list[str] | None
    guesses: list[str]

    def has_quoted_names(self) -> bool:
        """Whether every field of the first row is in quotes and none of the next line, as some programs write names."""
        if len(self.rows) < 2:
            return False
        (line, first), (following, _) = self.rows[:2]
        lines = self.lines[line - self.skipped - 1 : following - self.skipped]
        return "".join(lines[:-1]).count('"') >= 2 * len(first) and '"' not in lines[-1]


def read_beginning(path: Path, dialect: Dialect) -> Beginning:
    """Read the first rows, by the delimiter of the dialect, of Excel's first line, or the one that is recognised.

    Raises
    ------
    TableError
        The file has no rows; it is not text, or not CSV.
    OSError
        It cannot be read.
    """
    encoding, guesses, number = dialect.encoding, list[str](), number_reader(dialect.numbers)
    with explained(path, encoding):
        if encoding is None:
            encoding, words = guessed_encoding(path)
            guesses += [words] if words else []
        with open_text(path, encoding) as file:
            lines, skipped = _first_lines(file, dialect.skip_rows or 0)
        if (text := "".join(lines[:5])).count("\0") * 3 > len(text):
            raise TableError(f"{path} is not UTF-8 text: it may be UTF-16, --encoding utf-16-le, or no text at all")
        delimiter = dialect.delimiter
        if skipped == (dialect.skip_rows or 0) and lines and (separator := _SEPARATOR.fullmatch(lines[0])):
            delimiter, skipped = delimiter or separator[1], skipped + 1
            del lines[0]
        if delimiter is None:
            delimiter = _delimiter(lines, path, number)
            guesses += ["blanks between fields"] if delimiter == BLANKS else []
        rows = list(records(lines, delimiter, skipped + 1))
    if not rows:
        raise TableError(f"{path} is empty" + (f" after the {skipped} line(s) skipped" if skipped else ""))
    above, names = (0, None) if dialect.skip_rows is not None else preamble(rows, number, header=dialect.header)
    if count := above - (names is not None):
        guesses.append(f"{count} line{'s' if count > 1 else ''} above the table left out")
    if names is not None:
        guesses.append(f"names of the columns in the comment of line {rows[above - 1][0]}")
    return Beginning(lines, skipped, delimiter, encoding, rows[above:], names, guesses)


def _first_lines(file: TextIO, skip_rows: int) -> tuple[list[str], int]:
    """First lines after those to be skipped, and the number of lines that were skipped."""
    skipped = sum(1 for _ in itertools.islice(file, skip_rows))
    lines, size = [], 0
    for line in file:
        lines.append(line)
        size += len(line)
        enough = _SAMPLE_LINES if size < _LONG else _LONG_LINES
        if size >= _SAMPLE and len(lines) >= enough:
            break
    return lines, skipped


def _delimiter(lines: list[str], path: Path, number: Number) -> str:
    """Delimiter that cuts most rows into equally many fields, more than one.

    Tab, semicolon and bar are tried before the comma, which is also a decimal mark; blanks only if no other is found
    or the comma cuts numbers, and between numbers alone unless the extension leaves the delimiter open.
    """
    loose = any(suffix.lower() in (".txt", ".dat") for suffix in path.suffixes[-2:])
    best, best_score = ",", 0
    for delimiter in ("\t", ";", "|", ","):
        score = _score(lines, delimiter)
        if score > best_score:
            best, best_score = delimiter, score
    if (not best_score and loose and _score(lines, BLANKS)) or (best == "," and _parts_numbers(lines, number)):
        return BLANKS
    return best


def _score(lines: list[str], delimiter: str) -> int:
    """Rows of the commonest length above one."""
    counts = Counter(len(row) for _, row in records(lines, delimiter))
    return max((count for fields, count in counts.items() if fields > 1), default=0)


def _parts_numbers(lines: list[str], number: Number) -> bool:
    """Whether blanks part every line into equally many numbers, but for a first one of names, and commas do not."""
    rows = [row for _, row in records(lines, BLANKS)][1:]
    if not rows or len(rows[0]) < 2 or any(len(row) != len(rows[0]) for row in rows):
        return False
    if not all(field_kind(field, number) in ("number", "gap") for row in rows for field in row):
        return False
    parted = [row for _, row in records(lines, ",")][1:]
    whole = not any("," in line for line in lines[1:])
    return whole or any(field_kind(field, number) == "text" for row in parted for field in row)

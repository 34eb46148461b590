"""Reading of delimited text: fast where all is plain numbers, and otherwise column by column, as each is written."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._tables.beginning import explained
from limbeck._tables.column_kinds import Fault, Reading, column_of_values, reading_of
from limbeck._tables.columns import Column, Columns
from limbeck._tables.date_text import date_order_in_doubt
from limbeck._tables.dialect import open_text
from limbeck._tables.errors import ColumnsError, Problem, infinite_value, missing_value, shortened
from limbeck._tables.layout import Layout
from limbeck._tables.number_choice import chosen_style, decimal_mark
from limbeck._tables.number_style import Style, mark_words
from limbeck._tables.number_text import NumberFormat, is_missing, plain_number, text_problem
from limbeck._tables.plain_numbers import doubtful_points, load_plain
from limbeck._tables.text_codec import guessed_encoding
from limbeck._tables.text_columns import Texts, data_rows, read_texts
from limbeck._tables.words import moment_of

__all__ = ["read_numbers", "read_text_columns"]


@dataclass(frozen=True)
class _Wanted:
    """Columns that have to be numbers or dates, and whether they must have no gaps and no infinite values."""

    numbers: frozenset[int] = frozenset()
    finite: bool = False


def read_text_columns(layout: Layout, columns: Sequence[int], numbers: Sequence[int] = ()) -> Columns:
    """Read columns of any kind; the other columns may hold anything, and ``numbers`` no words.

    Raises
    ------
    TableError
        A row is of another length; numbers, or dates, can be read in two ways, are faulty in few rows, or infinite.
    """
    with explained(layout.path, layout.encoding):
        return _decoded(layout, columns, _Wanted(frozenset(numbers)))


def read_numbers(layout: Layout, columns: Sequence[int]) -> Float64Array:
    """Read finite numbers from the given columns; the other columns may hold anything.

    Raises
    ------
    TableError
        Text, a missing or infinite value, or a row of another length, named with its line; or numbers that can be read
        in two ways.
    """
    with explained(layout.path, layout.encoding):
        table = _decoded(layout, columns, _Wanted(frozenset(columns), finite=True))
    return np.column_stack([column.values for column in table.items]) if columns else np.empty((len(table), 0))


def _decoded(layout: Layout, columns: Sequence[int], wanted: _Wanted) -> Columns:
    """Columns of a file of which only the beginning may be known to be UTF-8."""
    try:
        return _read(layout, columns, wanted)
    except UnicodeError:
        encoding, words = (None, "") if layout.encoding else guessed_encoding(layout.path, whole=True)
        if encoding is None:
            raise
        if words not in layout.guesses:
            layout.guesses.append(words)
        return _read(replace(layout, encoding=encoding), columns, wanted)


def _read(layout: Layout, columns: Sequence[int], wanted: _Wanted) -> Columns:
    """Columns as the file's text tells them; of numbers alone if they are wanted."""
    found = None if layout.dialect.words or layout.dialect.missing else _read_fast(layout, columns)
    if found is None:
        return _read_carefully(layout, columns).table(wanted)
    values, doubtful, marks = found
    if marks == {","}:
        _add(layout.guesses, ["decimal comma"])
    plain = {j: values[:, k] for k, j in enumerate(columns) if j not in doubtful}
    texts = read_texts(layout, doubtful, texts=doubtful) if doubtful else {}
    readings = {j: _texts(layout, j, one) for j, one in texts.items()}
    return _Choices(layout, columns, plain, readings, marks, {}).table(wanted)


def _read_fast(layout: Layout, columns: Sequence[int]) -> tuple[Float64Array, list[int], set[str]] | None:
    """Numbers with decimal points, or with decimal commas, columns in doubt, and the mark that others show.

    None where the numbers are written otherwise, and where nothing but numbers in doubt has commas.
    """
    for mark in (".", ",") if not layout.numbers.settled and layout.delimiter != "," else (".",):
        numbers = layout.numbers if mark == "." else NumberFormat(mark)
        try:
            values = load_plain(layout, columns, numbers)
        except UnicodeError:
            raise
        except ValueError:  # row by row, the line can be named, and odd forms of numbers can be read
            continue
        if not np.isfinite(values).all():
            continue
        doubtful, decimals = doubtful_points(layout, list(zip(columns, values.T, strict=True)), mark)
        if mark == "." or decimals:
            return values, doubtful, {mark} if decimals else set()
    return None


def _read_carefully(layout: Layout, columns: Sequence[int]) -> "_Choices":
    """Columns read row by row."""
    numbers = layout.numbers
    wanted = [j for j in columns if not numbers.plain or layout.names[j] in layout.dialect.words]
    found = read_texts(layout, columns, texts=wanted)
    plain = {j: _with_gaps(layout, texts.values) for j, texts in found.items() if texts.plain}
    doubtful, decimals = doubtful_points(layout, list(plain.items()))
    if doubtful:
        found.update(read_texts(layout, doubtful, texts=doubtful))
    texts = {j: _texts(layout, j, one) for j, one in found.items() if not one.plain}
    plain = {j: values for j, values in plain.items() if j not in texts}
    return _Choices(layout, columns, plain, texts, {"."} if decimals else set(), {})


def _texts(layout: Layout, column: int, found: Texts) -> Reading:
    """Reading of a column of text, in which what the user has named is a gap."""
    gaps, values = set(layout.dialect.missing), _gap_values(layout)
    words = ["" if word in gaps or (values and plain_number(word) in values) else word for word in found.words]
    return reading_of(layout.names[column], found.codes, words, layout.dialect)


def _gap_values(layout: Layout) -> set[float]:
    """Numbers that the user has named as gaps."""
    return {value for text in layout.dialect.missing if (value := plain_number(text)) is not None}


def _with_gaps(layout: Layout, values: Float64Array) -> Float64Array:
    """Numbers with gaps where they are those that the user has named."""
    if layout.dialect.missing:
        values[np.isin(values, list(_gap_values(layout)))] = np.nan
    return values


# ---- Choices among readings ----


@dataclass
class _Choices:
    """Columns that are read, some of which can be read in several ways.

    Attributes
    ----------
    layout : Layout
    columns : sequence of int
    plain : dict
        Numbers (n,) of columns in Python's form.
    texts : dict
        Readings of the other columns.
    marks : set of str
        Marks of decimals that columns without doubt show.
    readers : dict
        From the text of a column of numbers to its number.
    """

    layout: Layout
    columns: Sequence[int]
    plain: dict[int, Float64Array]
    texts: dict[int, Reading]
    marks: set[str]
    readers: dict[int, Style]

    def table(self, wanted: _Wanted) -> Columns:
        """Make the table, with numbers where they are wanted.

        Raises
        ------
        ColumnsError
            It cannot be made.
        """
        found = {j: Column(self.layout.names[j], "number", values) for j, values in self.plain.items()}
        faults = dict[int, Fault]()
        self._choose_numbers(found, faults)
        self._choose_dates(found, faults)
        for j, reading in self.texts.items():
            if reading.fault is not None and not wanted.finite:
                faults[j] = reading.fault
            elif (
                not wanted.finite
                and j in wanted.numbers
                and reading.column is not None
                and reading.column.kind == "words"
            ):
                faults[j] = _word_fault(reading, self.layout)
            elif reading.column is not None:
                found[j] = reading.column
        self._check(found, faults, wanted)
        return Columns(tuple(found[j] for j in self.columns), self.layout.named)

    def _choose_numbers(self, found: dict[int, Column], faults: dict[int, Fault]) -> None:
        """Columns of numbers in the style that the others do not contradict."""
        guesses, units = list[str](), dict[str, list[str]]()
        of_numbers = {j: reading for j, reading in self.texts.items() if reading.styles}
        for reading in of_numbers.values():
            if len(reading.styles) == 1 and (mark := decimal_mark(reading.styles[0], reading.bodies)):
                self.marks.add(mark)
        for j, reading in of_numbers.items():
            choice = chosen_style(reading, self.marks, self.layout.delimiter)
            _add(self.layout.hints, [choice.hint] if choice.hint else [])
            if choice.style is None:
                faults[j] = choice.fault or Fault("", lambda place: Problem("", "", ""))
                continue
            self.readers[j] = choice.style
            found[j] = column_of_values(reading, choice.style.all_numbers(reading.present) or [], "number")
            guesses += [] if self.layout.numbers.settled else mark_words(choice.style.numbers, reading.bodies)
            if choice.style.unit:
                units.setdefault(choice.style.unit, []).append(reading.name)
        _add(self.layout.guesses, guesses)
        _add(self.layout.guesses, [f"{unit} removed from {_few(names)}" for unit, names in units.items()])

    def _choose_dates(self, found: dict[int, Column], faults: dict[int, Fault]) -> None:
        """Columns of dates in the order of day and month that the others do not contradict."""
        of_dates = {j: reading for j, reading in self.texts.items() if reading.dates}
        orders = {reading.dates[0].order for reading in of_dates.values() if len(reading.dates) == 1} - {""}
        for j, reading in of_dates.items():
            dates = reading.dates
            if len(dates) > 1:
                dates = [one for one in dates if {one.order} == orders] or dates
            if len(dates) > 1:
                faults[j] = _date_fault(reading)
                continue
            moments = [dates[0].read(text) for text in reading.present]
            column = column_of_values(reading, [np.nan if one is None else one for one in moments], "date")
            midnight = not np.nan_to_num(column.values % 86_400).any()
            found[j] = column if midnight else replace(column, kind="datetime")
            if self.layout.dialect.dates is None and dates[0].words:
                _add(self.layout.guesses, [dates[0].words])

    def _check(self, found: dict[int, Column], faults: dict[int, Fault], wanted: _Wanted) -> None:
        """Raise ColumnsError for faults, for infinite values, and for what is no number where numbers are wanted."""
        bad = [j for j, column in found.items() if column.kind == "number" and np.isinf(column.values).any()]
        if wanted.finite:
            bad = [j for j, c in found.items() if not (c.kind in ("number", "boolean") and np.isfinite(c.values).all())]
        if not bad and not faults:
            return
        problems = _problems(self, bad, faults)
        raise ColumnsError(self.layout.path, [problems[j] for j in self.columns if j in problems])


def _few(names: Sequence[str]) -> str:
    """Names of columns for a line of guesses."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(shortened(name, quoted=False) for name in names[:3]) + more


def _add(lines: list[str], new: Iterable[str]) -> None:
    """Add what is not said yet."""
    lines += [line for line in dict.fromkeys(new) if line not in lines]


def _word_fault(reading: Reading, layout: Layout) -> Fault:
    """Fault of words where numbers, or dates, are wanted."""
    good = (plain_number, moment_of)
    text = next((text for text in reading.present if all(one(text) is None for one in good)), reading.words[0])
    return Fault(text, lambda place: text_problem(reading.name, text, place, layout.numbers))


def _date_fault(reading: Reading) -> Fault:
    """Fault of dates whose day and month cannot be told apart."""
    text = next(text for text in reading.present if date_order_in_doubt(reading.dates, [text]))
    what = f"holds dates such as {shortened(text)}, of which day and month cannot be told apart"
    advice = "say --dates dmy or --dates mdy"
    return Fault(text, lambda place: Problem(reading.name, what, advice, place, droppable=False))


# ---- Problems and their lines ----


def _problems(choices: _Choices, bad: Sequence[int], faults: dict[int, Fault]) -> dict[int, Problem]:
    """Problems of columns by index, each with the line of the first field that shows it."""
    layout, problems, empty, rows = choices.layout, dict[int, Problem](), dict.fromkeys(bad, 0), 0
    numbers = {j: _reader(choices, j) for j in bad}
    with open_text(layout.path, layout.encoding) as file:
        for line, row in data_rows(layout, file):
            rows += 1
            for j, fault in faults.items():
                if j not in problems and row[j].strip() == fault.text:
                    problems[j] = fault.problem(f"line {line}")
            for j in bad:
                value = numbers[j].number(row[j])
                if value is not None and np.isfinite(value):
                    continue
                empty[j] += not row[j].strip()
                if j not in problems:
                    problems[j] = _problem(layout, line, j, row[j], value)
    for j in bad:
        if empty[j] == rows > 1:
            problems[j] = Problem(layout.names[j], "is empty", "drop it")
    return {**{j: fault.problem("") for j, fault in faults.items()}, **problems}


def _reader(choices: _Choices, column: int) -> Style:
    """Style by which the fields of a column are checked one by one."""
    return choices.readers.get(column, Style(choices.layout.numbers))


def _problem(layout: Layout, line: int, column: int, text: str, number: float | None) -> Problem:
    """Problem of a column whose field is missing, infinite or text."""
    name, place = layout.names[column], f"line {line}"
    if is_missing(text):
        return missing_value(name, place, f" ({text.strip()!r})" if text.strip() else "")
    if number is not None:
        return infinite_value(name, place, shortened(text.strip()))
    return text_problem(name, text, place, layout.numbers)

"""Random tables in random dialects: what is read is what was written, or the file is refused with an option."""

import random
import re
from datetime import date, timedelta

import numpy as np
import pytest

from limbeck._tables.errors import TableError
from limbeck._tables.files import open_table

GAPS = ["", "NA", "n/a", "-", "NULL", "?", "#N/A"]
UNITS = ["%", " €", "$", " kg", "km/h"]
TOWNS = ["Rome", "Oslo", "São Paulo", "Köln", "New York"]
FORMS = ["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%b-%Y"]
GROUPED = re.compile(r"\$?-?\d{1,3}\.\d{3}\D*")
HELP = [
    "--decimal",
    "--thousands",
    "--dates",
    "--header",
    "--words",
    "--missing",
    "--skip-rows",
    "--drop",
    "write ",
    "mend ",
]


def written_number(value, digits, decimal, thousands):
    text = f"{value:,.{digits}f}" if thousands else f"{value:.{digits}f}"
    return text.translate(str.maketrans({",": thousands, ".": decimal}))


def number_column(rng, n, decimal, thousands, gaps):
    """Fields, and the numbers that they stand for; None for gaps."""
    digits, size = rng.choice([0, 0, 1, 2, 2, 3]), rng.choice([1, 50, 900, 5000, 2e6])
    values = [round(rng.uniform(-size if rng.random() < 0.3 else 0, size), digits) for _ in range(n)]
    unit = rng.choice(UNITS) if rng.random() < 0.25 else ""
    gap = rng.choice(gaps)
    fields, truth = [], []
    for value in values:
        if rng.random() < 0.1:
            fields.append(gap)
            truth.append(None)
            continue
        text = written_number(value, digits, decimal, thousands)
        fields.append(f"${text}" if unit == "$" else text + unit)
        truth.append(float(f"{value:.{digits}f}"))
    return fields, truth


def other_column(rng, n, form):
    """Fields of dates, words or truth values, and what they stand for."""
    kind = rng.choice(["date", "words", "truth"])
    if kind == "date":
        first = date(2000, 1, 1)
        days = [first + timedelta(days=rng.randrange(rng.choice([5, 40, 4000]))) for _ in range(n)]
        return [day.strftime(form) for day in days], [(day - date(1970, 1, 1)).days * 86400.0 for day in days]
    if kind == "truth":
        flags = [rng.random() < 0.5 for _ in range(n)]
        return [rng.choice([str(flag), str(flag).upper()]) for flag in flags], [float(flag) for flag in flags]
    words = [rng.choice(TOWNS) for _ in range(n)]
    return words, words


def random_file(seed):
    """Bytes of a file, and the columns that it holds."""
    rng = random.Random(seed)
    n = rng.choice([3, 8, 30])
    decimal, thousands = rng.choice([(".", ""), (".", ","), (",", ""), (",", "."), (".", " "), (",", " "), (".", "'")])
    count, others, form = rng.choice([1, 2, 3]), rng.choice([0, 0, 1, 2]), rng.choice(FORMS)
    gaps = GAPS if count + others > 1 else GAPS[1:]  # a row of one empty field is a blank line
    columns = {f"c{k}": number_column(rng, n, decimal, thousands, gaps) for k in range(count)}
    columns.update({f"d{k}": other_column(rng, n, form) for k in range(others)})
    delimiter = rng.choice([";", "\t", "|", ","])
    quoted = delimiter in (decimal, thousands) or rng.random() < 0.1
    end = delimiter if rng.random() < 0.15 else ""
    lines = []
    if rng.random() < 0.15 and len(columns) > 1:
        lines.append(rng.choice(["# made by hand", "Table of all towns"]))
    lines.append(delimiter.join(columns) + end)
    if rng.random() < 0.1:
        lines.append(delimiter.join("[m]" if name[0] == "c" else "-" for name in columns) + end)
    rows = zip(*(fields for fields, _ in columns.values()), strict=True)
    lines += [delimiter.join(f'"{field}"' if quoted else field for field in row) + end for row in rows]
    lines += [delimiter * (len(columns) - 1) + end] * rng.choice([0, 0, 0, 2])
    text = rng.choice(["\n", "\r\n"]).join(lines) + "\n"
    try:
        return text.encode(rng.choice(["utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])), columns
    except UnicodeEncodeError:
        return text.encode(), columns


def content_of(column):
    if column.kind == "words":
        return [None if code < 0 else column.levels[code] for code in column.values.tolist()]
    return [None if np.isnan(value) else value for value in column.values.tolist()]


def check(path, seed):
    """Whether the file was read; it must be right then."""
    content, columns = random_file(seed)
    path.write_bytes(content)
    try:
        table = open_table(path)
        found = table.read_columns(range(len(table.names)))
    except TableError as error:
        message = str(error)
        assert "\n" not in message
        assert any(option in message for option in HELP), (seed, message)
        return False
    assert table.names == tuple(columns), (seed, table.names)
    for column in found.items:
        truth = columns[column.name][1]
        if all(value is None for value in truth):
            continue
        told = any(f"'{column.name}'" in hint and "--thousands ." in hint for hint in table.hints)
        three = all(GROUPED.fullmatch(field) for field, value in zip(*columns[column.name], strict=True) if value)
        if not (told or three):  # three digits behind every point are decimals
            assert content_of(column) == truth, (seed, column.name, table.guesses)
    return True


def test_random_files_are_read_right_or_refused(tmp_path):
    read = sum(check(tmp_path / "data.csv", seed) for seed in range(150))
    assert read > 100  # most are not in doubt


@pytest.mark.slow
def test_many_random_files_are_read_right_or_refused(tmp_path):
    read = sum(check(tmp_path / "data.csv", seed) for seed in range(150, 20_000))
    assert read > 13_000

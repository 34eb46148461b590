"""Files as people have them, each with its known truth: read right, or refused with what helps; never wrong in silence.

Every case is a dialect; what is read is compared to the bit, and what is guessed must be said.
"""

import gzip
from datetime import UTC, datetime

import numpy as np
import pytest

from limbeck._tables.dialect import Dialect
from limbeck._tables.errors import TableError
from limbeck._tables.files import open_table

GAP = None


def day(*parts):
    """Seconds of a date, and of a time where it is given."""
    return datetime(*parts, tzinfo=UTC).timestamp()


RENT, AREA = [1299.99, 952.5, 1146.0, 780.25, 2001.0, 640.75], [75.5, 48.0, 61.25, 39.0, 120.5, 33.0]
TOWN = ["Köln", "Bonn", "Köln", "Essen", "Bonn", "Köln"]


def rows(*columns, delimiter=",", header="rent,area", end="\n"):
    head = [header.replace(",", delimiter)] if header else []
    return end.join([*head, *(delimiter.join(row) for row in zip(*columns, strict=True))]) + end


def point(values, digits=2):
    return [f"{value:.{digits}f}" for value in values]


def comma(values, digits=2):
    return [f"{value:.{digits}f}".replace(".", ",") for value in values]


def english(values, digits=2):
    return [f"{value:,.{digits}f}" for value in values]


def german(values, digits=2):
    return [text.translate(str.maketrans(",.", ".,")) for text in english(values, digits)]


def quoted(texts):
    return [f'"{text}"' for text in texts]


PLAIN = {"rent": RENT, "area": AREA}
WHOLE = [1146, 952, 2001, 780, 1300, 640]
DATES = [(2020, 1, 31), (2020, 2, 29), (2021, 12, 5), (2019, 7, 4), (2020, 10, 10), (2021, 6, 30)]
DAYS = {"day": [day(*d) for d in DATES], "rent": RENT}
EARLY = [(2020, 1, 5), (2020, 2, 6), (2020, 3, 7), (2020, 4, 8), (2020, 5, 9), (2020, 6, 10)]  # no day tells


def dated(form, dates=DATES, delimiter=";"):
    return rows([datetime(*d).strftime(form) for d in dates], point(RENT), header="day,rent", delimiter=delimiter)


def gaps(*spellings):
    """Numbers in which the first fields are gaps."""
    return rows([*spellings, *point(RENT[len(spellings) :])], point(AREA))


def gaps_truth(count):
    return {"rent": [GAP] * count + RENT[count:], "area": AREA}


TOWNS = {"town": TOWN, "rent": RENT}
BOTH = rows(point(RENT), point(AREA))

# Name, content, options, and the columns that are right with a part of what is said of the guesses.
READ = {
    "semicolons and decimal commas": (rows(comma(RENT), comma(AREA), delimiter=";"), {}, PLAIN, "decimal comma"),
    "decimal commas and thousands points": (
        rows(german(RENT), german(AREA), delimiter=";"),
        {},
        PLAIN,
        "thousands point",
    ),
    "quoted decimal commas between commas": (
        rows(quoted(comma(RENT)), quoted(comma(AREA))),
        {},
        PLAIN,
        "decimal comma",
    ),
    "quoted thousands commas": (rows(quoted(english(RENT)), point(AREA)), {}, PLAIN, "thousands comma"),
    "thousands commas between tabs": (rows(english(RENT), point(AREA), delimiter="\t"), {}, PLAIN, "thousands comma"),
    "whole numbers with commas, decimals beside them": (
        rows(english(WHOLE, 0), point(AREA), delimiter=";"),
        {},
        {"rent": WHOLE, "area": AREA},
        "thousands comma",
    ),
    "whole numbers with points, decimal commas beside them": (
        rows(german(WHOLE, 0), comma(AREA), delimiter=";"),
        {},
        {"rent": WHOLE, "area": AREA},
        "thousands point",
    ),
    "thousands blanks": (
        rows([t.replace(",", " ") for t in english(RENT)], point(AREA)),
        {},
        PLAIN,
        "thousands blank",
    ),
    "narrow blanks and decimal commas": (
        rows([t.replace(".", "\N{NARROW NO-BREAK SPACE}") for t in german(RENT)], comma(AREA), delimiter=";"),
        {},
        PLAIN,
        "thousands blank",
    ),
    "apostrophes": (rows([t.replace(",", "'") for t in english(RENT)], point(AREA)), {}, PLAIN, "thousands apostrophe"),
    "dollars in front": (rows([f'"${t}"' for t in english(RENT)], point(AREA)), {}, PLAIN, "$ removed from rent"),
    "euros behind": (
        rows([f"{t} €" for t in german(RENT)], comma(AREA), delimiter=";"),
        {},
        PLAIN,
        "€ removed from rent",
    ),
    "codes of currencies": (rows([f"EUR {t}" for t in point(RENT)], point(AREA)), {}, PLAIN, "EUR removed from rent"),
    "minus before and behind the currency": (
        rows(["-$5", "$-6", "$7", "$0", "0", "$9"], point(AREA)),
        {},
        {"rent": [-5, -6, 7, 0, 0, 9], "area": AREA},
        "$",
    ),
    "percent signs": (
        rows([f"{t}%" for t in point(AREA)], point(RENT), header="area,rent"),
        {},
        PLAIN,
        "% removed from area",
    ),
    "percent signs after a blank and a comma": (
        rows([f"{t} %" for t in comma(AREA)], comma(RENT), header="area,rent", delimiter=";"),
        {},
        PLAIN,
        "% removed",
    ),
    "square metres": (rows(point(RENT), [f"{t} m²" for t in point(AREA)]), {}, PLAIN, "m² removed from area"),
    "kilometres per hour": (rows(point(RENT), [f"{t}km/h" for t in point(AREA)]), {}, PLAIN, "km/h removed"),
    "True and False": (
        rows(["True", "False", "True", "False", "False", "True"], point(AREA), header="lift,area"),
        {},
        {"lift": [1, 0, 1, 0, 0, 1], "area": AREA},
        "",
    ),
    "TRUE, FALSE and NA, as R writes them": (
        rows(["TRUE", "FALSE", "NA", "FALSE", "FALSE", "TRUE"], point(AREA), header='"lift","area"'),
        {},
        {"lift": [1, 0, GAP, 0, 0, 1], "area": AREA},
        "",
    ),
    "words": (rows(TOWN, point(RENT), header="town,rent"), {}, TOWNS, ""),
    "words with commas and quotes in them": (
        rows(quoted(["a, b", 'say ""no""', "a, b", "c;d", "e|f", "a, b"]), point(RENT), header="town,rent"),
        {},
        {"town": ["a, b", 'say "no"', "a, b", "c;d", "e|f", "a, b"], "rent": RENT},
        "",
    ),
    "ISO dates": (dated("%Y-%m-%d", delimiter=","), {}, DAYS, ""),
    "ISO dates with times": (
        rows([datetime(*d, 13, 45).isoformat() for d in DATES], point(RENT), header="day,rent"),
        {},
        {"day": [day(*d, 13, 45) for d in DATES], "rent": RENT},
        "",
    ),
    "dates with points": (dated("%d.%m.%Y"), {}, DAYS, "day before month"),
    "American dates": (dated("%m/%d/%Y", delimiter=","), {}, DAYS, "month before day"),
    "British dates": (dated("%d/%m/%Y", delimiter=","), {}, DAYS, "day before month"),
    "names of months": (dated("%d-%b-%Y", delimiter=","), {}, DAYS, ""),
    "American dates with times": (
        rows([datetime(*d, 14, 30).strftime("%m/%d/%Y %I:%M %p") for d in DATES], point(RENT), header="day,rent"),
        {},
        {"day": [day(*d, 14, 30) for d in DATES], "rent": RENT},
        "month before day",
    ),
    "dates in doubt, settled by an option": (
        dated("%d/%m/%Y", EARLY),
        {"dates": "dmy"},
        {"day": [day(*d) for d in EARLY], "rent": RENT},
        "",
    ),
    "months": (
        rows(["2020-01", "2020-02", "2020-12", "2021-01", "2021-02", "2021-03"], point(RENT), header="day,rent"),
        {},
        {
            "day": [day(2020, 1, 1), day(2020, 2, 1), day(2020, 12, 1), *(day(2021, m, 1) for m in (1, 2, 3))],
            "rent": RENT,
        },
        "",
    ),
    "quarters": (
        rows(["2020Q1", "2020Q2", "2020Q3", "2020Q4", "2021Q1", "2021Q2"], point(RENT), header="day,rent"),
        {},
        {
            "day": [
                day(2020, 1, 1),
                day(2020, 4, 1),
                day(2020, 7, 1),
                day(2020, 10, 1),
                day(2021, 1, 1),
                day(2021, 4, 1),
            ],
            "rent": RENT,
        },
        "",
    ),
    "times of the day": (
        rows(["08:30", "09:00", "23:59", "00:00", "12:15", "08:30"], point(RENT), header="at,rent"),
        {},
        {"at": [30600, 32400, 86340, 0, 44100, 30600], "rent": RENT},
        "",
    ),
    "empty cells": (gaps("", "", ""), {}, gaps_truth(3), ""),
    "spellings of NA": (gaps("NA", "n/a", "#N/A", "NULL", "-"), {}, gaps_truth(5), ""),
    "more spellings of NA": (gaps("nan", "None", ".", "#DIV/0!", "missing"), {}, gaps_truth(5), ""),
    "a word for a gap that is told": (gaps("unknown", "unknown"), {"missing": ["unknown"]}, gaps_truth(2), ""),
    "a number for a gap that is told": (gaps("-999", "-999.0"), {"missing": ["-999"]}, gaps_truth(2), ""),
    "gaps among words": (
        rows(["Köln", "", "NA", "Essen", "Bonn", "Köln"], point(RENT), header="town,rent"),
        {},
        {"town": ["Köln", GAP, GAP, "Essen", "Bonn", "Köln"], "rent": RENT},
        "",
    ),
    "a line of units": (BOTH.replace("\n", "\nEUR,m²\n", 1), {}, PLAIN, "line 2 as units"),
    "a line of units in brackets": (BOTH.replace("\n", "\n[EUR],[m2]\n", 1), {}, PLAIN, "line 2 as units"),
    "a line of units that is told": (BOTH.replace("\n", "\nper month,living\n", 1), {"units": True}, PLAIN, ""),
    "a title": (
        "Rents of 2024\n" + rows(RENT_AREA := point(RENT), point(AREA), TOWN, header="rent,area,town"),
        {},
        {**PLAIN, "town": TOWN},
        "1 line above the table left out",
    ),
    "a title padded by a spreadsheet": (
        "Rents of 2024,,\n,,\n" + rows(RENT_AREA, point(AREA), TOWN, header="rent,area,town"),
        {},
        {**PLAIN, "town": TOWN},
        "2 lines above the table left out",
    ),
    "comments": ("# exported 2024\n# by me, for you\n" + BOTH, {}, PLAIN, "2 lines above the table left out"),
    "names in a comment": (BOTH.replace("rent", "# rent", 1), {}, PLAIN, "comment of line 1"),
    "Excel's first line": ("sep=;\n" + rows(comma(RENT), comma(AREA), delimiter=";"), {}, PLAIN, "decimal comma"),
    "bars": (rows(point(RENT), point(AREA), delimiter="|"), {}, PLAIN, ""),
    "blanks": (rows(point(RENT), point(AREA), delimiter="   "), {}, PLAIN, "blanks between fields"),
    "blanks and decimal commas": (rows(comma(RENT), comma(AREA), delimiter="  "), {}, PLAIN, "decimal comma"),
    "delimiters at the end of rows": (BOTH.replace("\n", ",\n"), {}, PLAIN, "at the end of each row"),
    "delimiters at the end of rows but the header's": (
        BOTH.replace("\n", ",\n").replace(",\n", "\n", 1),
        {},
        PLAIN,
        "at the end of each row",
    ),
    "empty columns and rows of a spreadsheet": (BOTH.replace("\n", ",,,\n") + ",,,,\n,,,,\n", {}, PLAIN, "left out"),
    "a header of years": (
        rows(["5.5", "6.25", "7.125"], ["8.5", "9.5", "1.5"], header="2019,2020"),
        {"header": True},
        {"2019": [5.5, 6.25, 7.125], "2020": [8.5, 9.5, 1.5]},
        "",
    ),
    "labels of the rows without a name": (
        "\n".join(['"rent","area"', *(f'"{i + 1}",{r},{a}' for i, (r, a) in enumerate(zip(RENT, AREA, strict=True)))]),
        {},
        PLAIN,
        "labels of the rows",
    ),
    "names that stand twice": (
        rows(point(RENT), point(AREA), header="rent,rent"),
        {},
        {"rent": RENT, "rent (2)": AREA},
        "'rent (2)'",
    ),
    "numbers taken for words": (
        rows(["50667", "53111", "50667", "45127", "53111", "50667"], point(RENT), header="town,rent"),
        {"words": ["town"]},
        {"town": ["50667", "53111", "50667", "45127", "53111", "50667"], "rent": RENT},
        "",
    ),
    "line ends of old Macintoshes": (rows(point(RENT), point(AREA), end="\r"), {}, PLAIN, ""),
    "signs of typesetting": (
        rows(["\N{MINUS SIGN}5.5", "\N{EN DASH}6", "7", "8", "9", "1"], point(AREA)),
        {},
        {"rent": [-5.5, -6, 7, 8, 9, 1], "area": AREA},
        "",
    ),
    "labels beside years, asked for": (
        rows(["Peru", "Mali"], ["5.5", "6.5"], header="land,2019"),
        {"header": True},
        {"land": ["Peru", "Mali"]},
        "",
    ),
}
ENCODED = {
    "UTF-8 with a mark": ("utf-8-sig", "x.csv", ""),
    "UTF-16 with a mark": ("utf-16", "x.csv", ""),
    "UTF-16 without a mark": ("utf-16-le", "x.txt", "UTF-16-LE by its zero bytes"),
    "UTF-16 of the other order": ("utf-16-be", "x.txt", "UTF-16-BE by its zero bytes"),
    "cp1252": ("cp1252", "x.csv", "cp1252"),
    "compressed cp1252": ("cp1252", "x.csv.gz", "cp1252"),
    "compressed UTF-8": ("utf-8", "x.dat.gz", ""),
}
# Name, content, and the parts of the refusal.
REFUSED = {
    "whole numbers with a point and without": (
        rows(["952", "1.146", "780"], ["1", "2", "3"], delimiter=";"),
        ["line 3", "'rent'", "--decimal . or --thousands ."],
    ),
    "whole numbers with a comma and without": (
        rows(["952", "1,146", "780"], ["1", "2", "3"], delimiter=";"),
        ["line 3", "'rent'", "--thousands ,", "--decimal ,"],
    ),
    "three digits behind every comma": (
        rows(["1,146", "2,331", "1,250"], ["1", "2", "3"], delimiter=";"),
        ["line 2", "'rent'", "--thousands ,", "--decimal ,"],
    ),
    "dates in doubt": (dated("%d/%m/%Y", EARLY), ["line 2", "'day'", "--dates dmy or --dates mdy"]),
    "dates in doubt with points": (dated("%d.%m.%Y", EARLY), ["line 2", "'day'", "--dates dmy or --dates mdy"]),
    "dates that contradict each other": (
        rows(["31/01/2020", "01/31/2020", "30/01/2020", "29/01/2020"], ["1", "2", "3", "4"], header="day,y"),
        ["'day'", "different forms", "--words day"],
    ),
    "numbers with a word among them": (
        rows([*point(RENT[:5]), "many", *point(RENT[5:])], ["1"] * 7),
        ["line 7", "'rent'", "'many'", "--missing many"],
    ),
    "marks that contradict each other": (
        rows(["1.299,99", "7,457.07", "952.50", "1,5"], ["1", "2", "3", "4"], delimiter=";"),
        ["'rent'", "different forms"],
    ),
    "two forms of few numbers": (rows(["1.5", '"1,5"'] * 9, ["1"] * 18), ["'rent'", "'1.5' and '1,5'", "--words rent"]),
    "two forms of few dates": (
        rows(["31/01/2020", "01/31/2020"] * 9, ["1"] * 18, header="day,y"),
        ["'day'", "different forms", "--words day"],
    ),
    "two currencies": (
        rows(["$5.50", "€6.50", "$7.50", "$8.50"], ["1", "2", "3", "4"]),
        ["line 3", "'rent'", "'€6.50'", "--words rent"],
    ),
    "millions beside thousands": (
        rows(["1.5k", "2M", "3k", "4k"], ["1", "2", "3", "4"]),
        ["'rent'", "'2M'", "--words rent"],
    ),
    "a sign behind": (rows(["5.5-", "6.5", "7.5", "8.5-", "9"], ["1"] * 5), ["line 2", "'rent'", "'5.5-'"]),
    "numbers in brackets": (rows(["(5.5)", "6.5", "7.5", "8.5", "9"], ["1"] * 5), ["line 2", "'rent'", "'(5.5)'"]),
    "infinity": (rows(["5.5", "inf", "7.5"], ["1"] * 3), ["line 3", "'rent'", "infinite", "--missing inf"]),
    "a header of years in doubt": (
        rows(["5.5", "6.25"], ["8.5", "9.5"], header="2019,2020"),
        ["--header or --no-header"],
    ),
    "names below a title of as many parts": (
        rows(point(RENT), point(AREA), header="Rents, of 2024\nrent,area"),
        ["line 2", "--skip-rows 1"],
    ),
    "a line of words below the header": (BOTH.replace("\n", "\nper month,living\n", 1), ["line 2", "--units"]),
    "a longer row": (BOTH + "1,2,3\n", ["line 8", "3 field(s)"]),
    "a shorter row": (BOTH + "1\n", ["line 8", "1 field(s)"]),
    "a note beyond the last column": (
        "rent,area,\n" + "1,2,\n" * 30_000 + "1,2,note\n",
        ["line 30002", "3 field(s)"],
    ),
    "Cyrillic of one byte": ("город,rent\n".encode("cp1251") + b"1,2\n3,4\n", ["--encoding"]),
    "a word of another code page": ("Größe,rent\n1,2\n3,4\n".encode("cp437"), ["--encoding"]),
    "bytes of UTF-8 and others": ("Köln,".encode() + "Bönn\n1,2\n".encode("cp1252"), ["--encoding"]),
}


def content_of(column):
    if column.kind == "words":
        return [GAP if code < 0 else column.levels[code] for code in column.values.tolist()]
    return [GAP if np.isnan(value) else value for value in column.values.tolist()]


def read(path, **options):
    table = open_table(path, Dialect.of(**options))
    found = table.read_columns(range(len(table.names)))
    return table, {column.name: content_of(column) for column in found.items}


def test_there_are_sixty_and_more():
    assert len(READ) + len(ENCODED) + len(REFUSED) >= 60


@pytest.mark.parametrize("name", READ)
def test_files_that_are_read(tmp_path, name):
    text, options, truth, guess = READ[name]
    (tmp_path / "data.csv").write_text(text, encoding="utf-8", newline="")
    table, found = read(tmp_path / "data.csv", **options)
    assert {column: found[column] for column in truth} == truth
    assert len(table.names) - len(truth) == (name.startswith("labels"))
    guesses = ", ".join(table.guesses)
    assert guess in guesses
    assert bool(guess) == bool(guesses)


@pytest.mark.parametrize("name", ENCODED)
def test_encodings_that_are_read(tmp_path, name):
    encoding, file, guess = ENCODED[name]
    content = rows(TOWN, point(RENT), header="Städte,rent").encode(encoding)
    (tmp_path / file).write_bytes(gzip.compress(content) if file.endswith(".gz") else content)
    table, found = read(tmp_path / file)
    assert found == {"Städte": TOWN, "rent": RENT}
    assert ", ".join(table.guesses) == guess


@pytest.mark.parametrize("name", REFUSED)
def test_files_that_are_refused(tmp_path, name):
    content, parts = REFUSED[name]
    (tmp_path / "data.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(TableError) as caught:
        read(tmp_path / "data.csv")
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize("code", [-999, -9999, 9999, 99999])
def test_numbers_that_may_stand_for_gaps_are_named(tmp_path, code):
    text = rows([str(code), *point(RENT[1:])], point([30, 31, 32, 33, 34, code]))
    (tmp_path / "data.csv").write_text(text, encoding="utf-8")
    table, found = read(tmp_path / "data.csv")
    assert found["area"] == [30, 31, 32, 33, 34, code]
    said = [line for line in table.warnings if "'area'" in line]
    assert len(said) == 1
    assert f"holds {code} in 1 row, far from all its other numbers" in said[0]
    assert f"--missing {code}" in said[0]
    table, found = read(tmp_path / "data.csv", missing=[str(code)])
    assert table.warnings == []
    assert found == {"rent": [GAP, *RENT[1:]], "area": [30, 31, 32, 33, 34, GAP]}


@pytest.mark.parametrize("word", ["Total", "Grand total", "SUMME:", "Average"])
def test_a_last_row_that_sums_up_the_others_is_named(tmp_path, word):
    (tmp_path / "data.csv").write_text(
        rows([*TOWN, word], [*point(RENT), "9999"], header="town,rent"), encoding="utf-8"
    )
    table, _ = read(tmp_path / "data.csv")
    assert any(f"the last row has {word!r} in column 'town'" in line for line in table.warnings)
    (tmp_path / "data.csv").write_text(rows([word, *TOWN], [*point(RENT), "1"], header="town,rent"), encoding="utf-8")
    assert read(tmp_path / "data.csv")[0].warnings == []


def test_numbers_near_the_others_are_values(tmp_path):
    (tmp_path / "data.csv").write_text(rows([f"{i}" for i in (1, 500, 999, 9999, 7000, 4000)], point(AREA)))
    assert read(tmp_path / "data.csv")[0].warnings == []

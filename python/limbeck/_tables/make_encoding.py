"""Decision what becomes of each column of a table, by the counts and the sample of its rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck._base.arrays import Float64Array
from limbeck._base.warnings import warn
from limbeck._tables.column_encodings import ColumnEncoding, LeftOut, Numbers, Times
from limbeck._tables.columns import Column, Columns
from limbeck._tables.encoding import Encoding
from limbeck._tables.encoding_settings import ENCODING, EncodingSettings
from limbeck._tables.number_text import is_missing
from limbeck._tables.survey import ColumnCounts, TableSurvey
from limbeck._tables.times import part_of
from limbeck._tables.unread_text import numbers_or_dates_in
from limbeck._tables.word_encodings import Ranks, Words
from limbeck._tables.words import converted, order_of_all, require_no_faults

__all__ = ["encoding_of", "made_encoding"]

# What programs and people call columns of row numbers and identifiers.
_IDENTIFIERS = re.compile(
    r"|unnamed[: _]*\d*|rownames?|row[._ ]names?|((row|obs|case|record|sample|line|subject|person|patient|customer|"
    r"passenger|user|order)[ _.-]*)?(id|ids|index|idx)|(row|obs|case|record|line)[ _.-]*(no|nr|num|number)",
    re.IGNORECASE,
)
_NEGATIVE = frozenset({"no", "none", "never"})  # what others are compared with: "US is Yes" reads better than "is No"
_FEWEST_IDENTIFIERS = 5  # rows: fewer whole numbers that differ say nothing
_DURATIONS = (31_556_952.0, 86_400.0, 3600.0, 60.0, 1.0)
_ROWS_PER_LEVEL = 20  # of a small table, for each row that a word must have: of 50 rows a word needs two


def made_encoding(table: Columns, settings: EncodingSettings = ENCODING) -> Encoding:
    """Make the encoding of a table in memory."""
    return encoding_of(TableSurvey(settings).take(table))


def encoding_of(survey: TableSurvey) -> Encoding:
    """Make the encoding of a table of which there are counts and a sample.

    Raises
    ------
    ValueError
        A column holds numbers and, in a few rows, something else; or numbers in some parts and words in others.
    """
    maker = _Maker(survey)
    columns = [maker.column(j) for j in range(len(survey.names))]
    return Encoding(tuple(columns), survey.named)


@dataclass
class _Typed:
    """Sample of a column of numbers or times: kind, values with NaN for gaps, number of gaps in all rows, zone."""

    kind: str
    values: Float64Array
    gaps: int
    zone: str = ""


class _Maker:
    """Decides what becomes of each column; the gaps of columns with the same gaps are a feature once."""

    def __init__(self, survey: TableSurvey) -> None:
        self._survey, self._settings, self._n = survey, survey.settings, survey.n_rows
        self._patterns: set[bytes] = set()

    def column(self, j: int) -> ColumnEncoding:
        """What becomes of a column."""
        name, counts = self._survey.names[j], self._survey.counts[j]
        kinds = counts.kinds
        if not kinds:
            return LeftOut(name, "no values")
        if "unknown" in kinds:
            return LeftOut(name, counts.what)
        if counts.orders:
            return self._ranks(name, counts, j)
        typed = self._typed(name, counts, j)
        if typed is None:
            return self._words(name, counts, j)
        if typed.kind in ("date", "datetime"):
            return self._times(name, typed)
        if (
            counts.what != "kept"
            and self._survey.named
            and typed.kind == "number"
            and _are_identifiers(name, typed.values)
        ):
            return LeftOut(name, "row numbers or identifiers, each another one")
        return self._numbers(name, typed)

    def _typed(self, name: str, counts: ColumnCounts, j: int) -> _Typed | None:
        """Sample as numbers or times; None for words."""
        sample, kinds = self._survey.sample[j], set(counts.kinds)
        texts = "words" in kinds
        kinds.discard("words")
        kind = _common_kind(kinds)
        if kind is None and (kinds or not counts.possible):
            if kinds:
                raise ValueError(f"column {name!r} holds {_written(counts.kinds)} in different rows")
            return None
        if texts and kind == "date" and "datetime" in counts.possible:
            kind = "datetime"  # which reads dates alone as midnight
        if texts and kind is not None and kind not in counts.possible:
            raise ValueError(f"column {name!r} holds words in some rows and {kind}s in others: give it one type")
        kind = kind or counts.possible[0]
        read, gaps = _read_sample(name, sample, kind), counts.gaps
        zones = counts.zones | ({read.zone} if texts and kind in ("date", "datetime") else set())
        if len(zones) > 1:
            shown = " and ".join(sorted(zone or "none" for zone in zones))
            raise ValueError(f"column {name!r} holds dates of several time zones, {shown}: give it one")
        values = np.asarray(read.values, dtype=np.float64)
        if texts and counts.words is not None:
            gaps += sum(count for word, count in counts.words.items() if is_missing(word))
        return _Typed(kind, values, gaps, max(zones, default="")) if not np.isnan(values).all() else None

    # ---- Numbers and times ----

    def _numbers(self, name: str, typed: _Typed) -> ColumnEncoding:
        known = typed.values[~np.isnan(typed.values)]
        if not len(known):
            return LeftOut(name, "no values")
        if typed.kind == "boolean":
            return Numbers(name, float(known.mean() > 0.5), self._flag(typed), is_boolean=True)
        if typed.kind == "time":
            return Numbers(name, float(np.median(known)) / 3600, self._flag(typed), hours=True)
        if typed.kind == "duration":
            size = float(np.quantile(np.abs(known), 0.9))
            unit = next((unit for unit in _DURATIONS if size >= unit), 1.0)
            return Numbers(name, float(np.median(known)) / unit, self._flag(typed), duration=unit)
        return Numbers(name, float(np.median(known)), self._flag(typed))

    def _times(self, name: str, typed: _Typed) -> ColumnEncoding:
        settings = self._settings
        known = typed.values[~np.isnan(typed.values)]
        low, high = float(known.min()), float(known.max())
        span = high - low
        has_flag = self._flag(typed)
        if not span and not has_flag:
            return LeftOut(name, "always the same")
        unit = "years" if span >= settings.years_from else "days" if span >= settings.days_from else "hours"
        parts = [part for part in ("month", "weekday", "hour") if self._comes_back(part, known, span)]
        gap = float(np.sort(known)[len(known) // 2])
        origin = float(np.floor(low / 86_400) * 86_400)
        return Times(name, typed.kind, unit, origin, tuple(parts), gap, has_flag, typed.zone)

    def _comes_back(self, part: str, seconds: Float64Array, span: float) -> bool:
        """Whether the dates span enough for a part to come back, and have several values of it."""
        settings = self._settings
        least = {"month": settings.months_from, "weekday": settings.weekdays_from, "hour": settings.hours_from}[part]
        if span < least or len(np.unique(part_of(part, seconds))) < 2:
            return False
        # Of dates that all are the first of a month, or of a year, the weekday is an accident.
        return part != "weekday" or not bool((_days_of_month(seconds) == 1).all())

    def _flag(self, typed: _Typed) -> bool:
        """Whether the gaps of a column are worth a feature of their own that no column before has."""
        least = self._rows_of(self._settings.rows_of_gaps)
        if not least <= typed.gaps <= self._n - least:
            return False
        return self._is_new(np.isnan(typed.values))

    def _is_new(self, missing: NDArray[np.bool_]) -> bool:
        pattern = np.packbits(missing).tobytes()
        if not missing.any():  # the few gaps of many rows may all lie outside the sample: they may be any
            return True
        if pattern in self._patterns:
            return False
        self._patterns.add(pattern)
        return True

    def _rows_of(self, most: int) -> int:
        """Rows that a feature of its own needs: fewer in small tables, and two at least."""
        return int(np.clip(self._n // _ROWS_PER_LEVEL, 2, most))

    # ---- Words ----

    def _ranks(self, name: str, counts: ColumnCounts, j: int) -> ColumnEncoding:
        levels = order_of_all(counts.orders)
        if levels is None:
            shown = " and ".join(", ".join(order) for order in sorted(counts.orders)[:2])
            raise ValueError(f"column {name!r} has categories in several orders in different rows: {shown}")
        place = {word: i for i, word in enumerate(levels)}
        ranks = np.array([place.get(word, np.nan) if word is not None else np.nan for word in self._survey.sample[j]])
        if strangers := [word for word in counts.words or () if word not in place]:
            known = ", ".join(levels)
            raise ValueError(
                f"column {name!r} has the ordered categories {known} in some rows, {strangers[0]!r} in others"
            )
        if np.isnan(ranks).all():
            return LeftOut(name, "no values")
        has_flag = self._flag(_Typed("rank", ranks, counts.gaps))
        if np.ptp(ranks[~np.isnan(ranks)]) == 0 and not has_flag:
            return LeftOut(name, "always the same")
        return Ranks(name, levels, float(np.nanmedian(ranks)), has_flag)

    def _words(self, name: str, counts: ColumnCounts, j: int) -> ColumnEncoding:
        settings = self._settings
        rows = self._n - counts.gaps
        if counts.what != "words" and (found := numbers_or_dates_in(filter(None, self._survey.sample[j]))):
            warn(f"column {name!r} is no column of numbers, but holds {found}", UserWarning)
        if counts.words is None:
            return LeftOut(name, f"names or texts: more than {settings.most_words:,} different ones")
        if counts.what != "words":
            require_no_faults(name, counts.words)
        least = self._rows_of(settings.rows_of_level)
        frequent = sorted(counts.words, key=lambda word: (-counts.words[word], word))[: settings.most_levels]  # type: ignore[index]
        levels = [word for word in frequent if counts.words[word] >= least]
        pooled = rows - sum(counts.words[word] for word in levels)
        if len(counts.words) > 1 and pooled > settings.largest_part_pooled * rows:
            return LeftOut(name, f"names: {len(counts.words):,} different ones in {rows:,} rows")
        missing = np.array([word is None for word in self._survey.sample[j]])
        has_missing = counts.gaps >= self._rows_of(settings.rows_of_gaps) and self._is_new(missing)
        sizes = [counts.words[word] for word in levels]
        if has_other := pooled >= least:
            sizes.append(pooled)
        if has_missing:
            sizes.append(counts.gaps)
        if len(sizes) < 2:
            return LeftOut(name, _sameness(levels, len(counts.words), counts.gaps))
        reference = next((i for i, word in enumerate(levels) if word.lower() in _NEGATIVE), None)
        if reference is None:
            reference = int(np.argmax(sizes[: len(levels)] or sizes))
        shares = tuple(size / self._n for size in sizes)
        return Words(name, tuple(levels), has_other, has_missing, reference, shares)


def _written(kinds: set[str]) -> str:
    """Kinds of columns for a message: dates and numbers."""
    plurals = {"words": "words", "boolean": "true and false"}
    return " and ".join(plurals.get(kind, f"{kind}s") for kind in sorted(kinds))


def _sameness(levels: Sequence[str], n_words: int, gaps: int) -> str:
    """Why words tell nothing: all are one, or all but a few."""
    if n_words > 1 and levels:
        return f"almost always {levels[0]!r}"
    return "always the same, where there is a value" if gaps else "always the same"


def _days_of_month(seconds: Float64Array) -> NDArray[np.int64]:
    """Day of the month, from 1."""
    moments = np.floor(seconds).astype("datetime64[s]")
    days = moments.astype("datetime64[D]") - moments.astype("datetime64[M]").astype("datetime64[D]")
    return np.asarray(days.astype(np.int64) + 1)


def _common_kind(kinds: set[str]) -> str | None:
    """The one kind of parts of several kinds; None where there is none."""
    if len(kinds) == 1:
        return next(iter(kinds))
    for pair in ({"boolean", "number"}, {"date", "datetime"}):
        if kinds == pair:
            return max(pair)
    return None


def _read_sample(name: str, sample: NDArray[Any], kind: str) -> Column:
    """Column of a sample of numbers, seconds and words."""
    if not any(isinstance(value, str) for value in sample):
        return Column(name, kind, np.asarray(sample, dtype=np.float64))  # None becomes NaN
    words = [value if isinstance(value, str) else "" for value in sample]
    texts = sorted(set(words))
    codes = {text: i for i, text in enumerate(texts)}
    column = Column(name, "words", np.array([codes[word] for word in words], dtype=np.intp), tuple(texts))
    read = converted(column, kind)
    numbers = np.array([np.nan if isinstance(value, str) or value is None else float(value) for value in sample])
    return replace(read, values=np.where(np.isnan(numbers), read.values, numbers))


def _are_identifiers(name: str, values: Float64Array) -> bool:
    """Whether a column is called like row numbers or identifiers, and its whole numbers are all different."""
    values = values[~np.isnan(values)]
    return (
        _IDENTIFIERS.fullmatch(name.strip()) is not None
        and len(values) >= _FEWEST_IDENTIFIERS
        and bool((values == np.floor(values)).all())
        and len(np.unique(values)) == len(values)
    )

"""Words that are numbers, truth values, dates or times of the day."""

import numpy as np
import pytest

from limbeck._tables.words import column_of_words, possible_kinds


def _column(*words):
    levels = sorted({word for word in words if word is not None})
    return column_of_words("a", np.array([-1 if w is None else levels.index(w) for w in words]), levels)


@pytest.mark.parametrize(
    ("words", "kind", "values"),
    [
        (["1.5", " 2 ", "-3e1", None], "number", [1.5, 2, -30, np.nan]),
        (["1", "NA", "?", "n/a", "", "-", "none", "2"], "number", [1, *[np.nan] * 6, 2]),
        (["True", "false", "TRUE"], "boolean", [1, 0, 1]),
        (["1970-01-02", "1970/1/3", "NA"], "date", [86_400, 172_800, np.nan]),
        (["1970-01-01T00:01:00", "1970-01-01 02:00", "1970-01-02"], "datetime", [60, 7200, 86_400]),
        (["1970-01-01 00:00:01.5Z", "1970-01-01 01:00+02:00"], "datetime", [1.5, -3600]),  # one moment, one number
        (["00:30", "23:59:59"], "time", [1800, 86_399]),
        (["NA", "", "?"], "words", [-1, -1, -1]),
    ],
)
def test_what_words_stand_for(words, kind, values):
    column = _column(*words)
    assert column.kind == kind
    np.testing.assert_array_equal(column.values, values)


@pytest.mark.parametrize("words", [["1", "2", "b"], ["2020-13-01", "2020-01-01"], ["25:00", "01:00"], ["1_000", "2"]])
def test_words_of_which_some_stand_for_nothing_else_are_words(words):
    assert _column(*words).kind == "words"


def test_words_are_in_the_order_of_the_alphabet_and_gaps_are_none():
    column = _column("v", " u", None, "NA", "none", "v ")
    assert column.levels == ("none", "u", "v")
    assert column.values.tolist() == [2, 1, -1, -1, 0, 2]


def test_numbers_with_a_few_faults_are_refused():
    words = [str(i) for i in range(40)]
    with pytest.raises(ValueError, match=r"column 'a' holds numbers in 39 rows and in 1 something else, '12,5'"):
        _column(*words[:-1], "12,5")
    assert _column(*words[:30], *["none"] * 10).kind == "number"  # a word for a gap
    assert _column(*words[:20], *[f"x{i}" for i in range(20)]).kind == "words"  # no fault but a habit


def test_kinds_of_several_parts_are_those_that_all_can_be():
    assert possible_kinds(["1", "2"]) == ("number",)
    assert possible_kinds(["2020-01-01"]) == ("date", "datetime")
    assert possible_kinds(["x"]) == ()

"""Tables of plain text."""

import pytest

from limbeck._base.text_table import text_table


def test_columns_are_as_wide_as_their_widest_cell():
    assert text_table([["name", "risk"], ["a", "0.25"], ["longer", "12"]]) == [
        "name    risk",
        "a       0.25",
        "longer    12",
    ]


def test_a_rule_follows_the_header_and_no_line_ends_in_spaces():
    assert text_table([["i", "note"], ["10", ""]], left=(1,), ruled=True) == [" i  note", "--  ----", "10"]


def test_rows_of_other_lengths_are_refused():
    with pytest.raises(ValueError, match="zip"):
        text_table([["a", "b"], ["1"]])

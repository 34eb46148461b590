"""Numbers and dates that a table in memory holds as text: told, not taken for words in silence."""

import numpy as np
import pandas as pd
import pytest

import limbeck
from limbeck._tables.unread_text import numbers_or_dates_in

_NUMBERS = [f"{i},{i % 7}" for i in range(12)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (_NUMBERS, "numbers written as '0,0': read them as numbers, with pandas by read_csv(decimal=',')"),
        (
            [f"{i}.{i % 7}00,5" for i in range(1, 13)],
            "numbers written as '1.100,5': read them as numbers, with pandas ",
        ),
        ([f"{i},000.50" for i in range(1, 13)], "numbers written as '1,000.50': read them as numbers, with"),
        ([f"{i},03{i % 10}" for i in range(1, 13)], "numbers written as '1,031': read them as numbers, and tell which"),
        ([f"{i} kg" for i in range(12)], "numbers written as '0 kg': take 'kg' away"),
        ([f"{i:02d}.07.2023" for i in range(1, 29)], "dates written as '01.07.2023': read them as dates, with"),
        ([f"Q{i % 4 + 1} {2000 + i}" for i in range(12)], "dates written as 'Q1 2000': read them as dates"),
        ([*(f"B{i}" for i in range(20)), *map(str, range(12))], ""),
        ([*map(str, range(12)), "high", "low"], "numbers, as '0', and other words, as 'high': make gaps"),
        (_NUMBERS[:5], ""),  # few: they may be codes
        ([f"street {i}" for i in range(50)], ""),
        ([*(f"street {i}" for i in range(50)), *map(str, range(9))], ""),
        (["NA", "", "?"], ""),
    ],
)
def test_what_words_are_said_to_be(words, said):
    found = numbers_or_dates_in(words)
    assert found.startswith(said)
    assert bool(found) == bool(said)


def test_a_table_of_such_columns_warns_by_name_and_labels_are_refused():
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 30, 100).round(1)
    frame = pd.DataFrame({"temp": [str(v).replace(".", ",") for v in x], "town": rng.choice(["a", "b"], 100)})
    with pytest.warns(UserWarning, match="column 'temp' is no column of numbers, but holds numbers written as"):
        limbeck.learn(frame, x, 0)
    with pytest.raises(TypeError, match="y must hold real numbers, holds numbers written as"):
        limbeck.learn(frame[["town"]], frame["temp"], 0)

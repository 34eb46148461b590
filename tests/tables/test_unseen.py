"""What is said of rows to predict that hold what the rows learned from did not."""

import numpy as np
import pandas as pd

from limbeck._tables.frame_columns import columns_of
from limbeck._tables.make_encoding import made_encoding
from limbeck._tables.unseen import unseen_values


def test_words_and_gaps_that_something_stands_in_for():
    n = 200
    learned = pd.DataFrame(
        {
            "town": np.resize(["Kiel", "Ulm"], n),
            "soil": np.resize(["clay"] * 20 + ["loam"] * 19 + ["peat"], n),
            "size": pd.Categorical(np.resize(["S", "M", "L"], n), ["S", "M", "L"], ordered=True),
            "area": np.arange(n) / 7,
            "temp": np.where(np.arange(n) % 5, np.arange(n) % 11, np.nan),
            "when": pd.date_range("2020-01-01", periods=n),
        }
    )
    encoding = made_encoding(columns_of(learned))
    same = columns_of(learned)
    assert unseen_values(encoding, same) == []
    new = learned.iloc[:6].astype({"size": str, "town": object})
    new.loc[[0, 1], "town"] = ["Bonn", None]
    new.loc[2, "soil"] = "sand"
    new.loc[3, "size"] = "XL"
    new.loc[[3, 4], "area"] = np.nan
    new.loc[:, "temp"] = np.nan
    new.loc[5, "when"] = pd.NaT
    assert unseen_values(encoding, columns_of(new)) == [
        "column 'town': 'Bonn' in 1 row counts as the average of all rows and 1 row without a value counts as the "
        "average of all rows",
        "column 'soil': 'sand' in 1 row counts as the average of all rows",
        "column 'size': 'XL' in 1 row counts as M",
        "column 'area': 2 rows without a value count as 14.2143",
        "column 'when': 1 row without a value counts as 2020-04-10",
    ]

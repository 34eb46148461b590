"""Random tables of mixed types: the result, the file it is saved in and the command predict the same bits."""

import datetime
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import limbeck
from limbeck.cli import main

KINDS = ["normal", "integer", "words", "boolean", "moment", "rank", "digits", "date", "many words"]


def _column(kind, rng, n):
    gap = rng.random(n) < rng.choice([0, 0.02, 0.2])
    if kind == "normal":
        return pd.Series(rng.normal(size=n) * 10.0 ** rng.integers(-3, 4)).mask(gap)
    if kind == "integer":
        return pd.Series(rng.integers(0, 9, n)).astype("Int64").mask(gap)
    if kind == "words":
        return pd.Series(rng.choice(["a", "b c", 'd"', "e,f"], n, p=[0.5, 0.3, 0.15, 0.05])).mask(gap)
    if kind == "boolean":
        return pd.Series(rng.random(n) < 0.4).astype("boolean").mask(gap)
    if kind == "moment":
        seconds = rng.integers(0, 10 ** rng.integers(3, 9), n)
        return pd.Series(pd.Timestamp("2000-01-01") + pd.to_timedelta(seconds, "s")).mask(gap)
    if kind == "rank":
        codes = rng.integers(0, 3, n)
        return pd.Series(pd.Categorical.from_codes(codes, ["low", "middle", "high"], ordered=True)).mask(gap)
    if kind == "digits":
        return pd.Series([str(round(value, 2)) for value in rng.normal(size=n)], dtype=object).mask(gap)
    if kind == "date":
        days = [datetime.date(2001, 1, 1) + datetime.timedelta(days=int(k)) for k in rng.integers(0, 900, n)]
        return pd.Series(days, dtype=object).mask(gap, None)
    return pd.Series([f"w{k}" for k in rng.integers(0, rng.choice([3, 30]), n)]).mask(gap)


def _frame(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(40, 160))
    kinds = rng.choice(KINDS, rng.integers(1, 6))
    frame = pd.DataFrame({f"c{j}": _column(kind, rng, n) for j, kind in enumerate(kinds)})
    return frame.assign(anchor=rng.normal(size=n)), rng.normal(size=n)


def _check(seed, folder, capsys):
    frame, y = _frame(seed)
    found = limbeck.learn(frame, y, seed % 3, validation=0)
    wanted = found.predict(frame)
    assert np.isfinite(wanted).all()
    path = folder / "network.json"
    found.save(path)
    read = limbeck.load(path)
    other = frame[frame.columns[::-1]].assign(more="x")
    for table in (frame, other, pl.from_pandas(other), pa.Table.from_pandas(other)):
        np.testing.assert_array_equal(read.predict(table), wanted)
    new = frame.astype(object)
    for name, column in zip(frame.columns, found.encoding.columns, strict=True):
        new.loc[2, name] = None
        if column.kind in ("words", "ranks"):
            new.loc[3, name] = "never seen"
    changed = read.predict(new)
    assert np.isfinite(changed).all()
    np.testing.assert_array_equal(found.predict(new), changed)
    for table, values in ((other, wanted), (new, changed)):
        table.to_csv(folder / "rows.csv", index=False)
        assert main(["predict", str(path), str(folder / "rows.csv")]) == 0
        printed = capsys.readouterr().out.split()[1:]
        np.testing.assert_array_equal([float(value) for value in printed], values)


@pytest.mark.parametrize("seed", range(4))
def test_some_tables(seed, tmp_path, capsys):
    _check(seed, tmp_path, capsys)


@pytest.mark.slow
def test_five_hundred_tables(tmp_path, capsys):
    with warnings.catch_warnings():
        for seed in range(500):
            _check(seed, tmp_path, capsys)

"""Queries that look like the rows of a table."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import limbeck


def _rents(table):
    assert list(table.columns if not isinstance(table, pa.Table) else table.column_names) == ["rooms", "age"]
    rooms, age = (np.asarray(table[name], dtype=float) for name in ("rooms", "age"))
    return 500 + 90 * np.maximum(rooms - 4, 0) - 2 * age


@pytest.fixture
def flats():
    rng = np.random.default_rng(0)
    return pd.DataFrame({"rooms": rng.normal(4, 1.5, 300), "age": rng.normal(50, 20, 300)})


@pytest.mark.parametrize("make", [lambda f: f, pl.from_pandas, pa.Table.from_pandas], ids=["pandas", "polars", "arrow"])
def test_a_model_of_a_frame_is_asked_with_frames_and_found_in_its_units(flats, make):
    found = limbeck.distill(_rents, like=make(flats), n_queries=2000)
    assert found.stopped == "tolerance"
    assert found.feature_names == ("rooms", "age")
    np.testing.assert_allclose(found.predict(flats[["age", "rooms"]]), _rents(flats), rtol=1e-9)
    np.testing.assert_allclose(found.X.mean(axis=0), [4, 50], atol=5)
    np.testing.assert_allclose(found.network(found.X), found.y, rtol=1e-8)
    text = " ".join(str(found).split())
    assert "rooms is above 4.0" in text
    assert "-2.0" in text.partition("Linear part")[2]


def test_arrays_and_gaps_in_the_table(flats):
    rows = flats.to_numpy().copy()
    rows[3, 0] = np.nan
    found = limbeck.distill(lambda X: np.abs(X[:, 0] - 4) + X[:, 1], 2, like=rows, n_queries=2000)
    assert found.feature_names == ("x0", "x1")
    np.testing.assert_allclose(found.predict([[6.0, 10.0]]), [12.0], rtol=1e-9)


def test_tables_that_queries_cannot_look_like(flats):
    for like, error, words in (
        (flats.assign(town="Ulm"), TypeError, r"columns 'town' \(words\) do not: learn from the teacher's answers"),
        (flats.assign(age=3.0), ValueError, "like does not vary in 'age'"),
        (flats.assign(age=np.nan), ValueError, "like does not vary in 'age'"),
        (flats.head(1), ValueError, r"like must have at least 2 rows, got shape \(1, 2\)"),
        (flats.assign(age=np.inf), ValueError, "like holds inf"),
    ):
        with pytest.raises(error, match=words):
            limbeck.distill(_rents, like=like)
    with pytest.raises(ValueError, match="n_features is 3, but like has 2 columns"):
        limbeck.distill(_rents, 3, like=flats)
    with pytest.raises(TypeError, match="n_features is missing"):
        limbeck.distill(_rents)

"""Learning from tables with words, gaps and dates: in memory, in blocks, and from files of what was learned."""

import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import limbeck
from limbeck import blocks


def _rents(n, seed=0, noise=0.1):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "rooms": np.where(rng.random(n) < 0.1, np.nan, rng.uniform(1, 7, n)),
            "town": rng.choice(["Bonn", "Kiel", "Ulm"], n, p=[0.5, 0.3, 0.2]),
            "built": pd.Timestamp("1950-01-01") + pd.to_timedelta(rng.integers(0, 20_000, n), "D"),
            "lift": rng.random(n) < 0.4,
        }
    )
    rooms = frame.rooms.fillna(8.0)
    rent = 3 * np.maximum(rooms - 3, 0) + 2.0 * (frame.town == "Kiel") - 1.0 * frame.lift
    return frame, pd.Series(rent + noise * rng.standard_normal(n), name="rent")


def test_a_table_is_learned_and_its_parts_are_told():
    frame, rent = _rents(300)
    found = limbeck.learn(frame, rent)
    assert found.validation_r2 > 0.99
    assert found.target_name == "rent"
    text = " ".join(str(found).split())
    assert "where town is Kiel" in text
    assert "where lift is true" in text
    assert "Words are compared: town with Bonn. A gap counts as" in text
    np.testing.assert_array_equal(found.predict(frame), found.network(found.encoding.encode(frame)))
    assert "where town is Kiel" in found.to_html()


@pytest.mark.parametrize("make", [pl.from_pandas, pa.Table.from_pandas], ids=["polars", "arrow"])
def test_frames_of_all_libraries_are_learned_alike(make):
    frame, rent = _rents(200)
    found, other = limbeck.learn(frame, rent, 1), limbeck.learn(make(frame), rent.to_numpy(), 1)
    assert other.network == found.network
    assert other.encoding == found.encoding
    new = frame.iloc[::-1].reset_index(drop=True)[["lift", "built", "town", "rooms"]]
    np.testing.assert_array_equal(found.predict(make(new)), found.predict(frame)[::-1])


def test_files_predict_to_the_bit_what_was_learned(tmp_path):
    frame, rent = _rents(200)
    path = tmp_path / "rent.json"
    for table in (frame, frame[["rooms"]].fillna(1.0), frame[["rooms"]].to_numpy(), frame[["town", "lift"]].to_numpy()):
        found = limbeck.learn(table, rent, 1)
        found.save(path)
        read = limbeck.load(path)
        assert read.encoding == found.encoding
        assert (read.feature_names, read.target_name) == (found.feature_names, "rent")
        np.testing.assert_array_equal(read.predict(table), found.predict(table))
    content = json.loads(path.read_text())
    content["encoding"]["columns"].pop()
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="its columns become 2 features, its network has 3"):
        limbeck.load(path)
    content["encoding"]["columns"] = 3
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="the encoding is damaged"):
        limbeck.load(path)
    with pytest.raises(ValueError, match=r"ends in \.json, got"):
        found.save(tmp_path / "rent.npz")
    found.network.save(path)
    np.testing.assert_array_equal(limbeck.load(path).predict(np.eye(3)), found.network(np.eye(3)))


def test_new_gaps_words_and_columns():
    frame, rent = _rents(200)
    found = limbeck.learn(frame, rent, 1)
    new = frame.head(4).copy().astype({"lift": object})
    new.loc[0, "town"], new.loc[1, "built"], new.loc[2, "lift"] = "Jena", None, None
    assert np.isfinite(found.predict(new.assign(other=1))).all()
    plain = limbeck.learn(frame[["rooms"]].fillna(4.0), rent, 1)  # numbers alone, learned from without a gap
    gap = plain.predict(pd.DataFrame({"rooms": [np.nan, 4.0]}))
    assert gap[0] == plain.predict(pd.DataFrame({"rooms": [frame.rooms.fillna(4.0).median()]}))[0]
    assert plain.predict(pd.DataFrame({"rooms": ["4.0"]}))[0] == gap[1]


def test_gaps_in_arrays():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 3))
    y = np.maximum(X[:, 0], 0) + X[:, 1]
    X[rng.random((400, 3)) < 0.05] = np.nan
    found = limbeck.learn(X, y)
    assert found.feature_names[:2] == ("x0", "x0 is missing")
    assert found.validation_r2 > 0.7
    np.testing.assert_array_equal(found.predict(X), limbeck.learn(pd.DataFrame(X), y).predict(pd.DataFrame(X)))
    weights = np.ones(400)
    weights[::7] = 0
    whole = limbeck.learn(X, y, 1, sample_weight=weights, validation=0)
    assert limbeck.learn(X[weights > 0], y[weights > 0], 1, validation=0).encoding == whole.encoding
    with pytest.raises(ValueError, match=r"missing values in 'x0' in \d+, 'x1' in \d+, 'x2' in \d+ of 400 rows"):
        limbeck.learn(X, y, missing="error")
    with pytest.raises(ValueError, match="missing must be one of model, error; got 'drop'"):
        limbeck.learn(X, y, missing="drop")
    X[3, 1] = np.inf
    with pytest.raises(ValueError, match=r"X holds inf at index \(3"):
        limbeck.learn(X, y)


def test_rows_without_a_label_are_left_out_with_a_warning():
    frame, rent = _rents(200)
    rent[::10] = np.nan
    with pytest.warns(UserWarning, match="y is missing in 20 of 200 rows, which are left out"):
        found = limbeck.learn(frame, rent, 1)
    kept = rent.notna()
    assert found.network == limbeck.learn(frame[kept], rent[kept], 1).network
    with pytest.warns(UserWarning, match="20 of 200 rows"):
        limbeck.learn(frame[["rooms"]].fillna(1.0).to_numpy(), rent, 0, sample_weight=np.ones(200))
    with pytest.raises(ValueError, match="y holds nan at index 0"):
        limbeck.learn(frame.lift.to_numpy()[:, None], rent.to_numpy())
    with pytest.raises(ValueError, match=r"missing values in 'rooms' in .*'y' in 20 of 200 rows"):
        limbeck.learn(frame, rent, missing="error")


def test_labels_that_are_no_numbers_and_tables_that_say_nothing():
    frame, rent = _rents(50)
    with pytest.raises(TypeError, match=r"y must hold real numbers, holds words \('Bonn', 'Kiel', 'Ulm'\): a network"):
        limbeck.learn(frame, frame.town)
    with pytest.raises(TypeError, match="y must hold real numbers, holds dates"):
        limbeck.learn(frame, frame.built)
    with pytest.raises(ValueError, match=r"no column in X that can be learned from: {'name': 'names: 50 different"):
        limbeck.learn(pd.DataFrame({"name": [f"n{i}" for i in range(50)]}), rent)
    with pytest.raises(
        ValueError, match="inputs='gaussian' is for numbers without gaps: columns 'rooms', 'town', 'built'"
    ):
        limbeck.learn(frame.drop(columns="lift"), rent, inputs="gaussian")
    with pytest.raises(ValueError, match="one name for each of 4 features, got 1"):
        limbeck.learn(frame, rent, feature_names=["a"])
    renamed = limbeck.learn(frame, rent, 0, feature_names=["a", "b", "c", "d"])
    assert renamed.feature_names[:2] == ("a", "a is missing")
    np.testing.assert_array_equal(renamed.predict(frame), limbeck.learn(frame, rent, 0).predict(frame))


def test_blocks_of_tables_give_the_same_result_for_any_cut():
    frame, rent = _rents(1200)

    def cut(*ends):
        parts = zip([0, *ends], [*ends, 1200], strict=True)
        return [(frame.iloc[a:b], rent.iloc[a:b]) for a, b in parts]

    found = limbeck.learn(cut(500), None, 1, sample_rows=300)
    for other in (cut(100, 800), [(pl.from_pandas(x), y.to_numpy()) for x, y in cut(700)]):
        result = limbeck.learn(other, None, 1, sample_rows=300)
        assert result.encoding == found.encoding
        assert result.feature_names == found.feature_names
    np.testing.assert_array_equal(
        limbeck.learn(cut(500), None, 1, sample_rows=300).predict(frame), found.predict(frame)
    )
    assert found.encoding == limbeck.learn(frame, rent, 1, sample_rows=300).encoding  # blocks of its own
    with pytest.raises(ValueError, match=r"missing values in 'rooms' in \d+ of 1200 rows"):
        limbeck.learn(cut(500), None, 1, sample_rows=300, missing="error")


def test_a_gap_in_the_last_block_and_words_in_parquet(tmp_path):
    import pyarrow.parquet as parquet

    rng = np.random.default_rng(0)
    X = rng.standard_normal((600, 2))
    y = np.abs(X[:, 0]) + X[:, 1]
    X[590:, 1] = np.nan
    found = limbeck.learn([(X[:300], y[:300]), (X[300:], y[300:])], None, 1, sample_rows=200)
    assert found.feature_names == ("x0", "x1", "x1 is missing")
    frame, rent = _rents(600)
    parquet.write_table(pa.Table.from_pandas(frame.assign(rent=rent)), tmp_path / "rents.parquet", row_group_size=250)
    found = limbeck.learn(blocks.from_arrow(tmp_path / "rents.parquet", "rent"), None, 1, sample_rows=300)
    assert found.encoding == limbeck.learn(frame, rent, 1, sample_rows=300).encoding
    assert found.target_name == "rent"


def test_frames_of_dask():
    dask = pytest.importorskip("dask.dataframe")
    frame, rent = _rents(400)
    table = dask.from_pandas(frame, npartitions=3)
    labels = dask.from_pandas(rent.to_frame(), npartitions=3)["rent"]
    found = limbeck.learn(table, labels, 1, sample_rows=200)
    assert found.encoding == limbeck.learn(frame, rent, 1, sample_rows=200).encoding
    np.testing.assert_array_equal(found.predict(table), found.predict(frame))


def test_the_estimator_takes_tables(tmp_path):
    pytest.importorskip("sklearn")
    import scipy.sparse
    from sklearn.compose import make_column_transformer
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    from limbeck.estimators import NarrowReLURegressor

    frame, rent = _rents(200)
    model = NarrowReLURegressor(1, random_state=0)
    assert cross_val_score(model, frame, rent, cv=3).min() > 0.8
    fitted = model.fit(frame, rent)
    assert list(fitted.feature_names_in_) == list(frame.columns)
    np.testing.assert_array_equal(fitted.predict(frame), fitted.learned_.predict(frame))
    plain = frame[["rooms"]].fillna(4.0)
    gap = NarrowReLURegressor(1, random_state=0).fit(plain, rent).predict(pd.DataFrame({"rooms": [np.nan]}))
    assert gap == NarrowReLURegressor(1, random_state=0).fit(plain, rent).predict(plain.median().to_frame().T)
    words = make_column_transformer((OneHotEncoder(), ["town", "lift"]), sparse_threshold=1.0)
    assert make_pipeline(words, NarrowReLURegressor(1, random_state=0)).fit(frame, rent).score(frame, rent) > 0.01
    with pytest.raises(ValueError, match="X is sparse, and dense it would have 200,000,000 entries"):
        model.fit(scipy.sparse.csr_matrix((200, 1_000_000)), rent)


def test_columns_that_were_given_other_names(tmp_path):
    frame, rent = _rents(60)
    for names, columns in ((["size", "place"], ["rooms", "town"]), (["town", "rooms"], ["rooms", "town"])):
        table = frame[columns]
        found = limbeck.learn(table, rent, 0, feature_names=names, validation=0)
        found.save(tmp_path / "rent.json")
        read = limbeck.load(tmp_path / "rent.json")
        for turned in (table, table[columns[::-1]], pl.from_pandas(table[columns[::-1]])):
            np.testing.assert_array_equal(read.predict(turned), found.predict(table))
    content = json.loads((tmp_path / "rent.json").read_text())
    for damaged, message in ((["a"], "not one for each column"), ([1, 2], "no list of text")):
        content["encoding"]["called"] = damaged
        (tmp_path / "rent.json").write_text(json.dumps(content))
        with pytest.raises(ValueError, match=message):
            limbeck.load(tmp_path / "rent.json")


def test_lists_of_rows_are_predicted_as_they_were_learned():
    frame, rent = _rents(60)
    rows = frame[["rooms", "town"]].to_numpy(dtype=object).tolist()
    found = limbeck.learn(rows, rent, 0, validation=0)
    np.testing.assert_array_equal(found.predict(rows), found.predict(np.array(rows, dtype=object)))
    np.testing.assert_array_equal(found.predict(tuple(rows[:1])), found.predict(rows)[:1])


def test_labels_and_weights_of_nothing():
    frame, rent = _rents(30)
    with pytest.raises(ValueError, match="y has no values: all of its 30 rows are gaps"):
        limbeck.learn(frame, pd.Series([None] * 30))
    with pytest.raises(ValueError, match="sample_weight"):
        limbeck.learn(frame, rent, sample_weight=np.zeros(30))


def test_numbers_in_blocks_keep_the_names_of_their_columns(tmp_path):
    rows = np.random.default_rng(0).standard_normal((300, 3))
    frame = pd.DataFrame(rows, columns=list("abc"))
    found = limbeck.learn(
        blocks.from_arrays(frame, np.maximum(rows[:, 0], 0), rows=100), None, 1, feature_names=["one", "two", "three"]
    )
    found.save(tmp_path / "network.json")
    expected = found.network(rows)
    for learned in (found, limbeck.load(tmp_path / "network.json")):
        for new in (frame[list("cab")], frame.set_axis(["one", "two", "three"], axis=1)[["three", "one", "two"]]):
            np.testing.assert_array_equal(learned.predict(new), expected)
        gaps = frame.copy()
        gaps.loc[0, "a"] = np.nan
        np.testing.assert_array_equal(learned.predict(gaps)[1:], expected[1:])


def test_labels_among_the_features_are_told():
    frame, rent = _rents(100)
    with pytest.warns(UserWarning, match="X has a column 'rent' that is y itself: drop it from X"):
        limbeck.learn(frame.assign(rent=rent), rent, 0)
    limbeck.learn(frame.assign(rent=rent[::-1].to_numpy()), rent, 0)
    grades = pd.Series(np.arange(100.0) % 3, name="grade")
    limbeck.learn(frame.assign(grade=grades.map({0.0: "a", 1.0: "b", 2.0: "c"})), grades, 0)  # codes are not values

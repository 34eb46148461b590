"""What becomes of the columns of a table, in memory, in parts, and from a JSON file."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest

from limbeck._tables.columns import Columns
from limbeck._tables.encoding import Encoding
from limbeck._tables.encoding_settings import EncodingSettings
from limbeck._tables.frame_columns import columns_of
from limbeck._tables.make_encoding import encoding_of, made_encoding
from limbeck._tables.survey import TableSurvey


def _made(**columns):
    frame = pd.DataFrame(columns)
    return made_encoding(columns_of(frame)), frame


def _encoded(**columns):
    encoding, frame = _made(**columns)
    return dict(zip(encoding.feature_names, encoding.encode(frame).T.tolist(), strict=True))


def test_words_are_compared_with_the_most_frequent():
    towns = ["Ulm"] * 6 + ["Bonn"] * 3 + ["Kiel"] * 2
    encoded = _encoded(town=towns)
    assert list(encoded) == ["town is Bonn", "town is Kiel"]
    assert encoded["town is Bonn"] == [float(town == "Bonn") for town in towns]
    assert list(_encoded(us=["Yes"] * 6 + ["No"] * 5)) == ["us is Yes"]  # with the negative, where there is one


def test_rare_words_are_pooled_and_new_ones_join_them():
    rare = [f"t{i}" for i in range(9)]
    encoding, frame = _made(town=["Ulm"] * 60 + ["Bonn"] * 40 + rare)
    assert encoding.feature_names == ("town is Bonn", "town is another")
    new = pd.DataFrame({"town": ["Ulm", "Bonn", "t3", "new", None]})
    np.testing.assert_allclose(encoding.encode(new)[:4], [[0, 0], [1, 0], [0, 1], [0, 1]])
    np.testing.assert_array_equal(encoding.encode(frame)[-9:], [[0, 1]] * 9)


def test_a_new_word_without_a_pool_counts_as_an_average_row():
    encoding, _ = _made(town=["Ulm"] * 60 + ["Bonn"] * 40)
    np.testing.assert_array_equal(encoding.encode(pd.DataFrame({"town": ["new", None]})), [[0.4], [0.4]])


def test_gaps_are_the_median_and_a_feature_where_there_are_enough():
    values = [1.0, 2.0, 3.0, 50.0] * 10
    encoded = _encoded(age=[*values, *[None] * 6], size=[*values, None, *values[:5]])
    assert list(encoded) == ["age", "age is missing", "size"]
    assert encoded["age"][-1] == 2.5
    assert encoded["age is missing"] == [0.0] * 40 + [1.0] * 6
    assert encoded["size"][40] == 2.0  # the median of 45


def test_gaps_of_the_same_rows_are_one_feature():
    gaps = np.r_[np.zeros(40), np.ones(10)] > 0
    area, quality = np.where(gaps, np.nan, np.arange(50.0) ** 2), np.where(gaps, None, np.tile(["a", "b"], 25))
    assert list(_encoded(area=area, quality=quality)) == ["area", "area is missing", "quality is b"]


def test_ranks_keep_the_order_of_the_categories():
    sizes = pd.Categorical(["s", "l", None, "m"] * 10, ["s", "m", "l"], ordered=True)
    encoded = _encoded(size=sizes)
    assert encoded["size"][:4] == [0, 2, 1, 1]
    assert encoded["size is missing"][:4] == [0, 0, 1, 0]


def test_dates_are_numbers_in_a_unit_that_reads_well():
    days = pd.date_range("2000-01-01", periods=20, freq="D")
    encoding, frame = _made(day=days)
    assert encoding.features[0].scale.unit == "days"
    np.testing.assert_array_equal(encoding.encode(frame)[:, 0], np.arange(20.0))
    assert encoding.feature_names == ("day", "weekday of day")
    assert encoding.encode(frame)[:3, 1].tolist() == [6, 7, 1]  # a Saturday
    encoding, frame = _made(day=pd.date_range("1990-07-02", periods=400, freq="30D"))
    assert encoding.feature_names == ("day", "month of day", "weekday of day")
    first = encoding.encode(frame)[0]
    assert first[0] == pytest.approx(1990 + 182 / 365, abs=1e-12)
    assert first[1] == 7
    encoding, frame = _made(at=pd.date_range("2000-01-01 06:00", periods=100, freq="h"))
    assert encoding.feature_names == ("at", "hour of at")
    assert encoding.encode(frame)[1].tolist() == [7 / 24, 7]


@pytest.mark.parametrize("unit", ["years", "days", "hours"])
def test_numbers_of_dates_become_the_same_dates(unit):
    from limbeck._tables.times import DateScale

    scale = DateScale(unit, 86_400.0 * 3650)
    moments = np.array(["1950-03-01T12:34", "1999-12-31T23:59", "2024-02-29T00:00"], dtype="datetime64[s]")
    numbers = scale.numbers(moments.astype(np.int64).astype(float))
    assert [scale.text(value, 0.0) for value in numbers] == ["1950-03-01 12:34", "1999-12-31 23:59", "2024-02-29 00:00"]


def test_durations_times_of_the_day_and_truth():
    encoded = _encoded(
        wait=pd.to_timedelta(np.arange(1, 31), "h"),
        at=pd.to_datetime(["2000-01-01 13:30"] * 30).time,
        ok=[True, False, False] * 10,
        text=["true", "false", None] * 10,
    )
    assert encoded["wait in days"][23] == 1.0
    assert encoded["at"][0] == 13.5
    assert encoded["ok"][:3] == [1, 0, 0]
    assert encoded["text"][:3] == [1, 0, 0]


def test_columns_that_say_nothing_are_left_out_each_with_its_reason():
    n = 60
    encoding, _ = _made(
        rownames=range(1, n + 1),
        name=[f"person {i}" for i in range(n)],
        same=["a"] * n,
        empty=[None] * n,
        lists=[[i] for i in range(n)],
        person_id=np.random.default_rng(0).permutation(n),
        rent=np.arange(n) ** 2,
    )
    assert encoding.left_out == {
        "rownames": "row numbers or identifiers, each another one",
        "name": "names: 60 different ones in 60 rows",
        "same": "always the same",
        "empty": "no values",
        "lists": "values of type list",
        "person_id": "row numbers or identifiers, each another one",
    }
    assert encoding.feature_names == ("rent",)
    assert "left out: no values" in str(encoding)


def test_a_column_of_another_type_is_taken_where_it_can_be_and_refused_by_name_where_not():
    encoding, _ = _made(age=[1.0, 2.0] * 10, town=["1", "x"] * 10, day=pd.date_range("2000-01-01", periods=20))
    new = pd.DataFrame({"town": [1, 2], "age": ["3", "?"], "day": ["2000-01-03", None]})
    np.testing.assert_array_equal(encoding.encode(new)[:, :2], [[3.0, 0.0], [1.5, 0.5]])
    for wrong, words in (
        (new.assign(age=["3", "old"]), "column 'age' holds numbers, but 'old' in row 1"),
        (new.assign(age=pd.to_datetime(["2000-01-01"] * 2)), "column 'age' holds dates, numbers were learned from"),
        (new.assign(town=pd.to_datetime(["2000-01-01"] * 2)), "column 'town' holds dates, words were learned from"),
        (new.assign(day=[1.0, 2.0]), "column 'day' holds numbers, dates were learned from"),
        (new.drop(columns="age"), "X lacks the column 'age'"),
    ):
        with pytest.raises(ValueError, match=words):
            encoding.encode(wrong)
    with pytest.raises(ValueError, match=r"X must have 3 columns, as the rows learned from, got shape \(2, 2\)"):
        encoding.encode(np.ones((2, 2)))


def _table(n, seed):
    rng = np.random.default_rng(seed)
    gap = rng.random((n, 4)) < 0.1
    return pd.DataFrame(
        {
            "x": np.where(gap[:, 0], np.nan, rng.normal(size=n)),
            "town": np.where(gap[:, 1], None, rng.choice(["u", "v", "w", "rare"], n, p=[0.5, 0.3, 0.19, 0.01])),
            "digits": np.where(gap[:, 2], "NA", rng.integers(0, 1000, n).astype(str)),
            "day": pd.Series(pd.Timestamp("2000-01-01") + pd.to_timedelta(rng.integers(0, 900, n), "D")).mask(
                gap[:, 3]
            ),
        }
    )


@pytest.mark.parametrize("sample_rows", [50, 10_000])
def test_any_cut_in_any_order_gives_the_same_encoding(sample_rows):
    settings = EncodingSettings(sample_rows=sample_rows)
    frame = _table(1000, 0)
    whole = encoding_of(TableSurvey(settings).take(columns_of(frame)))
    rng = np.random.default_rng(1)
    for _ in range(5):
        ends = [0, *sorted(rng.integers(0, 1000, 4)), 1000]
        parts = [
            TableSurvey(settings).take(columns_of(frame.iloc[a:b]), np.arange(a, b, dtype=np.uint64))
            for a, b in itertools.pairwise(ends)
        ]
        total = TableSurvey(settings)
        for i in rng.permutation(len(parts)):
            total = total + parts[i]
        assert encoding_of(total) == whole
    assert whole.feature_names[:3] == ("x", "x is missing", "town is v")


def test_parts_of_several_types_are_refused_by_name():
    survey = TableSurvey().take(columns_of(pd.DataFrame({"a": [1.0, 2.0]})))
    survey.take(columns_of(pd.DataFrame({"a": ["u", "v"]})), np.arange(2, 4, dtype=np.uint64))
    with pytest.raises(ValueError, match="column 'a' holds words in some rows and numbers in others"):
        encoding_of(survey)


def test_json_gives_the_same_encoding_and_is_checked():
    encoding = made_encoding(columns_of(_table(300, 2).assign(ok=True, size=pd.Categorical([1] * 300, [1, 2], True))))
    content = json.loads(json.dumps(encoding.to_dict()))
    assert Encoding.from_dict(content) == encoding
    for damage in (
        lambda c: c.update(version=2),
        lambda c: c.update(columns=None),
        lambda c: c.update(named=1),
        lambda c: c["columns"][0].pop("gap"),
        lambda c: c["columns"][0].update(gap="x"),
        lambda c: c["columns"][0].update(gap=float("nan")),
        lambda c: c["columns"][0].update(kind="other"),
        lambda c: c["columns"][0].update(duration=7.0),
        lambda c: c["columns"][1].update(shares=[0.5]),
        lambda c: c["columns"][1].update(reference=99),
        lambda c: c["columns"][1].update(name="x"),
        lambda c: c["columns"][3].update(unit="weeks"),
        lambda c: c["columns"][3].update(parts=["year"]),
        lambda c: c["columns"].append([]),
    ):
        damaged = json.loads(json.dumps(encoding.to_dict()))
        damage(damaged)
        with pytest.raises(ValueError, match="encoding"):
            Encoding.from_dict(damaged)


def test_columns_without_names_are_taken_by_position():
    array = np.array([["a", 1.0], ["b", np.nan]] * 10, dtype=object)
    encoding = made_encoding(columns_of(array))
    assert encoding.feature_names == ("x0 is b", "x1", "x1 is missing")
    np.testing.assert_array_equal(encoding.encode(array[:2]), [[0, 1, 0], [1, 1, 1]])
    assert isinstance(columns_of(array), Columns)


def test_names_given_to_columns_may_be_those_of_others():
    table = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [5.0, 6.0, 7.0, 9.0], "town": ["x", "y"] * 2})
    encoding = made_encoding(columns_of(table).called(("b", "a", "town")))
    features = encoding.encode(table[["town", "b", "a"]], ("a", "b", "town"))
    np.testing.assert_array_equal(features[:, :2], table[["a", "b"]])


def test_features_of_one_name_are_told_apart_by_a_number():
    table = pd.DataFrame({"a": [1.0, None, 3.0, None], "a is missing": [4.0, 2.0, 0.0, 1.0]})
    encoding = made_encoding(columns_of(table))
    assert encoding.feature_names == ("a", "a is missing (2)", "a is missing")
    assert Encoding.from_dict(json.loads(json.dumps(encoding.to_dict()))).feature_names == encoding.feature_names
    np.testing.assert_array_equal(encoding.encode(table)[:, 1:], [[0, 4], [1, 2], [0, 0], [1, 1]])


@pytest.mark.parametrize("learned", [[1.0, 2.0, "x"], [1, 2, "x"], ["1.0", "2.0", "x"], ["1", "2", "x"]])
def test_numbers_among_words_are_the_same_words_in_any_type(learned):
    encoding = made_encoding(columns_of(pd.DataFrame({"a": pd.Series(learned * 20, dtype=object)})))
    expected = encoding.encode(pd.DataFrame({"a": learned}))
    for numbers in (pd.Series([1, 2]), pd.Series([1.0, 2.0]), pd.Series([1.0, 2.0], dtype=object)):
        np.testing.assert_array_equal(encoding.encode(pd.DataFrame({"a": numbers})), expected[:2])
    unseen = encoding.encode(pd.DataFrame({"a": [7, 0.5]}))  # as an average row, neither of the levels
    np.testing.assert_allclose(unseen, 1 / 3)


def test_dates_with_a_time_go_with_dates_learned_from():
    encoding = made_encoding(columns_of(pd.DataFrame({"day": [f"2024-01-{d:02}" for d in range(1, 11)]})))
    assert encoding.encode(pd.DataFrame({"day": ["2024-01-03 12:00", "2024-01-04"]}))[:, 0].tolist() == [2.5, 3.0]


def _surveyed(*parts):
    """Surveys of parts that are taken one after another, and that are added up."""
    taken, total, first = TableSurvey(), TableSurvey(), 0
    for part in parts:
        table = columns_of(pd.DataFrame({"q": part}))
        places = np.arange(first, first + len(part), dtype=np.uint64)
        taken.take(table, places)
        total = total + TableSurvey().take(table, places)
        first += len(part)
    return taken, total


@pytest.mark.parametrize("turned", [False, True])
def test_ordered_categories_of_parts_make_one_order_or_are_refused(turned):
    few, all_ = (
        pd.Categorical(["low", "high"], levels, ordered=True) for levels in (["low", "high"], ["low", "medium", "high"])
    )
    for survey in _surveyed(*((all_, few) if turned else (few, all_))):
        assert encoding_of(survey).columns[0].levels == ("low", "medium", "high")
    other = pd.Categorical(["low", "high"], ["high", "low"], ordered=True)
    for survey in _surveyed(*((other, few) if turned else (few, other))):
        with pytest.raises(ValueError, match="column 'q' has categories in several orders"):
            encoding_of(survey)
    for survey in _surveyed(*((["odd", "low"], few) if turned else (few, ["odd", "low"]))):
        with pytest.raises(ValueError, match="'q' has the ordered categories low, high in some rows, 'odd' in others"):
            encoding_of(survey)


def test_gaps_of_a_column_with_one_value_are_a_feature():
    gaps, ones = np.arange(40) % 4 == 0, np.arange(40) % 3 == 0
    day = pd.Series(pd.Timestamp("2024-01-01"), index=range(40)).mask(gaps)
    rank = pd.Series(pd.Categorical(["low"] * 40, ["low", "medium", "high"], ordered=True)).mask(ones)
    encoded = _encoded(day=day, rank=rank)
    assert encoded["day is missing"] == gaps.tolist()
    assert encoded["rank is missing"] == ones.tolist()
    encoding, _ = _made(town=["Ulm"] * 39 + ["Bonn"])
    assert encoding.left_out == {"town": "almost always 'Ulm'"}


def test_gaps_that_the_sample_has_none_of_are_features_each():
    values, other = np.arange(10_000.0), np.arange(10_000.0)
    values[:6], other[-6:] = np.nan, np.nan
    table = columns_of(pd.DataFrame({"a": values, "b": other}))
    encoding = made_encoding(table, EncodingSettings(sample_rows=20))
    assert encoding.feature_names == ("a", "a is missing", "b", "b is missing")


def test_infinite_values_are_refused_by_the_name_of_their_column():
    encoding, frame = _made(town=["Ulm", "Bonn"] * 10, rent=np.arange(20.0))
    with pytest.raises(ValueError, match="column 'rent' holds an infinite value"):
        encoding.encode(frame.assign(rent=-np.inf))
    with pytest.raises(ValueError, match="column 'town' holds an infinite value"):
        encoding.encode(frame.assign(town=np.inf))


def test_parts_with_dates_and_with_text_of_them():
    days, texts = pd.Series(pd.to_datetime(["2024-01-01", "2024-01-05"])), ["2024-01-02 12:00", "2024-01-03"]
    for survey in _surveyed(days, texts):
        encoding = encoding_of(survey)
        np.testing.assert_array_equal(encoding.encode(pd.DataFrame({"q": texts}))[:, 0], [1.5, 2.0])
    for survey in _surveyed(days, [1.0, 2.0]):
        with pytest.raises(ValueError, match="column 'q' holds dates and numbers in different rows"):
            encoding_of(survey)

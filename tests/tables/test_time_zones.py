"""Dates with a time zone: one moment is one number, whatever the zone and the library that it comes in."""

import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from limbeck._tables.encoding import Encoding
from limbeck._tables.frame_columns import columns_of
from limbeck._tables.make_encoding import encoding_of, made_encoding
from limbeck._tables.survey import TableSurvey
from limbeck._tables.times import in_zone
from limbeck.cli import main

# Three years with a clock put forward and back in each, so that hours and weekdays are features.
_MOMENTS = pd.Series(pd.date_range("2020-01-01", "2022-12-31", freq="7h", tz="UTC"), name="at")


def _frames(moments):
    """One column of moments, in all ways that it may come."""
    return {
        "pandas": moments.to_frame(),
        "polars": pl.DataFrame({"at": pl.Series(moments.dt.tz_convert("UTC").dt.tz_localize(None))}).select(
            pl.col("at").dt.replace_time_zone("UTC")
        ),
        "arrow": pa.table({"at": pa.Array.from_pandas(moments)}),
        "objects": pd.DataFrame({"at": pd.Series([m.to_pydatetime() for m in moments], dtype=object)}),
        "text": pd.DataFrame({"at": [m.isoformat() for m in moments]}),
        "text in Z": pd.DataFrame({"at": moments.dt.tz_convert("UTC").dt.strftime("%Y-%m-%dT%H:%M:%SZ")}),
    }


@pytest.mark.parametrize("learned_in", ["Asia/Tokyo", "America/New_York", "UTC"])
def test_a_moment_is_one_number_in_all_zones_and_libraries(learned_in):
    encoding = made_encoding(columns_of(_MOMENTS.dt.tz_convert(learned_in).to_frame()))
    local = _MOMENTS.dt.tz_convert(learned_in).dt
    expected = encoding.encode(_MOMENTS.dt.tz_convert(learned_in).to_frame())
    names = list(encoding.feature_names)
    np.testing.assert_array_equal(expected[:, names.index("hour of at")], local.hour)
    np.testing.assert_array_equal(expected[:, names.index("weekday of at")], local.day_of_week + 1)
    assert f"by the clock of {learned_in}" in str(encoding)
    for zone in ("Europe/Berlin", "UTC", "Asia/Kolkata"):
        for name, frame in _frames(_MOMENTS.dt.tz_convert(zone)).items():
            np.testing.assert_array_equal(encoding.encode(frame), expected, err_msg=f"{name} in {zone}")


def test_text_with_offsets_is_learned_in_universal_time():
    texts = _frames(_MOMENTS.dt.tz_convert("Europe/Berlin"))["text"]
    encoding = made_encoding(columns_of(texts))
    assert encoding == made_encoding(columns_of(_MOMENTS.to_frame()))
    assert Encoding.from_dict(json.loads(json.dumps(encoding.to_dict()))) == encoding


def test_dates_with_and_without_a_zone_are_told_apart():
    zoned, local = _MOMENTS.to_frame(), _MOMENTS.dt.tz_localize(None).to_frame()
    for learned, new in ((zoned, local), (local, zoned)):
        encoding = made_encoding(columns_of(learned))
        with pytest.raises(ValueError, match=r"'at' holds dates .*(zone|UTC), dates .*(UTC|zone) were learned from"):
            encoding.encode(new)
    mixed = pd.DataFrame({"at": ["2020-01-01T10:00Z", "2020-01-02T10:00"]})
    with pytest.raises(ValueError, match="'at' holds dates with a time zone, as '2020-01-01T10:00Z', and without"):
        made_encoding(columns_of(mixed))
    survey = TableSurvey().take(columns_of(zoned)) + TableSurvey().take(columns_of(local))
    with pytest.raises(ValueError, match="'at' holds dates of several time zones, UTC and none: give it one"):
        encoding_of(survey)


def test_objects_with_and_without_a_zone_are_left_out():
    both = [pd.Timestamp("2020-01-01").to_pydatetime(), pd.Timestamp("2020-01-02", tz="UTC").to_pydatetime()]
    encoding = made_encoding(columns_of(pd.DataFrame({"at": pd.Series(both, dtype=object), "x": [1.0, 2.0]})))
    assert encoding.left_out == {"at": "dates with and without a time zone"}


def test_files_without_zones_are_read_still():
    content = json.loads(json.dumps(made_encoding(columns_of(_MOMENTS.dt.tz_localize(None).to_frame())).to_dict()))
    del content["columns"][0]["zone"]
    assert Encoding.from_dict(content).columns[0].zone == ""


def test_clocks_of_zones():
    seconds = np.array([0.0, 1_590_000_000.0, np.nan, 1e300])
    np.testing.assert_array_equal(in_zone(seconds, "UTC", "+05:30") - seconds, [19_800, 19_800, np.nan, 0])
    np.testing.assert_array_equal(in_zone(seconds, "-01:00", "UTC")[:2] - seconds[:2], [3600, 3600])
    berlin = in_zone(seconds, "UTC", "Europe/Berlin")
    np.testing.assert_array_equal(berlin[:2] - seconds[:2], [3600, 7200])
    np.testing.assert_array_equal(in_zone(berlin, "Europe/Berlin", "UTC")[:2], seconds[:2])
    with pytest.raises(ValueError, match="'Nowhere/At_All' is not known here: convert the column to UTC"):
        in_zone(seconds, "UTC", "Nowhere/At_All")


def test_files_with_and_without_zones_are_refused_with_line_and_column(tmp_path, capsys):
    path = tmp_path / "at.csv"
    path.write_text("at,y\n" + "".join(f"2020-01-{i:02d}T10:00{'Z' if i != 7 else ''},{i}\n" for i in range(1, 29)))
    assert main(["learn", str(path), "--target", "y"]) == 2
    said = capsys.readouterr().err
    for part in ("'at'", "line 8", "holds dates with a time zone, as '2020-01-01T10:00Z'", "write all in one zone"):
        assert part in said

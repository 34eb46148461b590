"""Dates with a time zone: one moment is one number, whatever the zone and the library that it comes in."""

import json
from datetime import UTC, timedelta, timezone
from zoneinfo import ZoneInfo

import dateutil.tz
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from limbeck._tables.encoding import Encoding
from limbeck._tables.frame_columns import columns_of
from limbeck._tables.make_encoding import encoding_of, made_encoding
from limbeck._tables.survey import TableSurvey
from limbeck._tables.times import in_zone, zone_name
from limbeck.cli import main

# Three years with a clock put forward and back in each, so that hours and weekdays are features; moments that a clock
# shows twice, and some after 2037.
_MOMENTS = pd.Series(
    [
        *pd.date_range("2020-01-01", "2022-12-31", freq="31h", tz="UTC"),
        *pd.date_range("2020-10-24T22:00", "2020-11-01T12:00", freq="30min", tz="UTC"),
        *pd.date_range("2040-01-01", "2040-12-31", freq="13D", tz="UTC"),
    ],
    name="at",
)


def _frames(moments):
    """One column of moments, in all ways that it may come."""
    return {
        "pandas": moments.to_frame(),
        "polars": pl.DataFrame({"at": pl.Series(moments.dt.tz_convert("UTC").dt.tz_localize(None))}).select(
            pl.col("at").dt.replace_time_zone("UTC").dt.convert_time_zone(str(moments.dt.tz))
        ),
        "arrow": pa.table({"at": pa.Array.from_pandas(moments)}),
        "objects": pd.DataFrame({"at": pd.Series([m.to_pydatetime() for m in moments], dtype=object)}),
        "text": pd.DataFrame({"at": [m.isoformat() for m in moments]}),
        "text in Z": pd.DataFrame({"at": moments.dt.tz_convert("UTC").dt.strftime("%Y-%m-%dT%H:%M:%SZ")}),
    }


@pytest.mark.parametrize("learned_in", ["Asia/Tokyo", "America/New_York", "UTC"])
def test_a_moment_is_one_number_in_all_zones_and_libraries(learned_in):
    encoding = made_encoding(columns_of(_MOMENTS.dt.tz_convert(learned_in).to_frame()))
    # Not by pandas, whose older versions leave the clock alone after 2037.
    local = [moment.to_pydatetime().astimezone(ZoneInfo(learned_in)) for moment in _MOMENTS]
    expected = encoding.encode(_MOMENTS.dt.tz_convert(learned_in).to_frame())
    names = list(encoding.feature_names)
    np.testing.assert_array_equal(expected[:, names.index("hour of at")], [at.hour + at.minute / 60 for at in local])
    np.testing.assert_array_equal(expected[:, names.index("weekday of at")], [at.isoweekday() for at in local])
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


def _seconds(text):
    return pd.Timestamp(text).timestamp()


@pytest.mark.parametrize(
    ("zone", "moment", "clock"),
    [
        ("+05:30", "1970-01-01T00:00Z", "1970-01-01T05:30Z"),
        ("-01:00", "2020-05-20T12:00Z", "2020-05-20T11:00Z"),
        ("Europe/Berlin", "2020-05-20T12:00Z", "2020-05-20T14:00Z"),
        ("Europe/Berlin", "2020-10-25T00:30Z", "2020-10-25T02:30Z"),  # the clock shows this twice
        ("Europe/Berlin", "2020-10-25T01:30Z", "2020-10-25T02:30Z"),
        ("Europe/Berlin", "2040-07-01T12:00Z", "2040-07-01T14:00Z"),
        ("America/St_Johns", "2008-03-09T03:40Z", "2008-03-09T01:10Z"),  # put forward at 00:01
        ("America/St_Johns", "2008-11-02T02:35Z", "2008-11-01T23:05Z"),
        ("Africa/Monrovia", "1972-01-07T00:44:45Z", "1972-01-07T00:44:45Z"),  # put forward by 44 min 30 s
    ],
)
def test_clocks_of_zones(zone, moment, clock):
    expected = np.array([_seconds(clock), np.nan, 1e300])
    np.testing.assert_array_equal(in_zone(np.array([_seconds(moment), np.nan, 1e300]), zone), expected)


def test_a_zone_that_is_not_known_is_named():
    with pytest.raises(ValueError, match="'Nowhere/At_All', whose clock was learned by, is not known here"):
        in_zone(np.zeros(1), "Nowhere/At_All")


@pytest.mark.parametrize(
    ("zone", "name"),
    [
        (None, ""),
        (ZoneInfo("Asia/Tokyo"), "Asia/Tokyo"),
        (timezone(timedelta(hours=1), "CET"), "+01:00"),
        (timezone(timedelta(hours=-3, minutes=-30)), "-03:30"),
        (timezone(timedelta(seconds=3661)), "UTC"),
        (UTC, "UTC"),
        ("America/New_York", "America/New_York"),
        ("no such zone", "UTC"),
        (dateutil.tz.tzoffset(None, 3600), "UTC"),  # without a name
    ],
)
def test_names_by_which_zones_are_kept(zone, name):
    assert zone_name(zone) == name


def test_files_with_and_without_zones_are_refused_with_line_and_column(tmp_path, capsys):
    path = tmp_path / "at.csv"
    path.write_text("at,y\n" + "".join(f"2020-01-{i:02d}T10:00{'Z' if i != 7 else ''},{i}\n" for i in range(1, 29)))
    assert main(["learn", str(path), "--target", "y"]) == 2
    said = capsys.readouterr().err
    for part in ("'at'", "line 8", "holds dates with a time zone, as '2020-01-01T10:00Z'", "write all in one zone"):
        assert part in said

"""Tables as people have them at the command line: words, gaps, dates, pipes, folders; learned, and predicted from."""

import gzip
import io
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import limbeck

OUTPUT = ["--output", "n.json"]
N = 120


def flats(seed=0, n=N):
    """Columns of a table of flats, and what becomes of them in Python."""
    rng = np.random.default_rng(seed)
    town = rng.choice(["Köln", "Bonn", "Essen"], n)
    area = rng.uniform(30, 120, n).round(1)
    lift = rng.random(n) < 0.4
    built = [f"{year}-{month:02d}-15" for year, month in rng.integers((1950, 1), (2021, 13), (n, 2)).tolist()]
    rent = (12 * area + 200 * (town == "Köln") + 90 * lift + rng.normal(0, 10, n)).round(2)
    gaps = rng.random(n) < 0.15
    return {
        "town": town.tolist(),
        "area": [None if gap else float(a) for gap, a in zip(gaps, area, strict=True)],
        "lift": lift.tolist(),
        "built": built,
        "rent": rent.tolist(),
    }


def german(value):
    """A field as a German spreadsheet has it."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))
    return str(value)


def write(path, columns, delimiter=";", field=german, encoding="utf-8"):
    rows = [delimiter.join(columns), *(delimiter.join(map(field, row)) for row in zip(*columns.values(), strict=True))]
    Path(path).write_text("\n".join(rows) + "\n", encoding=encoding)


@pytest.fixture
def learned(run):
    """A network learned from the flats in a German file; what was said."""
    write("flats.csv", flats())
    status, out, err = run("learn", "flats.csv", "--width", "1", *OUTPUT)
    assert status == 0
    return SimpleNamespace(out=out, err=err)


def test_words_gaps_and_dates_are_learned_from(learned):
    assert learned.err == "limbeck: flats.csv: read as: decimal comma, thousands point\n"
    assert learned.out.startswith("flats.csv: 120 rows, 4 columns\n\nrent: ")
    assert "Words are compared: town with" in learned.out
    assert "A gap counts as" in learned.out
    assert "in area" in learned.out


def test_python_learns_the_same_network(learned):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(flats())
    frame["area"] = frame["area"].astype(float)
    found = limbeck.learn(frame.drop(columns="rent"), frame["rent"], 1)
    loaded = limbeck.load("n.json")
    assert loaded.network == found.network
    assert str(loaded.encoding) == str(found.encoding)
    np.testing.assert_array_equal(loaded.predict(frame), found.predict(frame))


def test_predictions_for_other_orders_levels_and_gaps(learned, run, predictions_in):
    new = flats(1, 30)
    new["town"][:3] = ["Ulm", None, "NA"]
    new["area"][5], new["built"][6] = None, None
    turned = {name: new[name] for name in ("built", "lift", "area", "town")}
    write("new.csv", turned)
    status, out, err = run("predict", "n.json", "new.csv")
    assert status == 0
    assert err.splitlines() == [
        "limbeck: hint: new.csv: column 'town': 'Ulm' in 1 row counts as the average of all rows and 2 rows without a "
        "value count as the average of all rows",
        "limbeck: hint: new.csv: column 'built': 1 row without a value counts as 1988-09-15",
        "limbeck: new.csv: read as: decimal comma",
    ]
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({**turned, "town": [None if town == "NA" else town for town in turned["town"]]})
    frame["area"] = frame["area"].astype(float)
    np.testing.assert_array_equal(predictions_in(out), limbeck.load("n.json").predict(frame))
    write("rent.csv", {**turned, "rent": [None, *new["rent"][1:]]})
    assert "29 rows, R2 = 0." in run("predict", "n.json", "rent.csv")[2]


def test_predictions_of_files_that_do_not_fit(learned, error_of):
    new = flats(1, 30)
    write("new.csv", {name: new[name] for name in ("town", "area", "built")})
    assert "lacks column 'lift' that the network needs" in error_of("predict", "n.json", "new.csv")
    write("new.csv", {**new, "area": ["large", *new["area"][1:]]})
    assert "line 2: column 'area'" in error_of("predict", "n.json", "new.csv")
    write("new.csv", {**new, "built": ["long ago"] * 30})
    assert "line 2: column 'built' holds text, first 'long ago'" in error_of("predict", "n.json", "new.csv")


@pytest.mark.parametrize("suffix", ["csv", "csv.gz", "parquet", "feather", "utf-16"])
def test_the_standard_input_is_told_by_its_content(learned, monkeypatch, run, suffix):
    new = flats(1, 30)
    write("new.csv", new)
    wanted = run("predict", "n.json", "new.csv")
    content = Path("new.csv").read_bytes()
    if suffix == "csv.gz":
        content = gzip.compress(content)
    elif suffix == "utf-16":
        content = content.decode().encode("utf-16")
    elif suffix != "csv":
        pa = pytest.importorskip("pyarrow")
        parquet, feather = pytest.importorskip("pyarrow.parquet"), pytest.importorskip("pyarrow.feather")
        table = pa.table(new)
        parquet.write_table(table, "new.parquet") if suffix == "parquet" else feather.write_feather(
            table, "new.feather"
        )
        content = Path(f"new.{suffix}").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    status, out, err = run("predict", "n.json", "-")
    assert (status, out) == (0, wanted[1])
    assert err.splitlines()[-1] == wanted[2].splitlines()[-1]


def test_learning_from_a_pipe(monkeypatch, run, error_of):
    def pipe(content):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    write("flats.csv", flats())
    pipe(Path("flats.csv").read_bytes())
    status, out, err = run("learn", "-", "--width", "1")
    assert status == 0
    assert out.startswith("standard input: 120 rows, 4 columns")
    assert err == "limbeck: standard input: read as: decimal comma, thousands point\n"
    assert Path("learned.network.json").is_file()
    for content, part in [
        (b"", "the standard input is empty"),
        (b"PK\x03\x04" + b"\0" * 60, "standard input is damaged"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 60, "is a workbook"),
        (b"a,b\n1,2\n3,4,5\n", "standard input, line 3: 3 field(s)"),
        (b"PAR1 and no more", "standard input is damaged or not a Parquet file"),
        (b"ARROW1 and no more", "standard input is damaged or not a Feather file"),
    ]:
        pipe(content)
        message = error_of("learn", "-")
        assert part in message
        assert "/tmp" not in message


def test_rows_without_a_target_are_left_out(run):
    columns = flats()
    columns["rent"][4] = columns["rent"][7] = None
    write("flats.csv", columns)
    status, out, err = run("learn", "flats.csv", "--width", "1", *OUTPUT)
    assert status == 0
    assert "warning: flats.csv: 2 rows have no value of the target 'rent' and are left out" in err
    assert out.startswith("flats.csv: 118 rows")


def test_targets_and_weights_of_words_are_refused(error_of):
    write("flats.csv", flats())
    assert "the target 'town' holds words, 'Bonn', 'Essen', 'Köln': a network predicts numbers" in error_of(
        "learn", "flats.csv", "--target", "town"
    )
    assert "the target 'built' holds dates" in error_of("learn", "flats.csv", "--target", "built")
    assert "column 'town' holds words" in error_of("learn", "flats.csv", "--weights", "town")
    assert "has no weight in row" in error_of("learn", "flats.csv", "--weights", "area")


def test_lists_of_columns(run, error_of):
    write("flats.csv", {"id": range(1, N + 1), **flats()})
    head = ["learn", "flats.csv", "--width", "1", *OUTPUT]
    assert run(*head, "--drop", "town", "lift")[1].startswith("flats.csv: 120 rows, 2 columns")
    assert run(*head, "--drop", "town", "--drop", "lift", "area")[1].startswith("flats.csv: 120 rows, 1 column")
    assert run("learn", "--width", "1", *OUTPUT, "--drop", "town", "lift", "flats.csv")[1].startswith("flats.csv: 120")
    status, out, err = run(*head, "--keep", "id")
    assert status == 0
    assert "left out" not in err
    assert out.startswith("flats.csv: 120 rows, 5 columns")
    assert limbeck.load("n.json").encoding.columns[0].kind == "numbers"
    assert "give a FILE" in error_of("learn", "--drop", "town")


def test_names_of_digits_are_words_where_told(run):
    columns = flats()
    codes = {"Köln": "05066", "Bonn": "53111", "Essen": "45127"}
    columns["town"] = [codes[town] for town in columns["town"]]
    write("flats.csv", columns)
    assert run("learn", "flats.csv", "--width", "1", "--words", "town", *OUTPUT)[0] == 0
    assert "town is 05066" in str(limbeck.load("n.json").encoding.feature_names)
    told = run("predict", "n.json", "flats.csv", "--words", "town")
    assert run("predict", "n.json", "flats.csv") == told  # the network knows
    assert " R2 = 0." in told[2]


def test_tables_without_names(run):
    columns = flats()
    write("flats.csv", columns)
    text = Path("flats.csv").read_text(encoding="utf-8").partition("\n")[2]
    Path("bare.csv").write_text(text, encoding="utf-8")
    assert run("learn", "bare.csv", "--width", "1", "--drop", "2", *OUTPUT)[0] == 0
    _, wanted, err = run("predict", "n.json", "bare.csv")
    assert "R2 = 0." in err
    rows = [line.split(";") for line in text.splitlines()]
    Path("less.csv").write_text("\n".join(";".join([r[0], r[1], r[3]]) for r in rows) + "\n", encoding="utf-8")
    status, out, _ = run("predict", "n.json", "less.csv")
    assert (status, out) == (0, wanted)
    Path("more.csv").write_text("\n".join(";".join([*r, "1"]) for r in rows) + "\n", encoding="utf-8")
    assert "has 6 columns and the network reads 3 of the 5" in run("predict", "n.json", "more.csv")[2]


def parts(columns, folder, count=3):
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    Path(folder).mkdir()
    for k in range(count):
        part = {name: values[k * N // count : (k + 1) * N // count] for name, values in columns.items()}
        parquet.write_table(pa.table(part), Path(folder) / f"part{k}.parquet")


def test_folders_and_patterns_of_parquet_files(run, error_of):
    columns = flats()
    write("flats.csv", columns)
    assert run("learn", "flats.csv", "--width", "0", *OUTPUT)[0] == 0
    wanted = Path("n.json").read_text()
    parts(columns, "rents")
    for source in ("rents", "rents/*.parquet", "rents/part?.parquet"):
        status, out, _ = run("learn", source, "--width", "0", "--target", "rent", *OUTPUT)
        assert status == 0
        assert "120 rows, 4 columns" in out
        assert Path("n.json").read_text() == wanted
    assert run("learn", "rents", "--width", "0")[0] == 0
    assert Path("rents.network.json").is_file()
    assert run("learn", "rents/*.parquet", "--width", "0")[0] == 0
    assert Path("learned.network.json").is_file()
    Path("empty").mkdir()
    assert "is a folder without Parquet files" in error_of("learn", "empty")
    assert "there is no such file" in error_of("learn", "rents/*.csv")
    assert "of Parquet or Feather alone" in error_of("learn", "*.csv")
    parts({name: columns[name] for name in ("town", "rent")}, "rents/other", 1)
    assert "does not have the columns of the other files" in error_of("learn", "rents")


def test_learning_block_by_block(run, error_of):
    columns = flats()
    numbers = {"area": [0.0 if a is None else a for a in columns["area"]], "rent": columns["rent"]}
    parts(numbers, "rents")
    status, out, _ = run("learn", "rents", "--width", "1", "--blocks", *OUTPUT)
    assert status == 0
    assert "rents: 120 rows, 1 feature" in out
    status, _, err = run("predict", "n.json", "rents")
    assert status == 0
    assert "120 rows, R2 = 0." in err
    write("flats.csv", columns)
    assert "--blocks goes with Parquet and Feather files" in error_of("learn", "flats.csv", "--blocks")


def test_text_too_large_for_the_memory_is_told_what_helps(run, monkeypatch):
    write("flats.csv", flats())
    assert "memory" not in run("learn", "flats.csv", "--width", "1", *OUTPUT)[2]
    monkeypatch.setattr("limbeck._cli.blocks._free_memory", lambda: 1000.0)
    status, _, err = run("learn", "flats.csv", "--width", "1", *OUTPUT)
    assert status == 0
    assert "GB of text may not fit in the memory: Parquet files are learned block by block" in err


def test_columns_with_words_among_numbers_are_told_at_once(error_of):
    rows = [f"{i / 7:.2f},{'big' if i == 5 else i},{'n.b.' if i == 9 else i * i}" for i in range(60)]
    Path("mixed.csv").write_text("\n".join(["dose,area,crop", *rows]))
    error = error_of("learn", "mixed.csv", "--target", "crop").rstrip()
    assert "column 'area' holds numbers in 59 rows and something else in 1, first 'big' (line 7)" in error
    assert error.endswith(
        "What helps: mend these; make gaps of them (--missing big --missing n.b.); take all for words (--words area); "
        "--drop area"
    )
    error = error_of("learn", "mixed.csv", "--target", "crop", "--drop", "area").rstrip()
    assert error.endswith("mend these, make gaps of them (--missing n.b.), or choose another --target")

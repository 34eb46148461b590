"""The command `limbeck learn`: reports, files, options, and errors of one line."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

import limbeck
from limbeck import ReLUNetwork
from limbeck._cli import learn as _command_learn


def test_report_and_file(houses, calls, run):
    status, out, err = run("learn", "houses.csv")
    assert (status, err) == (0, "")
    for part in (
        "houses.csv: 200 rows, 3 features\n\nprice: ",
        r"\nNeuron 0: .*rooms",
        r"\nLinear part: ",
        r"\nwidth +\d+, chosen from the data, at most 16",
        r"\nrows +180 to learn from, 20 held out",
        r"\ncross-validated R2 0\.\d+ ",
        r"\nerror +[\d.]+ root mean square on the 20 held-out rows, in units of 'price'",
        r"\ntime +[\d.]+ s to learn",
        r"\nwritten +houses.network.json",
    ):
        assert re.search(part, out), part
    assert max(map(len, out[out.index("\nwidth ") :].splitlines())) <= 100
    assert "validation R2" not in out.replace("cross-validated R2", "")  # one R2: 20 rows tell another by chance
    assert "bootstrap" not in out
    content = json.loads(Path("houses.network.json").read_text())
    assert content["preprocessing"]["features"] == ["rooms", "age", "area"]
    assert content["preprocessing"]["target"] == "price"
    assert content["learned"]["rows"] == 200
    assert content["learned"]["held_out"] == 20


@pytest.mark.parametrize(("held_out", "shown"), [(99, False), (100, True)])
def test_r2_of_held_out_rows_is_shown_where_these_are_many(held_out, shown, regression_data, write_csv, run):
    X, y = regression_data(1000)
    write_csv("d.csv", ["a", "b", "c", "y"], [X, y])
    status, out, _ = run("learn", "d.csv", "--width", 1, "--validation", held_out / 1000)
    assert status == 0
    assert f"{held_out} held out\n" in out
    pattern = (
        r"\nvalidation R2 +-?\d\.\d\d, 95 % confidence interval -?\d\.\d\d to \d\.\d\d\n +"
        r"\(2,000 bootstrap resamples of the 100 held-out rows\)\n"
    )
    assert (re.search(pattern, out) is not None) is shown
    assert ("bootstrap" in out) is shown


def _columns(**columns):
    rows = zip(*columns.values(), strict=True)
    return "\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]) + "\n"


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize(
    ("values", "advice"),
    [
        (["high", "low"] * 10, "encode it as numbers, or choose another {}"),
        (["2020-01-05", "2020-02-07"] * 10, "encode it as numbers, or choose another {}"),
    ],
)
def test_no_advice_to_drop_a_column_that_is_needed(calls, suffix, values, advice, error_of):
    """Dropping the target or the weights is refused in turn."""
    columns = {"a": [float(i) for i in range(20)], "y": values, "w": [1.0] * 20}
    if suffix == "csv":
        Path("d.csv").write_text(_columns(**columns).replace("None", ""))
    else:
        pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        pq.write_table(pa.table(columns), "d.parquet")
    for options, wanted, dropped in [
        (["--target", "y"], advice.format("--target"), []),
        (["--target", "-2"], advice.format("--target"), []),
        (["--sample-weight", "y"], advice.format("--weights"), []),
        (["--weights", "y"], advice.format("--weights"), []),
    ]:
        err = error_of("learn", f"d.{suffix}", *options)
        assert wanted in err
        assert re.findall(r"--drop (\S+?)\)", err) == dropped
    assert calls == []


@pytest.mark.parametrize(
    ("values", "advice"),
    [
        ([1, 2, "x"], "line 4: column 'b' holds text, first 'x'; encode it as numbers\n"),
        ([1, "", 2], "line 3: column 'b' has a missing value; fill it, or drop the row\n"),
        (["", "", ""], "column 'b' is empty; fill it\n"),
    ],
)
def test_predictions_advise_no_option_that_only_learning_has(values, advice, run):
    ReLUNetwork([[1.0, 1.0]], [1.0]).save("n.json")
    Path("d.csv").write_text(_columns(a=[1, 2, 3], b=values))
    status, out, err = run("predict", "n.json", "d.csv")
    assert (status, out) == (2, "")
    assert err.endswith(advice)


def test_advice_for_the_target_among_other_columns(calls, error_of):
    Path("d.csv").write_text("a,b,y\n" + "x,,\nz,,\n" * 10)
    assert "column 'y' is empty; choose another --target" in error_of("learn", "d.csv")
    fields = [(f"{'€' if i == 1 else '$'}{i + 5}", f"1,{i + 100}" if i % 2 else f"{i + 100}") for i in range(20)]
    Path("d.csv").write_text("a;b;y\n" + "".join(f"{a};1;{y}\n" for a, y in fields), encoding="utf-8")
    err = error_of("learn", "d.csv")  # both faults at once, the target's without the advice to drop it
    for part in ("column 'a' holds numbers in different forms, '$5' and '€6' (line 3)", "column 'y' holds text, first"):
        assert part in err
    assert "--drop a" in err
    assert "--drop y" not in err


def test_ten_rows_are_learned_from_without_validation(error_of, run):
    Path("data.csv").write_text(_lines(n=10))
    assert "leaves 9 of 10 rows to learn from, too few: hold none out, --validation 0" in error_of("learn", "data.csv")
    assert run("learn", "data.csv", "--validation", "0")[0] == 0
    assert "--validation 0" not in error_of("learn", "data.csv", "--sample-rows", "9")  # it would not help
    assert "--validation 0" in error_of("learn", "data.csv", "--validation", "0.9")


def test_rows_as_they_are_and_options_are_passed_on(houses, calls, run):
    options = {
        "width": 2,
        "max-width": 9,
        "validation": 0.25,
        "seed": 3,
        "time-limit": 1e-9,
        "threads": 1,
        "sample-rows": 99,
    }
    argv = [f"--{name}={value}" for name, value in options.items()]
    status, out, _ = run("learn", "houses.csv", *argv, "--inputs", "gaussian", "--progress")
    assert status == 0
    (call,) = calls
    X, y = houses
    np.testing.assert_array_equal(np.column_stack([column.values for column in call.X.items]), X)
    assert call.X.names == ("rooms", "age", "area")
    np.testing.assert_array_equal(call.y, y)
    assert (call.width, call.max_width, call.validation, call.seed, call.time_limit) == (2, 9, 0.25, 3, 1e-9)
    assert (call.n_threads, call.progress, call.inputs, call.sample_weight) == (1, True, "gaussian", None)
    assert call.sample_rows == 99
    assert "stopped early" in out


@pytest.mark.parametrize("target", ["age", "1", "-3"])
def test_target_by_name_and_index(houses, calls, target, run):
    assert run("learn", "houses.csv", "--target", target, "--width", "1")[0] == 0
    content = json.loads(Path("houses.network.json").read_text())["preprocessing"]
    assert (content["target"], content["features"]) == ("age", ["rooms", "area", "price"])
    status, _, err = run("predict", "houses.network.json", "houses.csv")
    assert status == 0
    assert "on column 'age'" in err


def test_dropped_columns(houses, calls, error_of, run):
    assert run("learn", "houses.csv", "--drop", "age", "--drop", "0", "--width", "1")[0] == 0
    assert json.loads(Path("houses.network.json").read_text())["preprocessing"]["features"] == ["area"]
    assert "is the target" in error_of("learn", "houses.csv", "--drop", "price")
    assert "no feature" in error_of("learn", "houses.csv", "--drop", "0", "--drop", "1", "--drop", "2")


def _same_data_in(kind, X, y, write_csv):
    names = ["rooms", "age", "area"]
    if kind == "npy":
        np.save("d.npy", np.column_stack([X, y]))
    elif kind == "npz":
        np.savez("d.npz", X=X, y=y)
    elif kind == "named.npz":
        np.savez("d.npz", X=X, y=y, feature_names=np.array(names))
    elif kind == "parquet":
        pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        pq.write_table(pa.table({**dict(zip(names, X.T, strict=True)), "y": y}), "d.parquet")
    elif kind == "tsv":
        write_csv("d.tsv", None, [X, y], "\t")
    else:
        write_csv("d.csv", [*names, "y"], [X, y], ";")
    return next(Path().glob("d.*"))


@pytest.mark.parametrize(
    "kind", ["npy", "named.npz", "parquet", "tsv", *(pytest.param(k, marks=pytest.mark.slow) for k in ("npz", "csv"))]
)
def test_every_format_gives_the_same_network_and_predictions(houses, calls, kind, run, write_csv):
    X, y = houses
    assert run("learn", "houses.csv", "--width", "1")[0] == 0
    _, wanted, _ = run("predict", "houses.network.json", "houses.csv")
    path = _same_data_in(kind, X, y, write_csv)
    status, _, err = run("learn", path, "--width", "1")
    assert (status, err) == (0, "")
    assert ReLUNetwork.load("d.network.json") == ReLUNetwork.load("houses.network.json")
    status, out, err = run("predict", "d.network.json", path)
    assert (status, out) == (0, wanted)
    assert re.fullmatch(r"limbeck: 200 rows, R2 = 0\.\d{6} on column '.*'\n", err)


def test_existing_files(houses, calls, error_of, run):
    output = Path("houses.network.json")
    output.write_text("my notes")
    assert "is not a limbeck network: name another file with --output" in error_of("learn", "houses.csv")
    assert output.read_text() == "my notes"
    assert calls == []  # told before learning, not after
    assert run("learn", "houses.csv", "--output", output, "--width", "1")[0] == 0
    assert run("learn", "houses.csv", "--width", 0)[0] == 0  # an older network is replaced
    assert ReLUNetwork.load(output).width == 0
    assert sorted(os.listdir()) == ["houses.csv", "houses.network.json"]


def test_output_that_cannot_be(houses, calls, error_of):
    Path("a.json").mkdir()
    assert "is a folder" in error_of("learn", "houses.csv", "--output", "a.json")
    assert "no folder nowhere" in error_of("learn", "houses.csv", "--output", "nowhere/b.json")
    assert "end in .json" in error_of("learn", "houses.csv", "--output", "b.npz")
    assert calls == []


def test_a_failed_write_leaves_the_old_file(houses, calls, monkeypatch, error_of, run):
    assert run("learn", "houses.csv", "--width", 1)[0] == 0
    before = Path("houses.network.json").read_bytes()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert "No space left on device" in error_of("learn", "houses.csv", "--width", 2)
    assert Path("houses.network.json").read_bytes() == before
    assert sorted(os.listdir()) == ["houses.csv", "houses.network.json"]


def _lines(column="a", value=None, line=None, n=30):
    rng = np.random.default_rng(0)
    rows = [["a", "b", "y"], *([repr(float(v)) for v in row] for row in rng.standard_normal((n, 3)))]
    if line is not None:
        rows[line - 1][rows[0].index(column)] = value
    return "\n".join(",".join(row) for row in rows) + "\n"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (_lines("b", "Rome", 7), ["line 7", "'b'", "'Rome'", "--missing Rome", "drop the column (--drop b)"]),
        (_lines("y", "high", 2), ["line 2", "'y'", "'high'", "--missing high", "or choose another --target"]),
        (_lines("a", "inf", 4), ["line 4", "'a'", "infinite"]),
        (_lines() + "1,2\n", ["line 32", "2 field(s)", "3"]),
        (_lines(n=1), ["has 1 row: give at least 10"]),
        (_lines(n=9), ["has 9 rows: give at least 10"]),
        ("a,b,y\n", ["a header and no rows"]),
        ("", ["is empty"]),
        ("y\n" + "1\n2\n" * 20, ["no feature beside the target 'y'"]),
        ("a,b,y\n" + "7,7,3\n7,7,4\n" * 20, ["constant in every feature"]),
        ("a,b,y\n" + "1,7,3\n2,8,3\n" * 20, ["constant target 'y' (always 3.000): choose --target"]),
        ("a,b,y\n" + "1e308,7,3\n-1e308,8,4\n" * 20, ["'a' is 1e+308, whose square leaves float64"]),
    ],
)
def test_data_errors(calls, text, parts, error_of):
    Path("data.csv").write_text(text)
    err = error_of("learn", "data.csv")
    for part in ["data.csv", *parts]:
        assert part in err
    assert os.listdir() == ["data.csv"]


def test_missing_files_folders_and_columns(houses, calls, error_of):
    assert "none.csv does not exist" in error_of("learn", "none.csv")
    Path("folder.csv").mkdir()
    assert "is a folder" in error_of("learn", "folder.csv")
    Path("a.xls").write_text("x")
    assert "'.xls'" in error_of("learn", "a.xls")
    err = error_of("learn", "houses.csv", "--target", "prize")
    assert "no column 'prize': its columns are 'rooms', 'age', 'area', 'price'" in err
    assert "no column '4'" in error_of("learn", "houses.csv", "--target", "4")
    assert "no column 'x'" in error_of("learn", "houses.csv", "--drop", "x")
    Path("a.npy").write_bytes(b"\x93NUMPY\x01")
    assert "damaged" in error_of("learn", "a.npy")
    np.save("b.npy", np.array([[{}]], dtype=object))
    assert "pickled Python objects" in error_of("learn", "b.npy")


def test_learners_own_refusal_is_one_line(houses, monkeypatch, error_of):
    def refuse(*_, **__):
        raise ValueError("too few\nrows")

    monkeypatch.setattr(_command_learn, "learn", refuse)
    assert "cannot learn from houses.csv: too few rows" in error_of("learn", "houses.csv")


def test_planted_network_comes_back_from_a_file(run, predictions_in):
    """Noise-free Gaussian rows in odd units: the learner is exact, and nothing on its way loses that."""
    planted = limbeck.datasets.make_narrow_network("generic", 8, 2, seed=1)
    X, y = limbeck.datasets.sample(planted, 4000, seed=0)
    np.savez("g.npz", X=3 * X, y=1000 * y)
    status, out, _ = run("learn", "g.npz", "--width", "2")
    assert status == 0
    assert re.search(r"validation R2 +(1\.00|1 - \d\.\de-\d\d), 95 % confidence interval 1", out)
    status, out, _ = run("predict", "g.network.json", "g.npz")
    np.testing.assert_allclose(predictions_in(out), 1000 * y, atol=1e-6)


def test_diabetes(write_csv, run):
    """Real data with the real learner. Linear regression reaches R2 = 0.48 on average over folds of these 442 rows."""
    data = pytest.importorskip("sklearn.datasets").load_diabetes(scaled=False)
    write_csv("diabetes.csv", [*data.feature_names, "progression"], [data.data, data.target])
    status, out, err = run("learn", "diabetes.csv")
    assert (status, err) == (0, "")
    r2 = float(re.search(r"cross-validated R2 (-?[\d.]+) ", out).group(1))
    assert 0.2 < r2 < 0.7
    assert "bmi" in out
    status, _, err = run("predict", "diabetes.network.json", "diabetes.csv")
    assert status == 0
    assert 0.4 < float(re.search(r"R2 = ([\d.]+)", err).group(1)) < 0.7

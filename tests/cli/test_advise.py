"""The commands ``limbeck advise`` and ``limbeck weak-to-strong``."""

import numpy as np
import pandas as pd
import pytest

from limbeck.cli import main
from limbeck.distillation import advise, weak_to_strong


@pytest.fixture
def file(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((32, 4))
    frame = pd.DataFrame(X, columns=list("abcd"))
    frame["y"] = X @ [1.0, 2.0, 0.0, 0.0] + rng.standard_normal(32)
    frame["s"] = X @ [1.0, 2.0, 0.1, 0.0]
    frame["g"] = np.arange(32) // 8
    frame.to_csv(tmp_path / "data.csv", index=False)
    return tmp_path / "data.csv", frame


def test_advice_is_that_of_the_function(file, capsys):
    path, frame = file
    X, columns = frame[list("abcd")].to_numpy(), ["advise", str(path), "--target", "y", "--surrogate", "s"]
    assert main([*columns, "--drop", "g"]) == 0
    assert capsys.readouterr().out == f"{advise(X, frame['y'], frame['s'])}\n"
    assert main([*columns, "--cluster", "g"]) == 0
    assert capsys.readouterr().out == f"{advise(X, frame['y'], frame['s'], cluster=frame['g'])}\n"


def test_a_report_is_that_of_the_function(file, capsys, tmp_path, monkeypatch):
    path, frame = file
    columns = ["weak-to-strong", str(path), "--target", "y", "--drop", "s", "--cluster", "g"]
    found = weak_to_strong(frame[list("abcd")].to_numpy(), frame["y"], candidates="ridge", cluster=frame["g"])
    assert main([*columns, "--candidates", "ridge"]) == 0
    assert capsys.readouterr().out == f"{found.report}\n"
    report = tmp_path / "report.txt"
    monkeypatch.setattr("limbeck._cli.advise.weak_to_strong", lambda *_, **__: found)
    assert main([*columns, "--candidates", "ridge", "--report", str(report)]) == 0
    assert report.read_text() == f"{found.report}\n"


def test_a_picture_is_drawn(file, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    path, _ = file
    picture = tmp_path / "errors.png"
    arguments = ["weak-to-strong", str(path), "--target", "y", "--drop", "s", "--drop", "g"]
    assert main([*arguments, "--picture", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["advise", "--target", "y", "--surrogate", "y"], "column 'y' cannot be both --target and --surrogate"),
        (["advise", "--target", "y", "--surrogate", "s", "--drop", "s"], "is --surrogate and cannot be dropped"),
        (["advise", "--target", "y", "--surrogate", "z"], "z"),
        (["weak-to-strong", "--target", "y", "--picture", "x.txt"], "--picture must end in .png, .pdf, .svg"),
        (["weak-to-strong", "--target", "y", *(f"--drop={c}" for c in "abcdsg")], "has no feature beside the columns"),
        (["weak-to-strong", "--target", "y", "--cluster", "a", "--report", "no/such/folder.txt"], "no/such"),
    ],
)
def test_mistakes_are_one_line(file, arguments, message, capsys):
    path, _ = file
    assert main([arguments[0], str(path), *arguments[1:]]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_rows_without_labels_are_left_out(file, capsys, tmp_path):
    path, frame = file
    gaps = frame.copy()
    gaps.loc[[3, 17], "y"] = np.nan
    gaps.loc[5, "s"] = np.nan
    gaps["g"] = [f"group {g}" for g in gaps["g"]]
    gaps.to_csv(path, index=False)
    kept, rest = gaps.dropna(), ["--drop", "g"]
    assert main(["advise", str(path), "--target", "y", "--surrogate", "s", *rest]) == 0
    said = capsys.readouterr()
    assert said.out == f"{advise(kept[list('abcd')], kept['y'], kept['s'])}\n"
    assert "data.csv: 3 rows have no value of the target or surrogate and are left out" in said.err
    kept = gaps.dropna(subset="y")
    columns = ["weak-to-strong", str(path), "--target", "y", "--drop", "s", "--cluster", "g", "--candidates", "ridge"]
    assert main(columns) == 0
    expected = weak_to_strong(kept[list("abcd")], kept["y"], candidates="ridge", cluster=kept["g"])
    assert capsys.readouterr().out == f"{expected.report}\n"
    assert main([*columns, "--output", str(tmp_path / "model.json")]) == 0
    assert f"model written to {tmp_path / 'model.json'}" in capsys.readouterr().err
    assert main(["predict", str(tmp_path / "model.json"), str(path)]) == 0
    found = np.array(capsys.readouterr().out.split()[1:], dtype=float)
    np.testing.assert_allclose(found, expected.predict(gaps), rtol=1e-12)


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [("y", "high", "--target 'y' holds words: name a column of numbers"), ("s", None, "--surrogate 's' is empty")],
)
def test_labels_that_are_no_numbers_are_refused(file, capsys, column, values, message):
    path, frame = file
    frame.assign(**{column: values}).to_csv(path, index=False)
    assert main(["advise", str(path), "--target", "y", "--surrogate", "s"]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("output", ["data.csv", "model.npz", "model", "-"])
def test_a_model_goes_to_a_json_file(file, capsys, monkeypatch, output):
    path, _ = file
    before = path.read_bytes()
    monkeypatch.chdir(path.parent)
    arguments = ["weak-to-strong", "data.csv", "--target", "y", "--drop", "s", "--drop", "g", "--candidates", "ridge"]
    assert main([*arguments, "--output", output]) == 2
    assert ".json" in capsys.readouterr().err
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == ["data.csv"]

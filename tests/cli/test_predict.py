"""The command `limbeck predict`: columns by name and position, files of networks, bad rows."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from limbeck import ReLUNetwork, cli
from limbeck._cli import learn as _command_learn
from limbeck.network._network_file import load_network_file


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def calls(monkeypatch):
    """The calls that the learner gets."""
    calls, real = [], _command_learn.learn

    def learn(X, y, width=None, **options):
        calls.append(SimpleNamespace(X=X, y=y, width=width, **options))
        return real(X, y, width, **options)

    monkeypatch.setattr(_command_learn, "learn", learn)
    return calls


def _data(n=200, d=3, seed=0):
    rng = np.random.default_rng(seed)
    X = (rng.standard_normal((n, d)) + 5) * 10.0 ** np.arange(d)
    return X, 100 + 3 * np.maximum(X[:, 0] - 5, 0) + X[:, -1] / 100 + rng.standard_normal(n)


def _write_csv(path, names, columns, delimiter=","):
    lines = [delimiter.join(names)] if names else []
    lines += [delimiter.join(repr(float(v)) for v in row) for row in np.column_stack(columns)]
    Path(path).write_text("\n".join(lines) + "\n")


@pytest.fixture
def houses():
    X, y = _data()
    _write_csv("houses.csv", ["rooms", "age", "area", "price"], [X, y])
    return X, y


def _run(capsys, *argv):
    status = cli.main([str(a) for a in argv])
    out, err = capsys.readouterr()
    return status, out, err


def _error(capsys, *argv):
    """The one line on stderr of a command that must fail."""
    status, out, err = _run(capsys, *argv)
    assert status == 2
    assert out == ""
    assert err.startswith("limbeck: error: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


@pytest.fixture
def learned(houses, calls, capsys):
    assert _run(capsys, "learn", "houses.csv", "--output", "h.json")[0] == 0
    return houses


def _numbers(out):
    head, *rest = out.splitlines()
    assert head == "prediction"
    return np.array([float(v) for v in rest])


def test_predictions_are_the_networks(learned, capsys):
    X, y = learned
    _, out, err = _run(capsys, "predict", "h.json", "houses.csv", "--threads", "1")
    network = ReLUNetwork.load("h.json")
    np.testing.assert_array_equal(_numbers(out), network(X))
    r2 = 1 - np.sum((y - network(X)) ** 2) / np.sum((y - y.mean()) ** 2)
    assert f"R2 = {r2:.6f}" in err


def test_columns_by_name(learned, capsys):
    X, _ = learned
    _, wanted, _ = _run(capsys, "predict", "h.json", "houses.csv")
    lines = ["town,area,age,rooms", *(f"Rome {i},{r[2]!r},{r[1]!r},{r[0]!r}" for i, r in enumerate(X.tolist()))]
    Path("new.csv").write_text("\n".join(lines))
    assert _run(capsys, "predict", "h.json", "new.csv") == (0, wanted, "")
    _write_csv("less.csv", ["area", "height"], [X[:, :2]])
    err = _error(capsys, "predict", "h.json", "less.csv")
    assert "less.csv lacks columns 'rooms', 'age' that the network needs: it has 'area', 'height'" in err


def test_columns_by_position(learned, capsys):
    X, y = learned
    _, wanted, _ = _run(capsys, "predict", "h.json", "houses.csv")
    np.save("x.npy", X)
    assert _run(capsys, "predict", "h.json", "x.npy") == (0, wanted, "")
    np.save("xy.npy", np.column_stack([X, y]))
    status, out, err = _run(capsys, "predict", "h.json", "xy.npy")
    assert (status, out) == (0, wanted)
    assert "R2 = " in err
    np.save("far.npy", np.column_stack([X, y + 1e4 * y.std()]))  # an offset of so many spreads: R2 about -1e8
    assert "R2 below -10 on column" in _run(capsys, "predict", "h.json", "far.npy")[2]
    np.save("more.npy", np.column_stack([X, y, y]))
    assert "has 5 columns and the network reads 3" in _error(capsys, "predict", "h.json", "more.npy")


def test_positions_with_a_target_in_front(calls, capsys):
    X, y = _data()
    np.save("yx.npy", np.column_stack([y, X]))
    assert _run(capsys, "learn", "yx.npy", "--target", "0", "--output", "p.json")[0] == 0
    _, wanted, err = _run(capsys, "predict", "p.json", "yx.npy")
    assert "on column 'x0'" in err
    np.save("x.npy", X)
    assert _run(capsys, "predict", "p.json", "x.npy") == (0, wanted, "")
    np.savez("xy.npz", X=X, y=y)
    status, out, err = _run(capsys, "predict", "p.json", "xy.npz")
    assert (status, out) == (0, wanted)
    assert "R2 = " in err


def test_rows_whose_target_is_blank(learned, capsys):
    X, _ = learned
    Path("blank.csv").write_text("\n".join(["rooms,age,area,price", *(f"{a},{b},{c}," for a, b, c in X.tolist())]))
    _, wanted, _ = _run(capsys, "predict", "h.json", "houses.csv")
    status, out, err = _run(capsys, "predict", "h.json", "blank.csv")
    assert (status, out) == (0, wanted)
    assert err.startswith("limbeck: no R2, for the target cannot be read: ")
    assert "drop" not in err  # which limbeck predict has no option for
    assert err.count("\n") == 1


def test_prediction_file(learned, capsys):
    _, wanted, _ = _run(capsys, "predict", "h.json", "houses.csv")
    status, out, _ = _run(capsys, "predict", "h.json", "houses.csv", "--output", "p.csv")
    assert (status, out) == (0, "")
    assert Path("p.csv").read_text() == wanted
    assert "would overwrite an input" in _error(capsys, "predict", "h.json", "houses.csv", "--output", "houses.csv")
    assert "would overwrite an input" in _error(capsys, "predict", "h.json", "houses.csv", "--output", "./h.json")
    assert "no folder" in _error(capsys, "predict", "h.json", "houses.csv", "--output", "no/p.csv")
    assert _run(capsys, "predict", "h.json", "houses.csv", "--output", os.devnull)[0] == 0
    assert not Path(os.devnull).is_file()


def test_networks_saved_from_python(capsys):
    network = ReLUNetwork([[1.0, -1.0]], [2.0], bias=1.0)
    X = np.array([[3.0, 1.0], [0.0, 1.0]])
    np.save("x.npy", X)
    for name in ("n.json", "n.npz"):
        network.save(name)
        assert _run(capsys, "predict", name, "x.npy") == (0, "prediction\n5.0\n1.0\n", "")
    np.save("three.npy", np.ones((2, 3)))
    assert "has 3 columns and the network reads 2" in _error(capsys, "predict", "n.json", "three.npy")


def test_a_network_without_names_takes_named_columns_by_position_with_a_hint(learned, capsys):
    """The order of a file decides what is predicted, and nothing in the network's file can tell that it is wrong."""
    X, _ = learned
    ReLUNetwork.load("h.json").save("n.json")
    _write_csv("turned.csv", ["area", "age", "rooms"], [X[:, ::-1]])
    status, out, err = _run(capsys, "predict", "n.json", "turned.csv")
    assert status == 0
    np.testing.assert_array_equal(_numbers(out), ReLUNetwork.load("n.json")(X[:, ::-1]))
    assert err == "limbeck: hint: n.json names no columns: turned.csv's are taken by position, 'area', 'age', 'rooms'\n"
    _write_csv("bare.csv", [], [X])
    assert _run(capsys, "predict", "n.json", "bare.csv")[2] == ""  # neither has names
    assert _run(capsys, "predict", "h.json", "turned.csv")[2] == ""  # both have
    wide = [f"c{j}" for j in range(30)]
    _write_csv("wide.csv", wide, [np.eye(4, 30)])
    ReLUNetwork(np.eye(2, 30), [1.0, 1.0]).save("w.json")
    assert "'c0', 'c1', 'c2', 'c3', 'c4' and 25 more" in _run(capsys, "predict", "w.json", "wide.csv")[2]


def test_a_network_learned_without_names_hints_too(calls, capsys):
    """The columns that are named are those that are read, here all but the target in front."""
    X, y = _data()
    np.save("yx.npy", np.column_stack([y, X]))
    assert _run(capsys, "learn", "yx.npy", "--target", "0", "--output", "p.json")[0] == 0
    _write_csv("yx.csv", ["price", "area", "age", "rooms"], [y, X])
    assert "by position, 'area', 'age', 'rooms'\n" in _run(capsys, "predict", "p.json", "yx.csv")[2]


def test_a_dash_is_the_standard_output(learned, calls, capsys):
    wanted = _run(capsys, "predict", "h.json", "houses.csv")
    assert _run(capsys, "predict", "h.json", "houses.csv", "--output", "-") == wanted
    calls.clear()
    for command in (["learn", "houses.csv"], ["distill", "numpy:sum", "--features", "2"]):
        assert "the network to a file ending in .json" in _error(capsys, *command, "--output", "-")
    assert calls == []
    assert sorted(os.listdir()) == ["h.json", "houses.csv"]
    assert _run(capsys, "predict", "h.json", "houses.csv", "--output", "./-")[:2] == (0, "")
    assert Path("-").read_text() == wanted[1]


def test_damaged_networks(learned, capsys):
    assert "does not exist" in _error(capsys, "predict", "none.json", "houses.csv")
    Path("d.json").mkdir()
    assert "is a folder" in _error(capsys, "predict", "d.json", "houses.csv")
    assert "ends in .json or .npz" in _error(capsys, "predict", "houses.csv", "houses.csv")
    content = json.loads(Path("h.json").read_text())

    def broken(**changes):
        Path("b.json").write_text(json.dumps({**content, **changes}))
        return _error(capsys, "predict", "b.json", "houses.csv")

    good = content["preprocessing"]
    assert "it lacks format" in broken(format="other")
    assert "it lacks 'target'" in broken(preprocessing={k: v for k, v in good.items() if k != "target"})
    assert "differ in number" in broken(preprocessing={**good, "feature_means": [0.0]})
    assert "finite and positive" in broken(preprocessing={**good, "target_scale": 0.0})
    assert "finite and positive" in broken(preprocessing={**good, "feature_scales": [1.0, -1.0, 1.0]})
    assert "damaged" in broken(preprocessing=[1, 2])
    assert "damaged" in broken(preprocessing={**good, "positions": 3})
    assert "out of range" in broken(preprocessing={**good, "positions": [0, 1, 9]})
    Path("b.json").write_text("{")
    assert "is not JSON" in _error(capsys, "predict", "b.json", "houses.csv")


def test_bad_rows_to_predict(learned, capsys):
    Path("bad.csv").write_text("rooms,age,area\n1,2,3\n4,x,6\n")
    assert "line 3: column 'age' holds text, first 'x'" in _error(capsys, "predict", "h.json", "bad.csv")


def test_model_file_round_trip(learned):
    model = load_network_file(Path("h.json"))
    X, _ = learned
    assert model.preprocessing is not None
    assert model.preprocessing.named
    assert model.network == ReLUNetwork.load("h.json")
    np.testing.assert_array_equal(ReLUNetwork.load("h.json")(X), model(X))
    content = json.loads(Path("h.json").read_text())
    content["preprocessing"]["feature_scales"] = [1.0]
    Path("h.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="its preprocessing is damaged"):
        ReLUNetwork.load("h.json")


def test_networks_of_standardised_features(capsys):
    """Files of before the network was learned in the table's own units, and what was predicted then."""
    path = Path(__file__).parents[1] / "data" / "network_of_zscores.json"
    rows = Path(__file__).parents[1] / "data" / "network_of_zscores_predictions.csv"
    known = np.loadtxt(rows, delimiter=",", skiprows=1)
    status, out, err = _run(capsys, "predict", path, rows)
    assert status == 0
    assert "20 rows, R2 = 0.967322 on column 'rent'" in err
    np.testing.assert_allclose(_numbers(out), known[:, -1], rtol=1e-13)  # a sum of some ten terms of this size
    np.testing.assert_allclose(ReLUNetwork.load(path)(known[:, :3]), known[:, -1], rtol=1e-12)

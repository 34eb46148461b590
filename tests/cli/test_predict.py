"""The command `limbeck predict`: columns by name and position, files of networks, bad rows."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from limbeck import ReLUNetwork
from limbeck.network._network_file import load_network_file


def test_predictions_are_the_networks(learned, run, predictions_in):
    X, y = learned
    _, out, err = run("predict", "h.json", "houses.csv", "--threads", "1")
    network = ReLUNetwork.load("h.json")
    np.testing.assert_array_equal(predictions_in(out), network(X))
    r2 = 1 - np.sum((y - network(X)) ** 2) / np.sum((y - y.mean()) ** 2)
    assert f"R2 = {r2:.6f}" in err


def test_columns_by_name(learned, run, write_csv, error_of):
    X, _ = learned
    _, wanted, _ = run("predict", "h.json", "houses.csv")
    lines = ["town,area,age,rooms", *(f"Rome {i},{r[2]!r},{r[1]!r},{r[0]!r}" for i, r in enumerate(X.tolist()))]
    Path("new.csv").write_text("\n".join(lines))
    assert run("predict", "h.json", "new.csv") == (0, wanted, "")
    write_csv("less.csv", ["area", "height"], [X[:, :2]])
    err = error_of("predict", "h.json", "less.csv")
    assert "less.csv lacks columns 'rooms', 'age' that the network needs: it has 'area', 'height'" in err


def test_columns_by_position(learned, run, error_of):
    X, y = learned
    _, wanted, _ = run("predict", "h.json", "houses.csv")
    np.save("x.npy", X)
    assert run("predict", "h.json", "x.npy") == (0, wanted, "")
    np.save("xy.npy", np.column_stack([X, y]))
    status, out, err = run("predict", "h.json", "xy.npy")
    assert (status, out) == (0, wanted)
    assert "R2 = " in err
    np.save("far.npy", np.column_stack([X, y + 1e4 * y.std()]))  # an offset of so many spreads: R2 about -1e8
    assert "R2 below -10 on column" in run("predict", "h.json", "far.npy")[2]
    np.save("more.npy", np.column_stack([X, y, y]))
    assert "has 5 columns and the network reads 3" in error_of("predict", "h.json", "more.npy")


def test_positions_with_a_target_in_front(calls, regression_data, run):
    X, y = regression_data()
    np.save("yx.npy", np.column_stack([y, X]))
    assert run("learn", "yx.npy", "--target", "0", "--width", "1", "--output", "p.json")[0] == 0
    _, wanted, err = run("predict", "p.json", "yx.npy")
    assert "on column 'x0'" in err
    np.save("x.npy", X)
    assert run("predict", "p.json", "x.npy") == (0, wanted, "")
    np.savez("xy.npz", X=X, y=y)
    status, out, err = run("predict", "p.json", "xy.npz")
    assert (status, out) == (0, wanted)
    assert "R2 = " in err


def test_rows_whose_target_is_blank(learned, run):
    X, _ = learned
    Path("blank.csv").write_text("\n".join(["rooms,age,area,price", *(f"{a},{b},{c}," for a, b, c in X.tolist())]))
    _, wanted, _ = run("predict", "h.json", "houses.csv")
    status, out, err = run("predict", "h.json", "blank.csv")
    assert (status, out) == (0, wanted)
    assert err.startswith("limbeck: no R2, for the target cannot be read: column 'price': it is empty")
    assert "drop" not in err  # which limbeck predict has no option for
    assert err.count("\n") == 1


def test_prediction_file(learned, run, error_of):
    _, wanted, _ = run("predict", "h.json", "houses.csv")
    status, out, _ = run("predict", "h.json", "houses.csv", "--output", "p.csv")
    assert (status, out) == (0, "")
    assert Path("p.csv").read_text() == wanted
    assert "would overwrite an input" in error_of("predict", "h.json", "houses.csv", "--output", "houses.csv")
    assert "would overwrite an input" in error_of("predict", "h.json", "houses.csv", "--output", "./h.json")
    assert "no folder" in error_of("predict", "h.json", "houses.csv", "--output", "no/p.csv")
    assert run("predict", "h.json", "houses.csv", "--output", os.devnull)[0] == 0
    assert not Path(os.devnull).is_file()


def test_networks_saved_from_python(error_of, run):
    network = ReLUNetwork([[1.0, -1.0]], [2.0], bias=1.0)
    X = np.array([[3.0, 1.0], [0.0, 1.0]])
    np.save("x.npy", X)
    for name in ("n.json", "n.npz"):
        network.save(name)
        assert run("predict", name, "x.npy") == (0, "prediction\n5.0\n1.0\n", "")
    np.save("three.npy", np.ones((2, 3)))
    assert "has 3 columns and the network reads 2" in error_of("predict", "n.json", "three.npy")


def test_a_network_without_names_takes_named_columns_by_position_with_a_hint(learned, write_csv, run, predictions_in):
    """The order of a file decides what is predicted, and nothing in the network's file can tell that it is wrong."""
    X, _ = learned
    ReLUNetwork.load("h.json").save("n.json")
    write_csv("turned.csv", ["area", "age", "rooms"], [X[:, ::-1]])
    status, out, err = run("predict", "n.json", "turned.csv")
    assert status == 0
    np.testing.assert_array_equal(predictions_in(out), ReLUNetwork.load("n.json")(X[:, ::-1]))
    assert err == "limbeck: hint: n.json names no columns: turned.csv's are taken by position, 'area', 'age', 'rooms'\n"
    write_csv("bare.csv", [], [X])
    assert run("predict", "n.json", "bare.csv")[2] == ""  # neither has names
    assert run("predict", "h.json", "turned.csv")[2] == ""  # both have
    wide = [f"c{j}" for j in range(30)]
    write_csv("wide.csv", wide, [np.eye(4, 30)])
    ReLUNetwork(np.eye(2, 30), [1.0, 1.0]).save("w.json")
    assert "'c0', 'c1', 'c2', 'c3', 'c4' and 25 more" in run("predict", "w.json", "wide.csv")[2]


def test_a_network_learned_without_names_hints_too(calls, regression_data, write_csv, run):
    """The columns that are named are those that are read, here all but the target in front."""
    X, y = regression_data()
    np.save("yx.npy", np.column_stack([y, X]))
    assert run("learn", "yx.npy", "--target", "0", "--width", "1", "--output", "p.json")[0] == 0
    write_csv("yx.csv", ["price", "area", "age", "rooms"], [y, X])
    assert "by position, 'area', 'age', 'rooms'\n" in run("predict", "p.json", "yx.csv")[2]


def test_a_dash_is_the_standard_output(learned, calls, run, error_of):
    wanted = run("predict", "h.json", "houses.csv")
    assert run("predict", "h.json", "houses.csv", "--output", "-") == wanted
    calls.clear()
    for command in (["learn", "houses.csv"], ["distill", "numpy:sum", "--features", "2"]):
        assert "the network to a file ending in .json" in error_of(*command, "--output", "-")
    assert calls == []
    assert sorted(os.listdir()) == ["h.json", "houses.csv"]
    assert run("predict", "h.json", "houses.csv", "--output", "./-")[:2] == (0, "")
    assert Path("-").read_text() == wanted[1]


def test_damaged_networks(learned, error_of):
    assert "does not exist" in error_of("predict", "none.json", "houses.csv")
    Path("d.json").mkdir()
    assert "is a folder" in error_of("predict", "d.json", "houses.csv")
    assert "ends in .json or .npz" in error_of("predict", "houses.csv", "houses.csv")
    content = json.loads(Path("h.json").read_text())

    def broken(**changes):
        Path("b.json").write_text(json.dumps({**content, **changes}))
        return error_of("predict", "b.json", "houses.csv")

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
    assert "is not JSON" in error_of("predict", "b.json", "houses.csv")


def test_bad_rows_to_predict(learned, error_of):
    Path("bad.csv").write_text("rooms,age,area\n1,2,3\n4,x,6\n")
    assert "line 3: column 'age' holds text, first 'x'" in error_of("predict", "h.json", "bad.csv")


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


def test_networks_of_standardised_features(run, predictions_in):
    """Files of before the network was learned in the table's own units, and what was predicted then."""
    path = Path(__file__).parents[1] / "data" / "network_of_zscores.json"
    rows = Path(__file__).parents[1] / "data" / "network_of_zscores_predictions.csv"
    known = np.loadtxt(rows, delimiter=",", skiprows=1)
    status, out, err = run("predict", path, rows)
    assert status == 0
    assert "20 rows, R2 = 0.967322 on column 'rent'" in err
    np.testing.assert_allclose(predictions_in(out), known[:, -1], rtol=1e-13)  # a sum of some ten terms of this size
    np.testing.assert_allclose(ReLUNetwork.load(path)(known[:, :3]), known[:, -1], rtol=1e-12)


def test_networks_of_several_outputs_give_a_column_for_each(tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)
    network = ReLUNetwork([[1.0, 0.0]], [[2.0], [-1.0]], bias=[0.5, 0.25])
    network.save("net.json")
    X = np.array([[1.0, 2.0], [-3.0, 0.5]])
    np.save("x.npy", X)
    status, out, _ = run("predict", "net.json", "x.npy")
    assert status == 0
    assert out.splitlines() == ["prediction_0,prediction_1", "2.5,-0.75", "0.5,0.25"]
    np.save("xy.npy", np.column_stack([X, [1.0, 2.0]]))


@pytest.mark.parametrize("words", [False, True])
def test_predictions_far_from_the_rows_are_kept_within_the_labels_range(tmp_path, monkeypatch, run, words):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 10, 200).tolist()
    kinds = ["a,", "b,"] if words else ["", ""]
    lines = [f"{kinds[i % 2]}{x[i]!r},{3 * x[i] + rng.standard_normal()!r}" for i in range(200)]
    header = "kind,x,y" if words else "x,y"
    Path("rows.csv").write_text("\n".join([header, *lines]))
    Path("far.csv").write_text("\n".join([header.removesuffix(",y"), f"{kinds[0]}5.0", f"{kinds[0]}1000.0"]))
    assert run("learn", "rows.csv", "--output", "bounded.json")[0] == 0
    _, out, err = run("predict", "bounded.json", "far.csv")
    low, high = load_network_file(Path("bounded.json")).prediction_range
    near, far = map(float, out.split()[1:])
    assert near == pytest.approx(15, abs=1)
    assert far == high < 40
    assert "hint: 1 of 2 predictions would be beyond the labels' range by more than a tenth" in err
    assert f"are {low:g} or {high:g} instead: limbeck learn --extrapolate linear lets them be" in err
    assert run("learn", "rows.csv", "--output", "linear.json", "--extrapolate", "linear")[0] == 0
    _, out, err = run("predict", "linear.json", "far.csv")
    assert float(out.split()[2]) == pytest.approx(3000, rel=0.02)
    assert "hint" not in err


def test_a_bag_at_the_command_line(tmp_path, monkeypatch, run, error_of):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 200)
    Path("rows.csv").write_text("x,y\n" + "\n".join(f"{a!r},{abs(a)!r}" for a in x.tolist()))
    status, out, _ = run("learn", "rows.csv", "--bag", "3")
    assert status == 0
    assert "mean of 3 networks of" in out
    assert "--bag: must be a whole number, at least 2, got '1'" in error_of("learn", "rows.csv", "--bag", "1")

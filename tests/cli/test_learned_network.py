"""The command line and the function give the same network, to the bit, and the files of both are the same."""

import json
from pathlib import Path

import numpy as np
import pytest

import limbeck
from limbeck import ReLUNetwork, cli


def _gaussian(rng):
    """Independent Gaussian columns of any mean: standardised beforehand, they would look standard."""
    X = rng.standard_normal((1500, 4)) * [1, 2, 0.5, 3] + [5, -3, 1, 100]
    y = np.maximum(X[:, 0] - 5, 0) - 2 * np.maximum(X[:, 1] + X[:, 2] + 2, 0) + 0.3 * rng.standard_normal(1500)
    return X, y, {}


def _tabular(rng):
    X = np.column_stack([rng.uniform(1, 7, 200), rng.gamma(4, 6, 200), rng.integers(0, 3, 200)])
    return X, 500 + 90 * np.maximum(X[:, 0] - 3, 0) + X[:, 2] + 25 * rng.standard_normal(200), {}


def _constant_column(rng):
    X, y, _ = _tabular(rng)
    return np.insert(X, 1, 7.0, axis=1), y, {}


def _standard(rng):
    X = rng.standard_normal((800, 3))
    return X, np.maximum(X[:, 0], 0) + 0.1 * rng.standard_normal(800), {"inputs": "standard", "seed": 5}


def _few_rows(rng):
    X = rng.uniform(0, 1, (12, 1))
    return X, X[:, 0] + 0.1 * rng.standard_normal(12), {"width": 1, "validation": 0.0}


def _weights(rng):
    X, y, _ = _tabular(rng)
    return X, y, {"sample_weight": rng.integers(0, 4, 200).astype(float)}


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [
        *((kind, "csv") for kind in (_gaussian, _few_rows, _weights)),
        *((kind, "npz") for kind in (_tabular, _constant_column, _standard, _weights)),
        *(pytest.param(kind, "csv", marks=pytest.mark.slow) for kind in (_tabular, _constant_column, _standard)),
        *(pytest.param(kind, "npz", marks=pytest.mark.slow) for kind in (_gaussian, _few_rows)),
    ],
)
def test_command_and_function_agree_to_the_bit(kind, suffix, capsys):
    X, y, options = kind(np.random.default_rng(0))
    names = [f"feature {j}" for j in range(X.shape[1])]
    wanted = limbeck.learn(X, y, max_width=2, feature_names=names, target_name="y", **options)
    argv = [f"--{name}={value}" for name, value in options.items() if name != "sample_weight"]
    columns, weights = [*X.T, y], options.get("sample_weight")
    if suffix == "npz":
        if weights is not None:
            X, names, argv = np.column_stack([X, weights]), [*names, "weight"], [*argv, "--sample-weight", "weight"]
        np.savez("d.npz", X=X, y=y, feature_names=np.array(names))
    else:
        if weights is not None:
            columns, names, argv = [weights, *columns], ["weight", *names], [*argv, "--sample-weight", "0"]
        rows = [",".join(map(repr, row)) for row in np.column_stack(columns).tolist()]
        Path("d.csv").write_text("\n".join([",".join([*names, "y"]), *rows]))
    assert cli.main(["learn", f"d.{suffix}", "--max-width", "2", *argv]) == 0
    out, _ = capsys.readouterr()
    found = ReLUNetwork.load("d.network.json")
    assert found == wanted.network
    for name in ("weights", "output", "linear", "thresholds"):
        assert getattr(found, name).tobytes() == getattr(wanted.network, name).tobytes()
    assert str(wanted) in out
    learned = json.loads(Path("d.network.json").read_text())["learned"]
    assert learned["held_out"] == len(wanted.validation_targets)
    if len(wanted.validation_targets):
        assert learned["validation_r2"] == wanted.validation_r2
    # What the file predicts is what the result does.
    assert cli.main(["predict", "d.network.json", f"d.{suffix}"]) == 0
    predicted = np.array(capsys.readouterr().out.split()[1:], dtype=float)
    np.testing.assert_array_equal(predicted, wanted.predict(X[:, : found.n_features]))


def test_a_kink_at_an_estimated_mean_is_one_neuron(capsys):
    """Two neurons, not three: columns that the command standardised beforehand would look standard Gaussian."""
    X, y, _ = _gaussian(np.random.default_rng(0))
    rows = "\n".join(",".join(map(repr, row)) for row in np.column_stack([X, y]).tolist())
    Path("g.csv").write_text("a,b,c,d,y\n" + rows)
    assert cli.main(["learn", "g.csv"]) == 0
    assert ReLUNetwork.load("g.network.json").width == 2
    assert "2 neurons" in capsys.readouterr().out


def test_a_weight_column_may_be_the_last(capsys):
    X, y, options = _weights(np.random.default_rng(0))
    rows = np.column_stack([X, y, options["sample_weight"]])
    Path("d.csv").write_text("\n".join(["a,b,c,y,w", *(",".join(map(repr, row)) for row in rows.tolist())]))
    assert cli.main(["learn", "d.csv", "--sample-weight", "w", "--max-width", "2"]) == 0
    assert capsys.readouterr().out.startswith(f"d.csv: {np.count_nonzero(rows[:, -1])} rows, 3 features")
    assert ReLUNetwork.load("d.network.json") == limbeck.learn(X, y, max_width=2, **options).network
    for argv, part in [
        (["--sample-weight", "y", "--target", "y"], "is target and cannot hold weights"),
        (["--sample-weight", "a", "--drop", "a"], "is dropped and cannot hold weights"),
        (["--sample-weight", "v"], "no column 'v'"),
        (["--sample-weight", "a", "--target", "b"], "at least 0"),
    ]:
        if part == "at least 0":
            Path("d.csv").write_text(Path("d.csv").read_text().replace("\n", "\n-", 2))
        assert cli.main(["learn", "d.csv", *argv]) == 2
        assert part in capsys.readouterr().err


@pytest.mark.parametrize("rows", [10, *(pytest.param(n, marks=pytest.mark.slow) for n in (11, 15, 19))])
def test_few_rows_are_taken_as_by_the_function(rows, capsys):
    X, y, _ = _few_rows(np.random.default_rng(0))
    X, y = np.resize(X, (rows, 1)), np.resize(y, rows)
    np.savez("d.npz", X=X, y=y)
    status = cli.main(["learn", "d.npz"])
    out, err = capsys.readouterr()
    if rows == 10:  # nine would be left to learn from
        with pytest.raises(ValueError, match="too few") as refused:
            limbeck.learn(X, y)
        assert status == 2
        assert str(refused.value) in err
        assert cli.main(["learn", "d.npz", "--validation", "0"]) == 0
        assert str(limbeck.learn(X, y, validation=0)) in capsys.readouterr().out
    else:
        wanted = limbeck.learn(X, y)
        assert status == 0
        assert str(wanted) in out
        assert ReLUNetwork.load("d.network.json") == wanted.network


@pytest.mark.slow
def test_the_extension_in_capitals(capsys):
    X, y, _ = _few_rows(np.random.default_rng(0))
    np.savez("d.npz", X=X, y=y)
    assert cli.main(["learn", "d.npz", "--output", "D.JSON"]) == 0
    assert ReLUNetwork.load("D.JSON") == limbeck.learn(X, y).network
    assert cli.main(["predict", "D.JSON", "d.npz"]) == 0
    ReLUNetwork.load("D.JSON").save("E.NPZ")
    assert ReLUNetwork.load("E.NPZ") == ReLUNetwork.load("D.JSON")

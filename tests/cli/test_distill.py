"""The command ``limbeck distill``: functions from modules and files, units of a table, mistakes in one line."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from limbeck import ReLUNetwork, cli
from limbeck.network._network_file import load_network_file

TEACHER = """
import numpy as np
W = np.array([[1.0, 0.5, 0.0], [0.0, -1.0, 2.0]])

def price(X):
    return np.maximum(X @ W.T, 0) @ [2.0, -1.0]

def in_units(X):  # rooms about 6, age about 40
    return 10 * np.maximum(X[:, 0] - 6, 0) - 0.5 * X[:, 1]

class Model:
    def predict(self, X):
        return price(X)

model, number = Model(), 3.0

def fails(X):
    raise RuntimeError("no such luck")

def interrupted(X):
    raise KeyboardInterrupt
"""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    Path("pricing.py").write_text(TEACHER)
    yield
    sys.modules.pop("pricing", None)


def _run(capsys, *argv):
    status = cli.main(["distill", *map(str, argv)])
    out, err = capsys.readouterr()
    return status, out, err


@pytest.mark.parametrize("function", ["pricing:price", "pricing.py:price", "pricing:model.predict"])
def test_a_function_comes_back(capsys, function):
    status, out, err = _run(capsys, function, "--features", 3, "--width", 2, "--output", "net.json")
    assert (status, err) == (0, "")
    planted = ReLUNetwork([[1.0, 0.5, 0.0], [0.0, -1.0, 2.0]], [2.0, -1.0])
    assert ReLUNetwork.load("net.json").distance(planted) < 1e-20
    for part in (
        rf"^{re.escape(function)}: [\d,]+ queries of 3 features",
        r"\nwidth +2, at most 2, as asked",
        r"\n(model.predict|price): 2 neurons, of 3 features \(standard Gaussian\)\n",
        r"\n[\d,]+ queries; no more because the tolerance was met\n",
        r"\nfidelity R2 +1.00, 95 % confidence interval 1.00 to 1.00, on \d+ queries held out",
        r"\nwritten +net.json",
    ):
        assert re.search(part, out), part


def test_features_in_the_units_of_a_file(capsys):
    rng = np.random.default_rng(0)
    table = np.column_stack([rng.normal(6, 1, 300), rng.normal(40, 15, 300), np.arange(300)])
    Path("houses.csv").write_text("rooms,age,id\n" + "\n".join(",".join(map(repr, row)) for row in table.tolist()))
    status, out, err = _run(capsys, "pricing:in_units", "--like", "houses.csv", "--drop", "id", "--queries", 3000)
    assert (status, err) == (0, "")
    # In the units of the file: 10 for each room beyond the sixth.
    sentence = r"where rooms is above 6\.0+, in_units rises by 10\.0+ for each unit of rooms"
    assert re.search(sentence, " ".join(out.split()))
    slope = re.search(r"per unit (-[\d.]+) for age", " ".join(out.split()))  # of the file
    np.testing.assert_allclose(float(slope[1]), -0.5, atol=5e-4)
    assert "in_units: 1 neuron and a linear part, of 2 features (Gaussian)" in out
    model = load_network_file(Path("in_units.network.json"))
    X = table[:, :2]
    np.testing.assert_allclose(model(X), 10 * np.maximum(X[:, 0] - 6, 0) - 0.5 * X[:, 1], atol=0.3)
    assert cli.main(["predict", "in_units.network.json", "houses.csv"]) == 0
    predicted = np.array(capsys.readouterr().out.split()[1:], dtype=float)
    np.testing.assert_allclose(predicted, model(X))


def test_a_column_dropped_in_the_middle_of_a_file_without_names(capsys):
    table = np.random.default_rng(0).normal(5, 2, (60, 3))
    np.savetxt("plain.csv", table, delimiter=",")
    Path("teach.py").write_text("import numpy as np\ndef f(X):\n    return 3 * X[:, 0] + np.maximum(X[:, 1] - 5, 0)\n")
    assert _run(capsys, "teach.py:f", "--like", "plain.csv", "--drop", "1", "--width", 1)[0] == 0
    assert cli.main(["predict", "f.network.json", "plain.csv"]) == 0
    predicted = np.array(capsys.readouterr().out.split()[1:], dtype=float)
    np.testing.assert_allclose(predicted, 3 * table[:, 0] + np.maximum(table[:, 2] - 5, 0), rtol=1e-6)


def test_a_file_called_like_a_module_does_not_take_its_place(capsys):
    Path("json.py").write_text("def f(X):\n    return X[:, 0] + abs(X[:, 1])\n")
    assert _run(capsys, "json.py:f", "--features", 2)[0] == 0
    assert Path("f.network.json").exists()


def test_progress_and_time(capfd):
    status = cli.main(["distill", "pricing:price", "--features", "3", "--progress", "--time-limit", "60"])
    out, err = capfd.readouterr()
    assert status == 0
    assert "queries" in err
    assert Path("price.network.json").exists()
    assert "written        price.network.json" in out


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["pricing", "--features", 3], "name the function as MODULE:CALLABLE, got 'pricing'"),
        ([":price", "--features", 3], "name the function as MODULE:CALLABLE, got ':price'"),
        (["nothing_here:f", "--features", 3], "cannot import nothing_here: ModuleNotFoundError"),
        (["nothing_here.py:f", "--features", 3], "there is no file nothing_here.py"),
        (["broken.py:f", "--features", 3], "cannot import broken.py: ZeroDivisionError"),
        (["leaves.py:f", "--features", 3], "cannot import leaves.py: SystemExit"),
        (["pricing:nix", "--features", 3], "pricing has no 'nix'"),
        (["pricing:number", "--features", 3], "pricing:number is not callable, but of type float"),
        (["pricing:fails", "--features", 3], "fails raised RuntimeError on batch 1 .*no such luck"),
        (["pricing:price", "--features", 5], "price raised ValueError on batch 1"),
        (["pricing:price", "--features", 0], "must be a whole number, at least 1"),
        (["pricing:price"], "one of the arguments --features --like is required"),
        (["pricing:price", "--features", 3, "--drop", "a"], "--drop goes with --like"),
        (["pricing:price", "--features", 3, "--queries", 5], "n_queries must be at least 20"),
        (["pricing:price", "--features", 3, "--tolerance", -1], "must be a positive number"),
        (["pricing:price", "--features", 3, "--output", "net.txt"], "must end in .json"),
        (["pricing:price", "--like", "none.csv"], "none.csv does not exist"),
        (["pricing:price", "--like", "flat.csv"], "column 'b' does not vary"),
        (["pricing:price", "--like", "flats.csv"], "columns 'b', 'c' do not vary: .*--drop b --drop c"),
        (["pricing:price", "--like", "flat.csv", "--header", "--drop", "a", "--drop", "b"], "no feature left"),
        (["pricing:price", "--like", "one.csv"], "one.csv has 1 row"),
    ],
)
def test_mistakes_are_one_line(capsys, argv, text):
    Path("broken.py").write_text("1 / 0")
    Path("leaves.py").write_text("import sys\nsys.exit(0)")
    Path("flat.csv").write_text("a,b\n1,2\n2,2\n3,2\n")
    Path("flats.csv").write_text("a,b,c\n1,2,1\n2,2,1\n3,2,1\n")
    Path("one.csv").write_text("a,b\n1,2\n")
    status, out, err = _run(capsys, *argv)
    assert (status, out) == (2, "")
    assert re.search(text, err), err
    assert len(err.splitlines()) == 1
    assert not list(Path().glob("*.network.json"))


def test_an_interrupt_ends_it(capsys):
    assert _run(capsys, "pricing:interrupted", "--features", 3) == (130, "", "limbeck: interrupted\n")


def test_the_network_is_that_of_the_function(capsys):
    """The file holds, to the bit, what limbeck.distill finds at queries like the table's rows."""
    import json

    import limbeck

    rng = np.random.default_rng(0)
    table = np.column_stack([rng.normal(6, 1, 300), rng.normal(40, 15, 300)])
    Path("houses.csv").write_text("rooms,age\n" + "\n".join(",".join(map(repr, row)) for row in table.tolist()))
    assert _run(capsys, "pricing:in_units", "--like", "houses.csv", "--queries", 1000)[0] == 0
    sys.path.insert(0, str(Path.cwd()))
    import pricing

    wanted = limbeck.distill(pricing.in_units, like=table, n_queries=1000)
    content = json.loads(Path("in_units.network.json").read_text())
    assert ReLUNetwork.from_dict({**content, "preprocessing": None}) == wanted.network
    assert content["preprocessing"]["features"] == ["rooms", "age"]
    assert not np.any(content["preprocessing"]["feature_means"])


def test_text_options_are_for_the_table(capsys):
    rng = np.random.default_rng(0)
    rows = [";".join(f"{v:.3f}".replace(".", ",") for v in row) for row in rng.normal([6, 40], [1, 15], (50, 2))]
    Path("houses.csv").write_text("\n".join(["rooms;age", *rows]))
    assert "--decimal ," in _run(capsys, "pricing:in_units", "--like", "houses.csv")[2]
    assert _run(capsys, "pricing:in_units", "--like", "houses.csv", "--decimal", ",", "--width", 1)[0] == 0

"""The experiments on folders of tables, on small made-up ones, without peers that must be installed."""

import gzip
import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("threadpoolctl")
pytest.importorskip("matplotlib")
BENCH = Path(__file__).parents[2] / "bench"
pytestmark = pytest.mark.skipif(not BENCH.is_dir(), reason="the experiments are not part of the package")


@pytest.fixture
def experiments(monkeypatch):
    """Modules of the experiments, by name."""
    monkeypatch.syspath_prepend(str(BENCH))
    return lambda name: importlib.import_module(f"experiments.{name}")


def hinge(rows, seed):
    """Labels of one hinge and a line, with noise of a hundredth."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (rows, 3))
    return X, np.maximum(X[:, 0], 0) * 4 - X[:, 1] + 0.01 * rng.standard_normal(rows)


def line(rows, seed):
    """Labels of a line, with noise of a hundredth."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (rows, 2))
    return X, X[:, 0] + 0.01 * rng.standard_normal(rows)


@pytest.fixture
def tables(tmp_path):
    """A folder as the Penn Machine Learning Benchmarks have it, the target not in the last column."""
    for name, (X, y) in {"1_hinge": hinge(80, 0), "2_fri_line": line(60, 1)}.items():
        names = [f"x{j}" for j in range(X.shape[1])]
        lines = ["\t".join([names[0], "target", *names[1:]])]
        lines += ["\t".join(map(repr, [float(x[0]), float(v), *map(float, x[1:])])) for x, v in zip(X, y, strict=True)]
        (tmp_path / f"{name}.tsv.gz").write_bytes(gzip.compress("\n".join([*lines, ""]).encode()))
    published = "dataset,method,r2_test,model_size,seconds\n1_hinge,Best,0.9999,5,10\n1_hinge,Worst,-1,9,20\n"
    (tmp_path / "published.csv").write_text(published)
    return tmp_path


def shorter(script, monkeypatch, seeds=3):
    """Few seeds."""
    monkeypatch.setattr(script, "SEEDS", script.SEEDS[:seeds])


def run_main(script, monkeypatch, *arguments):
    """The script's command."""
    monkeypatch.setattr(sys, "argv", ["script", *map(str, arguments)])
    script.main()


def test_tables_are_split_as_srbench_does(experiments, tables):
    srbench = experiments("srbench")
    table = srbench.load(tables / "1_hinge.tsv.gz")
    X, y = hinge(80, 0)
    np.testing.assert_array_equal(table.X, X)  # repr and back is exact
    np.testing.assert_array_equal(table.y, y)
    fitted, labels, new, truth = table.parts(860)
    # The protocol's 3/4 and 1/4; scikit-learn permutes with the seed: test rows first, then the rows that train.
    places = np.random.RandomState(860).permutation(80)
    np.testing.assert_array_equal(new, X[places[:20]])
    np.testing.assert_array_equal(truth, y[places[:20]])
    np.testing.assert_array_equal(fitted, X[places[20:]])
    np.testing.assert_array_equal(labels, y[places[20:]])


def test_many_rows_are_thinned_out_to_ten_thousand_that_differ(experiments):
    X = np.arange(14_000.0)[:, None]
    fitted, labels, new, _ = experiments("srbench").split(X, X.ravel(), 860)
    assert (len(fitted), len(new)) == (10_000, 3500)
    assert len({*fitted.ravel(), *new.ravel()}) == 13_500
    np.testing.assert_array_equal(fitted.ravel(), labels)
    # np.random.seed(s), then one call of choice: scikit-learn's split draws from a state of its own.
    kept = np.random.RandomState(860).choice(10_500, 10_000, replace=False)
    train = np.random.RandomState(860).permutation(14_000)[3500:]
    np.testing.assert_array_equal(labels, train[kept])


def test_srbench_shows_wins_losses_and_the_published(experiments, tables, monkeypatch, capsys):
    srbench = experiments("srbench")
    shorter(srbench, monkeypatch)
    kept, text, picture = tables / "fits.csv", tables / "table.txt", tables / "picture.png"
    options = ("--methods", "limbeck", "ridge", "--results", kept, "--output", text, "--picture", picture)
    run_main(srbench, monkeypatch, tables, *options)
    shown = text.read_text()
    assert shown.strip() in capsys.readouterr().out
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert len(kept.read_text().splitlines()) == 1 + 2 * 2 * 3
    # The hinge has four ninths of the labels' variance beside ridge's line, or so: limbeck is far ahead there.
    real, made = (shown.index(words) for words in ("Methods, real tables", "Methods, Friedman's tables"))
    ridge = next(row.split() for row in shown[real:made].splitlines() if row.split()[:1] == ["ridge"])
    assert ridge[1] == "3"
    assert ridge[6:10] == ["0", "0", "1", "1"]
    among = shown[shown.index("Among the methods") :].splitlines()
    ranked = [row.split()[0] for row in among if row.split()[:1] in (["Best"], ["limbeck"], ["Worst"])]
    assert ranked == ["limbeck", "Best", "Worst"] or ranked == ["Best", "limbeck", "Worst"]
    assert "not run" not in shown  # only what was asked for is missed


def test_kept_fits_are_not_repeated_unless_asked(experiments, tables, monkeypatch):
    srbench, fits = experiments("srbench"), experiments("table_fits")
    shorter(srbench, monkeypatch)
    kept = tables / "fits.csv"
    run_main(srbench, monkeypatch, tables, "--methods", "ridge", "--results", kept)
    before = kept.read_bytes()
    done = []
    monkeypatch.setattr(fits, "measure", lambda *parts: done.append(parts) or (0.5, 1.0, 0.1, fits.Shape(3)))
    run_main(srbench, monkeypatch, tables, "--methods", "ridge", "--results", kept)
    assert not done
    assert kept.read_bytes() == before
    run_main(srbench, monkeypatch, tables, "--methods", "ridge", "--results", kept, "--again", "ridge", "--only", "fri")
    assert len(done) == 3
    assert sum(",0.5,1.0," in row for row in kept.read_text().splitlines()) == 3
    with pytest.raises(SystemExit, match="no method rigde; there are limbeck, ridge"):
        run_main(srbench, monkeypatch, tables, "--again", "rigde")


def test_slow_peers_get_three_seeds_and_failures_are_kept(experiments, tables, monkeypatch):
    srbench, fits, results = (experiments(name) for name in ("srbench", "table_fits", "fit_results"))
    table = srbench.load(tables / "1_hinge.tsv.gz")

    def slow(X, y, new):
        return np.zeros(len(new)), 20.5, fits.Shape(1)

    def wrong(X, y, new):
        raise RuntimeError("no model")

    known = results.Results()
    fits.fill(known, {"slow": slow, "limbeck 64": slow, "wrong": wrong}, [table])
    found = known.of(["slow", "limbeck 64", "wrong"], [table.name])
    assert [one.seed for one in found if one.method == "slow"] == list(srbench.SEEDS[:3])
    assert [one.seed for one in found if one.method == "limbeck 64"] == list(srbench.SEEDS)
    failed = [one for one in found if one.method == "wrong"]
    assert len(failed) == 10
    assert all(np.isnan(one.r2) for one in failed)


def test_results_of_another_table_are_refused(experiments, tables):
    srbench, fits, results = (experiments(name) for name in ("srbench", "table_fits", "fit_results"))
    table = srbench.load(tables / "1_hinge.tsv.gz")
    known = results.Results()
    known.add(results.Result("ridge", table.name, srbench.SEEDS[0], 81, 3, 0.5, 1.0, 0.1, 4))
    with pytest.raises(ValueError, match=r"another 1_hinge: 81 rows and 3 columns there, \(80, 3\)"):
        fits.fill(known, {"ridge": lambda *_: None}, [table])


def test_files_of_results_are_read_back_and_checked(experiments, tmp_path):
    results = experiments("fit_results")
    path = tmp_path / "fits.csv"
    kept = results.Results(path)
    rows = [
        results.Result("limbeck", "a, b", 1, 10, 2, 1 / 3, 0.25, 0.5, 7, 2, 1.5, 0.5),
        results.Result("ridge", "a, b", 1, 10, 2, -3.5, 2.0, 0.0, 3),
    ]
    for row in rows:
        kept.add(row)
    again = results.Results(path)
    assert [again.get(*row.key) for row in rows] == rows
    text = path.read_text()
    for changed, words in {
        text[:-5]: "line 3: 9 cells in place of 12",
        text.replace("ridge", ""): "line 3: method is empty",
        text.replace("-3.5", "1.5"): "line 3: r2 is 1.5",
        text.replace("-3.5", "x"): "line 3: could not convert",
        text.replace(",2.0,", ",inf,"): "line 3: rmse is inf",
        text.replace("ridge", "limbeck"): "line 3: a second result of limbeck, a, b, 1",
        text.replace("rmse", "mse"): "line 1 is not method,table",
        "": "line 1 is not",
    }.items():
        path.write_text(changed)
        with pytest.raises(ValueError, match=words):
            results.Results(path)
    path.write_text(text.replace("-3.5", "-4.5"))
    with pytest.raises(RuntimeError, match="changed by another program"):
        again.add(rows[0])


def test_size_counts_what_is_not_zero(experiments):
    from limbeck import ReLUNetwork

    network = ReLUNetwork([[1.0, 0, 0], [2.0, 3.0, 0]], [1.0, -1.0], linear=[0, 0, 5.0], thresholds=[0, 1.0], bias=2.0)
    shape = experiments("table_methods").network_shape(network)
    # 3 weights, 2 output weights, 1 coefficient, 1 threshold, the bias; of 9 coefficients of features 5 are zero.
    assert shape.size == 8
    assert (shape.neurons, shape.features) == (2, 1.5)
    assert shape.zeros == pytest.approx(5 / 9, abs=1e-15)
    constant = experiments("table_methods").network_shape(ReLUNetwork(np.zeros((0, 2)), np.zeros(0), bias=1.0))
    assert (constant.size, constant.neurons, constant.features, constant.zeros) == (1, 0, None, 1)


def test_ranks_share_places(experiments):
    np.testing.assert_array_equal(experiments("srbench_report").ranks([0.5, 0.9, 0.5, -np.inf]), [2.5, 1, 2.5, 4])


def test_uci_compares_with_what_is_published(experiments, tmp_path, monkeypatch, capsys):
    uci = experiments("uci")
    for name, (X, y) in {"yacht": hinge(60, 3), "own": line(40, 4)}.items():
        (tmp_path / name).mkdir()
        np.savetxt(tmp_path / name / "data.txt.gz", np.column_stack([X, y]))
        for number in range(2):
            np.savetxt(tmp_path / name / f"index_test_{number}.txt", np.arange(number, len(X), 10))
    run_main(uci, monkeypatch, tmp_path, "--methods", "limbeck", "ridge", "--results", tmp_path / "fits.csv")
    shown = capsys.readouterr().out
    rows = {row.split()[0]: row.split() for row in shown.splitlines() if row.split()[:1] in (["yacht"], ["own"])}
    assert set(rows) == {"yacht", "own"}
    table = uci.load(tmp_path / "yacht")
    X, _, new, truth = table.parts(1)
    np.testing.assert_array_equal(truth, table.y[1::10])
    assert (len(X), len(new)) == (54, 6)
    # A hinge with noise of a hundredth: any network that has found it is far below the published 0.67 of another set.
    assert "wanted: limbeck on yacht at most 0.67" in shown
    assert shown.count(": yes") == 1
    np.savetxt(tmp_path / "own" / "index_test_1.txt", [40])
    with pytest.raises(ValueError, match="own, split 1: test rows outside of 0 to 39"):
        uci.load(tmp_path / "own").parts(1)


def test_methods_without_half_of_the_tables_take_no_ranks_away(experiments):
    results, report = experiments("fit_results"), experiments("srbench_report")
    known = [
        results.Result(method, table, 1, 10, 2, r2, 1.0, 0.1, 3)
        for method, scores in {"limbeck": (0.9, 0.8, 0.7), "ridge": (0.5, 0.9, 0.6), "EBM": (0.99,)}.items()
        for table, r2 in zip("abc", scores, strict=False)
    ]
    average, count = report.mean_ranks(report.by_table(known), ["limbeck", "ridge", "EBM"])
    assert count == 3
    assert average == {"limbeck": pytest.approx(4 / 3), "ridge": pytest.approx(5 / 3)}


@pytest.mark.parametrize("script", ["srbench.py", "uci.py"])
def test_scripts_run_by_their_path_and_tell_their_options(script):
    command = [sys.executable, str(BENCH / "experiments" / script), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert "--again METHOD" in done.stdout

"""``import limbeck`` loads no room before a call needs it, and every name is there all the same."""

import inspect
import json
import pickle
import sys
import typing
from pathlib import Path

import pytest

import limbeck
from limbeck import datasets

# The learner, its reports, the command line, and the submodules that are loaded by their names.
ROOMS = [
    *(f"_learner.{room}" for room in ["diagnostics", "gaussian", "model", "report", "streaming", "tabular"]),
    *(f"_learner.pipeline.{file}" for file in ["checks", "from_arrays", "from_blocks", "options", "sources"]),
    *(f"_learner.blackbox.{file}" for file in ["comparison", "kinks", "queries", "settings", "student"]),
    *["_cli", "_tables", "cli", "distillation", "estimators", "plots", "results", "ridgeless"],
]
STAR = "from limbeck import *; print(json.dumps(sorted(set(limbeck.__all__) - set(globals()))))"
LOADED = "print(json.dumps([name for name in sys.modules if name.startswith('limbeck.')]))"


@pytest.fixture(scope="module")
def loaded(run_python):
    """Modules of limbeck in a process of its own: after the import, and after the types of results were looked up.

    Then after a command has run; the last of the lists are public names that a star import does not bring.
    """
    code = f"import json, sys, limbeck; {LOADED}; dir(limbeck), limbeck.Learned, limbeck.Distilled; {LOADED}"
    command = f"from limbeck import cli; assert cli.main(['predict', 'none.json', 'none.csv']) == 2; {LOADED}"
    done = run_python(f"{code}; {command}; {STAR}")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("room", ROOMS)
def test_importing_limbeck_leaves_out(loaded, room):
    place = Path(limbeck.__file__).parent.joinpath(*room.split("."))
    assert place.is_dir() or place.with_suffix(".py").is_file()  # a room that was renamed would always be left out
    for modules in loaded[:2]:
        assert "limbeck.learn" in modules
        assert [name for name in modules if f"{name}.".startswith(f"limbeck.{room}.")] == []


def test_a_command_leaves_the_others_out(loaded):
    assert "limbeck._cli.predict" in loaded[2]
    others = [f"limbeck._cli.{name}" for name in ("learn", "distill", "advise", "demo")]
    assert not {*others, "limbeck.distillation", "limbeck._learner.report"} & set(loaded[2])
    assert all((Path(limbeck.__file__).parent / "_cli" / f"{name.split('.')[-1]}.py").is_file() for name in others)


def test_learn_is_the_function_and_its_module_can_be_imported_from():
    from limbeck.blackbox import distill
    from limbeck.learn import learn

    assert limbeck.learn is learn is sys.modules["limbeck.learn"].learn
    assert limbeck.distill is distill


@pytest.mark.parametrize("function", [limbeck.learn, limbeck.distill, datasets.make_narrow_network, datasets.sample])
def test_annotations_can_be_evaluated(function):
    hints = typing.get_type_hints(function)
    assert {*inspect.signature(function).parameters, "return"} == set(hints)


def test_annotations_name_what_is_returned():
    assert typing.get_type_hints(limbeck.learn)["return"] is limbeck.Learned
    assert typing.get_type_hints(limbeck.distill)["return"] is limbeck.Distilled


def test_star_import_brings_every_name(loaded):
    assert loaded[3] == []


def test_a_result_is_unpickled_where_nothing_was_learned(run_python, tmp_path):
    planted = limbeck.datasets.make_narrow_network("generic", 4, 1, seed=0)
    found = limbeck.learn(*limbeck.datasets.sample(planted, 300, noise=0.1, seed=1), 1)
    path = tmp_path / "found.pickle"
    path.write_bytes(pickle.dumps(found))
    code = "import pathlib, pickle, sys; print(ascii(str(pickle.loads(pathlib.Path(sys.argv[1]).read_bytes()))))"
    done = run_python(code, path)
    assert done.stdout.strip() == ascii(str(found)), done.stderr


FIRST_CALLS = """
import sys, threading
import limbeck
planted = limbeck.datasets.make_narrow_network("generic", 4, 1, seed=0)
X, y = limbeck.datasets.sample(planted, 300, seed=1)
assert "limbeck._learner.pipeline.sources" not in sys.modules
calls = [lambda: limbeck.learn(X, y, 1, seed=0), lambda: limbeck.distill(planted, 4, 1, n_queries=300, seed=0)] * 3
start, found = threading.Barrier(len(calls)), {}
def run(number):
    start.wait()
    found[number] = calls[number]().network
threads = [threading.Thread(target=run, args=[number]) for number in range(len(calls))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(found == {number: calls[number]().network for number in range(len(calls))})
"""


def test_first_calls_may_come_from_several_threads_at_once(run_python):
    done = run_python(FIRST_CALLS)
    assert done.stdout.strip() == "True", done.stderr

"""Public names: those that are committed and no others, each with a docstring, and no type without a public home."""

import builtins
import importlib
import importlib.util
import inspect
import pkgutil
import sys
import types
import typing
from functools import cached_property
from pathlib import Path

import pytest

import limbeck

# One name a line, as users import it. Names are added freely, and none is taken away or renamed without a reason.
COMMITTED = set((Path(__file__).parent / "public_names.txt").read_text(encoding="utf-8").split())


def _public_modules():
    """The package, and what is below it without an underscore in its path."""
    names = [found.name for found in pkgutil.walk_packages(limbeck.__path__, "limbeck.")]
    return ["limbeck", *(name for name in names if not any(part.startswith("_") for part in name.split(".")[1:]))]


def _module(name):
    """The module itself: ``limbeck.learn`` as an attribute is the function."""
    importlib.import_module(name)
    return sys.modules[name]


# Commands and checks of an installation, without names of their own to import.
_PROGRAMS = {"limbeck.cli", "limbeck.selftest"}
# Files of public packages, which re-export their names.
_INNER = {name for name in _public_modules() if name.count(".") > 1}
_LACKING = set() if importlib.util.find_spec("sklearn") else {"limbeck.estimators"}
FACES = sorted(set(_public_modules()) - _PROGRAMS - _INNER - _LACKING)
PUBLIC = {
    f"{name}.{attribute}": getattr(_module(name), attribute) for name in FACES for attribute in _module(name).__all__
}


def test_public_names_are_those_committed():
    wanted = {name for name in COMMITTED if name.rpartition(".")[0] not in _LACKING}
    assert sorted(set(PUBLIC) - wanted) == []
    assert sorted(wanted - set(PUBLIC)) == []


@pytest.mark.parametrize("name", FACES)
def test_names_are_in_order_and_exist(name):
    module = _module(name)
    assert list(module.__all__) == sorted(set(module.__all__), key=_case_first)
    assert all(hasattr(module, attribute) for attribute in module.__all__)


def _case_first(name):
    """As ruff sorts: classes before functions."""
    return (name[:1].islower() or name.startswith("_"), name)


def _is_documented(value):
    text = inspect.getdoc(value) or ""
    generated = inspect.isclass(value) and text.startswith(f"{value.__name__}(")  # what a dataclass has without any
    return len(text) >= 20 and not generated


def _things(cls):
    """Public methods and properties that a class of limbeck defines."""
    for name, value in vars(cls).items():
        if not name.startswith("_") and isinstance(
            value, types.FunctionType | property | cached_property | classmethod | staticmethod
        ):
            yield name, value


def test_every_public_name_is_documented():
    bare = [name for name, value in PUBLIC.items() if callable(value) and not _is_documented(value)]
    for name, value in PUBLIC.items():
        if inspect.isclass(value):
            bare += [f"{name}.{inner}" for inner, thing in _things(value) if len(inspect.getdoc(thing) or "") < 10]
    assert bare == []


def test_every_module_and_constant_is_documented():
    for name in FACES:
        module = _module(name)
        assert _is_documented(module), name
        for constant in module.__all__:
            value = getattr(module, constant)
            if not callable(value) and not inspect.ismodule(value) and constant != "__version__":
                assert any(constant in (inspect.getdoc(other) or "") for other in [module, *vars(module).values()])


def _classes(annotation):
    """Classes of limbeck in an annotation."""
    if inspect.isclass(annotation) and annotation.__module__.startswith("limbeck"):
        yield annotation
    for part in typing.get_args(annotation):
        yield from _classes(part)


class _Names(dict):
    """Names of a module, and of public types that it imports for type checkers alone; others, of extras, as Any."""

    def __init__(self, module):
        known = {value.__name__: value for value in PUBLIC.values() if inspect.isclass(value)}
        super().__init__(vars(builtins) | known | vars(sys.modules[module]))

    def __missing__(self, name):
        return typing.Any


def _type(annotation, module):
    return eval(annotation, {}, _Names(module)) if isinstance(annotation, str) else annotation


def _handed_out(value):
    """Annotations of what a public function or class hands to its user."""
    if not inspect.isclass(value):
        yield _type(value.__annotations__.get("return"), value.__module__)
        return
    for owner in value.__mro__:
        if owner.__module__.startswith("limbeck"):
            for name, annotation in vars(owner).get("__annotations__", {}).items():
                if not name.startswith("_"):
                    yield _type(annotation, owner.__module__)
            for _, thing in _things(owner):
                function = getattr(thing, "fget", None) or getattr(thing, "func", None) or thing
                function = getattr(function, "__func__", function)
                yield _type(function.__annotations__.get("return"), owner.__module__)


# Passed on to the learner as they are: tuples, and objects with the methods of ``Blocks``.
_PASSED_ON = {"Block", "DaskBlocks"}


def test_every_type_that_is_handed_out_has_a_public_home():
    # By name: a test that imports a module anew makes other classes of its own.
    known = {(value.__module__, value.__qualname__) for value in PUBLIC.values() if inspect.isclass(value)}
    hidden = {
        f"{name} hands out {cls.__module__}.{cls.__qualname__}"
        for name, value in PUBLIC.items()
        if inspect.isclass(value) or inspect.isfunction(value)
        for annotation in _handed_out(value)
        for cls in _classes(annotation)
        if (cls.__module__, cls.__qualname__) not in known and cls.__name__ not in _PASSED_ON
    }
    assert hidden == set()


def test_what_a_result_holds_is_of_these_types():
    planted = limbeck.datasets.make_narrow_network("generic", 4, 2, seed=0)
    found = limbeck.learn(*limbeck.datasets.sample(planted, 1000, seed=1), 2, inputs="standard")
    results = limbeck.results
    assert isinstance(found, results.Learned)
    assert isinstance(found.reading, results.Reading)
    assert isinstance(found.standard_errors, results.StandardErrors)
    assert isinstance(found.reading.errors, results.StandardErrors)
    assert isinstance(found.subspace, results.Subspace)
    assert found.narrower
    assert all(isinstance(smaller, results.PrunedNetwork) for smaller in found.narrower)
    assert found.clumps
    assert all(isinstance(clump, results.Clump) for clump in found.clumps)
    assert limbeck.Distilled is results.Distilled


def test_importing_limbeck_imports_nothing_that_is_not_needed_yet(run_python):
    # Each takes as long to import as all of limbeck, or longer; numpy.random comes with the first seed.
    late = ["numpy.random", "scipy", "sklearn", "pandas", "matplotlib", "tqdm", "torch", "onnx"]
    done = run_python(f"import sys, limbeck; print([name for name in {late} if name in sys.modules])")
    assert done.stdout.strip() == "[]", done.stderr

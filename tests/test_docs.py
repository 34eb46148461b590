"""Examples in docstrings and in README.md do what they say."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import limbeck

_PUBLIC = [name for _, name, _ in pkgutil.iter_modules(limbeck.__path__) if not name.startswith("_") and name != "cli"]


@pytest.mark.parametrize("name", _PUBLIC)
def test_docstring_examples(name):
    assert doctest.testmod(importlib.import_module(f"limbeck.{name}")).failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder()
    modules = [importlib.import_module(f"limbeck.{name}") for name in _PUBLIC]
    assert sum(bool(test.examples) for module in modules for test in finder.find(module)) >= 4


def test_readme_example():
    readme = Path(__file__).parent.parent / "README.md"
    result = doctest.testfile(str(readme), module_relative=False)
    assert result.attempted > 5
    assert result.failed == 0

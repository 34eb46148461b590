"""Examples in docstrings, in README.md and in the tour do what they say."""

import doctest
import importlib
import importlib.util
import pkgutil
import re
import runpy
import sys
from pathlib import Path

import pytest

import limbeck
from limbeck import cli

# Public and private modules: what a public one re-exports has its examples where it is written. Not the compiled
# kernels, of which a machine can import those of its own instruction sets only, nor what an extra is missing for.
_EXTRAS = {"limbeck._exports.torch": "torch"}
_MODULES = [
    "limbeck",
    *(
        found.name
        for found in pkgutil.walk_packages(limbeck.__path__, "limbeck.")
        if not found.name.startswith("limbeck._kernels.")
        and (found.name not in _EXTRAS or importlib.util.find_spec(_EXTRAS[found.name]))
    ),
]
_DOCS = Path(limbeck.__file__).parent / "docs"
_ROOT = Path(__file__).parents[2]


def _source(name):
    return Path(importlib.util.find_spec(name).origin).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [name for name in _MODULES if ">>> " in _source(name)])
def test_docstring_examples(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


def test_every_example_is_found_and_run():
    """As many as the source files hold, so that none hides where doctest does not look, as behind a decorator."""
    finder = doctest.DocTestFinder()
    modules = [importlib.import_module(name) for name in _MODULES]
    found = sum(len(test.examples) for module in modules for test in finder.find(module))
    written = sum(
        len(re.findall(r"^\s*>>> ", Path(module.__file__).read_text(encoding="utf-8"), flags=re.MULTILINE))
        for module in modules
    )
    files = {path for path in Path(limbeck.__file__).parent.rglob("*.py") if path.name != "torch.py"}
    assert {Path(module.__file__) for module in modules} >= files
    assert found == written > 20


def test_readme_example():
    result = doctest.testfile(str(_ROOT / "README.md"), module_relative=False)
    assert result.attempted > 5
    assert result.failed == 0


# Numbers of rows in blocks, of which the tour has many for those who try it: every assertion holds of a tenth, too.
_TENTHS = {"200_000": "20_000", "200000": "20000", "50_000": "5000", "30_000": "3000"}


@pytest.mark.parametrize("tenths", [_TENTHS, pytest.param({}, marks=pytest.mark.slow)], ids=["tenths", "as it stands"])
def test_the_tour(monkeypatch, tenths):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    text = (_DOCS / "tour.md").read_text(encoding="utf-8")
    for many, few in tenths.items():
        assert many in text
        text = text.replace(many, few)
    runner = doctest.DocTestRunner()
    result = runner.run(doctest.DocTestParser().get_doctest(text, {}, "tour.md", str(_DOCS / "tour.md"), 0))
    assert result.attempted > 60
    assert result.failed == 0


def _blocks(text):
    """Language and content of the fenced blocks, and the line before each."""
    return re.findall(r"([^\n]*)\n+```(\w+)\n(.*?)\n```", text, flags=re.DOTALL)


def test_commands_of_the_tour(tmp_path, monkeypatch, capsys):
    """Files that it says to save are saved, its commands run, and their output is as shown, "..." for any lines."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    saved, shown = 0, 0
    for before, language, content in _blocks((_DOCS / "tour.md").read_text(encoding="utf-8")):
        if (name := re.search(r"Save this as `([\w.]+)`", before)) is not None:
            Path(name[1]).write_text(content + "\n")
            saved += 1
        elif language == "sh":
            for command in content.splitlines():
                # The forest is known as well from a part of the queries.
                program, *arguments = command.replace("--queries 5000", "--queries 2000").split()
                if program == "limbeck":
                    assert cli.main(arguments) == 0
                else:
                    assert program == "python"
                    runpy.run_path(*arguments, run_name="__main__")
        elif language == "text":
            pattern = re.escape(content).replace(re.escape("..."), ".*")
            assert re.search(pattern, capsys.readouterr().out, flags=re.DOTALL), content
            shown += 1
    assert saved == 1
    assert shown >= 1
    sys.modules.pop("forest", None)


@pytest.mark.parametrize(
    "path", [_ROOT / "README.md", _DOCS / "tour.md", _DOCS / "mathematics.md"], ids=lambda p: p.name
)
def test_links_lead_somewhere(path):
    text = path.read_text(encoding="utf-8")
    anchors = {
        re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in text.splitlines()
        if line[:1] == "#"
    }
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert links
    for link in links:
        if link.startswith("#"):
            assert link[1:] in anchors, link
        elif not link.startswith("https://") and (_ROOT / "README.md").exists():
            # A link into the source tree, which an installed package does not have beside it.
            source = _ROOT / "python" / "limbeck" / "docs" if path.parent == _DOCS else path.parent
            assert (source / link).exists(), link

"""The layout: who may import whom, and how long files and functions may be."""

import ast
import graphlib
from functools import cache
from pathlib import Path

import pytest

import limbeck

ROOT = Path(limbeck.__file__).parent

# Folders and files, lowest first. One imports from lower lines only: not from its own line, not from a higher one.
LAYERS = [
    ["_kernels"],
    ["_base"],
    ["network", "blocks", "_tables"],
    ["moments", "ridgeless", "datasets", "_exports"],
    ["distillation", "_learner.model"],
    ["_learner.tabular", "_learner.streaming"],
    ["_learner.gaussian", "_learner.diagnostics"],
    ["_learner.report"],
    ["_learner.pipeline"],
    ["learn", "load"],
    ["_learner.blackbox", "plots", "estimators"],
    ["blackbox", "results"],
    ["_cli"],
    ["cli"],
    ["__init__"],
    ["selftest", "__main__"],
]
RANKS = {room: rank for rank, rooms in enumerate(LAYERS) for room in rooms}
MOST_LINES_OF_A_FILE, MOST_LINES_OF_A_FUNCTION = 400, 60


def _module(path):
    """Dotted name below limbeck of a file; a package's own is the package, and the top's ``__init__``."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


FILES = {_module(path): path for path in sorted(ROOT.rglob("*.py"))}


def _room(module):
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "_learner" and len(parts) > 1 else parts[0]


def _targets(node, module):
    """Modules below limbeck that an import statement asks for."""
    if isinstance(node, ast.Import):
        return [name.name.removeprefix("limbeck").lstrip(".") or "__init__" for name in node.names]
    base = node.module or ""
    if node.level:
        package = module.split(".") if FILES[module].name == "__init__.py" else module.split(".")[:-1]
        base = ".".join(["limbeck", *package[: len(package) - node.level + 1], *base.split(".")]).rstrip(".")
    base = base.removeprefix("limbeck").lstrip(".")
    inner = [f"{base}.{name.name}".lstrip(".") for name in node.names]
    return [name if name in FILES else base or "__init__" for name in inner]


def _statements(block):
    """A block's statements and those inside them: expressions hold no import and no function with a name."""
    for node in block:
        yield node
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            yield from _statements(getattr(node, part, ()))


@cache
def _nodes(module):
    """Statements of a file: several tests look at all of them."""
    return list(_statements(ast.parse(FILES[module].read_text(encoding="utf-8")).body))


@cache
def _imports(module):
    """Modules of limbeck that a file imports, also inside functions and for type checkers only."""
    found = set()
    for node in _nodes(module):
        if isinstance(node, ast.Import):
            if any(name.name.split(".")[0] == "limbeck" for name in node.names):
                found.update(_targets(node, module))
        elif isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").split(".")[0] == "limbeck"):
            found.update(_targets(node, module))
    return found - {module}


def test_every_file_has_a_room():
    assert {_room(module) for module in FILES} - {"_learner"} <= set(RANKS)


def test_no_import_goes_up_or_sideways():
    arrows = [
        f"{module} imports {other}"
        for module in FILES
        for other in _imports(module)
        if _room(module) != _room(other) and RANKS[_room(other)] >= RANKS[_room(module)]
    ]
    assert arrows == []


def test_no_import_circle():
    graphlib.TopologicalSorter({module: _imports(module) for module in FILES}).prepare()


def test_files_of_underscored_folders_have_none():
    named = [
        module for module in FILES if module.startswith("_") and any(p.startswith("_") for p in module.split(".")[1:])
    ]
    assert [module for module in named if not module.startswith("_kernels")] == []


@pytest.mark.parametrize("name", ["blocks", "distillation", "moments", "network", "plots", "ridgeless"])
def test_public_packages_only_re_export(name):
    tree = ast.parse((ROOT / name / "__init__.py").read_text(encoding="utf-8"))
    assert all(isinstance(node, ast.ImportFrom | ast.Assign | ast.Expr) for node in tree.body)


def test_no_file_is_too_long():
    lengths = {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in FILES.items()}
    assert {module: n for module, n in lengths.items() if n > MOST_LINES_OF_A_FILE} == {}


def _lines(function):
    """Lines of a function without its docstring."""
    text = function.body[0]
    has_docstring = isinstance(text, ast.Expr) and isinstance(getattr(text, "value", None), ast.Constant)
    docstring = text.end_lineno - text.lineno + 1 if has_docstring else 0
    return function.end_lineno - function.lineno + 1 - docstring


def test_no_function_is_too_long():
    lengths = {
        f"{module}.{node.name}": _lines(node)
        for module in FILES
        for node in _nodes(module)
        if isinstance(node, ast.FunctionDef)
    }
    assert {name: n for name, n in lengths.items() if n > MOST_LINES_OF_A_FUNCTION} == {}

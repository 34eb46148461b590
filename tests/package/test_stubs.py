"""The committed type stubs say what the running extension has."""

import ast
import inspect
import re
from pathlib import Path

from limbeck import _kernels

STUB = ast.parse((Path(_kernels.__file__).parent / "__init__.pyi").read_text(encoding="utf-8"))


def stub_functions():
    return {node.name: [a.arg for a in node.args.args] for node in STUB.body if isinstance(node, ast.FunctionDef)}


def stub_attributes():
    """Annotated names; plain assignments such as Array = NDArray[Any] are aliases for the stub's own use."""
    return {node.target.id: ast.unparse(node.annotation) for node in STUB.body if isinstance(node, ast.AnnAssign)}


def extension_functions():
    """Argument names from the first line of pybind11's docstrings, commas inside brackets apart."""
    found = {}
    for name, value in vars(_kernels._extension).items():
        if name.startswith("_") or not inspect.isroutine(value):
            continue
        signature = value.__doc__.splitlines()[0]
        inside = re.fullmatch(rf"{name}\((.*)\) -> .+", signature)
        assert inside, f"{signature!r} is not a signature"
        text = inside[1]
        while "[" in text:
            text = re.sub(r"\[[^\[\]]*\]", "", text)
        found[name] = [argument.split(":")[0].strip() for argument in text.split(",") if argument.strip()]
    return found


def test_functions_and_argument_names_agree():
    assert extension_functions()  # the parsing above found something
    assert stub_functions() == extension_functions()


def test_every_argument_has_a_name_of_its_own():
    # pybind11 calls an argument that was not named arg0, arg1, ...
    unnamed = [f for f, names in extension_functions().items() if any(re.fullmatch(r"arg\d+", n) for n in names)]
    assert not unnamed


def test_attributes_are_in_the_module_with_their_types():
    types = {"str": str, "bool": bool, "dict[str, str]": dict, "tuple[str, ...]": tuple, "int": int}
    attributes = stub_attributes()
    assert attributes
    for name, annotation in attributes.items():
        assert isinstance(getattr(_kernels, name), types[annotation]), name


def test_attributes_of_the_extension_are_in_the_stub():
    values = {n for n, v in vars(_kernels._extension).items() if not n.startswith("_") and not inspect.isroutine(v)}
    assert values <= set(stub_attributes())

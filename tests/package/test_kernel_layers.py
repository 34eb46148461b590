"""The folders of cpp/kernels are layers, and what depends on the instruction set stays behind the bindings."""

import re
from pathlib import Path

import pytest

CPP = Path(__file__).resolve().parents[2] / "cpp"
KERNELS = CPP / "kernels"
# What each folder may include beside itself.
BELOW = {
    "core": set(),
    "dense": {"core"},
    "precision": {"core"},
    "moments": {"core", "dense"},
    "network": {"core", "dense", "precision"},
    "gauss_newton": {"core", "dense", "network"},
    "least_squares": {"core", "dense", "precision"},
    "simulation": {"core", "dense"},
}
FILES = sorted(path for path in KERNELS.rglob("*") if path.suffix in {".cpp", ".hpp"})


def included(path):
    return re.findall(r'^#include "(.+?)"', path.read_text(), re.M)


def reached(path):
    found, todo = set(), [path]
    while todo:
        for name in included(todo.pop()):
            if name not in found:
                found.add(name)
                todo.append(CPP / name)
    return found


def test_every_folder_has_a_place():
    assert {path.parent.name for path in FILES} == set(BELOW)


@pytest.mark.parametrize("folder", BELOW)
def test_includes_go_down(folder):
    upwards = [
        f"{path.name} includes {name}"
        for path in FILES
        if path.parent.name == folder
        for name in included(path)
        if Path(name).parts[1] not in BELOW[folder] | {folder}
    ]
    assert upwards == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(KERNELS)))
def test_a_folder_is_a_namespace(path):
    folder, text = path.parent.name, path.read_text()
    nested = "namespace limbeck {" in text and f"namespace {folder} {{" in text  # of the file that defines Index
    assert f"namespace limbeck::{folder} {{" in text or nested


@pytest.mark.parametrize("path", sorted((CPP / "bindings").glob("*.cpp")), ids=lambda path: path.name)
def test_bindings_see_nothing_of_the_instruction_set(path):
    # They are compiled once and linked into the extension of every level.
    assert "kernels/core/simd.hpp" not in reached(path)


def test_one_file_has_openmp():
    users = [path.name for path in FILES if re.search(r"#pragma omp|<omp\.h>", path.read_text())]
    assert users == ["execution.cpp"]


def test_the_list_of_sources_is_complete():
    listed = re.findall(r"kernels/\S+?\.cpp", (CPP / "sources.cmake").read_text())
    assert set(listed) == {str(path.relative_to(CPP)) for path in FILES if path.suffix == ".cpp"}

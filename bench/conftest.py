"""Lets `pytest bench --benchmark-only` find the bench_*.py files, and those find the modules beside them.

Numbers of threads are powers of two up to the processors that this process may use, and that number itself. States of
the machine (`prepare`) are those in which a program may call a kernel: rested, when all threads have slept for a while,
and right after a product of NumPy, whose threads still wait on their processors for the next one.

With `--package FOLDER` the package in FOLDER (as `pip install --target FOLDER` makes it) is measured.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import package

MEASURED = 0.5  # seconds for each benchmark, where five rounds take no longer
REST = 0.3  # seconds: threads of OpenBLAS and of OpenMP wait actively for some 0.1 s at most


def processors():
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def numbers_of_threads():
    """1, 2, 4, ... up to the processors, and their number."""
    most = processors()
    return sorted({2**i for i in range(most.bit_length())} | {most})


def pytest_addoption(parser):
    parser.addoption("--package", metavar="FOLDER", help="measure the limbeck in this folder")


def pytest_configure(config):
    config.addinivalue_line("python_files", "bench_*.py")
    if config.getoption("--package"):
        package.use(config.getoption("--package"))


def pytest_collection_modifyitems(items):
    for item in items:
        item.add_marker(pytest.mark.benchmark(max_time=MEASURED))


def pytest_benchmark_update_machine_info(config, machine_info):
    """What a comparison of two runs must know: bench/baseline.py reads it."""
    from comparisons import machine

    machine_info["limbeck"] = machine.description()


@pytest.fixture(params=numbers_of_threads(), ids=lambda count: f"{count}-threads")
def n_threads(request):
    """Number of threads that a kernel is given."""
    return request.param


@pytest.fixture(scope="session")
def all_threads():
    """As many threads as there are processors."""
    return processors()


def _rest():
    time.sleep(REST)


def _product():
    factor = np.full((600, 600), 0.5)
    factor @ factor


@pytest.fixture(params=[_rest, _product], ids=["rested", "after-a-product"])
def prepare(request):
    """What is done right before each call that is timed."""
    return request.param

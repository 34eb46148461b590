"""Lets `pytest bench --benchmark-only` find the bench_*.py files, and those find the modules beside them."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


def pytest_configure(config):
    config.addinivalue_line("python_files", "bench_*.py")


@pytest.fixture(params=[1, 2], ids=lambda count: f"{count}-threads")
def n_threads(request):
    """Number of threads that a kernel is given."""
    return request.param

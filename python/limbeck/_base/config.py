"""Versions, instruction sets, threads and libraries of this installation."""

import numpy as np

from limbeck import _kernels


def config() -> dict[str, str]:
    """Version, instruction sets, threads and libraries, as text."""
    import platform

    return {
        "limbeck": _kernels.version,
        "instruction set": _kernels.level,
        "built": ", ".join(_kernels.built_levels),
        "usable here": ", ".join(_kernels.available_levels),
        "threads": str(_kernels.default_threads()),
        "OpenMP": "yes" if _kernels.openmp else "no",
        "Eigen": _kernels.eigen,
        "NumPy": np.__version__,
        "Python": f"{platform.python_version()} on {platform.machine()}",
    }


def show_config() -> None:
    """Print the version, the instruction set chosen and those usable here, threads, OpenMP, and library versions.

    The environment variable ``LIMBECK_ISA`` (x86-64-v2, x86-64-v3 or x86-64-v4) forces an instruction set;
    ``OMP_NUM_THREADS`` sets the default number of threads.
    """
    for name, value in config().items():
        print(f"{name + ':':<17}{value}")

"""What the comparison ran on, and the machine's own limits."""

import itertools
import os
import platform
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info

from limbeck import _kernels
from limbeck._base import config as _config


def cpu_model() -> str:
    """The processor's name, where the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def blas() -> str:
    """NumPy's BLAS: name, version and the kernels that it chose."""
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas" and "numpy" in pool["filepath"].lower()]
    return ", ".join(f"{p['internal_api']} {p['version']} ({p.get('architecture', '?')})" for p in pools) or "unknown"


def description() -> dict[str, str]:
    """CPU, instruction set, threads and versions."""
    return {"CPU": f"{cpu_model()}, {os.cpu_count()} cores", **_config.config(), "NumPy's BLAS": blas()}


def peak(dtype: str, seconds: float = 0.01) -> float:
    """Flop/s of one thread that only multiplies and adds registers, now."""
    return _kernels.peak_flops(dtype, seconds)


class Copier:
    """np.copyto of one array to another, cut into as many row ranges as there are threads."""

    def __init__(self, source: np.ndarray, target: np.ndarray, threads: int) -> None:
        cuts = np.linspace(0, len(source), threads + 1).astype(int)
        self._parts = [(target[a:b], source[a:b]) for a, b in itertools.pairwise(cuts)]
        self._pool = ThreadPoolExecutor(threads)

    def __call__(self) -> None:
        """Copy; NumPy releases the GIL, so the ranges are copied at the same time."""
        if len(self._parts) == 1:
            np.copyto(*self._parts[0])
        else:
            list(self._pool.map(lambda part: np.copyto(*part), self._parts))

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()


def show() -> dict[str, str]:
    """Print the description, and return it."""
    about = description()
    width = max(map(len, about)) + 2
    print("\n".join(f"{name + ':':<{width}}{value}" for name, value in about.items()), flush=True)
    return about

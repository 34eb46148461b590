"""What `import limbeck` costs on top of `import numpy`."""

import statistics
import subprocess
import sys

from comparisons.table import Column, Requirement, Section, milliseconds

_PROGRAM = "import time; begin = time.perf_counter(); import {}; print(time.perf_counter() - begin)"


def run(quick: bool) -> Section:
    """Fresh interpreters, interleaved; the first round warms the file cache and is not counted."""
    rounds = 9 if quick else 21
    samples: dict[str, list[float]] = {"numpy": [], "limbeck": []}
    for index in range(rounds + 1):
        for module in list(samples) if index % 2 else list(samples)[::-1]:
            seconds = _seconds(module)
            if index > 0:
                samples[module].append(seconds)
    medians = {module: statistics.median(values) for module, values in samples.items()}
    row = {
        "rounds": rounds,
        "numpy_seconds": medians["numpy"],
        "limbeck_seconds": medians["limbeck"],
        "extra_seconds": medians["limbeck"] - medians["numpy"],
    }
    return Section(
        "import",
        f"Import time: medians of {rounds} fresh processes each",
        [
            Column("numpy_seconds", "import numpy ms", milliseconds),
            Column("limbeck_seconds", "import limbeck ms", milliseconds),
            Column("extra_seconds", "extra ms", milliseconds),
        ],
        requirements=[Requirement("extra_seconds", "extra <= 60 ms", lambda seconds: seconds <= 0.06)],
        rows=[row],
    )


def _seconds(module: str) -> float:
    command = [sys.executable, "-c", _PROGRAM.format(module)]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)

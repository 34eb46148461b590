"""contract_apply against a plain copy of X, which no pass over the data can beat by much, and against NumPy."""

from functools import partial

import numpy as np
import peers
import reference

from comparisons import machine
from comparisons.table import Column, Section, error, fixed, milliseconds, percent, thousands, times
from comparisons.timing import fastest, interleave
from limbeck import moments

ORDER = 4


def run(quick: bool) -> Section:
    """Order 4, one direction, thin blocks of 1 to 8 columns, one and two threads."""
    size = 80e6 if quick else 400e6
    section = Section(
        "contract_apply",
        f"contract_apply: order {ORDER}, one direction, float64, X of {size / 1e6:.0f} MB",
        [
            Column("d", "d", thousands),
            Column("s", "s"),
            Column("threads", "threads"),
            Column("ours_seconds", "ours ms", milliseconds),
            Column("ours_gigabytes_per_second", "GB/s read", fixed(1)),
            Column("copy_seconds", "copy ms", milliseconds),
            Column("fraction_of_copied", "of copied", percent),
            Column("fraction_of_moved", "of moved", percent),
            Column("peer_seconds", "NumPy ms", milliseconds),
            Column("ratio", "NumPy/ours", times),
            Column("ours_error", "our error", error),
            Column("peer_error", "its error", error),
            Column("peer", "NumPy formulation"),
        ],
        notes=[
            "Bytes of X read per second, over those of np.copyto of X with as many threads, in the same rounds:",
            "of copied: over bytes copied per second; of moved: over bytes that the copy reads and writes: half.",
        ],
    )
    for d in (50, 100, 256, 1000):
        section.rows += _rows(d, int(size / 8 / d), 4 if quick else 9)
    return section


def _rows(d: int, n: int, rounds: int) -> list[dict[str, object]]:
    rng = np.random.default_rng(d)
    X, y, g = rng.standard_normal((n, d)), rng.standard_normal(n), rng.standard_normal((1, d))
    g /= np.linalg.norm(g)
    target = np.zeros_like(X)
    rows = []
    for s in (1, 2, 4, 8):
        B = rng.standard_normal((d, s))
        for threads in (1, 2):
            copier = machine.Copier(X, target, threads)
            rows.append(_row(X, y, g, B, threads, copier, rounds))
            copier.close()
    return rows


def _row(X, y, g, B, threads, copier, rounds) -> dict[str, object]:
    ours = partial(moments.contract_apply, X, y, g, ORDER, B, n_threads=threads)
    peer_run = partial(peers.contract_apply, X, y, g, ORDER, B)
    in_cache = max(256, 2**19 // (8 * X.shape[1]))
    formulations = {"all rows": peer_run, f"blocks of {in_cache} rows": partial(peer_run, rows=in_cache)}
    peer = fastest(formulations, threads=threads)
    timings = interleave({"ours": ours, "copy": copier, "peer": formulations[peer]}, rounds, threads=threads)
    ours_seconds, copy_seconds = timings["ours"].seconds, timings["copy"].seconds
    return {
        "dtype": "float64",
        "n": X.shape[0],
        "d": X.shape[1],
        "s": B.shape[1],
        "threads": threads,
        "ours_seconds": ours_seconds,
        "ours_gigabytes_per_second": X.nbytes / ours_seconds / 1e9,
        "copy_seconds": copy_seconds,
        "fraction_of_copied": copy_seconds / ours_seconds,
        "fraction_of_moved": copy_seconds / ours_seconds / 2,
        "peer": peer,
        "peer_seconds": timings["peer"].seconds,
        "ratio": timings["peer"].seconds / ours_seconds,
        "ours_error": reference.apply_error(X, y, g, ORDER, B, ours()),
        "samples": {name: timing.samples for name, timing in timings.items()},
        "peer_error": reference.apply_error(X, y, g, ORDER, B, formulations[peer]()),
    }

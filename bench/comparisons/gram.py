"""weighted_grams against the fastest NumPy formulation, and against the processor's peak."""

from functools import partial

import numpy as np
import peers
import reference

from comparisons import machine
from comparisons.table import Column, Requirement, Section, error, fixed, milliseconds, percent, thousands, times
from comparisons.timing import fastest, interleave
from limbeck import moments

J = 8


def run(quick: bool) -> Section:
    """J = 8 weights of both signs, one thread."""
    n = 32_768 if quick else 262_144
    section = Section(
        "weighted_grams",
        f"weighted_grams: J = {J}, n = {n:,}, one thread",
        [
            Column("dtype", "dtype"),
            Column("d", "d", thousands),
            Column("ours_seconds", "ours ms", milliseconds),
            Column("ours_gflops", "GFLOP/s", fixed(1)),
            Column("peak_gflops", "peak", fixed(1)),
            Column("ours_fraction_of_peak", "of peak", percent),
            Column("peer_seconds", "NumPy ms", milliseconds),
            Column("ratio", "NumPy/ours", times),
            Column("ours_error", "our error", error),
            Column("peer_error", "its error", error),
            Column("peer", "fastest NumPy formulation"),
        ],
        notes=[
            "GFLOP/s: useful work, n d^2 J operations (one triangle of each matrix, a multiply-add counting two).",
            "peak: multiply-adds in registers, one thread, right before and after each sample of ours.",
        ],
        requirements=[
            Requirement("ratio", "NumPy/ours >= 3", lambda ratio: ratio >= 3),
            Requirement("ours_fraction_of_peak", "of peak >= 60 %", lambda fraction: fraction >= 0.6),
        ],
    )
    for dtype in ("float64", "float32"):
        for d in (64, 128, 256):
            section.rows.append(_row(dtype, n, d, 4 if quick else 6))
    return section


def _row(dtype: str, n: int, d: int, rounds: int) -> dict[str, object]:
    rng = np.random.default_rng(d)
    X, W = rng.standard_normal((n, d), dtype), rng.standard_normal((n, J), dtype)
    ours = partial(moments.weighted_grams, X, W, n_threads=1)
    formulations = {name: partial(f, X, W) for name, f in peers.GRAMS.items()}
    peer = fastest(formulations)
    timings = interleave({"ours": ours, "peer": formulations[peer]}, rounds, probe=partial(machine.peak, dtype))
    work = float(n) * d * d * J
    return {
        "dtype": dtype,
        "n": n,
        "d": d,
        "J": J,
        "threads": 1,
        "ours_seconds": timings["ours"].seconds,
        "ours_gflops": work / timings["ours"].seconds / 1e9,
        "ours_fraction_of_peak": timings["ours"].fraction_of_probe(work),
        "peak_gflops": float(np.median(timings["ours"].around)) / 1e9,
        "peer": peer,
        "peer_seconds": timings["peer"].seconds,
        "ratio": timings["peer"].seconds / timings["ours"].seconds,
        "ours_error": reference.gram_error(X, W, ours()),
        "samples": {name: timing.samples for name, timing in timings.items()},
        "peer_error": reference.gram_error(X, W, formulations[peer]()),
    }

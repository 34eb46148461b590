"""The other kernels against their NumPy formulations."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import peers
import reference

from comparisons.table import Column, Section, error, milliseconds, times
from comparisons.timing import fastest, interleave
from limbeck import ReLUNetwork, datasets, moments


@dataclass(frozen=True)
class Case:
    """Ours (a function of the number of threads), the formulations of the peer, and the error of a result."""

    function: str
    size: str
    ours: Callable[[int], object]
    formulations: dict[str, Callable[[], object]]
    error: Callable[[object], float]
    threads: tuple[int, ...] = (1, 2)


def run(quick: bool) -> Section:
    """Contractions, the dense tensor, networks; float64, one and two threads."""
    section = Section(
        "kernels",
        "Other kernels, float64",
        [
            Column("function", "function"),
            Column("size", "size"),
            Column("threads", "threads"),
            Column("ours_seconds", "ours ms", milliseconds),
            Column("peer_seconds", "NumPy ms", milliseconds),
            Column("ratio", "NumPy/ours", times),
            Column("ours_error", "our error", error),
            Column("peer_error", "its error", error),
            Column("peer", "fastest NumPy formulation"),
        ],
        notes=["NumPy's distance is in plain float64; ours carries about 32 digits, which a single call pays for."],
    )
    n = 50_000 if quick else 400_000
    for case in (*_contractions(n, 100), _tensor(2 * n, 8), *_networks(n, 100, 8)):
        section.rows += [_row(case, threads, 4 if quick else 9) for threads in case.threads]
    return section


def _row(case: Case, threads: int, rounds: int) -> dict[str, object]:
    peer = fastest(case.formulations, threads=threads)
    sides = {"ours": partial(case.ours, threads), "peer": case.formulations[peer]}
    timings = interleave(sides, rounds, threads=threads)
    return {
        "function": case.function,
        "size": case.size,
        "threads": threads,
        "ours_seconds": timings["ours"].seconds,
        "peer": peer,
        "peer_seconds": timings["peer"].seconds,
        "ratio": timings["peer"].seconds / timings["ours"].seconds,
        "ours_error": case.error(case.ours(threads)),
        "peer_error": case.error(case.formulations[peer]()),
    }


def _in_rows(function: Callable[..., object], *arguments: object) -> dict[str, Callable[[], object]]:
    """A formulation on all rows at once, and in row blocks that stay in cache."""
    return {
        "all rows": partial(function, *arguments, rows=None),
        "blocks of 1024 rows": partial(function, *arguments, rows=1024),
        "blocks of 8192 rows": partial(function, *arguments, rows=8192),
    }


def _contractions(n: int, d: int) -> list[Case]:
    rng = np.random.default_rng(1)
    X, y, G = rng.standard_normal((n, d)), rng.standard_normal(n), rng.standard_normal((4, d))
    G /= np.linalg.norm(G, axis=1, keepdims=True)
    orders = (1, 2, 3, 4, 5, 6)
    grams = {name: partial(peers.contract, X, y, G, 4, grams=f) for name, f in peers.GRAMS.items()}
    size = f"n = {n:,}, d = {d}, m = 4, "
    return [
        Case(
            "contract",
            size + "order 4",
            lambda threads: moments.contract(X, y, G, 4, n_threads=threads),
            grams,
            partial(reference.contract_error, X, y, G, 4),
        ),
        Case(
            "contract_to_vector",
            size + "order 4",
            lambda threads: moments.contract_to_vector(X, y, G, 4, n_threads=threads),
            _in_rows(peers.contract_to_vector, X, y, G, 4),
            partial(reference.vector_error, X, y, G, 4),
        ),
        Case(
            "contract_to_scalar",
            size + "orders 1 to 6",
            lambda threads: moments.contract_to_scalar(X, y, G, orders, n_threads=threads),
            _in_rows(peers.contract_to_scalar, X, y, G, orders),
            partial(reference.scalar_error, X, y, G, orders),
        ),
    ]


def _tensor(n: int, d: int) -> Case:
    rng = np.random.default_rng(2)
    X, y = rng.standard_normal((n, d)), rng.standard_normal(n)
    return Case(
        "moment_tensor",
        f"n = {n:,}, d = {d}, order 4",
        lambda threads: moments.moment_tensor(X, y, 4, n_threads=threads),
        _in_rows(peers.moment_tensor_4, X, y),
        partial(reference.tensor_error, X, y),
    )


def _networks(n: int, d: int, k: int) -> list[Case]:
    rng = np.random.default_rng(3)
    planted = datasets.make_narrow_network("generic", d, k, seed=rng)
    net = ReLUNetwork(planted.weights, planted.output, linear=rng.standard_normal(d), bias=0.5)
    other = datasets.make_narrow_network("generic", d, k, seed=rng)
    X = rng.standard_normal((n, d))
    exact = peers.distance(net, other, np.longdouble)
    return [
        Case(
            "ReLUNetwork.__call__",
            f"n = {n:,}, d = {d}, k = {k}",
            lambda threads: net(X, n_threads=threads),
            _in_rows(peers.forward, net, X),
            partial(reference.forward_error, net, X),
        ),
        Case(
            "ReLUNetwork.distance",
            f"d = {d}, k = {k} and {k}",
            lambda _: net.distance(other),
            {"closed form, float64": partial(peers.distance, net, other)},
            lambda value: float(abs(value - exact) / exact),
            threads=(1,),
        ),
    ]

"""The command ``limbeck demo``: a planted network is learned back and compared."""

from __future__ import annotations

import argparse
import time

import numpy as np

from limbeck import datasets
from limbeck._cli.network_table import compare_networks
from limbeck._cli.options import Parser, nonnegative_int, positive_int
from limbeck.learn import learn
from limbeck.network import ReLUNetwork

__all__ = ["add_options"]

# Relative squared error below which only rounding is left; a network that is merely good ends above 1e-10.
_ROUNDING = 1e-20
_LAST_DIGITS = 1e-28  # ReLUNetwork.distance carries some 32 digits, of which cancelling weights take a few


def add_options(parser: Parser) -> None:
    """Give the parser of the command its options and what it runs."""
    parser.description = _demo.__doc__
    parser.add_argument(
        "--seed", metavar="N", type=nonnegative_int, default=0, help="another network and other data (default 0)"
    )
    parser.add_argument("--threads", metavar="N", type=positive_int, help="number of threads")
    parser.set_defaults(run=_demo)


def _demo(arguments: argparse.Namespace) -> int:
    """Plant a sum of four ReLUs, two of them nearly parallel, learn it back from samples, and compare."""
    rows, d, separation = 20_000, 20, 0.1
    planted = _demo_network(d, separation, arguments.seed)
    X, y = datasets.sample(planted, rows, seed=arguments.seed + 1)
    print(
        f"Planted: a sum of {planted.width} ReLUs of {d} Gaussian features. Neurons 0 and 1 are only\n"
        f"{separation} rad apart, and their large weights nearly cancel. Learning it from {rows:,} noise-free\n"
        "rows ...\n",
        flush=True,
    )
    started = time.perf_counter()
    result = learn(X, y, planted.width, seed=arguments.seed, n_threads=arguments.threads)
    took = time.perf_counter() - started
    error = planted.distance(result.network) / planted.variance()
    print(compare_networks(planted, result.network))
    shown = f"{error:.1e}" if error >= _LAST_DIGITS else f"below {_LAST_DIGITS:.0e}"
    print(f"\nrelative squared error over the whole Gaussian population, in closed form: {shown}; {took:.1f} s\n")
    if error <= _ROUNDING:
        print("Every neuron was recovered to rounding, up to its sign (which the linear part settles), though two of")
        print("them are almost the same: what the network computes was found, and the parts it is made of.")
        return 0
    print("NOT recovered to rounding. Please report this with the output of `limbeck config`.")
    return 1


def _demo_network(d: int, separation: float, seed: int) -> ReLUNetwork:
    """Network of a pair ``separation`` apart with weights 1/separation and -1/separation, and two generic neurons."""
    rng = np.random.default_rng(seed)
    pair = datasets.make_narrow_network("collinear", d, 2, separation=separation, seed=rng)
    generic = datasets.make_narrow_network("generic", d, 2, seed=rng)
    return ReLUNetwork(np.concatenate([pair.weights, generic.weights]), np.concatenate([pair.output, generic.output]))

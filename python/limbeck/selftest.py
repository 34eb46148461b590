"""Check of an installation, in seconds: ``python -m limbeck.selftest``.

Every instruction set that was built and that this processor has runs the kernels against plain NumPy on small problems,
in a process of its own, and each on one thread and on several, which must give the same bits.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.polynomial import hermite_e
from numpy.typing import NDArray

import limbeck
from limbeck import _kernels, distillation, moments, ridgeless
from limbeck._base.config import config

__all__ = ["main"]

Float64Array = NDArray[np.float64]

_TOLERANCE = 1e-11  # relative to the largest number: every sum here has fewer than 10,000 terms
_THREADS = 3
_ONE_LEVEL = "--this-level"


class Outcome(NamedTuple):
    """Numbers that were computed, those that they should be, and the largest error relative to the largest of these."""

    found: Float64Array
    wanted: Float64Array
    tolerance: float = _TOLERANCE


Check = Callable[[int], Outcome]  # by the number of threads


def _rows() -> tuple[Float64Array, Float64Array]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((2000, 7)), rng.standard_normal(2000)


def _grams(threads: int) -> Outcome:
    X, y = _rows()
    W = np.column_stack([y, y**2])
    return Outcome(moments.weighted_grams(X, W, n_threads=threads), np.einsum("ni,nj,nk->kij", X, X, W))


def _contractions(threads: int) -> Outcome:
    X, y = _rows()
    G = np.random.default_rng(1).standard_normal((3, 7))
    found = moments.contract_to_scalar(X, y, G, [1, 2, 4, 6], n_threads=threads)
    # He_l(x)[g, ..., g] = |g|^l He_l(<g, x> / |g|)
    size = np.linalg.norm(G, axis=1)
    series = [np.eye(7)[order] for order in (1, 2, 4, 6)]
    t = X @ G.T / size
    wanted = [[np.mean(y * hermite_e.hermeval(t[:, m], c)) for c in series] for m in range(3)]
    return Outcome(found, np.array(wanted) * size[:, None] ** [1, 2, 4, 6])


def _matrices(threads: int) -> Outcome:
    X, y = _rows()
    G = np.random.default_rng(1).standard_normal((2, 7))
    found = moments.contract(X, y, G, 4, n_threads=threads)
    tensor = moments.moment_tensor(X, y, 4, n_threads=threads)
    return Outcome(found, np.einsum("abcd,ma,mb->mcd", tensor, G, G))


def _forward(threads: int) -> Outcome:
    X, _ = _rows()
    rng = np.random.default_rng(2)
    net = limbeck.ReLUNetwork(
        rng.standard_normal((5, 7)),
        rng.standard_normal(5),
        linear=rng.standard_normal(7),
        bias=0.3,
        thresholds=rng.standard_normal(5),
    )
    wanted = np.maximum(X @ net.weights.T + net.thresholds, 0) @ net.output + X @ net.linear + net.bias
    return Outcome(net(X, n_threads=threads), wanted)


def _least_norm(threads: int) -> Outcome:
    rng = np.random.default_rng(3)
    X, Y = rng.standard_normal((60, 150)), rng.standard_normal((60, 2))
    found = ridgeless.solve(X, Y, n_threads=threads).coef
    return Outcome(found, np.asarray(np.linalg.lstsq(X, Y, rcond=None)[0]))


def _merged(threads: int) -> Outcome:
    X, y = _rows()
    total = ridgeless.Accumulator(7)
    for part in np.array_split(np.arange(2000), 7):
        total.update(X[part], y[part], n_threads=threads)
    return Outcome(total.solve(n_threads=threads).coef, np.asarray(np.linalg.lstsq(X, y, rcond=None)[0]))


def _simulated(threads: int) -> Outcome:
    """The mean of 400 trials, which is within six standard errors of the prediction, itself off by up to 2 %."""
    task = distillation.Task.power_law(60, alpha=1.5, r=1.5, noise=0.1)
    found = distillation.simulate(task, 25, trials=400, n_threads=threads)
    predicted = float(distillation.risk(task, 25))
    tolerance = (6 * found.standard_error + 0.02 * found.mean) / predicted
    return Outcome(np.array([found.mean]), np.array([predicted]), tolerance)


def _learned(threads: int) -> Outcome:
    planted = limbeck.datasets.make_narrow_network("collinear", 10, 2, separation=0.1, seed=0)
    X, y = limbeck.datasets.sample(planted, 4000, seed=1)
    found = limbeck.learn(X, y, 2, n_threads=threads).network
    return Outcome(found(X[:100]), planted(X[:100]))


CHECKS: dict[str, Check] = {
    "weighted Gram matrices": _grams,
    "moments to scalars": _contractions,
    "moments to matrices": _matrices,
    "networks on rows": _forward,
    "least squares of least norm": _least_norm,
    "merged rows": _merged,
    "simulated distillation": _simulated,
    "a planted network learned": _learned,
}


def _run_checks() -> int:
    """Run all checks on the instruction set that is loaded, and return the number that failed."""
    failed = 0
    for name, check in CHECKS.items():
        try:
            outcome = Outcome(*check(1))
            alike = outcome.found.tobytes() == check(_THREADS)[0].tobytes()
            wrong = _complaints(outcome)
            wrong += [] if alike else [f"other bits on {_THREADS} threads than on one"]
        except Exception as error:  # an installation may be broken in any way
            wrong = [f"{type(error).__name__}: {error}"]
        failed += bool(wrong)
        print(f"  {name:<30}{'; '.join(wrong) or 'ok'}", flush=True)
    return failed


def _complaints(outcome: Outcome) -> list[str]:
    """What is wrong with the numbers, in words."""
    found, wanted, tolerance = outcome
    error = float(np.abs(found - wanted).max() / np.abs(wanted).max())
    if error <= tolerance:
        return []
    at = int(np.argmax(np.where(np.isnan(found), np.inf, np.abs(found - wanted))))
    return [
        f"relative error {error:.1e}, above {tolerance:.1e}: {found.flat[at]:.12g} in place of {wanted.flat[at]:.12g}"
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Check the installation and print what was found.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; default those of the process. There are none for users.

    Returns
    -------
    int
        Exit status: 0 if everything is right, 1 if not.
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
    if arguments == [_ONE_LEVEL]:
        return int(_run_checks() > 0)
    if arguments:
        print(f"python -m limbeck.selftest takes no arguments, got {' '.join(arguments)}", file=sys.stderr)
        return 2
    for name, value in config().items():
        print(f"{name + ':':<17}{value}")
    started, failed = time.perf_counter(), []
    for level in _kernels.available_levels:
        print(f"\n{level}", flush=True)
        path = os.pathsep.join([str(Path(limbeck.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "PYTHONPATH": path.rstrip(os.pathsep)}
        if level.startswith("x86"):
            environment["LIMBECK_ISA"] = level
        command = [sys.executable, "-m", "limbeck.selftest", _ONE_LEVEL]
        if subprocess.run(command, env=environment, check=False).returncode:
            failed.append(level)
    unused = [level for level in _kernels.built_levels if level not in _kernels.available_levels]
    if unused:
        print(f"\nbuilt, but not for this processor: {', '.join(unused)}")
    seconds = time.perf_counter() - started
    print(f"\n{'FAILED on ' + ', '.join(failed) if failed else 'everything is right'} ({seconds:.1f} s)")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())

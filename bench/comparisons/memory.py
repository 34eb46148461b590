"""Peak resident memory beyond inputs and outputs, each kernel in a process of its own.

Run as a module with the name of a case, this file is that process.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import peers

from comparisons.table import Column, Requirement, Section, fixed
from limbeck import datasets, moments

D = 100


def run(quick: bool) -> Section:
    """float64, d = 100, all threads; NumPy on all rows at once beside it."""
    n = 200_000 if quick else 1_000_000
    section = Section(
        "memory",
        f"Peak resident memory beyond inputs and outputs: n = {n:,}, d = {D}, float64 (X is {n * D * 8 >> 20} MiB)",
        [
            Column("function", "function"),
            Column("ours_mebibytes", "ours MiB", fixed(1)),
            Column("peer_mebibytes", "NumPy MiB", fixed(1)),
        ],
        notes=["NumPy: the formulation on all rows at once."],
        requirements=[Requirement("ours_mebibytes", "ours < 64 MiB", lambda size: size < 64)],
    )
    for name in _CASES:
        ours, peer = (_in_a_process(name, side, n) for side in ("ours", "peer"))
        section.rows.append({"function": name, "n": n, "d": D, "ours_mebibytes": ours, "peer_mebibytes": peer})
    return section


def _in_a_process(name: str, side: str, n: int) -> float | None:
    if not Path("/proc/self/status").exists():
        return None
    command = [sys.executable, "-m", "comparisons.memory", name, side, str(n)]
    folders = [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return float(json.loads(done.stdout))


def _status(key: str) -> int:
    """A line of /proc/self/status, in bytes. Unlike getrusage, VmHWM does not carry over from the parent process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key):
            return 1024 * int(line.split()[1])
    raise RuntimeError(f"{key} is missing in /proc/self/status")


def _grams(rng, X, y):
    W = rng.standard_normal((len(X), 8))
    return lambda: moments.weighted_grams(X, W), lambda: peers.grams_one_by_one(X, W)


def _contract(rng, X, y):
    G = rng.standard_normal((4, X.shape[1]))
    whole = {"grams": peers.grams_one_by_one, "rows": None}
    return lambda: moments.contract(X, y, G, 4), lambda: peers.contract(X, y, G, 4, **whole)


def _apply(rng, X, y):
    G, B = rng.standard_normal((1, X.shape[1])), rng.standard_normal((X.shape[1], 8))
    return lambda: moments.contract_apply(X, y, G, 4, B), lambda: peers.contract_apply(X, y, G, 4, B)


def _forward(rng, X, y):
    net = datasets.make_narrow_network("generic", X.shape[1], 8, seed=rng)
    return lambda: net(X), lambda: peers.forward(net, X)


_CASES = {
    "weighted_grams, J = 8": _grams,
    "contract, m = 4, order 4": _contract,
    "contract_apply, s = 8, order 4": _apply,
    "ReLUNetwork.__call__, k = 8": _forward,
}


def _measure(name: str, side: str, n: int) -> float:
    rng = np.random.default_rng(0)
    X, y = np.empty((n, D)), np.empty(n)
    rng.standard_normal(out=X)
    rng.standard_normal(out=y)
    ours, peer = _CASES[name](rng, X, y)
    before = _status("VmRSS")
    result = (ours if side == "ours" else peer)()
    return (_status("VmHWM") - before - result.nbytes) / 2**20


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1], sys.argv[2], int(sys.argv[3]))))

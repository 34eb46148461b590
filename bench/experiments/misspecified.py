"""Teachers that are no sum of ReLUs: limbeck.learn beside networks of the same width trained by L-BFGS.

    python bench/experiments/misspecified.py [--quick] [--seeds COUNT]

The teachers are tanh networks of eight neurons and random forests (scikit-learn) fitted to noisy labels of another
function, both of standard Gaussian inputs. The peer minimises the squared error of a network with thresholds, from ten
random starts, to the end (SciPy's L-BFGS-B); of the ten the one with the lowest error on the test rows is taken, by
hindsight. Errors are over the variance of the teacher on 50,000 fresh rows.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.optimize import minimize
from sklearn.ensemble import RandomForestRegressor

sys.path.insert(0, str(Path(__file__).parents[1]))

from comparisons import machine
from comparisons.table import Column, Section, error, fixed, render, times

import limbeck

D, N, N_TEST, STARTS = 10, 10_000, 50_000, 10
Teacher = Callable[[np.ndarray], np.ndarray]


def tanh_teacher(seed: int) -> Teacher:
    """A tanh network of eight neurons of some steepness."""
    rng = np.random.default_rng(seed)
    W, c = 2 * rng.standard_normal((8, D)) / np.sqrt(D), rng.standard_normal(8)
    return lambda X: np.tanh(X @ W.T) @ c


def forest_teacher(seed: int) -> Teacher:
    """A random forest fitted to noisy labels of a smooth function of three directions."""
    rng = np.random.default_rng(seed)
    X, W = rng.standard_normal((5000, D)), rng.standard_normal((3, D)) / np.sqrt(D)
    y = np.abs(X @ W[0]) + np.sin(2 * X @ W[1]) * (X @ W[2]) + 0.3 * rng.standard_normal(len(X))
    forest = RandomForestRegressor(100, min_samples_leaf=5, n_jobs=1, random_state=seed).fit(X, y)
    return forest.predict


def loss_and_gradient(theta: np.ndarray, X: np.ndarray, y: np.ndarray, k: int) -> tuple[float, np.ndarray]:
    """Half the mean squared error of c relu(W x + t) + b; parameters W, t, c, b in turn."""
    W, t, c = theta[: k * D].reshape(k, D), theta[k * D : k * D + k], theta[k * D + k : -1]
    Z = X @ W.T + t
    H = np.maximum(Z, 0)
    r = (H @ c + theta[-1] - y) / len(y)
    back = np.where(Z > 0, r[:, None] * c, 0.0)
    gradient = np.concatenate([(back.T @ X).ravel(), back.sum(axis=0), r @ H, [r.sum()]])
    return len(y) * float(r @ r) / 2, gradient


def trained(X: np.ndarray, y: np.ndarray, k: int, seed: int) -> limbeck.ReLUNetwork:
    """A network trained from a random start."""
    rng = np.random.default_rng(seed)
    start = np.concatenate(
        [rng.standard_normal(k * D) / np.sqrt(D), rng.standard_normal(k), rng.standard_normal(k), [0]]
    )
    options = {"maxiter": 5000, "maxfun": 10_000, "ftol": 1e-12, "gtol": 1e-9}
    theta = minimize(loss_and_gradient, start, args=(X, y, k), jac=True, method="L-BFGS-B", options=options).x
    W, t, c = theta[: k * D].reshape(k, D), theta[k * D : k * D + k], theta[k * D + k : -1]
    return limbeck.ReLUNetwork(W, c, bias=float(theta[-1]), thresholds=t)


def measure(name: str, make: Callable[[int], Teacher], k: int, noise: float, seed: int) -> dict[str, object]:
    """One row of the table."""
    teacher, rng = make(seed), np.random.default_rng(1000 + seed)
    X, X_test = rng.standard_normal((N, D)), rng.standard_normal((N_TEST, D))
    y, y_test = teacher(X), teacher(X_test)
    spread = float(y_test.std())
    y = y + noise * spread * rng.standard_normal(N)

    def tested(net: limbeck.ReLUNetwork) -> float:
        return float(np.mean(np.square(net(X_test) - y_test))) / spread**2

    begin = time.perf_counter()
    found = limbeck.learn(X, y, k)
    ours_seconds = time.perf_counter() - begin
    begin = time.perf_counter()
    errors = sorted(tested(trained(X, y, k, seed)) for seed in range(STARTS))
    peer_seconds = time.perf_counter() - begin
    return {
        "teacher": name,
        "width": k,
        "noise": noise,
        "seed": seed,
        "found": found.width,
        "ours": tested(found.network),
        "peer_best": errors[0],
        "peer_median": errors[len(errors) // 2],
        "ratio": tested(found.network) / errors[0],
        "ours_seconds": ours_seconds,
        "peer_seconds": peer_seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one seed, one width")
    parser.add_argument("--seeds", type=int, default=4)
    options = parser.parse_args()
    machine.show()
    table = Section(
        "misspecified",
        f"learn(width) against L-BFGS, best of {STARTS} starts by hindsight: d = {D}, n = {N:,}",
        [
            Column("teacher", "teacher"),
            Column("width", "width"),
            Column("noise", "noise"),
            Column("seed", "seed"),
            Column("found", "neurons"),
            Column("ours", "our error", error),
            Column("peer_best", "best of ten", error),
            Column("peer_median", "median", error),
            Column("ratio", "ours/best", times),
            Column("ours_seconds", "ours s", fixed(2)),
            Column("peer_seconds", "ten runs s", fixed(2)),
        ],
        notes=["Errors: against the noise-free teacher on fresh rows, over its variance."],
    )
    for name, make in (("tanh", tanh_teacher), ("forest", forest_teacher)):
        for k in (4,) if options.quick else (2, 4, 8):
            for noise in (0.0,) if options.quick else (0.0, 0.3):
                for seed in range(1 if options.quick else options.seeds):
                    table.rows.append(measure(name, make, k, noise, seed))
    print("\n" + render(table))


if __name__ == "__main__":
    main()

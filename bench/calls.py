"""One call of every kernel, of representative size: some 5 to 100 ms on one thread.

bench_states.py and experiments/shared_machine.py measure what a busy machine does to each of them. A call is made by a
function of a random generator and takes the number of threads.
"""

import zlib
from collections.abc import Callable

import numpy as np
from least_squares import Problem

from limbeck import ReLUNetwork, _kernels, datasets, moments, ridgeless
from limbeck.distillation import Task, simulate

Call = Callable[[int], object]
Maker = Callable[[np.random.Generator], Call]
MAKERS: dict[str, Maker] = {}
SERIAL = {"ReLUNetwork.distance"}  # calls that take no number of threads


def make(name: str) -> Call:
    """The call of this name, on data that depend on the name alone."""
    return MAKERS[name](np.random.default_rng(zlib.crc32(name.encode())))


def same_bits(one: object, other: object) -> bool:
    """Whether two results of a call are equal to the last bit."""
    return np.asarray(one).tobytes() == np.asarray(other).tobytes()


def _call(name: str) -> Callable[[Maker], Maker]:
    def keep(maker: Maker) -> Maker:
        MAKERS[name] = maker
        return maker

    return keep


# ---- Moments ----


def _labelled(rng, n, d, m, dtype="float64"):
    X, y, G = rng.standard_normal((n, d), dtype), rng.standard_normal(n, dtype), rng.standard_normal((m, d), dtype)
    return X, y, G / np.linalg.norm(G, axis=1, keepdims=True)


@_call("weighted_grams")
def _(rng):
    X, W = rng.standard_normal((60_000, 64)), rng.standard_normal((60_000, 8))
    return lambda t: moments.weighted_grams(X, W, n_threads=t)


@_call("weighted_grams, d = 3")
def _(rng):
    X, W = rng.standard_normal((500_000, 3)), rng.standard_normal((500_000, 4))
    return lambda t: moments.weighted_grams(X, W, n_threads=t)


@_call("weighted_grams, float32")
def _(rng):
    X, W = rng.standard_normal((60_000, 128), "float32"), rng.standard_normal((60_000, 8), "float32")
    return lambda t: moments.weighted_grams(X, W, n_threads=t)


@_call("contract")
def _(rng):
    X, y, G = _labelled(rng, 50_000, 100, 4)
    return lambda t: moments.contract(X, y, G, 4, n_threads=t)


@_call("contract_to_vector")
def _(rng):
    X, y, G = _labelled(rng, 100_000, 100, 4)
    return lambda t: moments.contract_to_vector(X, y, G, 4, n_threads=t)


@_call("contract_to_scalar")
def _(rng):
    X, y, G = _labelled(rng, 100_000, 100, 4)
    return lambda t: moments.contract_to_scalar(X, y, G, (1, 2, 3, 4, 5, 6), n_threads=t)


@_call("contract_apply")
def _(rng):
    X, y, G = _labelled(rng, 100_000, 100, 1)
    B = rng.standard_normal((100, 4))
    return lambda t: moments.contract_apply(X, y, G, 4, B, n_threads=t)


@_call("moment_tensor")
def _(rng):
    X, y, _ = _labelled(rng, 100_000, 8, 1)
    return lambda t: moments.moment_tensor(X, y, 4, n_threads=t)


@_call("MomentAccumulator.update")
def _(rng):
    X, y, G = _labelled(rng, 30_000, 50, 4)

    def update(t):
        total = moments.MomentAccumulator(G, [2, 4])
        total.update(X, y, n_threads=t)
        return total.matrices(4)

    return update


@_call("hermite_normalized")
def _(rng):
    values = rng.standard_normal(500_000)
    return lambda t: _kernels.hermite_normalized(values, 8, t)


# ---- Networks and their refinement ----


@_call("ReLUNetwork.__call__")
def _(rng):
    net, X = datasets.make_narrow_network("generic", 100, 8, seed=rng), rng.standard_normal((100_000, 100))
    return lambda t: net(X, n_threads=t)


@_call("ReLUNetwork.distance")
def _(rng):
    one, other = (ReLUNetwork(rng.standard_normal((100, 50)), rng.standard_normal(100)) for _ in range(2))
    return lambda _: one.distance(other)


@_call("error_and_gradient")
def _(rng):
    problem = Problem.planted(100_000, 50, 8, seed=rng)
    return lambda t: np.append(*_kernels.error_and_gradient(*_parts(problem), t)[::-1])


@_call("normal_matrix")
def _(rng):
    problem = Problem.planted(50_000, 50, 8, seed=rng)
    return lambda t: _kernels.normal_matrix(*_parts(problem), t)


@_call("normal_product")
def _(rng):
    problem = Problem.planted(50_000, 100, 8, seed=rng)
    vector = rng.standard_normal(problem.start.shape)
    return lambda t: _kernels.normal_product(*_parts(problem), vector, t)


@_call("refine, 3 steps")
def _(rng):
    problem = Problem.planted(10_000, 50, 8, seed=rng)
    decay = np.zeros(len(problem.start))
    return lambda t: _kernels.refine(*_parts(problem), True, decay, 3, 0.0, np.inf, t)[0]


def _parts(problem):
    return problem.X, problem.y, None, problem.signs, problem.start


# ---- Least squares ----


def _solve(rng, *shapes, dtype="float64"):
    X, Y = (rng.standard_normal(shape, dtype) for shape in shapes)
    return lambda t: ridgeless.solve(X, Y, n_threads=t).coef


@_call("solve, 500 x 2000")
def _(rng):
    return _solve(rng, (500, 2000), 500)


@_call("solve, 2000 x 500")
def _(rng):
    return _solve(rng, (2000, 500), 2000)


@_call("solve, 100,000 x 100")
def _(rng):
    return _solve(rng, (100_000, 100), 100_000)


@_call("solve, 200 x 400, 200 targets")
def _(rng):
    return _solve(rng, (200, 400), (200, 200))


@_call("solve, 200 x 400, 200 targets, float32")
def _(rng):
    return _solve(rng, (200, 400), (200, 200), dtype="float32")


@_call("solve, 300 x 600 of rank 100")
def _(rng):
    X, y = rng.standard_normal((300, 100)) @ rng.standard_normal((100, 600)), rng.standard_normal(300)
    return lambda t: ridgeless.solve(X, y, n_threads=t).coef


@_call("solve, batch of 200 of 20 x 50")
def _(rng):
    return _solve(rng, (200, 20, 50), (200, 20))


@_call("leave_one_out, 200 x 600")
def _(rng):
    X, y = rng.standard_normal((200, 600)), rng.standard_normal(200)
    return lambda t: ridgeless.leave_one_out(X, y, n_threads=t)


@_call("ridgeless.Accumulator.update")
def _(rng):
    X, y = rng.standard_normal((100_000, 50)), rng.standard_normal(100_000)

    def update(t):
        total = ridgeless.Accumulator(50)
        total.update(X, y, n_threads=t)
        return total.solve(n_threads=t).coef

    return update


# ---- Trials ----


@_call("simulate, 100 trials of 200 x 500")
def _(rng):
    task = Task.power_law(500, 2.0, 1.5, 0.1)
    return lambda t: simulate(task, 200, trials=100, n_threads=t).risks


@_call("simulate, 2 trials of 1000 x 2000")
def _(rng):
    task = Task.power_law(2000, 2.0, 1.5)
    return lambda t: simulate(task, 1000, trials=2, n_threads=t).risks

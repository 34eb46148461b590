"""A sum of ReLUs in the parameters that Levenberg-Marquardt moves, and the operations of the learner on it."""

import time
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck import _kernels
from limbeck.network import ReLUNetwork

Float64Array = NDArray[np.float64]
_SMALL = 128  # beyond, LAPACK's threads pay


@dataclass(frozen=True)
class Model:
    """``f(x) = sum_i sign_i relu(<a_i, x> + t_i) + <w, x> + b``; the size of an output weight lives in a_i and t_i.

    ``parameters`` (k + 1, d + 1) holds the rows (a_i, t_i) and, last, (w, b).
    """

    signs: Float64Array
    parameters: Float64Array

    @property
    def width(self) -> int:
        """Number of neurons."""
        return len(self.signs)

    @property
    def neurons(self) -> Float64Array:
        """The rows (a_i, t_i)."""
        return self.parameters[:-1]

    @property
    def sizes(self) -> Float64Array:
        """|a_i|."""
        return np.asarray(np.linalg.norm(self.parameters[:-1, :-1], axis=1))

    @property
    def directions(self) -> Float64Array:
        """a_i / |a_i|; zero rows stay zero."""
        sizes = self.sizes
        return self.parameters[:-1, :-1] / np.where(sizes > 0, sizes, 1.0)[:, None]

    def __call__(self, X: Float64Array, n_threads: int = 0) -> Float64Array:
        """Values on rows."""
        weights, thresholds = _split(self.parameters[:-1])
        return np.asarray(
            _kernels.network_forward(
                weights, thresholds, self.signs, *_last(self.parameters[-1]), np.ascontiguousarray(X), n_threads
            )
        )

    def network(self) -> ReLUNetwork:
        """The same function with unit directions."""
        weights, thresholds = _split(self.parameters[:-1])
        linear, bias = _last(self.parameters[-1])
        return ReLUNetwork(weights, self.signs, linear=linear, bias=bias, thresholds=thresholds).normalized()

    def with_neuron(self, direction: Float64Array, weight: float) -> "Model":
        """Add ``weight / 2 * |<direction, x>|``, a neuron and half its linear part."""
        row = np.append(abs(weight) * direction, 0.0)
        parameters = np.insert(self.parameters, self.width, row, axis=0)
        parameters[-1, :-1] -= weight / 2 * direction
        return Model(np.append(self.signs, 1.0 if weight >= 0 else -1.0), parameters)

    def without(self, index: int) -> "Model":
        """Drop a neuron; its linear half stays."""
        parameters = np.delete(self.parameters, index, axis=0)
        parameters[-1] += self.signs[index] / 2 * self.parameters[index]
        return Model(np.delete(self.signs, index), parameters)

    def alive(self) -> "Model":
        """Without the neurons of no size, which no gradient can move."""
        kept = self.sizes > 0
        return Model(self.signs[kept], self.parameters[np.append(kept, True)])

    def merged(self, groups: list[list[int]]) -> "Model":
        """One neuron in place of each group of neurons that are close modulo sign.

        With open gates in common, ReLUs of parallel inputs add up: the signed sum of the rows keeps the group's kink
        and linear part to first order in the angle between them.
        """
        last = self.parameters[-1].copy()
        rows, signs = [], []
        for group in groups:
            lead = max(group, key=lambda i: self.sizes[i])
            total = np.zeros_like(last)
            for i in group:
                row = self.signs[i] * self.parameters[i]
                if self.parameters[i, :-1] @ self.parameters[lead, :-1] < 0:  # s relu(z) = s relu(-z) + s z
                    last += row
                    row = -row
                total += row
            sign = 1.0 if total[:-1] @ self.parameters[lead, :-1] >= 0 else -1.0
            rows.append(sign * total)
            signs.append(sign)
        return Model(np.array(signs), np.vstack([*rows, last]))

    def projected(self, basis: Float64Array) -> "Model":
        """The model in the coordinates ``basis @ x``, for rows in the span; basis (r, d), orthonormal."""
        return Model(self.signs, np.column_stack([self.parameters[:, :-1] @ basis.T, self.parameters[:, -1]]))

    def lifted(self, basis: Float64Array) -> "Model":
        """The model of ``basis @ x`` as a model of x; basis (r, d)."""
        return Model(self.signs, np.column_stack([self.parameters[:, :-1] @ basis, self.parameters[:, -1]]))


def _split(rows: Float64Array) -> tuple[Float64Array, Float64Array]:
    return np.ascontiguousarray(rows[:, :-1]), np.ascontiguousarray(rows[:, -1])


def _last(row: Float64Array) -> tuple[Float64Array, float]:
    return np.ascontiguousarray(row[:-1]), float(row[-1])


def model_of(network: ReLUNetwork) -> Model:
    """The parameters of a network; neurons of no output weight become zero rows."""
    sizes = np.abs(network.output)[:, None]
    neurons = sizes * np.column_stack([network.weights, network.thresholds])
    return Model(np.where(network.output < 0, -1.0, 1.0), np.vstack([neurons, np.append(network.linear, network.bias)]))


def normal_matrix(model: Model, rows: "Rows", weights: Float64Array | None) -> Float64Array:
    """``J' diag(weights) J / sum(weights)`` in all parameters, J the derivative of the model on the rows."""
    parameters = np.ascontiguousarray(model.parameters)
    return np.asarray(_kernels.normal_matrix(rows.X, rows.y, weights, model.signs, parameters, rows.n_threads))


def eigh(A: Float64Array) -> tuple[Float64Array, Float64Array]:
    """``numpy.linalg.eigh``, for small matrices on the calling thread alone, for the reason given at ``Rows.along``."""
    if len(A) > _SMALL:
        values, vectors = np.linalg.eigh(A)
        return values, vectors
    values, rows = _kernels.symmetric_eigen(np.ascontiguousarray(A))
    return values, rows.T


def linear_model(d: int) -> Model:
    """The zero function of d features."""
    return Model(np.empty(0), np.zeros((1, d + 1)))


@dataclass(frozen=True)
class Rows:
    """Rows to fit, with weights (None: one each)."""

    X: Float64Array
    y: Float64Array
    weights: Float64Array | None = None
    n_threads: int = 0

    def __len__(self) -> int:
        return len(self.y)

    def projected(self, basis: Float64Array) -> "Rows":
        """The rows in the coordinates ``basis @ x``."""
        return Rows(self.along(basis), self.y, self.weights, self.n_threads)

    def along(self, directions: Float64Array) -> Float64Array:
        """Products (n, m) with directions (m, d), by a kernel that keeps to the number of threads.

        NumPy's BLAS has threads of its own, and where two teams work in turn each waits for the cores that the other's
        idle threads still keep busy.
        """
        return np.asarray(_kernels.project(self.X, np.ascontiguousarray(directions), self.n_threads))

    def part(self, index: NDArray[np.intp] | slice) -> "Rows":
        """Some of the rows."""
        weights = None if self.weights is None else self.weights[index]
        return Rows(self.X[index], self.y[index], weights, self.n_threads)

    @cached_property
    def count(self) -> int:
        """Number of rows that count: those of positive weight."""
        return len(self) if self.weights is None else int(np.count_nonzero(self.weights))

    @cached_property
    def variance(self) -> float:
        """Weighted variance of the labels; one where they are constant, so that it can be divided by."""
        mean = np.average(self.y, weights=self.weights)
        return float(np.average(np.square(self.y - mean), weights=self.weights)) or 1.0

    def residuals(self, model: Model) -> Float64Array:
        """Labels less values."""
        return self.y - model(self.X, self.n_threads)

    def scaled_residuals(self, model: Model) -> Float64Array:
        """Residuals times the weights: what moments are taken of."""
        residuals = self.residuals(model)
        return residuals if self.weights is None else residuals * self.weights

    def errors(self, model: Model) -> Float64Array:
        """Squared residuals, times the rows' weights, whose mean counts as one."""
        return self.errors_of(self.residuals(model))

    def mean_error(self, model: Model) -> float:
        """Weighted mean squared error."""
        return float(self.errors(model).mean())

    def normal_matrix(self, model: Model) -> Float64Array:
        """``J' V J / sum(V)``, V the weights."""
        return normal_matrix(model, self, self.weights)

    def sandwich(self, model: Model) -> tuple[Float64Array, Float64Array, float]:
        """``J' V J / sum(V)``, ``J' S^2 J / sum(S^2)`` and ``sqrt(sum(S^2)) / sum(V)``, S weights times residuals."""
        scores = self.scaled_residuals(model)
        total = len(self) if self.weights is None else float(self.weights.sum())
        # Over their largest size, so that squares neither overflow nor vanish.
        if not (largest := float(np.abs(scores).max())):
            return self.normal_matrix(model), self.normal_matrix(model), 0.0  # an exact fit: any meat will do
        scores = scores / largest
        amplitude = largest * float(np.linalg.norm(scores)) / total
        return self.normal_matrix(model), normal_matrix(model, self, scores**2), amplitude

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return int(self.X.shape[1])

    def refined(self, model: Model, fit: "Fit", *, tolerance: float, step_solver: str = "auto") -> tuple[Model, float]:
        """The model refined on these rows, and its mean squared error there."""
        return fit(model, self, tolerance=tolerance, step_solver=step_solver)

    def errors_of(self, residuals: Float64Array) -> Float64Array:
        """The same for residuals at hand."""
        squares = np.square(residuals)
        return squares if self.weights is None else squares * (self.weights / self.weights.mean())


@dataclass
class Fit:
    """How to run Levenberg-Marquardt."""

    max_steps: int = 100
    tolerance: float = 1e-6
    thresholds: bool = False
    decay: float | Float64Array = 0.0  # of all groups of parameters, or of each neuron's and, last, the linear part
    n_threads: int = 0
    step_solver: str = "auto"  # to the steps: see the kernel
    deadline: float = np.inf  # by time.perf_counter(); a refinement that starts later takes no step
    steps_taken: int = field(default=0, init=False)

    def out_of_time(self) -> bool:
        """Whether the deadline has passed."""
        return time.perf_counter() > self.deadline

    def changed(self, **changes: Any) -> "Fit":  # noqa: ANN401
        """The same with some settings changed."""
        return replace(self, **changes)

    def __call__(self, model: Model, rows: Rows, **changes: Any) -> tuple[Model, float]:  # noqa: ANN401
        """The model refined on the rows, and its mean squared error there."""
        how = {name: getattr(self, name) for name in ("max_steps", "tolerance", "decay", "step_solver")} | changes
        parameters, _, error, steps, _ = _kernels.refine(
            rows.X,
            rows.y,
            rows.weights,
            model.signs,
            np.ascontiguousarray(model.parameters),
            self.thresholds,
            np.array(np.broadcast_to(how["decay"], model.width + 1), dtype=np.float64),
            how["max_steps"],
            how["tolerance"],
            self.deadline - time.perf_counter(),
            self.n_threads,
            how["step_solver"],
        )
        self.steps_taken += steps
        return Model(model.signs, parameters), error

"""Sums of ReLUs as a nonlinear least-squares problem, for peers: residual, dense Jacobian, and a plain NumPy method."""

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from limbeck import datasets


@dataclass(frozen=True)
class Problem:
    """f(x) = sum_i sign_i relu(<a_i, x> + t_i) + <w, x> + b; parameters ((a_1, t_1), ..., (a_k, t_k), (w, b)), flat."""

    X: np.ndarray
    y: np.ndarray
    signs: np.ndarray
    start: np.ndarray

    @classmethod
    def planted(cls, n, d, k, *, perturbation=0.3, seed=0):
        """A generic network, and a start that is off by a random vector of this relative length in each neuron."""
        rng = np.random.default_rng(seed)
        net = datasets.make_narrow_network("generic", d, k, seed=rng)
        X, y = datasets.sample(net, n, seed=rng)
        start = np.zeros((k + 1, d + 1))
        start[:k, :d] = net.weights * np.abs(net.output)[:, None]
        offset = rng.standard_normal((k, d)) / np.sqrt(d)
        start[:k, :d] += perturbation * np.abs(net.output)[:, None] * offset
        return cls(X, y, np.sign(net.output), start)

    def _gates(self, parameters):
        groups = parameters.reshape(len(self.signs) + 1, -1)
        z = self.X @ groups[:-1, :-1].T + groups[:-1, -1]
        return groups, z

    def residuals(self, parameters):
        """f(x_i) - y_i, (n,)."""
        groups, z = self._gates(parameters)
        return np.maximum(z, 0) @ self.signs + self.X @ groups[-1, :-1] + groups[-1, -1] - self.y

    def jacobian(self, parameters):
        """Derivatives of the residuals, dense (n, (k + 1)(d + 1))."""
        groups, z = self._gates(parameters)
        gates = np.column_stack([(z > 0) * self.signs, np.ones(len(z))])
        J = np.empty((len(z), *groups.shape))
        np.multiply(gates[:, :, None], self.X[:, None, :], out=J[:, :, :-1])
        J[:, :, -1] = gates
        return J.reshape(len(z), -1)

    def gradient(self, parameters):
        """Jacobian' residuals, flat, without the Jacobian."""
        _, z = self._gates(parameters)
        factors = np.column_stack([(z > 0) * self.signs, np.ones(len(z))]) * self.residuals(parameters)[:, None]
        return np.column_stack([factors.T @ self.X, factors.sum(axis=0)]).ravel()

    def mean_squared_error(self, parameters):
        """Of the residuals."""
        return float(np.mean(np.square(self.residuals(np.ravel(parameters)))))


def levenberg_marquardt(problem, steps, damping=1e-3):
    """Marquardt's scaling, dense normal equations, damping by the gain: the method of the kernel in plain NumPy."""
    theta = problem.start.ravel().copy()
    r = problem.residuals(theta)
    fresh = False
    for _ in range(steps):
        if not fresh:
            J = problem.jacobian(theta)
            H, gradient = J.T @ J, J.T @ r
            fresh = True
        damped = H + damping * np.diag(np.maximum(np.diag(H), 1e-12 * np.diag(H).max()))
        step = scipy.linalg.solve(damped, -gradient, assume_a="pos", overwrite_a=True)
        tried = problem.residuals(theta + step)
        if tried @ tried < r @ r:
            theta, r, damping, fresh = theta + step, tried, damping / 10, False
        else:
            damping *= 4
    return theta

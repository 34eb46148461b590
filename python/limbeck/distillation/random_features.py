r"""Regression on random features, in one stage and in two: a student that is taught by a teacher.

The model is ``<a, W x>`` with W (N, p) Gaussian: a linear network of one wide layer that is not trained. In two stages
teacher and student have random features of their own. Then, other than for ridgeless regression on all features, the
student's risk may fall with another power of the rows than the teacher's: Wu, Chen, Misiakiewicz and Mondelli, Improved
scaling laws via weak-to-strong generalization in random feature ridge regression (arXiv 2603.05691); and Medvedev, Lyu,
Yu, Arora, Li and Srebro, Weak-to-strong generalization even in random feature networks, provably (arXiv 2503.02877).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from limbeck._base.arrays import Float64Array, integer
from limbeck._base.warnings import warn as give_warning
from limbeck.distillation.equivalents import (
    NearPeakWarning,
    Risk,
    deployment_variances,
    noise_of_labels,
    times,
    weighted,
)
from limbeck.distillation.random_feature_law import RandomFeatureLaw, random_feature_law
from limbeck.distillation.simulation import Simulation, seed_number
from limbeck.distillation.task import Task, nonnegative, require_task

__all__ = ["random_feature_risk", "simulate_random_features"]

_LEAST_REST = 0.15  # of the rows, or of the random features: with less the variance goes as its inverse, and scatters
_FEW_LEFT = 5  # rows or random features: the variance is off by about one over that, relatively


def random_feature_risk(
    task: Task,
    n: int,
    n_features: int | None,
    *,
    ridge: float = 0.0,
    m: int | None = None,
    teacher_features: int | None = None,
    teacher_ridge: float = 0.0,
    label_noise: float | None = None,
    test_eigenvalues: ArrayLike | None = None,
) -> Risk:
    r"""Excess risk of ridge regression on random features, on true labels or on those of such a teacher.

    Parameters
    ----------
    task : Task
        Features, ground truth, and the variance of the noise of true labels.
    n : int
        Number of rows.
    n_features : int or None
        Number N of random features ``W x``, W (N, p) of independent entries N(0, 1/N). None: the features as they are,
        the limit of many random ones.
    ridge : float, default 0
        Of the loss ``|y - X W' a|^2 / n + ridge |a|^2``, at least 0; 0 for the interpolator of least norm, or least
        squares for N < n.
    m : int, optional
        Number of rows, with true labels and their noise, that a teacher is fitted to, which then labels the n rows.
        Default: no teacher, the n rows have true labels.
    teacher_features, teacher_ridge : optional
        The teacher's, as ``n_features`` and ``ridge``: its W and its rows are independent of the student's.
    label_noise : float, optional
        Variance of the noise of the n labels; default the task's for true labels, and none for a teacher's.
    test_eigenvalues : array_like of shape (p,), optional
        Variances of the features when the model is used; default those of the training rows.

    Returns
    -------
    Risk
        Mean over rows, noise and W of both stages, with its parts: bias, of the mean coefficients; variance, from W,
        the rows, and all that scatters in the teacher; noise, from that of the n labels. Infinite where no mean exists
        without a ridge: with noise or N < p, for n from N - 1 to N + 1.

    Raises
    ------
    TypeError, ValueError
        A number is not whole or not positive, not finite or negative where it must not be; lengths disagree; or the
        teacher is described without m.

    Warns
    -----
    NearPeakWarning
        In a stage n is near N, or both near p, or one of them is few: risks depend much on the draws there. The
        warning is given where of n, or of N, no more than 15 %, or fewer than five, are beyond what the fit takes.

    Notes
    -----
    With ``z = nu / (l + nu)`` for the root nu of ``n N ridge = nu (n - D) (N - D)``, ``D = sum (1 - z)``, coefficients
    of labels ``<x, s>`` have the mean ``(1 - z) s``, and scatter by the draw of W and of the rows; the variances are
    linear in the squares of s and in the noise. So the risk of the student is a sum of squares of single coefficients
    of its teacher, of which mean and variances are known. Deterministic equivalents of many rows and features; errors
    are of the order of ``1 / n`` and ``1 / N`` away from the peaks.

    Examples
    --------
    A teacher that interpolates noise does not improve with its rows; a student with a ridge that learns from it does.

    >>> from limbeck.distillation import Task, random_feature_risk
    >>> task = Task.power_law(2000, alpha=1.5, r=4.0, noise=0.5)
    >>> for n in (100, 400):
    ...     teacher = random_feature_risk(task, n, 2 * n)
    ...     student = random_feature_risk(task, n, 2 * n, ridge=n**-0.375, m=n, teacher_features=2 * n)
    ...     print(f"{teacher:.2f} {student:.3f}")
    0.81 0.087
    0.92 0.036
    """
    problem = _Problem.checked(
        task, n, n_features, ridge, m, teacher_features, teacher_ridge, label_noise, test_eigenvalues
    )
    t, student = problem.test, problem.student.law(task)
    _warn_near_peak(student, t, "" if problem.teacher is None else "student: ")
    s, scatter = task.beta, np.zeros_like(task.beta)
    if problem.teacher is not None:
        teacher = problem.teacher.law(task)
        _warn_near_peak(teacher, t, "teacher: ")
        s, scatter = teacher.mean(s), teacher.scatter(s, task.noise)
    weights = student.scatter_weights(t)
    return Risk(
        bias=float((t * np.square(student.mean(s) - task.beta)).sum()),
        variance=weighted(weights, np.square(s)) + weighted(weights + t * np.square(1 - student.z), scatter),
        noise=times(problem.label_noise, student.noise_part(t)) if problem.label_noise > 0 else 0.0,
    )


def simulate_random_features(
    task: Task,
    n: int,
    n_features: int | None,
    *,
    ridge: float = 0.0,
    m: int | None = None,
    teacher_features: int | None = None,
    teacher_ridge: float = 0.0,
    label_noise: float | None = None,
    test_eigenvalues: ArrayLike | None = None,
    trials: int = 100,
    seed: int | np.random.Generator = 0,
) -> Simulation:
    """Draw random features, rows and labels, fit the model, and take its excess risk; many times.

    Parameters
    ----------
    task, n, n_features, ridge, m, teacher_features, teacher_ridge, label_noise, test_eigenvalues
        As for :func:`random_feature_risk`.
    trials : int, default 100
        Number of trials.
    seed : int or numpy.random.Generator, default 0
        Source of the random numbers; a generator is asked for one int. Those of a trial depend on that and on the
        trial's number alone.

    Returns
    -------
    Simulation

    Raises
    ------
    TypeError, ValueError
        As for :func:`random_feature_risk`, or the number of trials is not positive.
    FloatingPointError
        The equations of a trial cannot be solved in float64.

    Notes
    -----
    Plain NumPy, by QR factors of the features, so that a small ridge loses no digits; a trial takes about ``2 N n p + 8
    max(N, n) min(N, n)^2`` multiplications and additions, and 8 N p bytes.

    Examples
    --------
    >>> from limbeck.distillation import Task, random_feature_risk, simulate_random_features
    >>> task = Task.power_law(200, alpha=1.5, r=2.0, noise=0.1)
    >>> found = simulate_random_features(task, 100, 150, ridge=0.01, trials=50)
    >>> bool(abs(found.mean - random_feature_risk(task, 100, 150, ridge=0.01)) < 4 * found.standard_error)
    True
    """
    problem = _Problem.checked(
        task, n, n_features, ridge, m, teacher_features, teacher_ridge, label_noise, test_eigenvalues
    )
    trials, seed = integer(trials, "trials", 1), seed_number(seed)
    risks = np.array([problem.trial(np.random.default_rng((seed, number))) for number in range(trials)])
    error = float(risks.std(ddof=1) / np.sqrt(trials)) if trials > 1 else float("nan")
    return Simulation(float(risks.mean()), error, risks)


@dataclass(frozen=True, eq=False)
class _Stage:
    """One regression on random features: checked arguments."""

    n: int
    n_features: int | None
    ridge: float

    @classmethod
    def checked(cls, n: int, n_features: int | None, ridge: float, names: tuple[str, str, str]) -> _Stage:
        features = None if n_features is None else integer(n_features, names[1], 1)
        return cls(integer(n, names[0], 1), features, nonnegative(ridge, names[2]))

    def law(self, task: Task) -> RandomFeatureLaw:
        return random_feature_law(task, self.n, self.n_features, self.ridge)

    def draw(self, task: Task, s: Float64Array, noise: float, rng: np.random.Generator) -> Float64Array:
        """Coefficients (p,) of one trial, fitted to labels ``<x, s>`` and noise of a variance."""
        positive = task.eigenvalues > 0
        X = rng.standard_normal((self.n, int(positive.sum()))) * np.sqrt(task.eigenvalues[positive])
        y = X @ s[positive] + np.sqrt(noise) * rng.standard_normal(self.n)
        b = np.zeros_like(s)
        if self.n_features is None:
            b[positive] = _least_squares(X, y, self.n * self.ridge)
            return b
        W = rng.standard_normal((self.n_features, len(s))) / np.sqrt(self.n_features)
        seen = W[:, positive]
        if self.ridge == 0 and X.shape[1] <= min(self.n, self.n_features):
            # The features span all of the rows: their product with W has no full rank.
            return np.asarray(W.T @ _least_squares(seen.T, _least_squares(X, y, 0.0), 0.0))
        return np.asarray(W.T @ _least_squares(X @ seen.T, y, self.n * self.ridge))


@dataclass(frozen=True, eq=False)
class _Problem:
    """A student and perhaps a teacher: checked arguments."""

    task: Task
    student: _Stage
    teacher: _Stage | None
    label_noise: float  # variance, of the student's labels
    test: Float64Array  # variances in use

    @classmethod
    def checked(
        cls,
        task: Task,
        n: int,
        n_features: int | None,
        ridge: float,
        m: int | None,
        teacher_features: int | None,
        teacher_ridge: float,
        label_noise: float | None,
        test_eigenvalues: ArrayLike | None,
    ) -> _Problem:
        require_task(task)
        student, teacher = _Stage.checked(n, n_features, ridge, ("n", "n_features", "ridge")), None
        if m is not None:
            teacher = _Stage.checked(m, teacher_features, teacher_ridge, ("m", "teacher_features", "teacher_ridge"))
        elif teacher_features is not None or teacher_ridge:
            raise ValueError("teacher_features and teacher_ridge need m, the number of the teacher's rows")
        noise = 0.0 if teacher is not None and label_noise is None else noise_of_labels(task, label_noise)
        return cls(task, student, teacher, noise, deployment_variances(test_eigenvalues, task))

    def trial(self, rng: np.random.Generator) -> float:
        """Excess risk of one draw of everything."""
        s = self.task.beta
        if self.teacher is not None:
            s = self.teacher.draw(self.task, s, self.task.noise, rng)
        b = self.student.draw(self.task, s, self.label_noise, rng)
        return float((self.test * np.square(b - self.task.beta)).sum())


def _least_squares(A: Float64Array, y: Float64Array, penalty: float) -> Float64Array:
    """The least ``|y - A x|^2 + penalty |x|^2``, or of those the least norm, for A of full rank.

    Raises
    ------
    FloatingPointError
        A is singular to rounding.
    """
    rows, columns = A.shape
    wide = rows < columns
    # Of a wide system the least norm of (x, e) with A x + root e = y; the factors are of its transpose.
    tall = A.T if wide else A
    if penalty:
        tall = np.vstack([tall, np.sqrt(penalty) * np.eye(tall.shape[1])])
    Q, R = np.linalg.qr(tall)
    sizes = np.abs(np.diagonal(R))
    if not sizes.min() > len(tall) * np.finfo(np.float64).eps * sizes.max():
        raise FloatingPointError(f"the equations of a trial with {rows} rows and {columns} features cannot be solved")
    x = Q[:columns] @ np.linalg.solve(R.T, y) if wide else np.linalg.solve(R, Q[:rows].T @ y)
    return np.asarray(x)


def _warn_near_peak(law: RandomFeatureLaw, t: Float64Array, stage: str) -> None:
    """Warn where the sums of a law depend much on draws."""
    l = law.task.eigenvalues
    rank, N = int(np.count_nonzero(l)), law.n_features
    exact = law.ridge == 0 and law.n > min(rank, rank if N is None else N) + 1
    near = law.rest < _LEAST_REST * law.n or (law.rest < _FEW_LEFT and not exact)
    # Random features that span all of the features add nothing, however near their number is.
    if N is not None and (rank > N or float(t[l == 0].sum()) > 0):
        near = near or law.whole < max(_LEAST_REST * N, _FEW_LEFT)
    if near:
        random = "" if N is None else f"N = {N} random ones of "
        give_warning(
            f"{stage}n = {law.n} rows, {random}{rank} features: the rows or the random features are few, or close to "
            "one another or to the number of features that count; the risk depends on their draw there, and its "
            "prediction is not reliable",
            NearPeakWarning,
        )

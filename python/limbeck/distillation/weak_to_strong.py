"""Weak-to-strong training from data alone: weak surrogates, targets on their labels, and whether that is worth it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from limbeck._base.arrays import (
    Float64Array,
    float_array,
    labels_array,
    require_finite,
    same_length,
    thread_count,
)
from limbeck._base.frames import column_names, columns_by_name, in_known_order, require_same_rows
from limbeck._base.text_table import text_table
from limbeck.distillation.advice_errors import clustered_error
from limbeck.distillation.left_out import cluster_members, clusters_of, require_squares
from limbeck.distillation.settings import WEAK_TO_STRONG_SETTINGS
from limbeck.distillation.weak_surrogates import FAMILIES, Fitted, LabelledRows, Surrogate, Trial, trials_of

__all__ = ["WeakToStrong", "weak_to_strong"]

# Kinds of teachers that lie in the span of their rows, so that a target without a ridge is the teacher.
_REPRODUCED = ("principal components", "ridge", "early stopping")


@dataclass(frozen=True, eq=False)
class WeakToStrong:
    """A target trained on a weak surrogate's labels, or on the true ones where that may not be better.

    Attributes
    ----------
    recommendation : {"weak-to-strong", "ridge"}
        What :meth:`predict` does: the target on the surrogate's labels where its gain on ridge regression on the true
        labels, less two standard errors, exceeds 2 % of that regression's error; else that ridge regression.
    surrogate : str
        The surrogate of least left-out error, recommended or not.
    ridge : float
        Of the target on its labels, scikit-learn's alpha; 0 for the minimum norm.
    plain_ridge : float
        Of ridge regression on the true labels.
    coef : ndarray of shape (p,)
        Coefficients of what is recommended.
    intercept : float
        Its constant.
    error, ridge_error : float
        Mean squared errors at left-out rows: of the whole procedure (surrogate and ridge are chosen anew without each
        of ten blocks of rows, which are then predicted), and of ridge regression, its ridge chosen in the same way.
    gain, standard_error : float
        ``ridge_error - error``, and its standard error from the differences of the rows, or clusters.
    n_rows, n_unlabelled : int
        Rows with and without labels.
    families : tuple of (str, str, float)
        Of each family of surrogates the best one, with its left-out error; choosing among them is not counted there.
    feature_names : tuple of str or None
        Names of the columns of the table learned from, by which those to predict from are matched.
    """

    recommendation: str
    surrogate: str
    ridge: float
    plain_ridge: float
    coef: Float64Array
    intercept: float
    error: float
    ridge_error: float
    gain: float
    standard_error: float
    n_rows: int
    n_unlabelled: int
    families: tuple[tuple[str, str, float], ...]
    feature_names: tuple[str, ...] | None = None

    def predict(self, X: ArrayLike) -> Float64Array:
        """Predictions (m,) for rows X (m, p); columns with names are matched with those learned from, in any order.

        Raises
        ------
        TypeError, ValueError
            X does not hold finite real numbers, has another number of features, or lacks some by name.
        """
        if self.feature_names is not None:
            X = columns_by_name(X, self.feature_names)
        rows = float_array(X, "X", 2, np.float64, objects=True)
        same_length(rows, "X", 1, self.coef, "the coefficients", 0, "features")
        require_finite(0, "", X=rows)
        return np.asarray(rows @ self.coef + self.intercept)

    @property
    def headline(self) -> str:
        """What to use, and why, in half a sentence."""
        if self.recommendation == "weak-to-strong":
            return "weak-to-strong training, better than ridge regression by more than chance"
        why = "weak-to-strong training is no better"
        if self.gain > 0:
            certain = self.gain > WEAK_TO_STRONG_SETTINGS.certain * self.standard_error
            why = f"what weak-to-strong gains may be {'next to nothing' if certain else 'chance'}"
        return f"ridge regression, as {why}"

    @property
    def report(self) -> str:
        """What was found, for people who decide on it."""
        part = self.gain / self.ridge_error if self.ridge_error else 0.0
        target = f"a ridge of {self.ridge:.3g}" if self.ridge else "no ridge"
        linear = (name for family, name, _ in self.families if family in _REPRODUCED)
        if not self.ridge and self.surrogate in linear:
            target += ", which gives back the weak teacher itself"
        if self.recommendation == "weak-to-strong":
            head = [
                f"Use {self.headline}.",
                f"Weak teacher: {self.surrogate}. Target: trained on its labels with {target}.",
            ]
        else:
            head = [
                f"Use {self.headline}.",
                f"Its ridge (alpha) is {self.plain_ridge:.3g}.",
                f"Best weak teacher that was tried: {self.surrogate}; target: {target}.",
            ]
        rows = f"{self.n_rows:,} rows with labels"
        rows += f" and {self.n_unlabelled:,} without" if self.n_unlabelled else ""
        errors = [
            ["", "squared", "root mean square"],
            ["ridge regression", f"{self.ridge_error:.5g}", f"{np.sqrt(self.ridge_error):.4g}"],
            ["weak-to-strong", f"{self.error:.5g}", f"{np.sqrt(self.error):.4g}"],
        ]
        settings = WEAK_TO_STRONG_SETTINGS
        gain = (
            f"Gain: {self.gain:.3g} +- {self.standard_error:.2g} (one standard error), {part:.1%} of the first error; "
            f"worth it from {settings.worth_it:.0%} and {settings.certain:g} standard errors on."
        )
        tried = [["weak teachers", "best of them", "error"]]
        tried += [[family, name, f"{error:.5g}"] for family, name, error in self.families]
        return "\n".join(
            [
                *head,
                f"Errors at rows that were left out of training and of every choice ({rows}):",
                *(f"  {line}" for line in text_table(errors, left=(0, 1, 2))),
                gain,
                "Best teacher of each kind by its left-out error, too small for having been chosen (those above",
                "count the choosing):",
                *(f"  {line}" for line in text_table(tried, left=(0, 1))),
            ]
        )

    def __str__(self) -> str:
        return self.report

    def __repr__(self) -> str:
        gain = f"gain {self.gain:.3g} +- {self.standard_error:.2g}"
        return f"WeakToStrong({self.recommendation!r}, {self.surrogate!r}, {gain})"


def weak_to_strong(
    X: ArrayLike,
    y: ArrayLike,
    *,
    candidates: str | Callable[..., object] | Sequence[str | Callable[..., object]] = "principal components",
    X_unlabelled: ArrayLike | None = None,
    cluster: ArrayLike | None = None,
    intercept: bool = True,
) -> WeakToStrong:
    """Fit weak surrogates, train targets on their labels, and say whether that is better than ridge regression.

    Parameters
    ----------
    X : array_like or data frame of shape (n, p)
        Rows with labels, n >= 12.
    y : array_like of shape (n,) or (n, 1)
        Labels.
    candidates : str, callable, or sequence of these, default "principal components"
        Surrogates to try: "principal components" (least squares on the leading ones of all rows), "features" (least
        squares on those most correlated with y), "ridge", "early stopping" (of gradient flow), "all" for these four;
        and functions ``f(X, y)`` that return a function of rows, whose values (m,) are the surrogate's labels.
    X_unlabelled : array_like of shape (m, p), optional
        Rows without labels. Surrogates label them as well, and principal components are those of all rows.
    cluster : array_like of shape (n,), optional
        Labels of groups of rows that belong together, at least four; whole groups are then left out.
    intercept : bool, default True
        Whether surrogates and targets have a constant.

    Returns
    -------
    WeakToStrong

    Raises
    ------
    TypeError, ValueError
        An argument does not hold finite real numbers, shapes disagree, rows or clusters are too few, numbers are so
        large or small that their squares leave float64, or a candidate is unknown or returns something else than one
        number for each row.

    Notes
    -----
    Principal components, ridge and early stopping are linear in y, so that predictions without a row, or cluster, are
    known in closed form for surrogate and target together (the identities of Sherman, Morrison and Woodbury; for
    components and early stopping, directions stay those of all rows). Features chosen by y, and functions, are refitted
    without each of ten blocks. What is best by these errors is chosen; the whole choice is then repeated without each
    block, whose rows it predicts, so that the errors that decide count the choosing. Ridge regression is chosen and
    judged in the same way. Weak-to-strong is recommended where its gain less two standard errors exceeds 2 % of ridge
    regression's error. Ridges of both are from 1e-4 times the features' mean variance on, four for each power of ten.

    A target without a ridge, on labels of a surrogate that is linear in the span of the rows, is that surrogate: what
    is gained is then a better bias than that of a ridge. See arXiv 2410.18837 for when weak labels are better at all.

    Examples
    --------
    >>> import numpy as np
    >>> from limbeck.distillation import weak_to_strong
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 100)) * np.r_[np.full(3, 10.0), np.ones(97)]
    >>> found = weak_to_strong(X, X[:, :3] @ [1.0, -1.0, 0.5] + rng.standard_normal(60))
    >>> found.recommendation, found.surrogate
    ('weak-to-strong', '5 leading principal components')
    """
    settings = WEAK_TO_STRONG_SETTINGS
    require_same_rows(X=X, y=y, cluster=cluster)
    rows = float_array(X, "X", 2, np.float64, objects=True)
    labels = labels_array(y, "y", np.float64)
    same_length(labels, "y", 0, rows, "X", 0, "rows")
    names = column_names(X)
    if len(rows) < settings.fewest_rows:
        raise ValueError(f"X must have at least {settings.fewest_rows} rows, got shape {rows.shape}")
    if not rows.shape[1]:
        raise ValueError(f"X has no features: shape {rows.shape}")
    more = np.empty((0, rows.shape[1]))
    if X_unlabelled is not None:
        X_unlabelled, names = in_known_order(X_unlabelled, names, "X_unlabelled", "X")
        more = float_array(X_unlabelled, "X_unlabelled", 2, np.float64, objects=True)
        same_length(more, "X_unlabelled", 1, rows, "X", 1, "features")
    require_finite(thread_count(None), X=rows, y=labels, X_unlabelled=more)
    require_squares(X=rows, y=labels, X_unlabelled=more)
    if len(labels) and not np.ptp(labels):
        raise ValueError(f"y is constant ({labels[0]:g}): there is nothing to learn")
    if not isinstance(intercept, bool | np.bool_):
        raise TypeError(f"intercept must be True or False, got {intercept!r}")
    members = cluster_members(clusters_of(cluster, len(rows), settings.fewest_clusters), len(rows))
    families, named = _candidates(candidates)
    data = LabelledRows(rows, labels, more, members, bool(intercept), settings)
    return replace(_judged(data, families, named), feature_names=names)


def _candidates(
    candidates: str | Callable[..., object] | Sequence[str | Callable[..., object]],
) -> tuple[list[str], list[tuple[str, Surrogate]]]:
    """Names of families, and functions with names."""
    if not (isinstance(candidates, str | Sequence) or callable(candidates)):
        raise TypeError(f"candidates must be a str, a function, or a sequence of these, got {candidates!r}")
    given = [candidates] if isinstance(candidates, str) or callable(candidates) else list(candidates)
    families: list[str] = []
    named: list[tuple[str, Surrogate]] = []
    for candidate in given:
        if callable(candidate):
            name = getattr(candidate, "__name__", type(candidate).__name__)
            named.append((name, _checked(candidate, name)))
        elif candidate == "all":
            families += list(FAMILIES)
        elif candidate in FAMILIES:
            families.append(candidate)
        else:
            known = ", ".join(f'"{name}"' for name in FAMILIES)
            raise ValueError(f'candidates must be {known}, "all" or functions, got {candidate!r}')
    if not families and not named:
        raise ValueError("candidates is empty")
    return list(dict.fromkeys(families)), named


def _checked(candidate: Callable[..., object], name: str) -> Surrogate:
    """The caller's surrogate, whose labels are checked."""

    def surrogate(X: Float64Array, y: Float64Array) -> Callable[[Float64Array], Float64Array]:
        fitted = candidate(X.copy(), y.copy())
        if not callable(fitted):
            raise TypeError(f"candidate {name} must return a function of rows, got {type(fitted).__name__}")

        def labels(new: Float64Array) -> Float64Array:
            found = labels_array(fitted(new.copy()), f"labels of {name}", np.float64)
            same_length(found, f"labels of {name}", 0, new, "its rows", 0, "rows")
            require_finite(0, "", **{f"labels of {name}": found})
            return found

        return labels

    return surrogate


def _judged(data: LabelledRows, families: list[str], named: list[tuple[str, Surrogate]]) -> WeakToStrong:
    """Choose, judge the choosing, and train what is recommended."""
    settings, y = data.settings, data.y
    trials, plain = trials_of(data, families, named), _plain_ridge(data)
    if not trials or plain is None:  # features that do not vary
        raise ValueError("X is constant in every feature: there is nothing to learn from")
    chosen = min(trials, key=lambda trial: trial.error)
    missed, missed_by_ridge = np.empty(len(y)), np.empty(len(y))
    for number in range(int(data.blocks.max()) + 1):
        own = data.blocks == number
        others = data.without(own)
        best = min(trials_of(others, families, named), key=lambda trial: trial.error, default=None)
        ridge = _plain_ridge(others)
        level = float(others.y.mean()) if data.constant else 0.0
        constant = Fitted(np.zeros(data.X.shape[1]), level)
        missed[own] = y[own] - (constant if best is None else best.fit())(data.X[own])
        missed_by_ridge[own] = y[own] - (constant if ridge is None else ridge.fit())(data.X[own])
    gains = np.square(missed_by_ridge) - np.square(missed)
    gain, error = float(gains.mean()), settings.calibration * clustered_error(gains, data.groups)
    certain = gain - settings.certain * error > settings.worth_it * float(np.square(missed_by_ridge).mean())
    target = chosen.fit() if certain else plain.fit()
    return WeakToStrong(
        recommendation="weak-to-strong" if certain else "ridge",
        surrogate=chosen.surrogate,
        ridge=chosen.ridge,
        plain_ridge=plain.first_ridge,
        coef=target.coef,
        intercept=target.intercept,
        error=float(np.square(missed).mean()),
        ridge_error=float(np.square(missed_by_ridge).mean()),
        gain=gain,
        standard_error=error,
        n_rows=len(y),
        n_unlabelled=len(data.unlabelled),
        families=_best_of_each(trials),
    )


def _plain_ridge(data: LabelledRows) -> Trial | None:
    """Ridge regression on the true labels, of least left-out error; rows without labels play no part."""
    alone = LabelledRows(data.X, data.y, data.unlabelled[:0], data.members, data.constant, data.settings)
    trials = [trial for trial in FAMILIES["ridge"](alone) if not trial.ridge]
    return min(trials, key=lambda trial: trial.error, default=None)


def _best_of_each(trials: list[Trial]) -> tuple[tuple[str, str, float], ...]:
    best: dict[str, Trial] = {}
    for trial in trials:
        if trial.family not in best or trial.error < best[trial.family].error:
            best[trial.family] = trial
    return tuple((trial.family, trial.surrogate, trial.error) for trial in best.values())

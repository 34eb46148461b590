"""scikit-learn estimators over :func:`limbeck.learn` and :func:`limbeck.ridgeless.solve`; extra ``sklearn``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck import ridgeless
from limbeck._base.arguments import fraction
from limbeck._base.arrays import Array, row_weights
from limbeck._base.frame_numbers import native_frame, require_numbers, without_table
from limbeck._base.frames import column_names, label_names, require_same_names, require_same_rows
from limbeck._base.warnings import silenced
from limbeck._learner.pipeline.checks import FEWEST_ROWS, ConstantFeaturesError, GivenNames, checked_options
from limbeck._learner.pipeline.from_arrays import mean_alone
from limbeck._learner.pipeline.tables import given_table
from limbeck._tables.encoding import columns_of_array
from limbeck._tables.frame_columns import columns_of
from limbeck.learn import Learned, learn

try:
    from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.validation import check_is_fitted, check_X_y, validate_data
except ImportError:
    raise ImportError('limbeck.estimators needs scikit-learn: pip install "limbeck[sklearn]"') from None

__all__ = ["NarrowReLURegressor", "RidgelessRegressor"]

Float64Array = NDArray[np.float64]
_LARGEST_DENSE = 100_000_000  # entries of a sparse matrix that is made dense: 0.8 GB


class RidgelessRegressor(MultiOutputMixin, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Least squares of least norm, certified: ridge regression without the ridge.

    With more features than rows it goes through every row, by the coefficients of least norm.

    Parameters
    ----------
    fit_intercept : bool, default True
        Whether to fit a constant that does not count in the norm.
    rcond : float, optional
        Singular values up to rcond times the largest count as zero; default as for
        :func:`limbeck.ridgeless.solve`.
    n_threads : int, optional
        Number of threads; default what OpenMP would take.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,) or (n_targets, n_features)
    intercept_ : float or ndarray of shape (n_targets,)
    rank_ : int
        Rank of X, less its column means if an intercept is fitted.
    solution_ : limbeck.ridgeless.Solution
        What is known of the answer: condition, backward error, whether it is certified. With weights,
        of rows times the roots of weights.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if X has names for all columns.

    Examples
    --------
    >>> from limbeck.estimators import RidgelessRegressor
    >>> RidgelessRegressor().fit([[1.0], [2.0]], [3.0, 5.0]).predict([[4.0]])
    array([9.])
    """

    def __init__(self, *, fit_intercept: bool = True, rcond: float | None = None, n_threads: int | None = None) -> None:
        self.fit_intercept = fit_intercept
        self.rcond = rcond
        self.n_threads = n_threads

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> RidgelessRegressor:
        """Fit to rows X (n, p) and labels y (n,) or (n, q), with weights (n,) of at least 0."""
        rows, targets = _validated(self, X, y, sample_weight, [np.float64, np.float32])
        targets = targets.astype(rows.dtype, copy=False)
        if sample_weight is not None:  # rows times roots of weights are float64 numbers, whatever the rows are
            rows, targets = rows.astype(np.float64, copy=False), targets.astype(np.float64, copy=False)
        found = ridgeless.solve(
            rows,
            targets,
            rcond=self.rcond,
            intercept="centred" if self.fit_intercept else None,
            sample_weight=sample_weight,
            n_threads=self.n_threads,
        )
        names = getattr(self, "feature_names_in_", None)
        self.solution_ = replace(found, feature_names=None if names is None else tuple(map(str, names)))
        self.rank_ = found.rank
        self.coef_ = found.coef.T
        self.intercept_ = found.intercept if np.ndim(found.intercept) else float(found.intercept)
        return self

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Predictions (n,) or (n, q) for rows X (n, p)."""
        check_is_fitted(self)
        rows = _rows(self, X, dtype=[np.float64, np.float32], reset=False)
        return np.asarray(rows @ self.coef_.T + self.intercept_)


def _validated(
    estimator: BaseEstimator,
    X: ArrayLike,
    y: ArrayLike,
    sample_weight: ArrayLike | None,
    dtype: Any,  # noqa: ANN401
) -> tuple[Array, Array]:
    require_same_rows(X=X, y=y, sample_weight=sample_weight)
    rows, targets = _rows(estimator, X, without_table(y, "y"), dtype=dtype, multi_output=True, y_numeric=True)
    return rows, targets


def _rows(estimator: BaseEstimator, X: Any, *arguments: Any, reset: bool = True, **options: Any) -> Any:  # noqa: ANN401
    """Rows as scikit-learn validates them, also of tables that it does not know."""
    names = column_names(X)
    if isinstance(X, np.ndarray) and X.dtype.names is not None:
        return _structured_rows(estimator, X, names, *arguments, reset=reset, **options)
    if names is not None and (frame := native_frame(X, "X")) is not None:
        require_numbers(X, "X")  # with the names of those that hold something else
        X = frame.to_native()  # a record batch of Arrow is a table now
    return validate_data(estimator, X, *arguments, reset=reset, **options)


def _structured_rows(
    estimator: BaseEstimator,
    X: Any,  # noqa: ANN401
    names: tuple[str, ...] | None,
    *arguments: Any,  # noqa: ANN401
    reset: bool,
    **options: Any,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    """Fields of a structured array as columns whose names are kept and compared."""
    known = None if reset else getattr(estimator, "feature_names_in_", None)
    if known is not None:
        require_same_names(names, tuple(known), "X", "the rows fitted")
    with silenced(UserWarning):  # of names that are not there: they have been compared
        result = validate_data(estimator, without_table(X, "X"), *arguments, reset=reset, **options)
    if reset:
        estimator.feature_names_in_ = np.array(names, dtype=object)
    return result


def _target_names(y: Any, count: int) -> list[str]:  # noqa: ANN401
    """Names of the targets: of the columns of a frame or a series, else y, or y0, y1, ..."""
    names = label_names(y)
    if names is not None and len(names) == count:
        return list(names)
    return ["y"] if count == 1 else [f"y{j}" for j in range(count)]


def _weights(sample_weight: ArrayLike, rows: Array) -> Float64Array:
    """Weights of at least zero, and not all zero."""
    weights = row_weights(sample_weight, rows)
    if not weights.any():
        raise ValueError("sample_weight is zero for every row")
    return weights


class NarrowReLURegressor(MultiOutputMixin, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A sum of a few ReLUs with a linear part, whose neurons can be read; see :func:`limbeck.learn`.

    Where every feature is constant, the mean of the labels is fitted.

    Parameters
    ----------
    width : int, optional
        Largest number of neurons, as in :func:`limbeck.learn`; None: chosen from the data.
    max_width : int or None, default 16
        Largest number of neurons when ``width`` is None; None: up to 64, where the rows call for as many.
    inputs : {"any", "auto", "standard", "gaussian"}, default "any"
        What the features are: anything, or Gaussian; "auto" tests which.
    validation_fraction : float, default 0
        Fraction of the rows held out for ``learned_.validation_r2`` alone.
    extrapolate : {"bounded", "linear"}, default "bounded"
        Predictions far from the rows learned from, as in :func:`limbeck.learn`.
    bag : int, optional
        Number of networks to take the mean of, as in :func:`limbeck.learn`.
    time_limit : float, optional
        Seconds for each target, after which the best network so far is taken.
    random_state : int, RandomState instance or None, default None
        Source of randomness. Pass an int for the same network at every call.
    n_threads : int, optional
        Number of threads; default what OpenMP would take.

    Attributes
    ----------
    network_ : limbeck.ReLUNetwork, or list of them for several targets
        On the features as they were passed.
    learned_ : limbeck.Learned, or list of them
        All that :func:`limbeck.learn` found.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if X has names for all columns.

    Examples
    --------
    >>> import numpy as np
    >>> from limbeck.estimators import NarrowReLURegressor
    >>> X = np.random.default_rng(0).uniform(-1, 1, (500, 3))
    >>> model = NarrowReLURegressor(random_state=0).fit(X, np.abs(X[:, 0]) + X[:, 1])
    >>> model.score(X, np.abs(X[:, 0]) + X[:, 1]) > 0.99
    True
    """

    def __init__(
        self,
        width: int | None = None,
        *,
        max_width: int | None = 16,
        inputs: str = "any",
        validation_fraction: float = 0.0,
        extrapolate: str = "bounded",
        bag: int | None = None,
        time_limit: float | None = None,
        random_state: int | np.random.RandomState | None = None,
        n_threads: int | None = None,
    ) -> None:
        self.width = width
        self.max_width = max_width
        self.inputs = inputs
        self.validation_fraction = validation_fraction
        self.extrapolate = extrapolate
        self.bag = bag
        self.time_limit = time_limit
        self.random_state = random_state
        self.n_threads = n_threads

    def fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> NarrowReLURegressor:  # noqa: ANN401
        """Fit to rows X (n, d) and labels y (n,) or (n, q), with weights (n,) of which only ratios matter.

        X may be any data frame, with words, gaps and dates; a sparse matrix is made dense, up to 10^8 entries.
        """
        require_same_rows(X=X, y=y, sample_weight=sample_weight)
        rows = self._rows(X, reset=True)
        _, labels = check_X_y(np.zeros((len(rows), 1)), without_table(y, "y"), multi_output=True, y_numeric=True)
        if len(rows) < FEWEST_ROWS:
            raise ValueError(f"a network needs {FEWEST_ROWS} rows or more, got n_samples = {len(rows)}")
        weights = None if sample_weight is None else _weights(sample_weight, np.broadcast_to(0.0, rows.shape))
        random = self._checked_options()
        columns = labels[:, None] if labels.ndim == 1 else labels
        names = _target_names(y, columns.shape[1])
        learned = [
            self._learn(rows, column, name, weights, random)
            for column, name in zip(columns.T.astype(np.float64), names, strict=True)
        ]
        self.network_ = [one.network for one in learned] if labels.ndim == 2 else learned[0].network
        self.learned_ = learned if labels.ndim == 2 else learned[0]
        return self

    def _rows(self, X: Any, *, reset: bool) -> Any:  # noqa: ANN401
        """Rows of numbers as scikit-learn checks them, NaN for gaps; or the columns of a table of other things."""
        if hasattr(X, "toarray"):
            if np.prod(X.shape) > _LARGEST_DENSE:
                raise ValueError(
                    f"X is sparse, and dense it would have {np.prod(X.shape):,} entries, more than {_LARGEST_DENSE:,}: "
                    "choose columns first"
                )
            rows = validate_data(
                self, X, accept_sparse="csr", dtype=np.float64, ensure_all_finite="allow-nan", reset=reset
            )
            return rows.toarray()
        table = columns_of(X)
        kinds = set() if table is None else {column.kind for column in table.items}
        if table is None or kinds <= {"number", "boolean"} or (isinstance(X, np.ndarray) and "unknown" in kinds):
            return _rows(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=reset)
        frame = None if isinstance(X, np.ndarray) else native_frame(X, "X")
        validate_data(self, X if frame is None else frame.to_native(), skip_check_array=True, reset=reset)
        if not len(table):
            raise ValueError(f"X has 0 sample(s) (shape={table.shape}) while a minimum of 1 is required")
        return table

    def __sklearn_tags__(self) -> Any:  # noqa: ANN401
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.string = tags.input_tags.sparse = True
        return tags

    def _checked_options(self) -> np.random.RandomState:
        """Source of randomness; raises errors that name the estimator's own parameters."""
        fraction(self.validation_fraction, "validation_fraction", "the rows")
        try:
            random: np.random.RandomState = check_random_state(self.random_state)
        except ValueError:
            kind = ValueError if isinstance(self.random_state, int | np.integer) else TypeError
            raise kind(
                "random_state must be an integer from 0 to 4294967295, a numpy.random.RandomState or None, got "
                f"{self.random_state!r}"
            ) from None
        return random

    def _learn(
        self,
        X: Any,  # noqa: ANN401
        y: Float64Array,
        name: str,
        weights: Float64Array | None,
        random: np.random.RandomState,
    ) -> Learned:
        y, seed = np.ascontiguousarray(y), int(random.randint(2**31 - 1))
        known = getattr(self, "feature_names_in_", None)
        if isinstance(X, np.ndarray):
            X = columns_of_array(X)  # so that medians are kept for gaps that are new at prediction
        try:
            return learn(
                X,
                y,
                self.width,
                max_width=self.max_width,
                inputs=self.inputs,
                validation=self.validation_fraction,
                sample_weight=weights,
                extrapolate=self.extrapolate,
                bag=self.bag,
                seed=seed,
                time_limit=self.time_limit,
                feature_names=known,
                target_name=name,
                n_threads=self.n_threads,
            )
        except ConstantFeaturesError:  # as in a fold of a cross-validation that has no row of a rare flag
            options = checked_options(0, 0, "any", True, 0.0, seed, None, self.n_threads)
            given = given_table(X, y, weights, GivenNames(known, name), options)
            return mean_alone(given.checked(self.n_threads), self.validation_fraction, seed)

    def predict(self, X: Any) -> Float64Array:  # noqa: ANN401
        """Predictions (n,) or (n, q) for rows X (n, d)."""
        check_is_fitted(self)
        rows = self._rows(X, reset=False)
        if isinstance(self.learned_, Learned):
            return self.learned_.predict(rows, n_threads=self.n_threads)
        return np.column_stack([learned.predict(rows, n_threads=self.n_threads) for learned in self.learned_])

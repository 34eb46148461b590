"""Names and units of the data that a network was learned from, and how they fold into its parameters."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck.network._parameters import Parameters

__all__ = ["Preprocessing", "preprocessing_of"]


@dataclass(frozen=True)
class Preprocessing:
    """Names and units of the data that a network was learned from.

    The network sees ``(x - feature_means) / feature_scales`` and gives ``(y - target_mean) / target_scale``. Networks
    from a table are learned in its own units, with means 0 and scales 1; queries of a distillation are standardised.

    Attributes
    ----------
    features : tuple of str
        In the order of the network's inputs.
    named : bool
        Whether the names are the data's own; if not, columns are matched by position.
    positions : tuple of int
        Columns of the features in the file that was learned from.
    target : str
    target_position : int or None
        Column of the target there; None if it was none of the file's.
    n_columns : int
        Number of columns of the file that was learned from.
    feature_means, feature_scales : ndarray of shape (d,)
    target_mean, target_scale : float
        Scales are standard deviations, or 1.
    """

    features: tuple[str, ...]
    named: bool
    positions: tuple[int, ...]
    target: str
    target_position: int | None
    n_columns: int
    feature_means: Float64Array
    feature_scales: Float64Array
    target_mean: float
    target_scale: float

    @staticmethod
    def none(
        features: tuple[str, ...],
        named: bool,
        positions: tuple[int, ...],
        target: str,
        target_position: int | None,
        n_columns: int,
    ) -> "Preprocessing":
        """Preprocessing of names and positions alone, for a network of the features as they are."""
        d = len(features)
        return Preprocessing(
            features, named, positions, target, target_position, n_columns, np.zeros(d), np.ones(d), 0.0, 1.0
        )

    @property
    def is_none(self) -> bool:
        """Whether the network acts on the features as they are."""
        plain = not self.feature_means.any() and bool((self.feature_scales == 1).all())
        return plain and self.target_mean == 0 and self.target_scale == 1

    def inputs(self, X: Float64Array) -> Float64Array:
        """Convert rows in the data's units to rows for the network."""
        return np.asarray((X - self.feature_means) / self.feature_scales)

    def outputs(self, values: Float64Array) -> Float64Array:
        """Convert values of the network to the target's units."""
        return values * self.target_scale + self.target_mean

    def folded(self, parameters: Parameters) -> Parameters:
        """Parameters of the same function of the features as they are, from those for standardised features.

        Raises
        ------
        ValueError
            A parameter leaves the range of float64.
        """
        if self.is_none:
            return parameters  # to the bit
        scale = self.target_scale
        with np.errstate(over="ignore", invalid="ignore"):  # checked parameters refuse what is not finite
            weights, linear = parameters.weights / self.feature_scales, parameters.linear / self.feature_scales
            return Parameters.checked(
                weights,
                scale * parameters.output,
                linear=scale * linear,
                bias=self.target_mean + scale * (parameters.bias - linear @ self.feature_means),
                thresholds=parameters.thresholds - weights @ self.feature_means,
            )

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain lists and numbers, for JSON."""
        content = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in content.items()}

    @staticmethod
    def from_dict(content: Any) -> "Preprocessing":  # noqa: ANN401 - whatever a file holds
        """Make a preprocessing from the content of a JSON file, as :meth:`to_dict` gives it.

        Raises
        ------
        ValueError, TypeError, KeyError, OverflowError
            ``content`` is something else.
        """
        d = len(content["features"])
        means, scales = (np.array(content[name], dtype=np.float64) for name in ("feature_means", "feature_scales"))
        target = np.array([content["target_mean"], content["target_scale"]], dtype=np.float64)
        positions = tuple(int(i) for i in content["positions"])
        if means.shape != (d,) or scales.shape != (d,) or len(positions) != d:
            raise ValueError("its feature names, means, scales and positions differ in number")
        place, n_columns = content["target_position"], int(content["n_columns"])
        target_position = None if place is None else int(place)
        used = {*positions} if target_position is None else {*positions, target_position}
        if len(used) != d + (target_position is not None) or min(used, default=0) < 0 or max(used) >= n_columns:
            raise ValueError("its positions are repeated or out of range")
        if not all(np.isfinite(a).all() for a in (means, scales, target)) or (scales <= 0).any() or target[1] <= 0:
            raise ValueError("its means and scales are not finite and positive")
        return Preprocessing(
            tuple(str(name) for name in content["features"]),
            bool(content["named"]),
            positions,
            str(content["target"]),
            target_position,
            n_columns,
            means,
            scales,
            float(target[0]),
            float(target[1]),
        )


def preprocessing_of(content: Mapping[str, Any], n_features: int) -> Preprocessing:
    """Read the preprocessing in a file's content, for a network of ``n_features``.

    Raises
    ------
    ValueError
        The preprocessing is damaged.
    """
    try:
        preprocessing = Preprocessing.from_dict(content["preprocessing"])
        if len(preprocessing.features) != n_features:
            raise ValueError("it names another number of features than its network has")
    except KeyError as error:
        raise ValueError(f"its preprocessing is damaged: it lacks {error}; learn it again") from None
    except (OverflowError, TypeError, ValueError) as error:
        raise ValueError(f"its preprocessing is damaged: {str(error).splitlines()[0]}; learn it again") from None
    return preprocessing

"""A learned network in a JSON file, together with the names and units of the data it was learned from."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck._base.files import write_whole
from limbeck.network import ReLUNetwork

__all__ = [
    "Model",
    "ModelFileError",
    "Preprocessing",
    "is_network_file",
    "load_model",
    "preprocessing_of",
    "save_model",
]

Float64Array = NDArray[np.float64]


class ModelFileError(ValueError):
    """A file that is not a usable network, or a place where none can be written; one line for the user."""


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
        """Names and places alone, for a network of the features as they are."""
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
        """Rows in the data's units to rows for the network."""
        return np.asarray((X - self.feature_means) / self.feature_scales)

    def outputs(self, values: Float64Array) -> Float64Array:
        """The network's values in the target's units."""
        return values * self.target_scale + self.target_mean

    def folded(self, network: ReLUNetwork) -> ReLUNetwork:
        """The network of standardised features as a network of the features as they are.

        Raises
        ------
        ValueError
            A parameter leaves the range of float64.
        """
        if self.is_none:
            return network  # to the bit
        scale = self.target_scale
        with np.errstate(over="ignore", invalid="ignore"):  # the network refuses what is not finite
            weights, linear = network.weights / self.feature_scales, network.linear / self.feature_scales
            return ReLUNetwork(
                weights,
                scale * network.output,
                linear=scale * linear,
                bias=self.target_mean + scale * (network.bias - float(linear @ self.feature_means)),
                thresholds=network.thresholds - weights @ self.feature_means,
            )

    def to_dict(self) -> dict[str, Any]:
        """As plain lists and numbers, for JSON."""
        content = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in content.items()}

    @staticmethod
    def from_dict(content: Any) -> "Preprocessing":  # noqa: ANN401
        """What :meth:`to_dict` described.

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


@dataclass(frozen=True)
class Model:
    """A network and, where the file has it, its preprocessing."""

    network: ReLUNetwork
    preprocessing: Preprocessing | None

    def __call__(self, X: Float64Array, *, n_threads: int | None = None) -> Float64Array:
        """Predictions for rows in the data's units."""
        if self.preprocessing is None or self.preprocessing.is_none:
            return np.asarray(self.network(X, n_threads=n_threads))
        values = self.network(self.preprocessing.inputs(X), n_threads=n_threads)
        return self.preprocessing.outputs(np.asarray(values))


def save_model(
    path: Path, network: ReLUNetwork, preprocessing: Preprocessing, learned: Mapping[str, float | int | None]
) -> None:
    """Write a JSON file that :func:`load_model` and ``ReLUNetwork.load`` read. It appears whole or not at all.

    Parameters
    ----------
    path : Path
    network : ReLUNetwork
        Acts on rows that the preprocessing has gone over.
    preprocessing : Preprocessing
    learned : mapping
        Plain numbers on how well it was learned, for a later reader. NaN and infinity become null.
    """
    numbers = {name: value if value is not None and np.isfinite(value) else None for name, value in learned.items()}
    content = {**network.to_dict(), "preprocessing": preprocessing.to_dict(), "learned": numbers}
    write_whole(path, json.dumps(content, indent=1, allow_nan=False).encode())


def load_model(path: Path) -> Model:
    """Read a network, with its preprocessing where the file has one.

    Raises
    ------
    ModelFileError
        The file is missing, a folder, or not a network.
    """
    if not path.exists():
        raise ModelFileError(f"{path} does not exist: check the name and the folder")
    if path.is_dir():
        raise ModelFileError(f"{path} is a folder: give a network's file, written by limbeck learn")
    try:
        whole = ReLUNetwork.load(path)  # raises if anything is wrong
        content = json.loads(path.read_text(encoding="utf-8")) if path.suffix.lower() == ".json" else {}
        if content.get("preprocessing") is None:
            return Model(whole, None)
        network = ReLUNetwork.from_dict({**content, "preprocessing": None})
        return Model(network, preprocessing_of(content, network))
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ModelFileError(str(error).splitlines()[0]) from None


def preprocessing_of(content: Mapping[str, Any], network: ReLUNetwork) -> Preprocessing:
    """The preprocessing in a file's content, for its network.

    Raises
    ------
    ValueError
        It is damaged.
    """
    try:
        preprocessing = Preprocessing.from_dict(content["preprocessing"])
        if len(preprocessing.features) != network.n_features:
            raise ValueError("it names another number of features than its network has")
    except KeyError as error:
        raise ValueError(f"its preprocessing is damaged: it lacks {error}; learn it again") from None
    except (OverflowError, TypeError, ValueError) as error:
        raise ValueError(f"its preprocessing is damaged: {str(error).splitlines()[0]}; learn it again") from None
    return preprocessing


def is_network_file(path: Path) -> bool:
    """Whether a file may be overwritten by a new network because it is one."""
    try:
        ReLUNetwork.load(path)
    except (OSError, ValueError):
        return False
    return True

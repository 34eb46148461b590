"""JSON files of learned networks, with the names and units of the data that they were learned from."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from limbeck._base.arrays import Float64Array
from limbeck._base.files import write_whole
from limbeck._base.prediction_range import PredictionRange
from limbeck.network._network import ReLUNetwork, network_of
from limbeck.network._preprocessing import Preprocessing, preprocessing_of
from limbeck.network._storage import load_parameters, parameters_of, read_content

__all__ = ["NetworkFile", "NetworkFileError", "is_network_file", "load_network_file", "save_network_file"]


class NetworkFileError(ValueError):
    """A file that is not a usable network, or a place where none can be written; one line for the user."""


@dataclass(frozen=True)
class NetworkFile:
    """A network and, where its file has it, the preprocessing of the rows that it acts on."""

    network: ReLUNetwork
    preprocessing: Preprocessing | None
    encoding: Mapping[str, Any] | None = None  # what became of the columns of a table, as the file has it
    prediction_range: PredictionRange | None = None

    def __call__(self, X: Float64Array, *, n_threads: int | None = None) -> Float64Array:
        """Predictions for rows in the data's units."""
        values = self.uncut(X, n_threads=n_threads)
        return values if self.prediction_range is None else self.prediction_range.cut(values)

    def uncut(self, X: Float64Array, *, n_threads: int | None = None) -> Float64Array:
        """Values of the network for rows in the data's units."""
        if self.preprocessing is None or self.preprocessing.is_none:
            return np.asarray(self.network(X, n_threads=n_threads))
        values = self.network(self.preprocessing.inputs(X), n_threads=n_threads)
        return self.preprocessing.outputs(np.asarray(values))


def save_network_file(
    path: Path,
    network: ReLUNetwork,
    preprocessing: Preprocessing,
    learned: Mapping[str, float | int | None],
    encoding: Mapping[str, Any] | None = None,
    prediction_range: PredictionRange | None = None,
) -> None:
    """Write a JSON file that :func:`load_network_file` and ``ReLUNetwork.load`` read. It appears whole or not at all.

    Parameters
    ----------
    path : Path
    network : ReLUNetwork
        Acts on rows that the preprocessing has gone over.
    preprocessing : Preprocessing
    learned : mapping
        Plain numbers on how well it was learned, for a later reader. NaN and infinity become null.
    encoding : mapping, optional
        What became of the columns of a table, in plain lists and numbers.
    prediction_range : PredictionRange, optional
        Least and largest prediction.
    """
    numbers = {name: value if value is not None and np.isfinite(value) else None for name, value in learned.items()}
    content = {**network.to_dict(), "preprocessing": preprocessing.to_dict(), "learned": numbers}
    if encoding is not None:
        content["encoding"] = dict(encoding)
    if prediction_range is not None:
        content["prediction_range"] = list(prediction_range)
    write_whole(path, json.dumps(content, indent=1, allow_nan=False).encode())


def load_network_file(path: Path) -> NetworkFile:
    """Read a network, with its preprocessing where the file has one.

    Raises
    ------
    NetworkFileError
        The file is missing, a folder, or not a network.
    """
    if not path.exists():
        raise NetworkFileError(f"{path} does not exist: check the name and the folder")
    if path.is_dir():
        raise NetworkFileError(f"{path} is a folder: give a network's file, written by limbeck learn")
    try:
        in_data_units = load_parameters(path)  # raises if anything is wrong
        content = read_content(path)
        if content.get("preprocessing") is None:
            return NetworkFile(network_of(in_data_units), None)
        network = network_of(parameters_of(content, folded=False))
        known = preprocessing_of(content, network.n_features)
        try:
            bounds = PredictionRange.read(content.get("prediction_range"))
        except ValueError as error:
            raise ValueError(f"{path} is not a limbeck network: {error}") from None
        return NetworkFile(network, known, content.get("encoding"), bounds)
    except OSError as error:
        raise NetworkFileError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise NetworkFileError(str(error).splitlines()[0]) from None


def is_network_file(path: Path) -> bool:
    """Whether a file may be overwritten by a new network because it is one."""
    try:
        load_parameters(path)
    except (OSError, ValueError):
        return False
    return True

"""A network with what it needs to predict from tables: names, and what became of each column."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from limbeck._base.arrays import Float64Array, float_array
from limbeck._base.frames import default_names, matched_rows
from limbeck._base.prediction_range import PredictionRange
from limbeck._tables.columns import Columns
from limbeck._tables.encoding import Encoding
from limbeck.network import ReLUNetwork
from limbeck.network._network_file import NetworkFileError, load_network_file, save_network_file
from limbeck.network._preprocessing import Preprocessing

__all__ = ["Predictor", "read_predictor"]


@dataclass(frozen=True)
class Predictor:
    """A network that predicts from the rows of tables as they come; :func:`limbeck.load` reads one from a file.

    Attributes
    ----------
    network : ReLUNetwork
        The network, on the features that the columns become.
    feature_names : tuple of str
        Names of its inputs.
    target_name : str
        Name of what is predicted.
    encoding : Encoding or None
        What becomes of each column of a table; None where the network was learned from an array without gaps.
    prediction_range : PredictionRange or None
        Least and largest value that :meth:`predict` gives; None where the network continues linearly.
    """

    network: ReLUNetwork
    feature_names: tuple[str, ...]
    target_name: str
    encoding: Encoding | None = None
    _columns: tuple[str, ...] | None = None
    prediction_range: PredictionRange | None = None

    def inputs(self, X: Any) -> Float64Array:  # noqa: ANN401
        """Inputs of the network (n, number of features) for rows of a table or an array.

        Raises
        ------
        TypeError, ValueError
            See :meth:`predict`.
        """
        encoding = self.encoding
        if encoding is None or encoding.is_plain:
            table = X if isinstance(X, Columns) else matched_rows(X, self._columns, self.feature_names)
            if not isinstance(table, Columns):
                try:
                    rows = float_array(table, "X", 2, objects=True)
                except TypeError:
                    if encoding is None:
                        raise
                else:
                    return rows if encoding is None else _filled(rows, encoding)
        assert encoding is not None
        return encoding.encode(X, self._columns)

    def predict(self, X: Any, *, n_threads: int | None = None) -> Float64Array:  # noqa: ANN401
        """Predictions (n,) for rows; (n, q) by a network of q outputs.

        Parameters
        ----------
        X : data frame or array_like of shape (n, d)
            Rows, with gaps, words and dates as in the table learned from; columns of a table are matched by name.
        n_threads : int, optional
            Number of threads; default what OpenMP would take.

        Raises
        ------
        TypeError, ValueError
            A column is missing, or holds something else than that learned from.
        """
        values = self.uncut(X, n_threads=n_threads)
        return values if self.prediction_range is None else self.prediction_range.cut(values)

    def uncut(self, X: Any, *, n_threads: int | None = None) -> Float64Array:  # noqa: ANN401
        """Values of the network for rows, beyond ``prediction_range`` as well; see :meth:`predict`."""
        return np.asarray(self.network(self.inputs(X), n_threads=n_threads))

    def save(self, path: str | os.PathLike[str], learned: Mapping[str, float | int | None] | None = None) -> None:
        """Write the network and what becomes of the columns as JSON; :func:`limbeck.load` reads it.

        Raises
        ------
        ValueError
            The name does not end in .json.
        """
        place = Path(path)
        if place.suffix.lower() != ".json":
            raise ValueError(f"the name of a file for a network with its columns ends in .json, got {str(path)!r}")
        d = len(self.feature_names)
        named = self.encoding is not None or self._columns is not None
        names = Preprocessing.none(self.feature_names, named, tuple(range(d)), self.target_name, None, d)
        encoding = None if self.encoding is None else self.encoding.to_dict()
        if encoding is not None and self._columns is not None:
            encoding["called"] = list(self._columns)
        save_network_file(place, self.network, names, learned or {}, encoding, self.prediction_range)


def _filled(rows: Float64Array, encoding: Encoding) -> Float64Array:
    """Rows of numbers, a gap as the median of its column in the rows learned from."""
    missing = np.isnan(rows)
    if not missing.any() or rows.shape[1] != len(encoding.columns):
        return rows
    medians = np.array([column.gap for column in encoding.columns])  # type: ignore[attr-defined]
    return np.where(missing, medians, rows)


def read_predictor(path: Path) -> Predictor:
    """Read a network with its columns.

    Raises
    ------
    NetworkFileError
        The file is missing, or is no network.
    """
    file = load_network_file(path)
    network = ReLUNetwork.load(path)
    encoding, called = None, None
    if file.encoding is not None:
        try:
            encoding = Encoding.from_dict(file.encoding)
            called = _called(file.encoding, encoding)
        except ValueError as error:
            raise NetworkFileError(f"{path}: {error}; learn it again") from None
        if len(encoding.features) != network.n_features:
            raise NetworkFileError(
                f"{path}: its columns become {len(encoding.features)} features, its network has {network.n_features}: "
                "learn it again"
            )
    known = file.preprocessing
    if known is None:
        return Predictor(network, default_names(network.n_features), "y", encoding, called, file.prediction_range)
    columns = known.features if known.named and encoding is None else called
    return Predictor(network, known.features, known.target, encoding, columns, file.prediction_range)


def _called(content: Mapping[str, Any], encoding: Encoding) -> tuple[str, ...] | None:
    """Names that the table learned from has for its columns; they may have been given others."""
    names = content.get("called")
    if names is None:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("the encoding is damaged: the names of its table are no list of text")
    if len(names) != len(encoding.columns) or len(set(names)) < len(names):
        raise ValueError("the encoding is damaged: the names of its table are not one for each column")
    return tuple(names)

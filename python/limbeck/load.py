"""Read a network with what it needs to predict from tables."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from limbeck._learner.pipeline.predictor import Predictor

__all__ = ["load"]


def load(path: str | os.PathLike[str]) -> Predictor:
    """Read a network with its columns, as :meth:`limbeck.Learned.save` and ``limbeck learn`` write it.

    Parameters
    ----------
    path : path
        A JSON file. That of a network alone, by ``ReLUNetwork.save``, will do, too: its features are x0, x1, ...

    Returns
    -------
    limbeck.results.Predictor
        Its ``predict`` gives what that of the result gave, to the bit.

    Raises
    ------
    ValueError
        The file is missing, or is no network.

    Examples
    --------
    >>> import limbeck, pathlib, tempfile
    >>> import pandas
    >>> table = pandas.DataFrame({"size": range(20), "town": ["Bonn", "Ulm"] * 10})
    >>> found = limbeck.learn(table, 3.0 * table["size"], 0, validation=0)
    >>> file = pathlib.Path(tempfile.mkdtemp(), "rent.json")
    >>> found.save(file)
    >>> bool((limbeck.load(file).predict(table) == found.predict(table)).all())
    True
    """
    from limbeck._learner.pipeline.predictor import read_predictor

    return read_predictor(Path(path))

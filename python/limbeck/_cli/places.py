"""Places that the columns had in the table that a network was learned from, for tables without names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from limbeck._cli.options import CommandError
from limbeck._tables.encoding import Encoding
from limbeck._tables.errors import listed
from limbeck._tables.files import Table

__all__ = ["TablePlaces", "columns_by_position", "places_of", "places_of_columns", "with_places"]

_KEY = "table"


@dataclass(frozen=True)
class TablePlaces:
    """Places of columns in a table.

    Attributes
    ----------
    n_columns : int
        Number of the table's columns.
    features : tuple of int
        Columns that the encoding is of, in its order.
    target : int
    """

    n_columns: int
    features: tuple[int, ...]
    target: int


def with_places(content: dict[str, Any], places: TablePlaces) -> dict[str, Any]:
    """Content of an encoding's JSON with the places of its columns."""
    table = {"n_columns": places.n_columns, "features": list(places.features), "target": places.target}
    return {**content, _KEY: table}


def places_of(content: Mapping[str, Any] | None, columns: int) -> TablePlaces | None:
    """Places in the content of a JSON file for an encoding of so many columns; None without good ones."""
    table = (content or {}).get(_KEY)
    if not isinstance(table, Mapping):
        return None
    n, features, target = table.get("n_columns"), table.get("features"), table.get("target")
    if type(n) is not int or type(target) is not int or not isinstance(features, list) or len(features) != columns:
        return None
    if any(type(j) is not int or not 0 <= j < n for j in (*features, target)) or len({*features, target}) <= columns:
        return None
    return TablePlaces(n, tuple(features), target)


def places_of_columns(
    encoding: Encoding, known: TablePlaces | None, target: str, table: Table
) -> tuple[list[int], int | None]:
    """Columns of a table that an encoding is of, in its order, and that of the target if it is there.

    Columns that were left out have the place -1 where they are not needed.

    Raises
    ------
    CommandError
        Columns are missing, or cannot be told apart.
    """
    names = encoding.column_names
    if encoding.named and table.named:
        missing = [name for name in names if name not in table.names and name not in encoding.left_out]
        if missing:
            lacks = f"{table.path} lacks column{'s' if len(missing) > 1 else ''} {listed(missing)}"
            raise CommandError(f"{lacks} that the network needs: it has {listed(table.names)}")
        labels = table.labels
        if labels is None and target in table.names:
            labels = table.names.index(target)
        return [table.names.index(name) if name in table.names else -1 for name in names], labels
    places = None if known is None else (known.n_columns, list(known.features), known.target)
    return columns_by_position(table, len(names), places)


def columns_by_position(
    table: Table, d: int, places: tuple[int, list[int], int | None] | None
) -> tuple[list[int], int | None]:
    """Columns of d features, and that of the target, of a table without names that can be matched.

    Parameters
    ----------
    table : Table
        Rows to predict from.
    d : int
        Number of columns that the network reads.
    places : (int, list of int, int or None) or None
        Of the table learned from, the number of columns, and where features and target stand; None if not known.

    Raises
    ------
    CommandError
        The number of columns fits nothing.
    """
    width = len(table.names)
    if width == d + 1 and table.labels is not None:
        return [j for j in range(width) if j != table.labels], table.labels
    if places is not None and width == places[0]:
        return places[1], places[2]
    if width == d:
        return list(range(d)), None
    learned_from = "" if places is None or places[0] == d else f" of the {places[0]} it was learned from"
    raise CommandError(
        f"{table.path} has {width} column{'' if width == 1 else 's'} and the network reads {d}{learned_from}: "
        "give the same columns in the same order, or names in both files"
    )

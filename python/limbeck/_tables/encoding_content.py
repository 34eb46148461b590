"""Encodings of columns from the content of JSON files, each field checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from limbeck._tables.column_encodings import DURATIONS, ColumnEncoding, LeftOut, Numbers, Times
from limbeck._tables.times import PARTS
from limbeck._tables.word_encodings import Ranks, Words

__all__ = ["encoding_of_dict"]

_CLASSES: dict[str, Any] = {one.kind: one for one in (Numbers, Words, Ranks, Times, LeftOut)}


def encoding_of_dict(content: Mapping[str, Any]) -> ColumnEncoding:
    """Make a column's encoding from the content of a JSON file.

    Raises
    ------
    ValueError
        It is no encoding of a column.
    """
    if not isinstance(content, dict) or content.get("kind") not in _CLASSES:
        raise ValueError("the encoding of a column is damaged")
    kind = _CLASSES[content["kind"]]
    given = {key: value for key, value in content.items() if key != "kind"}
    own = {field.name: field.type for field in fields(kind)}
    if kind is Times:
        given.setdefault("zone", "")  # files of earlier versions have none
    if set(given) != set(own):
        raise ValueError(f"the encoding of column {given.get('name')!r} is damaged: it has fields {sorted(given)}")
    values = {key: _checked(key, own[key], value) for key, value in given.items()}
    made: ColumnEncoding = kind(**values)
    _require_sound(made)
    return made


def _checked(key: str, type_name: Any, value: Any) -> Any:  # noqa: ANN401
    """Value of a field, of the type that it is declared with."""
    if type_name == "float" and isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value):
        return float(value)
    if type_name == "tuple[str, ...]" and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    if type_name == "tuple[float, ...]" and isinstance(value, list):
        return tuple(_checked(key, "float", item) for item in value)
    plain = {"str": str, "bool": bool, "int": int}.get(type_name)
    if plain is not None and type(value) is plain:
        return value
    raise ValueError(f"the encoding of a column is damaged: its {key} is {value!r}")


def _require_sound(made: ColumnEncoding) -> None:
    """Raise ValueError for an encoding whose fields contradict one another."""
    sound = True
    if isinstance(made, Words):
        count = len(made.groups)
        sound = len(made.shares) == count and 0 <= made.reference < count and len(set(made.levels)) == len(made.levels)
    elif isinstance(made, Ranks):
        sound = len(set(made.levels)) == len(made.levels) > 0
    elif isinstance(made, Times):
        sound = made.clock in ("date", "datetime") and set(made.parts) <= set(PARTS) and made.scale.is_sound
    elif isinstance(made, Numbers):
        sound = made.duration in DURATIONS and not (made.hours and made.duration)
    if not sound:
        raise ValueError(f"the encoding of column {made.name!r} is damaged: its fields contradict one another")

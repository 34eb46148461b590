"""Which limbeck is measured: the installed one, or that of another checkout."""

import importlib
import sys
from importlib.machinery import PathFinder
from pathlib import Path


def use(folder: str | Path) -> None:
    """Import limbeck from a folder, to be called before anything imports it.

    Raises
    ------
    SystemExit
        There is no compiled limbeck in the folder.
    RuntimeError
        Another limbeck has been imported already.
    """
    place = Path(folder).resolve()
    # An editable installation has a finder of its own, which comes before every folder.
    sys.meta_path[:] = [finder for finder in sys.meta_path if finder is PathFinder or not _finds_limbeck(finder)]
    sys.path.insert(0, str(place))
    importlib.invalidate_caches()
    try:
        limbeck = importlib.import_module("limbeck")
    except ImportError as error:
        raise SystemExit(f"no limbeck can be imported from {place}: {error}") from error
    found = Path(str(limbeck.__file__)).resolve()
    if place not in found.parents:
        if Path(place, "limbeck").exists():
            raise RuntimeError(f"limbeck was imported from {found.parent} before {place} was asked for")
        raise SystemExit(f"there is no limbeck in {place}")


def _finds_limbeck(finder: object) -> bool:
    find_spec = getattr(finder, "find_spec", None)
    return find_spec is not None and find_spec("limbeck", None) is not None

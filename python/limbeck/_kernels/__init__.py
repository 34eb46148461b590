"""The compiled kernels, from the extension that suits this processor best.

An extension is built for an x86-64 level (v2, v3 or v4), or a single one on other processors. A wheel holds one for
each level; an installation from source holds that of the machine it was compiled on, unless CMake's ``LIMBECK_LEVELS``
asked for others. The best of those that the processor can run is loaded; the environment variable ``LIMBECK_ISA``
forces one.
"""

import importlib
import importlib.util
import os
from typing import Any

_LEVELS = {"x86-64-v2": ("_v2", 2), "x86-64-v3": ("_v3", 3), "x86-64-v4": ("_v4", 4)}


def _is_built(module: str) -> bool:
    return importlib.util.find_spec(f"{__name__}.{module}") is not None


def _built() -> dict[str, tuple[str, int]]:
    """Levels that are built, in rising order, with their modules and the rank that a processor needs."""
    if not _is_built("_cpu"):
        raise ImportError(
            "limbeck's compiled kernels are missing: the package was not built. Run `pip install .` in its source "
            "folder, and import it from another folder than the source tree."
        )
    built = {level: (module, rank) for level, (module, rank) in _LEVELS.items() if _is_built(module)}
    if _is_built("_native"):
        built["native"] = ("_native", 0)
    return built


def _choose(built: dict[str, tuple[str, int]], highest: int, forced: str | None) -> str:
    """The level to load on a processor whose own is number ``highest`` (0: not x86-64)."""
    supported = [level for level, (_, rank) in built.items() if rank <= highest]
    if not supported:
        if highest == 1:
            raise ImportError("This processor is older than x86-64-v2, the oldest that limbeck's kernels can run on.")
        has = f"offers x86-64-v{highest} at most" if highest else "is no x86-64"
        raise ImportError(
            f"limbeck's kernels were compiled for {', '.join(built) or 'no processor at all'}, and this processor "
            f"{has}. Did you copy the installation, or share a folder or pip's cache, between different machines? "
            "Install limbeck again on this one: `pip install --force-reinstall --no-cache-dir limbeck`, or "
            "`pip install .` in its source folder. For one installation that runs everywhere, compile every level: "
            "`pip install . --config-settings=cmake.define.LIMBECK_LEVELS=all`."
        )
    if not forced:
        return supported[-1]
    if forced in supported:
        return forced
    reason = f"this processor and build offer {', '.join(supported)}"
    if forced in _LEVELS and forced not in built:
        reason += f", and {forced} was not compiled (CMake's LIMBECK_LEVELS says what is)"
    raise ImportError(
        f"LIMBECK_ISA={forced!r} cannot be used: {reason}. Choose one that is offered, or unset LIMBECK_ISA."
    )


_levels = _built()
_highest = int(importlib.import_module(f"{__name__}._cpu").x86_level())
_chosen = _choose(_levels, _highest, os.environ.get("LIMBECK_ISA"))
built_levels: tuple[str, ...] = tuple(_levels)
# Levels that are built and that this processor can run, in rising order, with their modules.
available_levels: dict[str, str] = {level: module for level, (module, rank) in _levels.items() if rank <= _highest}
_extension: Any = importlib.import_module(f"{__name__}.{_levels[_chosen][0]}")
globals().update({name: value for name, value in vars(_extension).items() if not name.startswith("_")})

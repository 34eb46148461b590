"""The compiled kernels, from the extension that suits this processor best.

One extension is built for each x86-64 level (v2, v3, v4), or a single one on other processors. The best level that the
processor has is loaded; the environment variable ``LIMBECK_ISA`` forces one.
"""

import importlib
import importlib.util
import os
from typing import Any

_LEVELS = {"x86-64-v2": ("_v2", 2), "x86-64-v3": ("_v3", 3), "x86-64-v4": ("_v4", 4)}


def _is_built(module: str) -> bool:
    return importlib.util.find_spec(f"{__name__}.{module}") is not None


def _supported() -> dict[str, str]:
    """Levels that are built and that this processor can run, in rising order, with their modules."""
    if not _is_built("_cpu"):
        raise ImportError(
            "limbeck's compiled kernels are missing: the package was not built. Run `pip install .` in its source "
            "folder, and import it from another folder than the source tree."
        )
    highest = int(importlib.import_module(f"{__name__}._cpu").x86_level())
    if highest == 0:
        return {"native": "_native"}
    return {level: module for level, (module, rank) in _LEVELS.items() if rank <= highest and _is_built(module)}


def _choose(supported: dict[str, str], forced: str | None) -> str:
    if not supported:
        raise ImportError("This processor is older than x86-64-v2, the oldest that limbeck's kernels are built for.")
    if not forced:
        return list(supported)[-1]
    if forced not in supported:
        raise ImportError(
            f"LIMBECK_ISA={forced!r} cannot be used: this processor and build offer {', '.join(supported)}. "
            "Choose one of them, or unset LIMBECK_ISA."
        )
    return forced


available_levels: dict[str, str] = _supported()
built_levels: tuple[str, ...] = tuple(
    [level for level, (module, _) in _LEVELS.items() if _is_built(module)] or ["native"]
)
_extension: Any = importlib.import_module(
    f"{__name__}.{available_levels[_choose(available_levels, os.environ.get('LIMBECK_ISA'))]}"
)
globals().update({name: value for name, value in vars(_extension).items() if not name.startswith("_")})

"""limbeck: distil functions into small networks whose parts can be named.

Here are :func:`learn` (from data), :func:`distill` (from a black box), :func:`load` (what they found, from a file),
:class:`ReLUNetwork` and :func:`show_config`.
The submodules ``moments``, ``ridgeless``, ``distillation``, ``blocks``, ``datasets``, ``plots`` and ``estimators``
(which needs scikit-learn, and is imported by its name) hold the rest, and ``results`` the types of what is returned.
"""

from typing import TYPE_CHECKING

from limbeck import _kernels  # isort: skip - first: where nothing was compiled, it says what to do
from limbeck import (
    _exports,  # noqa: F401 - makes the writers of other formats known to ReLUNetwork
    blocks,
    datasets,
    moments,
)
from limbeck._base.config import show_config
from limbeck.blackbox import Distilled, TeacherError, distill
from limbeck.learn import Learned, learn
from limbeck.load import load
from limbeck.network import ReLUNetwork

if TYPE_CHECKING:
    from limbeck import distillation, plots, results, ridgeless

__version__: str = _kernels.version
__all__ = [
    "Distilled",
    "Learned",
    "ReLUNetwork",
    "TeacherError",
    "__version__",
    "blocks",
    "datasets",
    "distill",
    "distillation",
    "learn",
    "load",
    "moments",
    "plots",
    "results",
    "ridgeless",
    "show_config",
]

# Importing would take three times as long with them, and learning needs none of them.
_ON_FIRST_USE = ("distillation", "plots", "results", "ridgeless")


if not TYPE_CHECKING:  # a type checker would take any misspelt name for one of these

    def __getattr__(name: str) -> object:
        if name in _ON_FIRST_USE:
            import importlib

            return importlib.import_module(f"limbeck.{name}")
        raise AttributeError(f"module 'limbeck' has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})

"""limbeck: distil functions into small networks whose parts can be named.

Here are :func:`learn` (from data), :func:`distill` (from a black box), :class:`ReLUNetwork` and :func:`show_config`.
The submodules ``moments``, ``ridgeless``, ``distillation``, ``blocks``, ``datasets``, ``plots`` and ``estimators``
(which needs scikit-learn, and is imported by its name) hold the rest, and ``results`` the types of what is returned.
"""

from limbeck import (
    _exports,  # noqa: F401 - makes the writers of other formats known to ReLUNetwork
    _kernels,
    blocks,
    datasets,
    distillation,
    moments,
    plots,
    results,
    ridgeless,
)
from limbeck._base.config import show_config
from limbeck.blackbox import Distilled, TeacherError, distill
from limbeck.learn import Learned, learn
from limbeck.network import ReLUNetwork

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
    "moments",
    "plots",
    "results",
    "ridgeless",
    "show_config",
]

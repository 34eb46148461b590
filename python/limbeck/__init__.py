"""limbeck: distil functions into small networks whose parts can be named.

The public names are those of the submodules ``moments``, ``datasets`` and ``network``, and :func:`learn`,
:class:`ReLUNetwork` and :func:`show_config` here.
"""

from limbeck import _kernels, datasets, moments
from limbeck._config import show_config
from limbeck.learn import Learned, learn
from limbeck.network import ReLUNetwork

__version__: str = _kernels.version
__all__ = ["Learned", "ReLUNetwork", "__version__", "datasets", "learn", "moments", "show_config"]

r"""Hermite moment tensors of data, contracted along directions without being formed.

With the probabilists' Hermite tensors :math:`He_l(x)` of a vector, the moment of order l is the symmetric tensor
:math:`M_l = \operatorname{mean}_i\, y_i He_l(x_i)`. If x ~ N(0, I) and :math:`y = \sum_i \lambda_i
\mathrm{relu}(\langle u_i, x\rangle)` with unit u_i, then for even l

.. math:: M_l \to \frac{He_{l-2}(0)}{\sqrt{2\pi}} \sum_i \lambda_i u_i^{\otimes l},

so contractions of M_l show the neurons' directions (Chen, Dou, Goel, Klivans and Meka, COLT 2023, arXiv 2304.10524).

Shapes: n rows, d features, q targets, m directions, J weight vectors. ``y`` may be (n,) or (n, q); with (n, q) the
result has a leading axis q. Computation and result are in float32 if X is float32, else in float64; y, directions and
weights are converted to the type of X. Results are bitwise the same for any number of threads.

Data frames are taken as arrays are. Where both X and the directions have names of columns, directions are put in the
order of X; pandas' row labels of X and y that are the same in another order are refused, and so are two columns of the
same name.
"""

from limbeck.moments._accumulator import MomentAccumulator
from limbeck.moments._contractions import (
    contract,
    contract_apply,
    contract_to_scalar,
    contract_to_vector,
    moment_tensor,
    weighted_grams,
)

__all__ = [
    "MomentAccumulator",
    "contract",
    "contract_apply",
    "contract_to_scalar",
    "contract_to_vector",
    "moment_tensor",
    "weighted_grams",
]

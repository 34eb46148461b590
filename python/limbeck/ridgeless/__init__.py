r"""Minimum-norm least squares with a certificate: rank, condition and backward error of every answer.

:func:`solve` minimises :math:`\|Y - X B\|` and, among all minimisers, :math:`\|B\|`: the limit of ridge regression as
the ridge goes to zero. It first factors the Gram matrix of the smaller side of X and refines the answer with residuals
of twice the precision. That is the fastest way, and where X is conditioned well enough (about 1e6 after its rows or
columns are scaled) it ends, for a few targets, closer to the exact answer than an orthogonal factorisation in float64.
Whether it did is measured. Where it did not, reflections with pivoting show the rank, and full rank is refined in the
same way, up to conditions of some 1e14. Where the rank is in doubt, LAPACK's singular values decide about it.

Shapes: n rows, p features, q targets. Results are bitwise the same for any number of threads, but for those of LAPACK.
"""

from limbeck.ridgeless._accumulator import Accumulator
from limbeck.ridgeless._certified import NotCertifiedWarning
from limbeck.ridgeless._cross_validation import generalized_cross_validation, leave_one_out
from limbeck.ridgeless._solution import Solution
from limbeck.ridgeless._solve import solve

__all__ = [
    "Accumulator",
    "NotCertifiedWarning",
    "Solution",
    "generalized_cross_validation",
    "leave_one_out",
    "solve",
]

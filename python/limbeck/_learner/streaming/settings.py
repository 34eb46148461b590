"""Numbers that decide how networks are refined on rows in blocks."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["STREAMING", "StreamingSettings"]


@dataclass(frozen=True, eq=False, repr=False)
class StreamingSettings:
    """Settings of the refinement on all rows of blocks."""

    # Rows of a sample, for each parameter, from which its normal matrix stands for that of all rows: with 100 of them
    # eigenvalues are up to 20 % off, 2 sqrt(P / n), and a step by it goes nearly as far as Newton's; more than 200 add
    # time and little else.
    least_rows_per_parameter: float = 100
    max_rows_per_parameter: int = 200
    # Parameters up to which a step is solved by a factorisation: beyond, the matrix takes 128 MB and more, and
    # conjugate gradients with products over the sample take its place.
    max_dense_parameters: int = 4000
    # Levenberg-Marquardt damping, relative to the diagonal, to begin with and at the least; after a step that was
    # refused, at the least; and the factor it changes by.
    first_damping: float = 1e-10
    least_damping_after_refusal: float = 1e-3
    damping_factor: float = 10.0
    # Part of the largest diagonal entry that damping counts smaller ones as, so that no row of zeros is left.
    least_relative_diagonal: float = 1e-12
    # Singular values of the matrix of unit diagonal, relative to the largest, that are rounding.
    relative_cutoff: float = 1e-13
    # Steps, a pass each: a bound of the time that a slow fit takes; and refused ones in a row, from which on what is
    # left is a crawl from kink to kink.
    max_steps: int = 30
    max_refused: int = 4
    # Steps of conjugate gradients, and the relative size of the residual that they end at: a step need not be exact.
    conjugate_gradient_steps: int = 200
    conjugate_gradient_tolerance: float = 1e-3


STREAMING = StreamingSettings()

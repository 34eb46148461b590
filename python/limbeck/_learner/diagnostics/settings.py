"""Numbers that decide what the diagnostics of a network say, and what they may cost."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DIAGNOSTICS", "DiagnosticsSettings"]


@dataclass(frozen=True, eq=False, repr=False)
class DiagnosticsSettings:
    """Settings of standard errors, readings and smaller widths."""

    # ---- What is computed with a result ----
    # Parameters up to which a result is printed with its standard errors and with smaller widths: a second or two.
    max_printed_parameters: int = 500
    # Rows that neurons are given up on: as many, or as many for each parameter, whichever is more. Fewer would leave
    # noise in the choice of the neuron, more take time.
    pruning_rows: int = 4000
    pruning_rows_per_parameter: int = 12

    # ---- Standard errors ----
    # Parameters up to which there are standard errors: the eigendecomposition and products, of cost P^3, take a minute
    # on one core there, and four matrices of P x P 0.6 GB.
    max_parameters: int = 4000
    # Part of a combination of parameters that may lie in undetermined ones: null vectors are off by eps over the
    # smallest eigenvalue kept, so that nothing smaller can be told from zero.
    negligible_undetermined: float = 1e-6

    # ---- Readings ----
    # Rows that activity and shares are measured on: their error is then below 0.4 %.
    reading_rows: int = 20_000

    # ---- Curves of parallel neurons ----
    # Part of their own variance that neurons may lose when they are read as a function of one direction: what is said
    # is then right to a tenth of its size, as sentences about single features are, whose direction has 0.99 of its
    # squared length there.
    max_variance_lost: float = 0.01
    # Part of a direction's squared length in its leading feature, from which on the neuron may join that feature's
    # curve; the first that loses little is taken.
    leading_shares: tuple[float, ...] = (0.9, 0.99, 0.9999)
    # Angles (radians) that neurons of no single feature are grouped by; the widest that loses little is taken.
    angles: tuple[float, ...] = (0.3, 0.1, 0.03, 0.01, 1e-3, 1e-6)
    # Part of a direction's squared length in one feature, from which on a neuron alone may be that feature's curve.
    single_feature_share: float = 0.99
    # Part of the variance from which on a neuron and a slope that cancel are told better as two slopes.
    cancelled_share: float = 0.2
    # Standard deviations between kinks that are one, up to rounding.
    same_kink: float = 1e-9
    # Relative size of a sum that is rounding.
    rounding: float = 1e-12
    # A rise within this part of the rows, and so many times as steep as what is beside it, is a step and not a slope.
    step_rows: float = 0.05
    step_steepness: float = 3.0


DIAGNOSTICS = DiagnosticsSettings()

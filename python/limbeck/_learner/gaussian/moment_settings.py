"""Settings of the moment method alone, with their reasons."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ComparisonSettings", "HighOrderSettings", "MomentMethodSettings"]


@dataclass(frozen=True, eq=False, repr=False)
class HighOrderSettings:
    """Span from moments of high orders, for the moment method alone."""

    most_order: int = 16
    # Isotropic directions, more where rows are fewer: what they see of a span is mostly that of the few next to it.
    fewest_directions: int = 256
    most_directions: int = 2048
    # Steps into the span of the leading eigenvectors, its dimensions, and directions there.
    climbs: int = 3
    climbing_dimensions: int = 3
    climbing_directions: int = 24
    flips: int = 6  # draws of random signs
    tilt: float = 0.25  # of a span, as an angle: what it leaves out of itself is no new direction
    margin: float = 2.0  # between eigenvalues, of squares, and the largest of the draws
    # Products of a row's entry with a direction that directions and rows may ask for, but at least so many rows.
    products: int = 60_000_000
    fewest_rows: int = 20_000


@dataclass(frozen=True, eq=False, repr=False)
class MomentMethodSettings:
    """The moment method alone."""

    # Moments: of even orders up to `most_order`, beyond which the coefficients of a kink are below 0.02, and
    # as many orders as there are no more than so many moments of, but at least up to `least_order`, without which
    # directions are not determined.
    most_order: int = 20
    least_order: int = 4
    most_moments: int = 1500
    widest_span: int = 16  # dimensions, 4844 moments; beyond, fixed points of contractions
    dimensions_of_chance: int = 3  # searched where no moment shows a direction and a width is given
    rows_of_errors: int = 50_000  # that standard errors of the moments are estimated from: to one percent and better
    # Starts inside the span: directions of the net for each squared dimension, peaks of it, splits and their angles
    # (radians), random lines of which the faintest are given up.
    net_per_dimension: int = 64
    peaks: int = 3
    same_peak: float = 0.9
    splits: int = 2
    split_scales: tuple[float, ...] = (0.5, 0.25, 0.1, 0.05)
    split_step: float = 1e-4  # of second derivatives: half the digits of the gradients
    wide_starts: int = 5
    wide_factor: int = 2
    wide_extra: int = 2
    wide_steps: int = 40
    steps_after_each: int = 15
    merge_cosine: float = 0.995  # 0.1 radians
    # Gauss-Newton steps: at most, damping and its changes, and the gain in the objective that ends them. One unit is
    # what chance changes it by.
    steps: int = 200
    damping: float = 1e-3
    damping_down: float = 0.3
    damping_up: float = 4.0
    most_damping: float = 1e8
    least_gain: float = 1e-5
    # Penalty in the objective, per parameter inside the span, of which noise takes one, and per line: the best of many
    # directions gains up to 10 beyond (two draws of eight lines in a plane, of four with antipodes).
    penalty: float = 3.0
    penalty_of_line: float = 12.0
    widths_in_vain: int = 2
    standard_errors: float = 4.0  # of chi-squared: beyond, chance is ruled out
    rounds: int = 2  # of search, each for what the network before leaves unexplained
    # Directions that residuals show: draws of random signs, and margin. Turns of the lines found add as much as chance.
    residual_flips: int = 8
    residual_margin: float = 3.0
    settling_steps: int = 3  # of turning lines out of the span and fitting them in the new one
    # Turns: error that is small (radians), and precision, relative to the largest, below which rounding rules.
    small_turn: float = 0.1
    faint: float = 1e-10
    # Fixed points in wide spans.
    order: int = 4  # of the test function that settles directions; higher ones part closer neurons, but are noisier
    sweeps: int = 30  # over all directions; they end earlier where nothing moves
    settled: float = 0.01  # of the sampling error of a direction, n^(-1/2): moves below count as none


@dataclass(frozen=True, eq=False, repr=False)
class ComparisonSettings:
    """The methods of one stage that the moment method is compared with."""

    flips: int = 6  # draws of random signs
    margin: float = 1.5  # between eigenvalues, of squares, and the largest of the draws
    # Directions of each order: their powers are to span what a tensor of at most some ten lines has as its range.
    directions: int = 128
    most_width: int = 10  # of lines, for the orders: 20, the highest that moments inside the span have

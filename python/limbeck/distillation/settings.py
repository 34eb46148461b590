"""Numbers that decide what advice, simulations and scaling laws say, with their reasons."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "ADVISOR_SETTINGS",
    "SCALING_SETTINGS",
    "SIMULATION_SETTINGS",
    "STAGE_SETTINGS",
    "WEAK_TO_STRONG_SETTINGS",
    "AdvisorSettings",
    "ScalingSettings",
    "SimulationSettings",
    "StageSettings",
    "WeakToStrongSettings",
]


@dataclass(frozen=True, eq=False, repr=False)
class AdvisorSettings:
    """Settings of :func:`limbeck.distillation.advise`."""

    # Standard errors that a difference must exceed to be recommended: about one false recommendation in 20 for either
    # side of no difference, where labels differ in nothing. Where they differ, one of 50 recommendations was wrong in
    # 1,400 draws of fourteen kinds, and there were more than twice as many as with two standard errors.
    certain: float = 1.645
    # Rows: with fewer, a standard error from their differences is itself off by a quarter.
    fewest_rows: int = 8
    # Directions of the fit, below which the part of a residual that they explain by chance varies too much to tell a
    # fitted surrogate from another one.
    fewest_directions: int = 5
    # Of what chance explains of the surrogate's errors: least squares leaves errors that are orthogonal to the
    # features, so that a fitted surrogate is far below that; by chance five directions are in one case of 700.
    suspiciously_little: float = 0.05
    # Of the squares of what a surrogate misses of y: what a linear smoother of y with other rounding, or some steps of
    # an iteration short of its end, may differ by.
    same_smoother: float = 1e-6
    # Part of y along a direction, from which on a smoother shows there.
    visible_part: float = 0.02
    # Of either sign, of the surrogate's labels in a mixture: labels that know nothing of the noise in y have 1 at most
    # but for chance, and those that are nearly y any weight.
    largest_weight: float = 2.0
    # Of squares: labels that differ by less differ by rounding.
    same_labels: float = 1e-20
    # Of the largest entry of a column: what rounding leaves of its mean where means have been subtracted.
    zero_mean: float = 1e-12
    # Factor of the standard errors, so that they cover 0.93 to 0.97 of trials for 0.95, from 20 to 500 rows and 20 to
    # 2,000 features.
    calibration: float = 1.1
    # Clusters: a standard error from their sums has one degree of freedom less, and is off by two fifths with four.
    fewest_clusters: int = 4
    # Ridges of self-distillation, from the smallest to the largest multiple of the directions' mean square: three for
    # each power of ten, between which errors differ by less than their own uncertainty.
    ridges: int = 25
    smallest_ridge: float = 1e-6
    largest_ridge: float = 100.0
    # Of either sign: where teacher and student all but agree, a projection could ask for any mixing. With ten, students
    # of 30 rows were a tenth worse than with two, and hardly better anywhere.
    largest_mixing: float = 2.0
    # Blocks of rows, each judged by what the others choose: with ten the choice is that of nine tenths of the rows.
    blocks: int = 10
    # Rows up to which the choice that judges a block is made without it altogether, with a decomposition each. By
    # left-out residuals that know the block's labels, errors were 15 % too small for 30 rows, by less than 1 % for 100.
    refitted_rows: int = 300
    # Of the deal of rows into blocks.
    seed: int = 0


@dataclass(frozen=True, eq=False, repr=False)
class SimulationSettings:
    """Settings of :func:`limbeck.distillation.simulate`; none changes the risk of a trial."""

    # Trials before the first look at the standard error, which is then off by an eighth.
    first_trials: int = 32
    # Trials between two looks: as many as threads of large machines do side by side.
    trials_at_once: int = 64
    # Multiplications and additions between two looks at the progress: about a second on one core.
    operations_at_once: float = 3e10
    # Of the largest eigenvalue: its root is the least normal number of single precision, in which rows are drawn.
    smallest_eigenvalue: float = 1e-75


@dataclass(frozen=True, eq=False, repr=False)
class ScalingSettings:
    """Settings of :func:`limbeck.distillation.scaling_law`."""

    # Ratio of the sizes between which an exponent is local: closer ones differ by the rounding of n to whole numbers.
    local_ratio: float = 1.1
    # Of the predicted exponent, or of the least one where that is smaller: local exponents off by more are marked, and
    # left out of the fit. Mostly features that end at p bend a law by more, sizes that are large enough by less.
    off_power_law: float = 0.1
    least: float = 0.1
    # Sizes that a line is fitted to, if so many are not marked: a line through two has no drift.
    fewest_sizes: int = 3
    # Of an exponent of one: about what exponents drift by away from corners.
    corner: float = 0.02


@dataclass(frozen=True, eq=False, repr=False)
class WeakToStrongSettings:
    """Settings of :func:`limbeck.distillation.weak_to_strong`."""

    # Rows: ten blocks are left out, of one row at least, and something must be left to choose by.
    fewest_rows: int = 12
    fewest_clusters: int = 4
    # Blocks of rows, each predicted by what is chosen without it.
    blocks: int = 10
    seed: int = 0
    # Standard errors that a gain must exceed to be recommended, and what these are too small by as the blocks' choices
    # have most rows in common.
    certain: float = 2.0
    calibration: float = 1.2
    # Part of ridge regression's error beyond which the gain must be certain: on real tables it is mostly a part of
    # a percent of either sign, of which chance then picks out the good ones.
    worth_it: float = 0.02
    # Numbers of principal components, and of features, that are tried.
    sizes: int = 24
    feature_sizes: int = 6
    # Ridges of surrogates, or inverse times, for each power of ten. The smallest is a multiple of the features' mean
    # variance: right where a coefficient varies 10,000 times as much as the noise, for any number of rows. The largest
    # is a multiple of the directions' mean square, and leaves little but the mean.
    ridges_per_decade: int = 4
    smallest_ridge: float = 1e-4
    largest_ridge: float = 100.0
    # Ridges of targets beside none.
    target_ridges: int = 6
    smallest_target: float = 1e-4
    largest_target: float = 10.0


@dataclass(frozen=True, eq=False, repr=False)
class StageSettings:
    """Settings of stages that are sums of complex ridges; they decide the last digits of risks."""

    # Complex ridges of a filter: errors of some 1e-9 of it, see the stages.
    ridges: int = 20
    # The same for standard deviations, of which three digits are enough and whose cost goes as the third power.
    ridges_for_spread: int = 8


ADVISOR_SETTINGS = AdvisorSettings()
SIMULATION_SETTINGS = SimulationSettings()
SCALING_SETTINGS = ScalingSettings()
STAGE_SETTINGS = StageSettings()
WEAK_TO_STRONG_SETTINGS = WeakToStrongSettings()

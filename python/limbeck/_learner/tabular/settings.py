"""Numbers that decide what the learner for inputs of any distribution finds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["TABULAR", "TabularSettings"]


@dataclass(frozen=True, eq=False, repr=False)
class TabularSettings:
    """Settings of the learner for inputs of any distribution: candidates, weight decays, width, cross-validation."""

    # ---- Candidates for neurons ----
    # Quantiles of a feature at which its hinges may be, in the order in which they are given up where there are many
    # features; more of them cost time, fewer miss kinks near the ends.
    feature_quantiles: tuple[float, ...] = (0.5, 0.25, 0.75, 0.1, 0.9, 0.4, 0.6)
    # Quantiles of other directions: refinement moves hinges there, so that a coarse grid will do.
    direction_quantiles: tuple[float, ...] = (0.2, 0.5, 0.8)
    # Directions at random, for hinges of many features at once, and leading eigenvectors of the residuals' second
    # moment, each with three hinges; both trade time for chances.
    random_directions: int = 30
    moment_directions: int = 4
    # Hinges: their Gram matrix has the square of this many entries, 12 MB.
    max_hinges: int = 1200
    # Rows that hinges are chosen on: the choice need not be exact, and costs rows times hinges squared.
    hinge_rows: int = 3000
    # Ridge of the choice, for each row: keeps coefficients of nearly equal hinges from growing, at a thousandth of a
    # standardised feature's square.
    hinge_ridge: float = 1e-3
    # Part of the median hinge's square below which a hinge is at the edge of the rows, or explained by others.
    least_hinge_square: float = 1e-2

    # ---- Weight decays ----
    # Weight decay to begin with, and bounds of what evidence makes of it: below, a decay does nothing to features of
    # standard deviation 1; above, nothing is left of a neuron.
    first_decay: float = 1e-2
    least_decay: float = 1e-6
    largest_decay: float = 1e6
    # Rounds of re-estimated decays, Levenberg-Marquardt steps in each, and steps of the last refinement: time against
    # how far decays and parameters have settled.
    rounds: int = 8
    steps_per_round: int = 4
    last_steps: int = 20
    # Parameters up to which correlations between neurons count in the effective number of parameters: an inverse of
    # cost P^3, tenths of a second; beyond, every neuron is taken by itself.
    max_joint_parameters: int = 1500
    # Lower bound of the part of the rows that parameters do not take up, so that errors can be divided by it.
    least_residual_fraction: float = 1e-6
    # Part of the rows that parameters may take up: beyond, going through all rows may be an accident.
    max_fraction_taken: float = 0.8
    # Size, relative to the largest neuron's, below which a neuron is a constant.
    least_relative_size: float = 1e-3

    # ---- Width ----
    # Widths to try, up to the largest allowed: between powers of two the error changes little.
    widths: tuple[int, ...] = (0, 1, 2, 4, 8, 16, 32)
    # Width up to which there may be more parameters than rows: decays make up for few neurons.
    few_neurons: int = 4
    # Ratio of cross-validated errors within which the smaller width is taken.
    as_good: float = 1.005
    # Parameters that the choice of a neuron among hundreds of hinges counts for, beside a line: as a knot's in
    # Friedman, Multivariate adaptive regression splines, Annals of Statistics 19, 1991, and more where there are many
    # features to choose from. Of lines in noise, n = 600 to 2000, with 10, 30 and 60 features 95 % have no neuron for
    # 1.8, 5 and 8 parameters; of 60 draws of 130 to 450 rows and 1 to 30 features 90 % and more have none.
    choice_parameters: float = 3.0
    choice_parameters_per_feature: float = 0.2
    # Rows and entries of X up to which folds that choose hinges for themselves decide: they count the choice better
    # than a constant, which hides hinges that are there. They take three to six times as long. On 24 real tables of 200
    # to 780 rows the mean R2 was .012 higher with folds than without, by up to .045 where there are few rows and many
    # words, and lower by more than .005 on one of them (by .035).
    fold_rows: int = 1000
    repeated_rows: int = 120
    # Ratio of errors of generalised cross-validation, the choice counted, up to which folds are asked beyond that.
    in_doubt: float = 1.25
    fold_entries: int = 30_000
    # Folds; and how often rows are split anew, up to so many rows and entries. Of few rows one split says little: on a
    # line in noise, n = 15 to 100, one leaves neurons in up to 11 % of draws, two in up to 10 %, four in up to 8 %.
    folds: int = 5
    max_repeats: int = 2
    repeated_entries: int = 10_000
    # Standard errors of a paired difference of squared errors that may be chance (the rule of Breiman, Friedman, Olshen
    # and Stone, Classification and regression trees, 1984, section 3.4.3, for differences): between widths, and of the
    # line. With half of one for the line, too, one line in five would have neurons in noise.
    fold_standard_errors: float = 0.5
    line_standard_errors: float = 1.0

    # ---- Exact fits ----
    # Standard deviation of the labels, relative to their mean, that is rounding: a hundred times float64's.
    constant_labels: float = 1e-14
    # Rounding of a label relative to its size: a few operations that it was computed by.
    label_rounding: float = 4 * float(np.finfo(np.float64).eps)
    # Part of the labels' variance that a decay may have left of an exact fit.
    nearly_exact: float = 1e-2
    # Levenberg-Marquardt steps and tolerance without decay, enough to come down to rounding.
    exact_steps: int = 50
    exact_tolerance: float = 1e-12
    # Tolerance of all other refinements: decays change more between them.
    tolerance: float = 1e-4

    # ---- Cross-validation of a result ----
    # Rows, and entries of X, up to which five or ten searches take a second or two in all.
    max_refitted_rows: int = 1000
    max_refitted_entries: int = 10_000
    # Rows from which five folds will do in place of ten, and up to which every row is a fold of its own: tenths of them
    # would be one or two.
    five_folds_from: int = 40
    leave_one_out_up_to: int = 20
    # Standard errors of the difference between network and line that may be chance: 2.5 % false alarms.
    chance_standard_errors: float = 2.0
    # Part of the labels' variance that is rounding on rows left out.
    exact_left_out: float = 1e-20


TABULAR = TabularSettings()

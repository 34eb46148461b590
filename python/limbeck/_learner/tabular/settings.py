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
    # Ratio of every decay to that of the round before, or the other way round, up to which the rounds end: on 16 real
    # tables 1.1 and 1.35 take .86 and .73 of the time, and neither changes the mean R2 by more than .0006.
    settled: float = 1.2
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
    # Rows up to which folds that grow networks for themselves decide: they count the choice of hinges better than a
    # constant does. Beyond, they take six times as long for nothing.
    fold_rows: int = 120
    # Folds, and how often rows are split anew where few: one split of few rows says little.
    folds: int = 5
    max_repeats: int = 2
    # Standard errors of a paired difference of squared errors that may be chance (the rule of Breiman, Friedman, Olshen
    # and Stone, Classification and regression trees, 1984, section 3.4.3, for differences). Whether there is a neuron
    # at all the shuffles decide, so that less than one will do: on eleven real tables of 48 to 252 rows, five splits
    # each, the mean R2 was .697 with 1, .703 with 0.5 and .707 with 0.
    fold_standard_errors: float = 0.25

    # Entries of X up to which an exact fit is looked for wherever a network is near one; of more it takes long.
    dense_entries: int = 100_000
    # Entries of X up to which dense networks compete with the grown one: growth alone may stop early where many neurons
    # are needed (on 43,000 rows of diamonds its R2 was .92, that of dense networks .98).
    competing_entries: int = 20_000_000
    # Rows and entries of X up to which folds decide on the width of dense networks; standard errors of a paired
    # difference that may be chance, between widths and of the line. On 24 real tables of 200 to 780 rows the mean R2
    # was .012 higher with folds than without; two standard errors for the line, as everywhere else, cost nothing on ten
    # real tables (.7833 with 1 and 2), and on three that are lines (tips, Salaries, College) .010 is won.
    dense_fold_rows: int = 1000
    dense_fold_entries: int = 30_000
    # Ratio of errors of generalised cross-validation, the choice counted, up to which folds are asked. On autompg and
    # boston_housing, six splits, the mean R2 was .866 with 1.25 and .870 with 1.5; on ten other real tables no less.
    in_doubt: float = 1.5
    dense_width_errors: float = 0.5
    dense_line_errors: float = 2.0
    # F statistics of a weight of a dense network below which it is removed, the largest of them that is as good on
    # folds, and rounds of that; evidence is largest at zero below one. On 29 real tables of 37 to 1000 rows the mean R2
    # is .682 before and .684, .683 and .677 after, for .5, 1 and 2 everywhere, with six, five and four tenths of the
    # weights.
    thinning_statistics: tuple[float, ...] = (4.0, 0.5)
    thinning_rounds: int = 3
    # Ratio of the grown network's error, its choices counted, to the dense one's, and of that to the grown one's, below
    # which no folds are needed to tell which is better: on real tables folds show up to .2 more of its error than that
    # counts.
    clearly_better: float = 0.8
    # Part of the labels' variance, and of the dense network's error, that the grown one's may be larger by and still be
    # taken: it has some fifth of the numbers.
    little_r2: float = 1e-3
    little_error: float = 0.02
    # Standard errors that a dense network must be better by on folds: it has more numbers to read. On 14 real tables of
    # 147 to 1000 rows the mean R2 was .8056, .8057 and .8065 with .25, .5 and 1; where all of twelve features matter
    # alike, 1 loses .002.
    dense_standard_errors: float = 0.25

    # ---- Relevance ----
    # F statistics at which a weight of a neuron, or of the line, is freed, and below which it becomes zero; one is what
    # evidence asks for of a single weight, and more is asked of weights chosen among many. Measured on SRBench's real
    # tables and Friedman's: lines that are thinned out more lose accuracy where rows are few.
    neuron_statistics: tuple[float, float] = (4.0, 3.0)
    linear_statistics: tuple[float, float] = (2.0, 1.0)
    # What the statistics of neurons rise by with the logarithm of the number of features, and the part of that which
    # weights that are there need: with 1 in place of .5 interactions of weak features are lost.
    statistic_per_log_feature: float = 0.5
    staying_part: float = 0.75
    # What the statistic of freed weights of the line rises by with the logarithm of the number of features, over ten:
    # the largest of d squared normal deviates is about 2 log d.
    linear_per_log_feature: float = 2.0
    # Weights that are looked at in each round, the part of its limit that a weight's statistic reaches by itself so
    # that it is looked at, and the part of its square that must be beyond the other parameters'.
    max_entering: int = 400
    worth_a_look: float = 0.3
    least_left: float = 1e-3
    # Removals of weights in a round, beyond which several are removed at once.
    most_removals: int = 100
    # Ratio of cross-validated errors up to which the sparser network is taken.
    sparse_as_good: float = 1.003
    # Lower bound of the part of the rows that parameters leave, when noise is estimated.
    least_noise_fraction: float = 1e-2
    # Rows, at most, and part of all rows, that make no neuron where no others are on their side of its kink: it would
    # follow their noise.
    end_rows: int = 5
    end_part: int = 20
    # Change of a value, in standard deviations of the labels, that is more than the noise of such a row.
    end_change: float = 3.0

    # ---- Lines ----
    # Rounds of the evidence for a line's decay; features up to which a line of all of them is thinned out, at a cost of
    # their cube; rounds of the choice of features one by one, where there are about as many as rows.
    line_rounds: int = 12
    max_line_features: int = 500
    forward_rounds: int = 8

    # ---- Growth ----
    # Knots of each feature, at least and at most; features that have candidates; pairs whose product goes with the
    # residuals, each with a sum and a difference.
    least_knots: int = 3
    most_knots: int = 40
    max_candidate_features: int = 400
    # Features of a direction at random, or of an eigenvector, at most: each of them is a parameter.
    max_direction_features: int = 8
    pair_directions: int = 40
    # Standard deviations of the bulk from which a row is far out, and ratio of the sizes of both sides of a kink from
    # which such rows rule it.
    far_rows_from: float = 30.0
    # Ridge of the choice, for each row, of hinges of mean square one.
    growth_ridge: float = 1e-5
    # Ridge of the start, relative to a hinge's mean square: knots of a grid are nearly collinear.
    start_ridge: float = 1e-8
    # Size of an output weight, of labels of variance 1, below which a hinge could not grow.
    least_output: float = 1e-4
    # Parameters that the choice of a neuron counts for in the growth.
    growth_choice_parameters: float = 3.0
    # Neurons looked ahead; number of them that belong together beyond which they are added at once; neurons added at
    # once, as a part of those there, and at most.
    most_ahead: int = 40
    many_ahead: int = 8
    growth_rate: float = 0.4
    most_together: int = 8
    # Levenberg-Marquardt steps of each refinement in the growth: the next one begins where it ends.
    growth_steps: int = 5
    # Steps, at most, and tolerance on more rows than a network was chosen on: most of them move it little, but far ones
    # that are new to it call for more.
    steps_of_many: int = 20
    tolerance_of_many: float = 1e-3
    # Ratio of errors below which a wider network is better, and that up to which growth goes on from it; attempts in a
    # row that do not help, each with twice as many neurons, that end it.
    better: float = 0.999
    hopeful: float = 1.01
    patience: int = 1
    # Parameters over rows at which growth ends.
    largest_growth: float = 1.25
    # Rows of the first networks, at least and per feature; rows for each parameter that a network in the growth has,
    # and those that are enough where more neurons do not help.
    first_rows: int = 2000
    first_rows_per_feature: int = 20
    rows_per_parameter: int = 30
    enough_rows_per_parameter: int = 60
    # Rows that a growth of few parameters uses at most, and beyond which the last refinement takes few steps.
    many_rows: int = 6000
    # Widest network of the growth, over the largest allowed: it is pruned back.
    overgrowth: float = 1.5
    # Growths on up to so many entries of X, until one is within this part of the error of the best so far. On 20 tables
    # of up to 1000 rows the mean R2 is .7842 with one and .7877 so: one of them, of two codes that act together, goes
    # from .80 to .88, the others stay. With a tenth in place of a twentieth it goes to .87.
    most_starts: int = 6
    starts_apart: float = 0.05
    restart_entries: int = 8_000
    # Part of the rows on the rarer side of a kink up to which a line is tried in the place of a neuron.
    straight_part: float = 0.02
    # Ratio of errors beyond which fewer neurons are hopeless.
    hopeless: float = 1.03
    # Knots of the grids along a feature, rows for each of them, and hinges of all features together at most; ridge of
    # their fit, and the ratio of errors below which a grid is taken before single hinges.
    curve_knots: tuple[int, ...] = (8, 16, 32, 48)
    rows_per_knot: int = 4
    max_curve_hinges: int = 1000
    curve_ridge: float = 1e-6
    curve_as_good: float = 0.9

    # ---- Existence ----
    # Shuffles of a line's residuals, and the part of them in which hinges may explain as much as they do.
    shuffles: int = 199
    existence_level: float = 0.05
    # Widest network that folds compare.
    max_fold_width: int = 8

    # ---- Predictions ----
    # Part of the range of the labels learned from by which bounded predictions may leave it. On 22
    # real tables, four folds each, the mean R2 is .791, .790 and .786 with .05, .1 and .25, and .783 without bounds; a
    # tenth leaves room for labels that are larger than any seen.
    prediction_margin: float = 0.1

    # ---- Exact fits ----
    # Standard deviation of the labels, relative to their mean, that is rounding: a hundred times float64's.
    constant_labels: float = 1e-14
    # Rounding of a label relative to its size: a few operations that it was computed by.
    label_rounding: float = 4 * float(np.finfo(np.float64).eps)
    # Part of the labels' variance below which growth ends: what is left is rounding, or an exact fit is near.
    growth_ends_at: float = 1e-12
    # Rows, at least and per parameter, that an exact fit is looked for on before all rows are.
    exact_rows: int = 2000
    exact_rows_per_parameter: int = 10
    # Widest network of neurons of all features that is tried for an exact fit.
    max_exact_width: int = 16
    # Part of the labels' variance that a decay may have left of an exact fit.
    nearly_exact: float = 1e-2
    # Likewise where dense networks do not compete: looking for an exact fit takes longer than the growth.
    nearly_exact_of_many: float = 1e-4
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

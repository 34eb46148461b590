"""The numbers that decide what is asked of a teacher, how networks are compared, and when a distillation ends."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = [
    "DISTILLATION_SETTINGS",
    "DistillationSettings",
    "FocusSettings",
    "KinkSettings",
    "LineSettings",
    "RoundedSettings",
]


@dataclass(frozen=True, eq=False, repr=False)
class FocusSettings:
    """When queries are drawn near kinks, and near which."""

    # Of the variance. A network with a larger error has not found the directions: there is no kink to look at.
    start_below: float = 0.3
    # Another round follows while the error falls below this part of the former; so many failures in a row end them.
    improvement: float = 0.8
    failures: int = 2
    # Neurons whose directions lie within this angle, in radians, are resolved together: a band around one kink also
    # holds the others'. Wider apart, plain rows tell them from each other.
    clump_angle: float = 0.3
    # Of the largest clump. A smaller neuron on its own may be what a fit left anywhere of a clump half resolved.
    stray_size: float = 0.1
    # Median distance of the squared residuals from a kink over that of the rows: residuals much nearer than the rows
    # are a matter of that kink.
    concentrated: float = 0.5
    # Of the squared residuals of the clump with most of them, for another clump to be worth a look.
    residual_share: float = 0.1
    # Standard deviations. Bands narrower than this around other clumps are kept out of, to this multiple of their width
    # on either side: residuals of an unresolved clump would count as those of the one looked at. Wider ones would take
    # too many rows away.
    excluded_width: float = 0.1
    excluded_multiple: float = 3.0
    # Neurons that a clump may turn out to have beyond those found, where the caller set no width.
    further_neurons: int = 2
    # Standard deviations. A band is stretched by 1 / width: at this width coordinates keep four digits.
    narrowest_band: float = 1e-12
    # Neurons merged by mistake leave an error in a band around their kink alone, which plain queries miss. Two rows at
    # each of these widths around every kink show it, whatever its width.
    probe_widths: tuple[float, ...] = tuple(10.0**-i for i in range(1, 7))
    probe_rows: int = 2
    # Of the variance. Probes pay only where the directions are found.
    probe_below: float = 0.05
    # Radians, and standard deviations of the offset, up to which two kinks are probed as one: a smaller gap asks more
    # queries of neurons that are close, a larger one may miss an error between them.
    same_kink: float = 1e-4
    # Standard deviations from the origin: 1e-9 of all rows see anything of a kink beyond.
    farthest_kink: float = 6.0
    # ReLUs along different lines are linearly independent: a neuron too many of an exact network is fainter than this
    # relative to the largest, or closer than this angle to another one.
    artefact: float = 1e-6


@dataclass(frozen=True, eq=False, repr=False)
class LineSettings:
    """How kinks are found on lines x + t v, x and v drawn from N(0, I)."""

    # Largest |t|. At most 1.8 times as far from the origin as x, and across 2 / pi atan(1.5) = 0.63 of all hyperplanes
    # through the origin.
    reach: float = 1.5
    # To begin with. Ends alone would not show neurons whose sum vanishes outside a part of the line.
    intervals: int = 8
    # Of an interval's length, where it is cut in two or looked into: neither at its middle nor at a crossing that was
    # none, for of kinks at equal distances one may lie there, where there is no slope.
    cut: tuple[float, float] = (0.35, 0.65)
    # Points on a line beyond which the function is taken for one with more kinks than neurons: for each neuron, and
    # once more for bisections down to two kinks that all but coincide. (Measured: 4 to 6 a kink for 16 to 64 neurons.)
    points_per_neuron: int = 15
    points_of_close_kinks: int = 60
    # Points before the first kink: the function bends everywhere. (40 kinks on a line: the first by 50 points.)
    points_without_kink: int = 100
    # Lines in a row that show no further kink. A hyperplane at distance 2.5 from the origin is missed by so many in 1
    # of 1,000 cases.
    lines_without_kink: int = 30
    # Lines with jumps or bends, before the first kink: the function is not piecewise linear.
    nonlinear_lines: int = 6
    # Times the rounding error of a slope: a model of the neurons found has errors of its own, and several add up.
    slope_slack: float = 100.0
    # Steps, of the differences that slopes are: a shorter interval is not cut any more.
    shortest_interval: float = 20.0
    # Of an interval's length: an intersection so near to its ends may be one of rounding.
    interior: float = 0.05


@dataclass(frozen=True, eq=False, repr=False)
class RoundedSettings:
    """How kinks are found on a line where answers are rounded coarsely, as to float32."""

    # Points of an interval, and on either side of its kink: a straight line through three shows whether they are on it.
    points_of_interval: int = 7
    points_of_line: int = 3
    # Of the gap around a kink: distance of two closer points that show whether it is one alone; and how often still
    # closer ones follow. (Three bring a gap to a thousandth.)
    look: float = 0.05
    looks: int = 3
    # Times the error of a kink's place: closer points tell nothing.
    look_slack: float = 2.0
    # Times the error that rounding makes in the slopes of two lines: a smaller bend is no kink.
    least_bend: float = 2.0
    # How often stretches between kinks that turn out not to be straight are looked into again.
    rounds: int = 3
    # Of a line's length, and of the rounding error over the range of the values: a shorter interval is not cut any
    # more, for the mean kink is less than rounding there.
    shortest_part: float = 1e-8
    shortest_by_rounding: float = 16.0
    # ---- The network ----
    # Rounding error of an answer over the standard deviation of the values, from which answers are coarse; and beyond
    # which kinks are not looked for, as moments lose less.
    coarse: float = 1e-10
    coarsest: float = 1e-4
    # Of the median stretch on the first line: steps in a shorter one leave too few digits.
    shortest_stretch: float = 0.25
    # Times the slack of a check of a gradient: answers on a line are rounded far less than the largest one.
    check_slack: float = 0.4
    # Attempts at the first line, each with rounding errors taken for so many times larger: a few rows may be answered
    # with smaller ones than many.
    attempts: int = 3
    coarser: float = 4.0
    # Parameters from which kinks are looked for: moments of narrower networks take fewer queries, and lose as little.
    first_parameters: int = 1000
    # Spacings, at which the bend of a hyperplane is looked at: neurons are known to fewer digits.
    bend_step: float = 4.0
    # Of the standard deviation of the values: a network that is off by less has nearly all neurons, and its hyperplanes
    # are known.
    near: float = 1e-2
    near_at_last: float = 0.1  # after a line without a neuron
    # It is tried again whether it is all once it is off by so many times less.
    nearer: float = 3.0
    # A solution that is no end takes the network's place if it is off by so many times less.
    better: float = 10.0
    # How often as many gradients as there are neurons, and later a part of them, are taken; and how far from the
    # network's, over its length, a gradient is left out.
    improvements: int = 6
    further_part: int = 8
    missing: float = 0.1
    # Kinks on a line are a neuron's known up to an error of its direction and of its bend, over the sizes of both.
    direction_error: float = 0.1
    bend_error: float = 0.1
    # Cosine and relative difference of sizes of a neuron whose kink was not seen and one found there: the same, found
    # better.
    alike: float = 0.9
    same_size: float = 0.3
    # Root mean squares of the network's error: larger residuals show a missing neuron.
    error_slack: float = 5.0
    # Parameters up to which the network is refined on all queries at last, and steps: each takes a third of a second
    # there, and work grows with the cube of their number. Rows of N(0, I) for each parameter then: with two of them the
    # error is that of an answer, without seven times as much (64 neurons in 50 dimensions).
    most_refined: int = 4000
    refining_steps: int = 12
    refining_tolerance: float = 1e-3
    rows_per_parameter: float = 2.0
    # Lines in a row that do not show a neuron's kink, which it should have there: it is none.
    misses: int = 2
    # Times the usual error of a gradient, in units of an answer's: one that is further off counts less; and rounds in
    # which weights follow the network.
    usual: float = 3.0
    rounds_of_weights: int = 10


@dataclass(frozen=True, eq=False, repr=False)
class KinkSettings:
    """How all neurons of a wide network are found on a few long lines."""

    # ---- Before all ----
    # Rows beside which two more points tell curved functions and steps from piecewise linear ones.
    shape_points: int = 8
    # ---- Lines ----
    # Square roots of d to both sides of a line's centre, and standard deviations at least: a line of this length meets
    # four fifths of the hyperplanes at distances around one from the origin (measured: three lines meet 96 to 100 %).
    reach: float = 4.0
    least_reach: float = 6.0
    # To begin with, on the first line and on others, which meet few neurons that are not yet known.
    intervals: int = 8
    later_intervals: int = 4
    # Of an interval's length: ends are moved so far at random, for kinks may lie at equal distances.
    jitter: float = 0.2
    # Of an interval's length: spacing of the two points that give a slope, where rounding allows. Slopes keep two
    # thirds of the digits, and one pair in some thousands lies to both sides of a kink.
    least_spacing: float = 1e-5
    # Where an interval is cut whose ends do not tell: of its length.
    cut: tuple[float, float] = (0.35, 0.65)
    # Times the rounding error of an answer: differences that rounding explains.
    slack: float = 4.0
    # Of a line's length, and of the spacing to the power 3/2, the square root of the rounding error: a shorter interval
    # is not cut any more, for slopes have no digits left.
    shortest_interval: float = 0.1
    # Points on a line, at first and for each neuron allowed, after which there must be a kink for each forty: a smooth
    # function has none. (Measured: 5 to 10 points a kink for 8 to 435 kinks on a line, 15 to 20 for pairs of kinks so
    # close that bisection leads to them.)
    first_points: int = 60
    points_per_neuron: int = 15
    points_per_kink: int = 40
    # Places that are no kink of a continuous function, beyond the kinks: the function jumps.
    jumps: int = 3
    # ---- Gradients ----
    # Of the median stretch on the first line: no gradient is taken in a shorter one, where steps are short and errors
    # large. Other lines meet the neurons beside it further apart. Not after so many lines.
    shortest_stretch: float = 0.06
    selective_lines: int = 10
    # Of a quarter of a stretch, which every base is away from both of its kinks: first step off the line. Shorter ones
    # lose digits, longer ones cross hyperplanes more often, which costs a handful of queries each.
    step: float = 0.4
    # Points of a stretch that are compared before one is chosen.
    bases: int = 33
    # Steps after a hyperplane was crossed are so many times shorter: of a whole set, and of a single one.
    shrink: float = 2.0
    single_shrink: float = 4.0
    # Directions that are asked and checked first; twice as many after each check that holds.
    first_directions: int = 3
    # Part of a set's directions that crossed a hyperplane, from which the steps of further ones are shrunk.
    crossed: float = 0.125
    # Attempts at a single direction: the last step is 4^-16 of the first.
    attempts: int = 16
    # Times the rounding error: a check is a sum of several answers.
    check_slack: float = 8.0
    # Rows in one round of gradients: they are in memory more than once.
    rows_at_once: int = 20_000
    # Of several outputs, over the cost of a gradient: an error as large as that of a slope in a median stretch, and a
    # kink left to other lines, on the first line and later. (Measured, 128 neurons in 784 dimensions, ten outputs: six
    # kinks in a group; an error cost of 0.005 takes 5 % fewer queries, and leaves twice the error.)
    error_cost: float = 0.03
    left_to_others: float = 0.4
    not_left: float = 2.0
    # ---- The network ----
    # Times the rounding error of an answer: the residuals of a network half found have errors of its neurons.
    model_slack: float = 30.0
    # Error of a neuron over that of an answer divided by a step: some steps are shorter than those of the first try.
    neuron_error: float = 3.0
    # It is taken so many times larger after a line with something that is no single kink.
    blur: float = 10.0
    # Rows of N(0, I) that show whether neurons are missing.
    check_rows: int = 32
    # Lines at most, and in a row without a neuron. (Measured: 3 to 9 lines for 16 to 512 neurons.)
    most_lines: int = 40
    futile_lines: int = 6
    # Of the largest width: neurons found beyond it before the search is given up, for one taken wrongly is found again.
    surplus: float = 0.05
    # Of the variance: a network with a smaller squared error on the check rows needs no more than one futile line.
    found_below: float = 1e-10
    # Where there are more neurons than there may be: distance of hyperplanes, of unit normals, up to which they are one
    # found twice, and the part of the largest neuron below which one is what another was off by.
    doubles_apart: float = 1e-2
    faint: float = 1e-4
    # Parameters and relative squared error from which a network of kinks that is not exact is the last: moments of so
    # many neurons would take hours, and be worse.
    most_of_moments: int = 10_000
    good_enough: float = 1e-6
    # Neurons, and points on the hyperplane of each, at which it is tested whether a first few kinks go straight on, and
    # the part of the tests that must hold: other kinks may be near.
    bend_neurons: int = 3
    bend_points: int = 3
    bend_share: float = 0.5
    # Relative error of a bend on a hyperplane that is not taken for one of another size.
    bend_error: float = 0.1
    # ---- The last solution ----
    # Of the queries: further gradients where they tell most. (Measured, 128 neurons in 784 dimensions: errors five
    # times smaller.)
    further_gradients: float = 0.11
    # Queries for each parameter from which there are none: all queries together leave no more than rounding then.
    overdetermined: float = 2.5
    # Queries up to which all of them are equations in it, beside gradients, in place of rows of N(0, I) alone: work
    # grows with the cube of their number (2,500: a second), and a third of the error is gained.
    most_equations: int = 2500
    # Rows of N(0, I) for each parameter that are asked for it, for they show neurons that few rows switch on, and
    # thresholds; no more than a number of them.
    rows_per_parameter: float = 0.5
    refining_rows: int = 300
    # Each row of several outputs tells as much as several of one; but so many are asked at least, and for each neuron.
    rows_of_outputs: int = 200
    rows_per_neuron: int = 3
    # Of a neuron's size: if all thresholds are smaller, it is tried whether they are rounding.
    small_threshold: float = 1e-8
    # Times the squared error that rounding of the answers explains: thresholds add to it.
    left_by_rounding: float = 4.0
    # Of the variance: a larger squared error is not called rounding, whatever explains it.
    most_left: float = 1e-13
    # Parameters from which lines come before learning from rows: the smaller networks of moments take fewer queries.
    first_parameters: int = 150
    # ---- Coarse answers ----
    rounded: RoundedSettings = field(default_factory=RoundedSettings)


@dataclass(frozen=True, eq=False, repr=False)
class DistillationSettings:
    """Numbers that decide the course of a distillation; rows are queries, a parameter is a number of the network."""

    # ---- Queries and comparisons ----
    # Units in the last place that an answer may be off: the rounding of a sum of 64 products, whose errors add up like
    # a random walk.
    answer_rounding: float = 8.0
    # A generic network comes back from 2 to 3 rows per parameter (measured: widths 2 to 8 in 20 to 50 dimensions).
    rows_per_parameter: int = 3
    # Networks are compared on fresh rows: so many at least, for with fewer chance may choose the worse one, and one for
    # so many asked before.
    comparison_rows: int = 32
    comparison_share: int = 8
    # Rows of the final validation: at most, one in so many of the budget, and one in so many of the rows asked: no need
    # for 500 after 300.
    validation_rows: int = 500
    validation_budget_share: int = 10
    validation_share: int = 4
    # A line or a constant is only believed after as many rows: a neuron that is on beyond 3 standard deviations is met
    # by one row in 700. (After 132 rows, one that is on beyond 2.5 was missed on 10 of 20 seeds.)
    rows_for_a_line: int = 2000
    # Of a constant's error: a network with a larger one has found nothing.
    found_nothing: float = 0.95
    # Standard errors from which a difference is called clear: chance reaches them in 1 of 40 cases.
    clear_errors: float = 2.0
    # One row in so many compares line and constant where there was no time for any network.
    fallback_share: int = 4
    # Of the variance: larger errors are not those of a network found but for rounding.
    found_below: float = 1e-3
    # Of what the parameters leave open anyway: a smaller gain in the sum of squares ends a refinement of a network not
    # found.
    last_gain: float = 0.05
    # Queries asked a second time, to see whether the answers are noisy.
    repeated_queries: int = 16
    # ---- Rounds ----
    # Rows to begin with: at least, and for each feature where the width is not known.
    first_rows: int = 100
    first_rows_per_feature: int = 5
    # Of what may be asked: no first round takes more, so that there are queries left to compare networks by.
    first_share: float = 0.75
    # Rows grow by this factor from round to round: the last round costs as much as all before.
    growth: int = 2
    # A round that leaves more than this part of the error is stalled. After two in a row the teacher is not a narrow
    # network, or its answers are noisy; but not before a narrow network would have been found, or half found.
    improvement: float = 0.9
    stalled_rounds: int = 2
    stalled_rows_per_parameter: int = 10
    # Where nothing at all was found there must be more rows, and this part of the budget: a fan of 8 lines in 10
    # dimensions, 99 parameters, does not come back from 2,000 plain rows, but does from 5,000.
    futile_rows_per_parameter: int = 100
    futile_share: float = 0.15
    # Rows per parameter that a narrow network without noise is searched on: more are not needed.
    search_rows_per_parameter: int = 12
    # Where as many rows per parameter did not show a narrow network, and hinges anywhere are no more than this factor
    # behind, the teacher is not a narrow network, and the long search for one is over.
    hinge_rows_per_parameter: int = 20
    hinge_factor: float = 2.0
    # Parameters from which lines come before learning: learning takes seconds or minutes there, lines a tenth of that
    # (64 neurons in 50 dimensions: three seconds, against more than a hundred).
    lines_first_parameters: int = 300
    # The search on lines may ask the budget left over this.
    line_share: int = 2
    # ---- The end ----
    # Rows per parameter that a network twice as wide is fitted to, before it is pruned: fewer are fitted sooner, but
    # leave more to chance. The pruned network is refined on all rows.
    pruning_rows_per_parameter: int = 10
    # Of a neuron's size: it is tried whether a smaller threshold is rounding.
    small_threshold: float = 1e-3
    # Rows per parameter. With fewer rows of noise a last refinement would undo what weight decay was good for.
    final_rows_per_parameter: int = 5
    # ---- Parts ----
    focus: FocusSettings = field(default_factory=FocusSettings)
    lines: LineSettings = field(default_factory=LineSettings)
    kinks: KinkSettings = field(default_factory=KinkSettings)


DISTILLATION_SETTINGS = DistillationSettings()

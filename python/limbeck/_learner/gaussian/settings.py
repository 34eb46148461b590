"""Settings of the learner for Gaussian inputs, with their reasons; what is not said to be measured is a trade-off.

Angles are in radians. The criterion is n log(mean squared error) plus penalties (``criterion.py``): one unit of it is a
relative change of the error by 1 / n. "Rows per parameter" counts ``(width + 1) (features + 1)`` parameters. Comparison
and repr are left out: making them is nearly half of the time that a dataclass takes to import.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from limbeck._learner.gaussian.moment_settings import ComparisonSettings, HighOrderSettings, MomentMethodSettings

__all__ = [
    "DEFAULTS",
    "CandidateSettings",
    "ClumpSettings",
    "ComparisonSettings",
    "CriterionSettings",
    "GaussianSettings",
    "HighOrderSettings",
    "LearnerSettings",
    "MomentMethodSettings",
    "NoiselessSettings",
    "SearchSettings",
    "SelectionSettings",
    "SpanSearchSettings",
    "SpanSettings",
    "ThresholdSettings",
]


@dataclass(frozen=True, eq=False, repr=False)
class CriterionSettings:
    """Penalties of the information criterion beside the 2 per parameter of Akaike's."""

    # A spurious neuron is the best of many directions: it takes more off the sum of squares than its number of
    # parameters (up to 2.3 times, measured), so it must pay more to be believed.
    extra_per_parameter: float = 1.0
    # In few dimensions the best of all directions, and thresholds, takes more off the criterion than its few parameters
    # explain. On 20 networks of six neurons in three dimensions a seventh gained 0.4 to 10.1 where its parameters alone
    # cost 9. A threshold is searched for as well, and counts as much again: on noise alone in one feature (500 rows), 3
    # of 20 fits kept neurons at 3, none at 6.
    extra_per_neuron: float = 3.0


@dataclass(frozen=True, eq=False, repr=False)
class SpanSettings:
    """Estimation of the span by moments against a null of random signs."""

    # Draws of random signs. The largest singular value varies by a few percent from one to the next; with few features
    # by tens of percents, and four draws gave 23 false alarms in 100 where sixteen give 4 to 7.
    flips: int = 4
    few_features: int = 10
    flips_of_few_features: int = 16
    # Factor above the largest of the draws: false directions become rare (tests/learner/gaussian/test_span.py counts
    # them: 0.4 % of draws with ten features).
    margin: float = 1.35
    # Further factor of order 6, whose terms have heavier tails than those of orders 2 and 4.
    margin_of_order_six: float = 1.2
    # Rows that signs are drawn for, up to order 4: sizes by chance fall like n^(-1/2), so that a part of the rows
    # tells, and more cost time only.
    null_rows: int = 10_000
    null_rows_per_feature: int = 20
    # Random directions along which a moment is contracted to matrices, where no direction is known yet, and to vectors,
    # for each known one. More of them see fainter directions and cost in proportion.
    matrix_contractions: int = 8
    vector_contractions_per_dimension: int = 3
    # Rows contracted to matrices: each costs as much as several second moments.
    matrix_rows: int = 200_000
    # Features beyond which second moments are not formed (d x d) but applied to a block of vectors: its columns beyond
    # those wanted, and power iterations. Two leave at most 0.023 in eigenvalues and 0.011 in cosines on five seeds
    # (test_span.py).
    direct_features: int = 256
    oversampling: int = 8
    power_steps: int = 2


@dataclass(frozen=True, eq=False, repr=False)
class CandidateSettings:
    """Sources of candidate networks inside a span."""

    # Highest Hermite orders of the test functions, coarse to fine: up to order L the main lobe is about 1 / sqrt(L)
    # wide. Finer ones need more rows than a span of few dimensions has.
    orders: tuple[int, ...] = (2, 6, 12, 20)
    # Random directions that the search for peaks begins with, of which the best are climbed from: more find fainter
    # peaks, and cost one contraction each.
    directions_per_dimension: int = 16
    climbs: int = 3
    climb_steps: int = 6  # of a fixed-point iteration; peaks are refined afterwards, so that few do
    same_peak: float = 0.999  # cosine (2.6 degrees): far below the width of the finest test function
    # Rows on which peaks are looked for: of 5,000 drawn, a kink's cosine is .9987 and more (test_candidates.py).
    peak_rows: int = 5000
    # Refinement steps of each trial of a peak, and after the best one is taken: the last refinement is a full one.
    trial_steps: int = 3
    steps_after_each: int = 10
    # Angle below which the neurons of a wide start are merged: one neuron split in several parts by no more.
    merge_angle: float = 0.1


@dataclass(frozen=True, eq=False, repr=False)
class ClumpSettings:
    """Resolution of clumps from the rows between their kinks."""

    # Rows of one problem: a few neurons in stretched coordinates need no more, and a refinement costs in proportion.
    max_rows: int = 4000
    rows_per_parameter: float = 2.5  # with fewer a fit would follow the rows' noise
    # Starts that are copies of the members: as they are, and with their offsets from the mean contracted.
    contractions: tuple[float, ...] = (1.0, 0.5, 0.25)
    wide_starts: int = 3  # random starts; a call resolves three neurons in 97 % of trials (test_clump_resolution.py)
    # Of a random start: distance of its neurons from the centre, before they are made unit vectors, so that kinks cross
    # the stretched band at all angles; and range of their sizes, times the root of a linear fit's error.
    offset: float = 0.5
    sizes: tuple[float, float] = (0.5, 1.5)
    # Bands in which squared residuals are compared with their mean: half-widths 0.5, 0.25, ..., the last of which holds
    # one row in 5,000; and rows below which the mean of a band is not normally distributed.
    n_bands: int = 12
    min_rows_of_band: int = 20


@dataclass(frozen=True, eq=False, repr=False)
class SelectionSettings:
    """Stepwise selection by dropping, merging, adding and resolving neurons."""

    rounds: int = 6  # of pruning, growing and resolving; a round without gain ends them earlier
    few_rows_per_feature: int = 100  # below, moments show little and the criterion has many optima
    # In a network exact to rounding: relative sizes and angles below which a neuron may be an artefact. Larger ones
    # cannot be: ReLUs along different lines are linearly independent, provided that there are rows between their kinks,
    # of which there are n angle / pi.
    faint: float = 1e-3
    rows_between_kinks_per_feature: int = 10
    # Angle beyond which neurons need not be tried as one: by then the sum of two differs from a single neuron by more
    # than noise mostly leaves open.
    near: float = 0.35
    trial_steps: int = 40  # of a refinement whose result is compared by the criterion
    # A refinement stops when two steps in a row lower the criterion by less: a hundredth for each parameter, at least
    # this, and at most a relative change of the error.
    criterion_tolerance: float = 2.0
    criterion_tolerance_per_parameter: float = 0.01
    max_tolerance: float = 1e-2
    noiseless_tolerance_factor: float = 0.1  # misfit far below any noise is lowered by much in many small steps
    # Refinements inside a clump's band: small problems, where steps cost little.
    clump_steps: int = 60
    clump_tolerance: float = 1e-5
    clump_tolerance_per_parameter: float = 0.01
    # Standard errors of excess of the squared residuals in a band that call for a resolution; chance reaches them at
    # 0.07 to 0.15 % of neurons (test_clump_resolution.py). And standard errors that chance did not reach in 20,000
    # draws: below, over all neurons and bands, residuals show nothing.
    excess: float = 4.0
    chance_excess: float = 5.0
    # Largest scale of a clump with an excess, and of those that are tried without any.
    widest_clump: float = 0.6
    close_clump: float = 0.15
    # Half-widths of the bands to try, as multiples of the band of the excess and of the clump's scale; 1 is a standard
    # deviation, beyond which the band holds most rows and a resolution is a search in all dimensions.
    band_of_excess: float = 1.5
    bands_of_scale: tuple[float, ...] = (4, 2)
    max_half_width: float = 1.0
    more_neurons: int = 2  # than a clump has, that its resolution may try
    # Bands of other neurons, whose rows have errors of their own: twice the distance to the next neuron of their clump,
    # half the band resolved where there is none, and at most this.
    other_half_width: float = 0.05
    # Relative mean squared error above that of the best, in criterion per row, at which a start is given up.
    hopeless: float = 0.02
    # A smaller network is first refined inside the span, on a part of many rows; where it is worse there by more than
    # it saves, in standard errors, all dimensions and rows would show no less.
    race_rows_per_parameter: int = 20
    race_steps: int = 15
    race_tolerance: float = 1e-3
    race_standard_errors: float = 3.0
    # Mean squared difference of two refined networks, over what noise makes of one, below which they are one optimum:
    # ends of refinements differ by a hundredth (see `criterion_tolerance_per_parameter`), other optima by one and more.
    same_optimum: float = 0.1
    gain: float = 1.0  # in the criterion; less is not worth a refinement, and may be rounding
    max_residual_directions: int = 3  # of the residuals' moments, along which neurons are added


@dataclass(frozen=True, eq=False, repr=False)
class SearchSettings:
    """Search for networks from candidates inside a span."""

    rounds: int = 4  # each in the span of the best network so far; a round without gain ends them earlier
    candidates_per_round: int = 4  # each source once
    # Rows of the refinements inside the span, and how many times more where the error is as large as the variance.
    rows_per_parameter: int = 25
    noise_factor: float = 300.0
    steps: int = 60
    tolerance: float = 1e-4
    faint_dimension: float = 1e-3  # singular value of the neurons' span, relative to the largest, that is left out
    missed: float = 0.5  # sine of the angle between the neurons' span and a direction that they do not cover
    same: float = 4.0  # times what noise explains: two fits differ by no more
    rough: float = 0.05  # of what noise leaves open: a start for more rows need not come closer
    # With few rows: weight decays of refinements that lead to other optima, and starts from random directions.
    decays: tuple[float, ...] = (0.006, 0.02)
    wide_starts: int = 3
    wide_steps: int = 40
    wide_tolerance: float = 1e-3
    standard_errors: float = 3.0  # of what a candidate explains on some rows, beyond which more rows would not take it
    agreement: float = 0.01  # relative difference of errors of two candidates that count as one solution
    noisy: float = 1e-3  # relative errors above this count as noise, until shown otherwise
    # Relative error above which searches are cut short where residual moments show nothing. Below, it may be neurons
    # that moments do not show: of ten lines in a plane all but .016 of the variance is linear, and only a long search
    # finds them.
    surely_noisy: float = 0.05
    # How much larger an error may be than the best: of a candidate inside the span that is refined outside it, and of a
    # refined one that selection begins with.
    promising_inside: float = 1.5
    promising: float = 1.5


@dataclass(frozen=True, eq=False, repr=False)
class SpanSearchSettings:
    """Search inside the span of a network's neurons."""

    max_dimensions: int = 6  # in more, the directions of the score test are too far apart to meet a neuron
    # Squared score of chi-squared with one degree of freedom; the largest of some 100 is below in 9 of 10 draws.
    quiet: float = 12.0
    directions_in_plane: int = 32
    directions_per_dimension: int = 24
    levels: tuple[float, ...] = (0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95)  # quantiles at which thresholds are tested
    levels_on_line: int = 40
    beside: float = 0.15  # angle from a neuron: a neuron that stands for two close ones shows there
    # Rows of the score tests, and of the fits of too many neurons: at least, and per parameter.
    test_rows: int = 50_000
    fit_rows: int = 20_000
    rows_per_parameter: int = 20
    # Neurons to begin with, times the width at hand, and more: what few reach, many miss, and the other way round.
    starts: tuple[tuple[float, int], ...] = ((1.0, 6), (2.0, 6), (1.0, 6), (3.0, 4))
    # A function that is no sum of so few ReLUs has always something left: without an end, a product of two features
    # took five times as long for the same R2.
    max_attempts: int = 8
    attempts_at_full_width: int = 2
    # In the criterion. On 20 networks of six neurons in three dimensions (50,000 rows, noise 0.3) one false neuron, of
    # five parameters, gained 2.5; no true neuron was lost at 4.
    min_gain: float = 4.0
    # Refinements in few dimensions, where steps cost little.
    steps: int = 60
    tolerance: float = 1e-5
    # Places of a score test at which one more neuron is tried, and the cosine and threshold within which two are one.
    additions: int = 3
    same_cosine: float = 0.97
    same_threshold: float = 0.2


@dataclass(frozen=True, eq=False, repr=False)
class ThresholdSettings:
    """Thresholds, freed where the rows show kinks beside the origin."""

    random_starts: int = 6  # with thresholds, once these are known to be needed
    trial_starts: int = 2  # before: they show what thresholds could do even where the search ended with no neuron
    span_rounds: int = 2  # of searches inside a span that the one before has moved
    span_gain: float = 1.0  # in the criterion: a search inside the span that brings less ends them
    levels: tuple[float, ...] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # quantiles of |<u, x>| to test hinges at
    # Squared score of one degree of freedom; the largest of 18 hinges along some ten directions is below in 99 of 100.
    hinge_score: float = 18.0
    gain: float = 10.0  # in the criterion, for each neuron: thresholds are freed only where they are clearly there


@dataclass(frozen=True, eq=False, repr=False)
class NoiselessSettings:
    """First attempt, on a sample of the rows, at a network that explains labels without noise to rounding."""

    # Rows of the sample, for its moments: at least, and per parameter; fewer blur the span, and starts inside it.
    rows: int = 16_000
    rows_per_parameter: int = 20
    # Rows that random signs are drawn for: a band that is a few percent off costs a vain attempt at worst.
    null_rows: int = 4000
    null_rows_per_feature: int = 20
    # Rows per parameter inside the span; without noise they have little to average out.
    rows_inside: int = 60
    steps_inside: int = 40
    tolerance_inside: float = 1e-3
    # A wider network must lower the error inside the span below this part of the best: what the blurred span leaves of
    # the error no width explains.
    better: float = 0.7
    # Rows of the refinement in all dimensions, at least and per parameter. Ten for each leave a thousand degrees of
    # freedom and more that an accident would have to meet.
    fit_rows: int = 3000
    fit_rows_per_parameter: int = 10
    steps: int = 60
    # Relative gain of two steps in a row at which a refinement ends: with noise, where little is left to gain, and
    # below any noise, where steps gain orders of magnitude once they are near.
    tolerance: float = 1e-2
    last_tolerance: float = 1e-5
    # Relative error above which a refined network is taken for one of noisy labels, and the attempt ends; rounds, each
    # in the span of the network before.
    noisy: float = 1e-3
    rounds: int = 4
    # Neurons tried where no width is given: wider starts take longer than the attempt saves.
    widest: int = 8
    # Singular value of the span of a refined network, relative to the largest, below which a dimension is its misfit.
    faint_dimension: float = 0.03


@dataclass(frozen=True, eq=False, repr=False)
class LearnerSettings:
    """Rows and widths of the learner as a whole: search on few rows, check on all."""

    # Rows that candidates are refined on in all dimensions, at least and per parameter.
    fit_rows: int = 4000
    fit_rows_per_parameter: int = 20
    # Rows of the selection: of a first search at least `first_rows`, of the last at least `search_rows`, of both so
    # many per parameter. The search costs in proportion to them.
    first_rows: int = 16_000
    search_rows: int = 50_000
    search_rows_per_parameter: int = 60
    worth_twice: float = 1.6  # times the rows to search with first: with fewer, all are taken at once
    widths: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64)  # tried one after another where none is given
    # Parameters per row: many more than half the rows would never pay; a few more may show the way to fewer.
    max_parameters_per_row: float = 0.55
    # Widths in a row without a better criterion that end the search, without thresholds and with: with them a search
    # inside the span tries all widths at once.
    widths_in_vain: int = 2
    widths_in_vain_with_thresholds: int = 1
    # Relative decrease of the error at which the last refinement stops: at most this, and this part of what the noise
    # leaves open, as many noise variances as there are parameters. Misfit goes on for a thousand times longer.
    last_tolerance: float = 1e-4
    last_gain: float = 0.05
    noiseless_tolerance_factor: float = 1e-3
    completions: int = 3  # rounds of looking for what the search has missed; one is enough but where neurons are faint


@dataclass(frozen=True, eq=False, repr=False)
class GaussianSettings:
    """All settings of the learner for Gaussian inputs."""

    learner: LearnerSettings = field(default_factory=LearnerSettings)
    span: SpanSettings = field(default_factory=SpanSettings)
    candidates: CandidateSettings = field(default_factory=CandidateSettings)
    search: SearchSettings = field(default_factory=SearchSettings)
    criterion: CriterionSettings = field(default_factory=CriterionSettings)
    selection: SelectionSettings = field(default_factory=SelectionSettings)
    clumps: ClumpSettings = field(default_factory=ClumpSettings)
    span_search: SpanSearchSettings = field(default_factory=SpanSearchSettings)
    noiseless: NoiselessSettings = field(default_factory=NoiselessSettings)
    thresholds: ThresholdSettings = field(default_factory=ThresholdSettings)
    moment_method: MomentMethodSettings = field(default_factory=MomentMethodSettings)
    high_orders: HighOrderSettings = field(default_factory=HighOrderSettings)
    comparison: ComparisonSettings = field(default_factory=ComparisonSettings)


DEFAULTS = GaussianSettings()

"""Scaling laws: predicted exponents, trials, and corners of the theory."""

import warnings

import numpy as np
import pytest

from limbeck.distillation import (
    GradientFlow,
    NearPeakWarning,
    Ridge,
    Ridgeless,
    SelfDistillation,
    Task,
    optimal_mask,
    optimal_surrogate,
    risk,
    scaling_law,
)

TWO_FEATURES = Task([1.0, 0.5], [1.0, 1.0])


@pytest.mark.parametrize(("alpha", "r"), [(1.5, 1.8), (2.0, 1.8), (2.0, 2.5), (1.5, 5.0)])
def test_scaling_laws_have_the_predicted_exponents(alpha, r):
    task = Task.power_law(50_000, alpha, r)
    sizes = [100, 200, 400]
    laws = [scaling_law(task, sizes, surrogate) for surrogate in (None, "best", "mask")]
    for law in laws:
        assert law.predicted_exponent == pytest.approx(min(r - 1, 2 * alpha))
        assert abs(law.exponent - law.predicted_exponent) < 2 * law.drift < 0.1
        assert (law.trial_error, law.corners) == (0, ())
        assert law.constant == pytest.approx(law.risks[-1] * sizes[-1] ** law.exponent, rel=0.05)
    # The surrogate lowers the risk by a constant, and not the exponent.
    assert laws[1].exponent == pytest.approx(laws[0].exponent, abs=0.01)
    assert (laws[1].risks < laws[0].risks).all()


@pytest.mark.parametrize("surrogate", [None, "best"])
def test_scaling_laws_are_measured_by_trials(surrogate):
    task, sizes = Task.power_law(1500, 2.0, 2.5), [20, 40, 80, 160]
    law = scaling_law(task, sizes, surrogate, trials=60)
    predicted = scaling_law(task, sizes, surrogate)
    assert (np.abs(law.risks - predicted.risks) < 4 * law.standard_errors + 0.02 * predicted.risks).all()
    assert abs(law.exponent - law.predicted_exponent) < 2 * np.hypot(law.drift, law.trial_error) < 0.2
    assert law.standard_error == np.hypot(law.drift, law.trial_error) > predicted.standard_error == predicted.drift
    assert "from the trials" in str(law)
    assert "from the trials" not in str(predicted)
    assert not predicted.standard_errors.any()
    again = scaling_law(task, sizes, surrogate, trials=60, seed=1)
    assert not np.isin(again.risks, law.risks).any()
    with pytest.raises(ValueError, match="trials must be 0, for predictions, or at least 2"):
        scaling_law(task, sizes, trials=1)


@pytest.mark.filterwarnings("ignore::limbeck.distillation.NearPeakWarning")
def test_a_scaling_law_says_where_it_bends():
    law = scaling_law(Task.power_law(1000, 1.5, 1.5), [10, 20, 40, 80, 500])
    assert law.bent.tolist()[-1]
    assert "bent" in str(law)
    fixed = scaling_law(Task([1.0, 0.5, 0.2, 0.1, 0.1], np.ones(5)), [1, 2], np.zeros(5))
    assert fixed.predicted_exponent is None
    assert scaling_law(Task.power_law(500, 1.5, 1.5, 0.1), [10, 20, 40]).predicted_exponent == 0
    with pytest.raises(ValueError, match="at least two different numbers of rows"):
        scaling_law(TWO_FEATURES, [3, 3])
    with pytest.raises(ValueError, match='surrogate must be None, "best", "mask"'):
        scaling_law(TWO_FEATURES, [1, 2], "all")
    with pytest.raises(ValueError, match="that of n = 3 rows is 0"):
        scaling_law(TWO_FEATURES, [3, 4])
    with pytest.warns(NearPeakWarning), pytest.raises(ValueError, match="that of n = 100 rows is inf"):
        scaling_law(Task.power_law(100, 1.5, 2, 0.1), [10, 20, 100])
    # The theory needs alpha and r above one.
    assert scaling_law(Task.power_law(100, 0.5, 2), [3, 6]).predicted_exponent is None
    assert "; fitted to sizes marked 'bent' too, as fewer than three are straight" in str(
        scaling_law(Task.power_law(100, 1.5, 2, 0.1), [5, 10, 20])
    )


def test_the_error_of_an_exponent_from_trials_is_that_of_its_scatter():
    # Sixteen laws from trials scatter by the error that each states; 16 values show a deviation within a factor of two
    # but once in a thousand times.
    task, sizes = Task.power_law(600, 2.0, 2.5), [20, 40, 80]
    laws = [scaling_law(task, sizes, trials=40, seed=seed) for seed in range(16)]
    stated = np.sqrt(np.mean([law.trial_error**2 for law in laws]))
    assert 0.5 < np.std([law.exponent for law in laws], ddof=1) / stated < 2
    assert len({law.drift for law in laws}) == 1  # of predictions, whatever the trials


CORNERS = [  # alpha, r, p, what is said, and how far the exponent is off
    (1.5, 3.9, 200_000, "At r = 2 alpha + 1 the risk goes as n^-3 log n; r = 3.9 is so close to it", -0.13),
    (2.0, 1.05, 200_000, "would have 73% of what is left to learn (r = 1.05)", 0.14),
    (1.05, 2.0, 200_000, "The effective ridge falls as n^-1.16, not as n^-1.05", 0.06),
    *(
        pytest.param(*corner, marks=pytest.mark.slow)
        for corner in [
            (1.5, 4.1, 200_000, "At r = 2 alpha + 1 the risk goes as n^-3 log n; r = 4.1 is so close to it", -0.13),
            (4.0, 9.2, 200_000, "At r = 2 alpha + 1 the risk goes as n^-8 log n; r = 9.2 is so close to it", -0.10),
            (3.0, 1.05, 200_000, "would have 73% of what is left to learn (r = 1.05)", 0.14),
        ]
    ),
]


@pytest.mark.parametrize(("alpha", "r", "p", "said", "off"), CORNERS)
def test_scaling_laws_name_the_corners_that_are_near(alpha, r, p, said, off):
    law = scaling_law(Task.power_law(p, alpha, r), [100, 200, 400, 800, 1600])
    assert any(said in corner for corner in law.corners)
    assert all(corner in str(law) for corner in law.corners)
    assert law.exponent - law.predicted_exponent == pytest.approx(off, abs=0.02)
    # What the corner is said to do to the exponent is about what it does.
    stated = max(float(corner.rsplit(" ", 1)[1].rstrip(".")) for corner in law.corners)
    assert 0.5 < abs(off) / stated < 2


@pytest.mark.slow
def test_scaling_laws_away_from_corners_name_none():
    for alpha, r in ((1.5, 1.8), (2.0, 2.5), (1.5, 5.0), (3.0, 2.0)):
        assert scaling_law(Task.power_law(200_000, alpha, r), [100, 200, 400, 800]).corners == ()
    at_corner = scaling_law(Task.power_law(50_000, 1.5, 4.0), [100, 200, 400])
    assert at_corner.predicted_exponent is None
    assert "n^-3 log n" in at_corner.corners[0]
    assert scaling_law(Task.power_law(2000, 1.5, 1.05, 0.1), [20, 40, 80]).corners == ()  # noise leaves a floor


def test_a_generator_is_a_seed_of_all_sizes():
    task = Task.power_law(40, 1.5, 1.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NearPeakWarning)
        laws = [scaling_law(task, [5, 10, 15], trials=3, seed=np.random.default_rng(s)) for s in (1, 1, 2)]
    np.testing.assert_array_equal(laws[0].risks, laws[1].risks)
    assert not (laws[0].risks == laws[2].risks).any()


def test_a_law_is_printed_as_a_table():
    law = scaling_law(Task.power_law(100_000, 1.5, 1.8), [30, 300, 3000])
    head, *rows = str(law).splitlines()
    assert head.startswith("risk = ")
    assert rows[0].split() == ["n", "risk", "+-", "local"]
    assert [row.split()[0] for row in rows[1:]] == ["30", "300", "3,000"]
    assert len({len(row) for row in rows if "bent" not in row}) == 1


@pytest.mark.parametrize("stage", [GradientFlow(1e4), SelfDistillation(1e-3, (-1.0, 0.5))])
@pytest.mark.parametrize("name", [None, "best", "mask"])
def test_risks_of_a_law_are_those_of_its_stage(stage, name):
    task, sizes = Task.power_law(300, 1.5, 1.8, noise=0.1), [20, 40, 80]
    law = scaling_law(task, sizes, name, stage=stage)
    labels = {
        None: lambda n: task.beta,
        "best": lambda n: optimal_surrogate(task, n, stage=stage),
        "mask": lambda n: task.beta * optimal_mask(task, n, stage=stage),
    }[name]
    wanted = [float(risk(task, n, labels(n), stage=stage)) for n in sizes]
    np.testing.assert_allclose(law.risks, wanted, rtol=1e-12)
    assert np.isnan(law.ridges).all()
    assert (law.limit, law.predicted_exponent, law.corners) == (None, None, ())


def test_a_law_of_ridge_regression_is_that_of_the_ridge():
    task, sizes = Task.power_law(300, 1.5, 1.8), [20, 40, 80]
    for stage, ridge in ((Ridgeless(), 0.0), (Ridge(0.0), 0.0), (Ridge(1e-3), 1e-3)):
        found, wanted = (
            scaling_law(task, sizes, "best", trials=2, **how) for how in ({"stage": stage}, {"ridge": ridge})
        )
        assert np.array_equal(found.risks, wanted.risks)
        assert found.ridges.tolist() == wanted.ridges.tolist() == [ridge] * 3
        assert found.predicted_exponent == wanted.predicted_exponent
    for given in ("best", 0.1):
        with pytest.raises(ValueError, match="stage and ridge cannot both be given"):
            scaling_law(task, sizes, ridge=given, stage=Ridgeless())
    with pytest.raises(TypeError, match="stage must be Ridgeless"):
        scaling_law(task, sizes, stage=0.1)


def test_trials_of_a_law_take_its_stage():
    # Three means of 60 trials: one is off by four standard errors once in 5,000 times; 2 % are the formula's.
    task, sizes, stage = Task.power_law(150, 1.5, 1.8, noise=0.1), [20, 40, 80], GradientFlow(300.0)
    found, predicted = (scaling_law(task, sizes, stage=stage, trials=trials) for trials in (60, 0))
    assert (np.abs(found.risks - predicted.risks) < 4 * found.standard_errors + 0.02 * predicted.risks).all()

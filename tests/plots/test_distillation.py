"""Pictures of distillation hold the numbers that they are about."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from limbeck import plots
from limbeck.distillation import NearPeakWarning, Task, optimal_mask, optimal_surrogate, risk, scaling_law

TASK = Task.power_law(60, 1.5, 1.5, noise=0.05)


def test_the_surrogate(ax):
    assert plots.plot_surrogate(TASK, 20, ax) is ax
    ratio, kept = (line.get_ydata() for line in ax.get_lines()[:2])
    np.testing.assert_allclose(ratio, optimal_surrogate(TASK, 20) / TASK.beta)
    np.testing.assert_array_equal(kept, optimal_mask(TASK, 20))


def test_the_surrogate_of_features_in_any_order(ax):
    order = np.random.default_rng(0).permutation(60)
    plots.plot_surrogate(Task(TASK.eigenvalues[order], TASK.beta[order], TASK.noise), 20, ax)
    np.testing.assert_allclose(ax.get_lines()[0].get_ydata(), optimal_surrogate(TASK, 20) / TASK.beta)


def test_trials_are_of_the_curve_they_are_drawn_on(ax):
    plots.plot_risks(TASK, [15, 30], trials=200, ax=ax)
    curves = [line.get_ydata() for line in ax.get_lines() if line.get_label() in ("true labels", "best surrogate")]
    points = [np.asarray(drawn[0].get_ydata(), dtype=float) for drawn in ax.containers]
    for line, found in zip(curves, points[:2], strict=True):
        np.testing.assert_allclose(found, line, rtol=0.1)
    assert (points[1] < points[0]).all()  # the same rows


def test_across_the_peak_the_axis_is_logarithmic(ax):
    with pytest.warns(NearPeakWarning):
        plots.plot_risks(TASK, [30, 60, 61, 62, 90], ax=ax)
    assert ax.get_yscale() == "log"
    assert "n = p" in [text.get_text() for text in ax.get_legend().get_texts()]


def test_what_cannot_be_drawn(ax):
    with pytest.raises(TypeError, match=r"task must be a limbeck.distillation.Task, got list"):
        plots.plot_surrogate([1.0], 3, ax)
    with pytest.raises(TypeError, match=r"law must be a limbeck.distillation.ScalingLaw, got Task"):
        plots.plot_scaling(TASK, ax)
    with pytest.raises(ValueError, match="sample_sizes is empty"):
        plots.plot_risks(TASK, [], ax=ax)


def test_risks_and_trials(ax):
    assert plots.plot_risks(TASK, [10, 20], trials=20, ax=ax) is ax
    np.testing.assert_allclose(ax.get_lines()[0].get_ydata(), [risk(TASK, 10), risk(TASK, 20)])
    assert len(ax.containers) == 3
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["true labels", "best surrogate", "best mask"]


def test_scaling(ax):
    law = scaling_law(Task.power_law(5000, 1.5, 1.8), [20, 40, 80, 160])
    assert plots.plot_scaling(law, ax, label="true") is ax
    np.testing.assert_allclose(ax.get_lines()[0].get_ydata(), law.constant * law.sample_sizes**-law.exponent)
    assert "true: $n^{-0.8" in ax.get_legend().get_texts()[0].get_text()


def test_scaling_of_trials_has_bars(ax):
    law = scaling_law(Task.power_law(500, 1.5, 1.8), [20, 40, 80], trials=20)
    plots.plot_scaling(law, ax)
    segments = [segment for drawn in ax.containers for segment in drawn[2][0].get_segments()]
    lengths = {float(segment[0, 0]): float(np.ptp(segment[:, 1])) for segment in segments}
    np.testing.assert_allclose([lengths[n] for n in law.sample_sizes], 4 * law.standard_errors)


def test_a_generator_is_a_seed_of_all_curves():
    drawn = []
    for seed in (4, 4, 5):
        ax = Figure().subplots()
        plots.plot_risks(TASK, [15, 30], trials=3, seed=np.random.default_rng(seed), ax=ax)
        drawn.append(np.array([container[0].get_ydata() for container in ax.containers], dtype=float))
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not (drawn[0] == drawn[2]).any()
    assert (drawn[0][1] < drawn[0][0]).all()  # the same rows for true labels and the best surrogate

"""Pictures of learned networks hold the numbers that they are about."""

import io

import numpy as np
import pytest
from matplotlib.figure import Figure

import limbeck
from limbeck import plots


@pytest.fixture(scope="module")
def tabular():
    X = np.random.default_rng(0).gamma(2.0, size=(400, 3))
    return limbeck.learn(X, np.maximum(X[:, 0] - 2, 0) - np.maximum(X[:, 1] - 1, 0), 2, inputs="any", validation=0.0)


def test_the_spectrum(learned, ax):
    display = plots.SpectrumDisplay.from_learned(learned, ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    drawn = np.concatenate([line.get_ydata() for line in ax.get_lines() if line.get_marker() == "o"])
    np.testing.assert_allclose(np.sort(drawn), np.sort(learned.subspace.eigenvalues))
    above = next(line for line in ax.get_lines() if line.get_label() == "above it")
    assert (np.abs(above.get_ydata()) > learned.subspace.band).all()
    # In the limit the eigenvalues are those of (2 pi)^(-1/2) sum_i lam_i u_i u_i'.
    net = learned.network
    wanted = np.linalg.eigvalsh((net.weights.T * net.output) @ net.weights) / np.sqrt(2 * np.pi)
    assert learned.subspace.eigenvalues[0] == pytest.approx(wanted[np.argmax(np.abs(wanted))], rel=0.1)


def test_the_spectrum_is_in_the_unit_of_the_labels(learned):
    planted = limbeck.datasets.make_narrow_network("clumps", 6, 3, separation=0.3, seed=0)
    X, y = limbeck.datasets.sample(planted, 4000, noise=0.1, seed=1)
    large = limbeck.learn(X, 1024 * y, 3).subspace
    np.testing.assert_allclose(large.eigenvalues, 1024 * learned.subspace.eigenvalues)
    assert large.band == pytest.approx(1024 * learned.subspace.band)


def test_neurons_as_bars(learned, ax):
    display = plots.NeuronsDisplay.from_learned(learned, ax, n_features=4)
    reading = learned.reading
    assert display.slopes.shape == (learned.width + 1, 4)
    drawn = [c for c in ax.containers if hasattr(c, "patches")]
    assert len(drawn) == learned.width + 1
    for bars, i in zip(drawn, range(learned.width), strict=False):
        widths = [bar.get_width() for bar in bars.patches]
        columns = ["abcdef".index(name) for name in display.names]
        np.testing.assert_allclose(widths, reading.weights[i] * reading.directions[i, columns])
    assert len(ax.collections) == learned.width + 1  # error bars
    np.testing.assert_allclose(
        [label.get_text() == name for label, name in zip(ax.get_yticklabels(), display.names, strict=True)], True
    )


@pytest.mark.slow
def test_the_errors_of_slopes_are_about_those_of_refits():
    planted = limbeck.ReLUNetwork([[0.8, 0.6, 0.0]], [2.0])
    slopes, errors = [], []
    for seed in range(60):
        X, y = limbeck.datasets.sample(planted, 500, noise=0.5, seed=seed)
        display = plots.NeuronsDisplay.from_learned(limbeck.learn(X, y, 1, inputs="standard"), Figure().subplots())
        order = np.argsort(display.names)
        slope = display.slopes[0, order]
        slopes.append(slope * np.sign(slope[0]))  # u or -u
        errors.append(display.errors[0, order])
    # Standard deviations from 60 draws are off by 9 % themselves.
    np.testing.assert_allclose(np.mean(errors, axis=0), np.std(slopes, axis=0), rtol=0.35)


def test_many_neurons_are_a_table(ax):
    X = np.random.default_rng(0).standard_normal((600, 3))
    y = np.abs(X).sum(axis=1) + np.abs(X @ [1.0, 1.0, 0.0]) + 0.1 * X[:, 0] ** 2
    found = limbeck.learn(X, y, 8, inputs="any", feature_names=["$a_{$", "b" * 60, "c"])
    assert found.width > 5
    display = plots.NeuronsDisplay.from_learned(found, ax)
    (image,) = ax.get_images()
    np.testing.assert_allclose(np.asarray(image.get_array()).T, display.slopes)
    ax.figure.savefig(io.BytesIO())  # names are no formulas
    with pytest.raises(ValueError, match="n_features must be at least 1"):
        plots.NeuronsDisplay.from_learned(found, n_features=0)


def test_slopes_that_the_rows_do_not_determine_are_hatched(ax):
    display = plots.NeuronsDisplay(
        ["a", "b"], np.ones((2, 2)), np.array([[np.inf, 0.1], [np.nan, 0.2]]), ["n", "linear"]
    )
    display.plot(ax)
    hatched = [[bool(bar.get_hatch()) for bar in c.patches] for c in ax.containers if hasattr(c, "patches")]
    assert hatched == [[True, False], [True, False]]
    assert "not determined" in ax.get_title()


def test_the_clump_tree(learned, ax):
    display = plots.ClumpsDisplay.from_learned(learned, ax)
    scales = [clump.scale for clump in learned.clumps if clump.scale]
    np.testing.assert_allclose([line.get_xdata()[1] for line in ax.get_lines()], scales)
    assert sorted(display.order) == list(range(learned.width))
    assert ax.get_xscale() == "log"


def test_widths(learned, tabular, ax):
    plots.WidthsDisplay.from_learned(learned, ax)
    line = ax.get_lines()[0]
    np.testing.assert_array_equal(line.get_xdata(), np.arange(learned.width + 1))
    errors = [*(1 - one.r2 for one in learned.narrower[::-1]), 1 - learned.validation_r2]
    np.testing.assert_allclose(line.get_ydata(), errors)
    assert "rows held out" in ax.get_title()
    other = plots.WidthsDisplay.from_learned(tabular, Figure().subplots())
    assert "the rows learned from" in other.ax_.get_title()


def test_residuals(learned, ax):
    plots.ResidualsDisplay.from_learned(learned, ax)
    line = ax.get_lines()[0]
    np.testing.assert_allclose(line.get_xdata() + line.get_ydata(), learned.validation_targets)
    assert ax.get_xlabel() == "predicted yield"


def test_displays_draw_again(learned):
    display = plots.WidthsDisplay.from_learned(learned, Figure().subplots())
    first = display.ax_
    assert display.plot(Figure().subplots()) is display
    assert display.ax_ is not first


def test_what_displays_cannot_draw(learned, tabular, ax):
    with pytest.raises(ValueError, match="there is no spectrum: inputs were taken as 'any'"):
        plots.SpectrumDisplay.from_learned(tabular, ax)
    with pytest.raises(ValueError, match="no rows were held out"):
        plots.ResidualsDisplay.from_learned(tabular, ax)
    with pytest.raises(TypeError, match=r"learned must be what limbeck.learn or limbeck.distill returned, got ReLU"):
        plots.NeuronsDisplay.from_learned(learned.network, ax)
    X = np.random.default_rng(0).standard_normal((100, 2))
    with pytest.raises(ValueError, match="a tree needs two neurons, the network has 0"):
        plots.ClumpsDisplay.from_learned(limbeck.learn(X, X[:, 0], 0), ax)

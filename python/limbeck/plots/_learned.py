"""Pictures of learned networks: displays that hold what they draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from limbeck._base.arrays import Float64Array, integer
from limbeck._learner.model.clumps import Merger, clump_tree
from limbeck._learner.pipeline.result import Learned
from limbeck._learner.report.content import known_widths
from limbeck._learner.report.numbers import NOTHING, clipped, percent
from limbeck._learner.report.sentences import switches_on
from limbeck._learner.report.text import cost_text
from limbeck.plots._axes import BLACK, BLUE, GREEN, GREY, ORANGE, RED, axes_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["ClumpsDisplay", "NeuronsDisplay", "ResidualsDisplay", "SpectrumDisplay", "WidthsDisplay"]

_ERRORS = 1.96  # standard errors: 95 %
_MOST_BARS = 6  # parts: bars of more are too thin to read
_BARS = (BLUE, ORANGE, GREEN, RED, BLACK)
_MOST_POINTS = 5000  # more cover one another
_FEWEST_TOGETHER = 10  # residuals in a mean with an interval
_LABEL_WIDTH, _LABEL_HEIGHT = 0.12, 0.5  # in decades and neurons
_EXACT = 1e-16  # of the variance: what is below is rounding


def _checked(learned: Learned) -> Learned:
    if not isinstance(learned, Learned):
        raise TypeError(f"learned must be what limbeck.learn or limbeck.distill returned, got {type(learned).__name__}")
    return learned


@dataclass
class _Display:
    """Base of the displays, with ``ax_`` and ``figure_`` once they are drawn."""

    ax_: Any = field(default=None, init=False, repr=False)

    @property
    def figure_(self) -> Figure:
        """The figure of the Axes drawn into."""
        if self.ax_ is None:
            raise AttributeError("figure_ is there once plot was called")
        figure: Figure = self.ax_.figure
        return figure

    def _begin(self, ax: Axes | None) -> Axes:
        self.ax_ = axes_for(ax)
        drawn: Axes = self.ax_
        return drawn


@dataclass
class SpectrumDisplay(_Display):
    """Eigenvalues of the second moment of the labels, and the null band that chance stays within.

    Parameters
    ----------
    eigenvalues : ndarray of shape (m,)
        The extreme ones, largest by size first.
    band : float
        Half the height of the null band.
    orders : sequence of int
        Orders of the moments that showed the directions of the span.
    """

    eigenvalues: Float64Array
    band: float
    orders: Sequence[int]

    @classmethod
    def from_learned(cls, learned: Learned, ax: Axes | None = None) -> SpectrumDisplay:
        """Draw the spectrum that :func:`limbeck.learn` began with.

        Raises
        ------
        ValueError
            The inputs are not Gaussian, so that no moments were taken.
        """
        subspace = _checked(learned).subspace
        if subspace is None:
            raise ValueError(f"there is no spectrum: inputs were taken as {learned.inputs!r}, which needs no moments")
        return cls(subspace.eigenvalues, subspace.band, [int(order) for order in subspace.orders]).plot(ax)

    def plot(self, ax: Axes | None = None) -> SpectrumDisplay:
        """Draw into Axes, or new ones."""
        ax = self._begin(ax)
        from matplotlib.ticker import MaxNLocator

        place = np.arange(1, len(self.eigenvalues) + 1)
        above = np.abs(self.eigenvalues) > self.band
        ax.axhspan(-self.band, self.band, color=GREY, alpha=0.3, linewidth=0, label="null band")
        ax.axhline(0, color=BLACK, linewidth=0.6)
        for chosen, colour, label in ((above, BLUE, "above it"), (~above, GREY, "within it")):
            if chosen.any():
                ax.vlines(place[chosen], 0, self.eigenvalues[chosen], color=colour, linewidth=1)
                ax.plot(place[chosen], self.eigenvalues[chosen], "o", color=colour, markersize=5, label=label)
        ax.set_xlabel("eigenvalue, largest by size first")
        ax.set_ylabel("second moment of the labels")
        by_order = ", ".join(f"{self.orders.count(order)} by order {order}" for order in sorted(set(self.orders)))
        ax.set_title(f"Span of {len(self.orders)}" + (f": {by_order}" if by_order else ""))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.legend(frameon=False)
        return self


@dataclass
class NeuronsDisplay(_Display):
    """Every part's slope by the features, with 95 % intervals where standard errors are known.

    Up to six parts are drawn as bars; more as a table of colours, without intervals.

    Parameters
    ----------
    names : sequence of str
        The features shown.
    slopes : ndarray of shape (k + 1, m)
        Of :attr:`limbeck.Learned.reading`, by each feature in standard deviations: ``weights[i] * directions[i]`` where
        neuron i is on, and last of the linear part.
    errors : ndarray of shape (k + 1, m), or None
        Standard errors; infinite or NaN where the rows do not determine a slope.
    labels : sequence of str
        Of the parts.
    """

    names: Sequence[str]
    slopes: Float64Array
    errors: Float64Array | None
    labels: Sequence[str]

    @classmethod
    def from_learned(cls, learned: Learned, ax: Axes | None = None, *, n_features: int = 10) -> NeuronsDisplay:
        """Draw the slopes by the features that matter most in all parts together.

        Parameters
        ----------
        learned : Learned
            What to draw.
        ax : matplotlib Axes, optional
            Where to draw; default new ones.
        n_features : int, default 10
            Most features to show.
        """
        count = integer(n_features, "n_features", at_least=1)
        reading = _checked(learned).reading
        slopes = np.vstack([reading.weights[:, None] * reading.directions, reading.linear])
        order = np.argsort(-np.square(slopes).sum(axis=0), kind="stable")[:count]
        errors = None
        features = () if learned.encoding is None else learned.encoding.features
        if reading.errors is not None:
            errors = np.vstack([reading.errors.slopes, reading.errors.linear])[:, order]
        labels = [
            f"neuron {i}: {switches_on(i, reading, learned.feature_names, features)},\nin {percent(active)} of the rows"
            for i, active in enumerate(reading.active)
        ]
        names = [clipped(learned.feature_names[j]) for j in order]
        return cls(names, slopes[:, order], errors, [*labels, "linear part"]).plot(ax)

    def plot(self, ax: Axes | None = None) -> NeuronsDisplay:
        """Draw into Axes, or new ones."""
        ax = self._begin(ax)
        if len(self.slopes) > _MOST_BARS:
            self._plot_table(ax)
        else:
            self._plot_bars(ax)
        return self

    def _plot_bars(self, ax: Axes) -> None:
        k, m = self.slopes.shape
        height = 0.8 / k
        unknown = False
        for i, colour in zip(range(k), [*_BARS[: k - 1], GREY], strict=True):
            at = np.arange(m) - 0.4 + height * (i + 0.5)
            bars = ax.barh(at, self.slopes[i], height, color=colour, label=self.labels[i])
            if self.errors is None:
                continue
            known = np.isfinite(self.errors[i])
            half = _ERRORS * self.errors[i][known]
            ax.errorbar(
                self.slopes[i][known], at[known], xerr=half, fmt="none", ecolor=BLACK, elinewidth=0.8, capsize=1.5
            )
            for bar in np.array(bars.patches)[~known]:
                bar.set(facecolor="none", edgecolor=colour, hatch="////")
                unknown = True
        ax.axvline(0, color=BLACK, linewidth=0.6)
        ax.set_yticks(np.arange(m), self.names, parse_math=False)
        ax.invert_yaxis()
        ax.set_xlabel("slope where the part is on, per standard deviation")
        title = "Neurons" + ("" if self.errors is None else ", 95 % intervals")
        ax.set_title(title + ("; hatched: not determined by the rows" if unknown else ""))
        ax.legend(frameon=False, fontsize="small", loc="center left", bbox_to_anchor=(1.0, 0.5))

    def _plot_table(self, ax: Axes) -> None:
        most = float(np.abs(self.slopes).max()) or 1.0
        image = ax.imshow(self.slopes.T, cmap="RdBu_r", vmin=-most, vmax=most, aspect="auto")
        k, m = self.slopes.shape
        ax.set_xticks(range(k), [*map(str, range(k - 1)), "linear"])
        ax.set_yticks(range(m), self.names, parse_math=False)
        ax.set_xlabel("neuron")
        ax.set_title("Slopes where the part is on, per standard deviation")
        ax.figure.colorbar(image, ax=ax)


@dataclass
class ClumpsDisplay(_Display):
    """The clump tree: from which angle on neurons look like one, and the change if their sum stood in, not refitted.

    Parameters
    ----------
    order : sequence of int
        Neurons from top to bottom.
    mergers : sequence of limbeck._learner.model.clumps.Merger
        Joints of the tree.
    """

    order: Sequence[int]
    mergers: Sequence[Merger]

    @classmethod
    def from_learned(cls, learned: Learned, ax: Axes | None = None) -> ClumpsDisplay:
        """Draw the clumps of a learned network.

        Raises
        ------
        ValueError
            There are fewer than two neurons.
        """
        if _checked(learned).width < 2:
            raise ValueError(f"a tree needs two neurons, the network has {learned.width}")
        return cls(*clump_tree(learned.clumps)).plot(ax)

    def plot(self, ax: Axes | None = None) -> ClumpsDisplay:
        """Draw into Axes, or new ones."""
        ax = self._begin(ax)
        least = min((m.scale for m in self.mergers if m.scale > NOTHING), default=0.1) / 3
        labelled: list[Float64Array] = []
        for m in self.mergers:
            start, end = (max(s, least) for s in m.starts)
            scale = max(m.scale, least)
            ax.plot([start, scale, scale, end], [m.ends[0], m.ends[0], m.ends[1], m.ends[1]], color=BLUE)
            # Where joints crowd, the first, finest one is labelled.
            at = np.array([np.log10(scale) * _LABEL_HEIGHT / _LABEL_WIDTH, np.mean(m.ends)])
            if np.isfinite(m.cost) and all(np.abs(at - other).max() > _LABEL_HEIGHT for other in labelled):
                labelled.append(at)
                ax.annotate(cost_text(m.cost), (scale, np.mean(m.ends)), xytext=(3, 2), textcoords="offset points")
        ax.set_xscale("log")
        ax.set_xlim(least, 4.0)
        decades = range(int(np.floor(np.log10(least))), 1)
        ticks = [part * 10.0**power for power in decades for part in ((1, 2, 5) if len(decades) < 3 else (1,))]
        shown = [tick for tick in ticks if least <= tick <= 4.0]
        ax.set_xticks(shown, [f"{tick:g}" for tick in shown])
        ax.minorticks_off()
        ax.set_yticks(range(len(self.order)), [f"neuron {i}" for i in self.order])
        ax.invert_yaxis()
        ax.set_xlabel("angle from which neurons look like one (radians)")
        ax.set_title("Clumps, and the cost of one neuron in their place")
        return self


@dataclass
class WidthsDisplay(_Display):
    """Held-out error against the number of neurons, as they are given up one by one.

    Parameters
    ----------
    widths : ndarray of shape (m,)
        Numbers of neurons.
    errors : ndarray of shape (m,)
        Mean squared errors over the variance of the labels.
    width : int
        The number that was learned.
    on : str
        What the errors were measured on.
    """

    widths: Float64Array
    errors: Float64Array
    width: int
    on: str

    @classmethod
    def from_learned(cls, learned: Learned, ax: Axes | None = None) -> WidthsDisplay:
        """Draw what fewer neurons would cost; see ``learned.narrower``."""
        known = known_widths(_checked(learned).width, learned.validation_r2, learned.narrower)[::-1]
        if not known:
            raise ValueError("no error of any width is known")
        values, held_out = np.array(known), len(learned.validation_targets)
        on = f"{held_out:,} rows held out" if held_out else "the rows learned from, cross-validated"
        return cls(values[:, 0], 1 - values[:, 1], learned.width, on).plot(ax)

    def plot(self, ax: Axes | None = None) -> WidthsDisplay:
        """Draw into Axes, or new ones."""
        ax = self._begin(ax)
        errors = np.maximum(self.errors, _EXACT)
        ax.plot(self.widths, errors, "o-", color=BLUE)
        ax.axvline(self.width, color=ORANGE, linewidth=1, linestyle="--", label=f"learned: {self.width}")
        if errors.max() > 20 * errors.min():
            ax.set_yscale("log")
        else:
            ax.set_ylim(bottom=0)
        ax.set_xticks(self.widths)
        ax.set_xlabel("neurons")
        ax.set_ylabel("squared error over the variance")
        ax.set_title(f"On {self.on}")
        ax.legend(frameon=False)
        return self


@dataclass
class ResidualsDisplay(_Display):
    """Residuals against predictions on the rows held out, with means over tenths of them (of few rows, more).

    Parameters
    ----------
    predictions, residuals : ndarray of shape (m,)
        Values of the network, and labels less values.
    target : str
        Name of the label.
    """

    predictions: Float64Array
    residuals: Float64Array
    target: str

    @classmethod
    def from_learned(cls, learned: Learned, ax: Axes | None = None) -> ResidualsDisplay:
        """Draw the residuals of the rows held out.

        Raises
        ------
        ValueError
            No rows were held out.
        """
        residuals = _checked(learned).validation_residuals
        if not len(residuals):
            raise ValueError("no rows were held out: learn with validation above 0")
        return cls(learned.validation_targets - residuals, residuals, clipped(learned.target_name)).plot(ax)

    def plot(self, ax: Axes | None = None) -> ResidualsDisplay:
        """Draw into Axes, or new ones; of more than 5,000 rows every so many."""
        ax = self._begin(ax)
        step = -(-len(self.residuals) // _MOST_POINTS)
        shown = slice(None, None, step)
        ax.plot(self.predictions[shown], self.residuals[shown], ".", color=BLUE, alpha=0.5, markersize=4)
        ax.axhline(0, color=BLACK, linewidth=0.6)
        order = np.argsort(self.predictions, kind="stable")
        tenths = (
            np.array_split(order, min(10, len(order) // _FEWEST_TOGETHER)) if len(order) >= _FEWEST_TOGETHER else []
        )
        if tenths:
            centres = [self.predictions[part].mean() for part in tenths]
            means = [self.residuals[part].mean() for part in tenths]
            errors = [_ERRORS * self.residuals[part].std(ddof=1) / np.sqrt(len(part)) for part in tenths]
            ax.errorbar(centres, means, errors, fmt="o", color=RED, markersize=4, capsize=2, label="means, 95 %")
            ax.legend(frameon=False)
        ax.set_xlabel(f"predicted {self.target}", parse_math=False)
        ax.set_ylabel("residual")
        ax.set_title(f"{len(self.residuals):,} rows held out")
        return self

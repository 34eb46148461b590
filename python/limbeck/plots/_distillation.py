"""Pictures of surrogates, risks and scaling laws."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np

from limbeck._base.arrays import Float64Array, integers
from limbeck.distillation import (
    ScalingLaw,
    Task,
    WeakToStrong,
    optimal_mask,
    optimal_surrogate,
    risk,
    simulate,
)
from limbeck.distillation.simulation import seed_for, seed_number
from limbeck.distillation.task import require_task
from limbeck.plots._axes import BLACK, BLUE, GREY, ORANGE, axes_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_risks", "plot_scaling", "plot_surrogate", "plot_weak_to_strong"]

_PEAKED = 20  # times the median: beyond, the rest of a curve would lie on the axis
_COLOURS = {"true labels": BLACK, "best surrogate": BLUE, "best mask": ORANGE}


def plot_surrogate(task: Task, n: int, ax: Axes | None = None) -> Axes:
    """Draw the best surrogate's coefficients over the true ones, by eigenvalue, and what the best mask keeps.

    Parameters
    ----------
    task : Task
        Features and ground truth.
    n : int
        Number of rows of the target.
    ax : matplotlib Axes, optional
        Where to draw; default new ones.

    Returns
    -------
    matplotlib Axes
    """
    require_task(task)
    ax = axes_for(ax)
    order = np.argsort(-task.eigenvalues, kind="stable")
    place = np.arange(1, task.n_features + 1)
    true = task.beta[order]
    ratio = np.divide(optimal_surrogate(task, n)[order], true, out=np.full(len(true), np.nan), where=true != 0)
    kept = optimal_mask(task, n)[order]
    ax.semilogx(place, ratio, color=_COLOURS["best surrogate"], label="best surrogate")
    ax.step(place, kept.astype(float), where="mid", color=_COLOURS["best mask"], label="best mask")
    ax.axhline(1, color=_COLOURS["true labels"], linewidth=0.8, label="true labels")
    ax.set_ylim(
        min(0.0, 1.05 * float(np.nanmin(ratio, initial=0.0))), max(1.2, 1.05 * float(np.nanmax(ratio, initial=0.0)))
    )
    ax.set_xlabel("rank of the eigenvalue, largest first")
    ax.set_ylabel("coefficient over the true one")
    ax.set_title(f"Best labels for n = {n:,} rows, p = {task.n_features:,}")
    ax.legend(frameon=False)
    return ax


def plot_risks(
    task: Task,
    sample_sizes: Iterable[int],
    *,
    trials: int = 0,
    seed: int | np.random.Generator = 0,
    ax: Axes | None = None,
) -> Axes:
    """Draw risks against the number of rows for true labels, the best surrogate and the best mask.

    Parameters
    ----------
    task : Task
        Features, ground truth and the variance of the labels' noise.
    sample_sizes : iterable of int
        Numbers of rows.
    trials : int, default 0
        Simulated trials for each point, drawn with two standard errors; none for 0.
    seed : int or numpy.random.Generator, default 0
        Source of the random numbers of the trials: the three curves share their rows, different sizes do not.
    ax : matplotlib Axes, optional
        Where to draw; default new ones.

    Returns
    -------
    matplotlib Axes
    """
    require_task(task)
    ax = axes_for(ax)
    seed = seed_number(seed)
    sizes = sorted(set(integers(sample_sizes, "sample_sizes", 1)))
    if not sizes:
        raise ValueError("sample_sizes is empty")
    labels: dict[str, Callable[[int], Float64Array | None]] = {
        "true labels": lambda n: None,
        "best surrogate": lambda n: optimal_surrogate(task, n),
        "best mask": lambda n: task.beta * optimal_mask(task, n),
    }
    highest: list[float] = []
    for name, of_size in labels.items():
        values = np.array([float(risk(task, n, of_size(n))) for n in sizes])
        finite = values[np.isfinite(values)]
        # A curve that goes to infinity has no top.
        highest.append(
            finite.max() / max(float(np.median(finite)), 1e-300) if 0 < len(finite) == len(values) else np.inf
        )
        ax.plot(sizes, values, "." if len(sizes) == 1 else "-", color=_COLOURS[name], label=name)
        if trials:
            simulations = [simulate(task, n, of_size(n), trials=trials, seed=seed_for(seed, n)) for n in sizes]
            means, errors = zip(*((result.mean, 2 * result.standard_error) for result in simulations), strict=True)
            ax.errorbar(sizes, means, errors, color=_COLOURS[name], fmt="o", ms=3, capsize=2)
    ax.set_xlabel("rows n")
    ax.set_ylabel("excess risk")
    if sizes[0] < task.n_features <= sizes[-1]:
        ax.axvline(task.n_features, color="0.7", linewidth=0.8, linestyle=":", label="n = p")
    if max(highest) > _PEAKED:
        ax.set_yscale("log")
    else:
        ax.set_ylim(bottom=0)
    ax.set_title("Prediction" + (f" (lines) and {trials} trials (points)" if trials else ""))
    ax.legend(frameon=False)
    return ax


def plot_scaling(law: ScalingLaw, ax: Axes | None = None, *, label: str = "risk", color: str | None = None) -> Axes:
    """Draw risks against the number of rows in log-log, and the fitted line; bent sizes are hollow, bars two errors.

    Parameters
    ----------
    law : ScalingLaw
        From :func:`limbeck.distillation.scaling_law`.
    ax : matplotlib Axes, optional
        Where to draw; default new ones.
    label : str, default "risk"
        Label in the legend, which adds the exponent.
    color : optional
        Colour of the points and the line; default the Axes' next.

    Returns
    -------
    matplotlib Axes
    """
    if not isinstance(law, ScalingLaw):
        raise TypeError(f"law must be a limbeck.distillation.ScalingLaw, got {type(law).__name__}")
    ax = axes_for(ax)
    (line,) = ax.loglog(
        law.sample_sizes,
        law.constant * law.sample_sizes ** -float(law.exponent),
        color=color,
        linewidth=1,
        label=f"{label}: $n^{{{-law.exponent:.2f}}}$"
        + ("" if law.predicted_exponent is None else f" (predicted {-law.predicted_exponent:.2f})"),
    )
    for chosen, fill in ((~law.bent, "full"), (law.bent, "none")):
        ax.errorbar(
            law.sample_sizes[chosen],
            law.risks[chosen],
            2 * law.standard_errors[chosen],
            fmt="o",
            color=line.get_color(),
            fillstyle=fill,
            ms=4,
            capsize=2,
        )
    ax.xaxis.set_minor_formatter("")  # labels of minor ticks would run into one another
    ax.set_xlabel("rows n")
    ax.set_ylabel("excess risk")
    ax.legend(frameon=False)
    return ax


def plot_weak_to_strong(found: WeakToStrong, ax: Axes | None = None) -> Axes:
    """Draw errors at left-out rows: of ridge regression, of weak-to-strong training, and of each kind of weak teacher.

    Parameters
    ----------
    found : WeakToStrong
        What :func:`limbeck.distillation.weak_to_strong` returns.
    ax : matplotlib Axes, optional
        Where to draw; default new ones.

    Returns
    -------
    matplotlib Axes
        The bar of weak-to-strong training has an error bar of one standard error of its difference to ridge regression.
    """
    if not isinstance(found, WeakToStrong):
        raise TypeError(f"found must be a limbeck.distillation.WeakToStrong, got {type(found).__name__}")
    ax = axes_for(ax)
    names = ["ridge regression", "weak-to-strong training", *(_in_two_lines(*kind[:2]) for kind in found.families)]
    places = list(range(len(names)))[::-1]
    ax.barh(places[0], found.ridge_error, color=BLACK, height=0.6)
    ax.barh(places[1], found.error, color=BLUE, height=0.6)
    single = "one weak teacher, best of its kind (too small for being chosen: not to be compared)"
    errors = [error for _, _, error in found.families]
    ax.barh(places[2:], errors, height=0.6, label=single, facecolor="none", edgecolor=GREY, linestyle="--")
    bar = "standard error of the difference between weak-to-strong and ridge"
    ax.errorbar(found.error, places[1], xerr=found.standard_error, color=ORANGE, capsize=4, label=bar)
    ax.set_yticks(places, names)
    ax.axvline(found.ridge_error, color=BLACK, linewidth=0.8, linestyle=":")
    ax.set_xlabel("mean squared error at rows left out of training")
    ax.set_title("Recommended: " + found.headline.replace(", ", ",\n", 1), fontsize="medium")
    ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.3, -0.14), fontsize="small")
    return ax


def _in_two_lines(family: str, name: str) -> str:
    """A kind of weak teachers, and which of them it is where the kind has several."""
    return family if name == family else f"{family}\n({name})"

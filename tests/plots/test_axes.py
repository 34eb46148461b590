"""Axes are those passed, or made with matplotlib."""

import sys

import pytest

from limbeck import plots
from limbeck.distillation import Task, scaling_law

TASK = Task.power_law(60, 1.5, 1.5, noise=0.05)


def test_without_matplotlib_it_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"limbeck\[plot\]"):
        plots.plot_surrogate(TASK, 20)


@pytest.mark.parametrize(
    "draw",
    [
        lambda ax, learned: plots.plot_surrogate(TASK, 20, ax=ax),
        lambda ax, learned: plots.plot_surrogate(TASK, 20, ax),
        lambda ax, learned: plots.plot_risks(TASK, [15, 30], ax=ax),
        lambda ax, learned: plots.plot_scaling(scaling_law(TASK, [10, 15, 20]), ax=ax),
        lambda ax, learned: plots.plot_scaling(scaling_law(TASK, [10, 15, 20]), ax),
        *(
            lambda ax, learned, display=display: display.from_learned(learned, ax=ax).ax_
            for display in (
                plots.SpectrumDisplay,
                plots.NeuronsDisplay,
                plots.ClumpsDisplay,
                plots.WidthsDisplay,
                plots.ResidualsDisplay,
            )
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::limbeck.distillation.NearPeakWarning")
def test_every_picture_takes_axes_by_keyword(draw, learned, ax):
    assert draw(ax, learned) is ax
    assert ax.get_title() or ax.get_legend()
    assert ax.get_xlabel()

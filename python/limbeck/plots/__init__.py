"""Pictures, each drawn into Axes that are passed as ``ax`` or made; matplotlib comes with the extra ``plot``.

Of learned networks, in the manner of scikit-learn's displays (``XDisplay.from_learned(learned)``, then ``plot`` again
at will): :class:`SpectrumDisplay`, :class:`NeuronsDisplay`, :class:`ClumpsDisplay`, :class:`WidthsDisplay` and
:class:`ResidualsDisplay`. Of distillation: :func:`plot_surrogate`, :func:`plot_risks`, :func:`plot_scaling` and
:func:`plot_weak_to_strong`.
"""

from limbeck.plots._distillation import plot_risks, plot_scaling, plot_surrogate, plot_weak_to_strong
from limbeck.plots._learned import ClumpsDisplay, NeuronsDisplay, ResidualsDisplay, SpectrumDisplay, WidthsDisplay

__all__ = [
    "ClumpsDisplay",
    "NeuronsDisplay",
    "ResidualsDisplay",
    "SpectrumDisplay",
    "WidthsDisplay",
    "plot_risks",
    "plot_scaling",
    "plot_surrogate",
    "plot_weak_to_strong",
]

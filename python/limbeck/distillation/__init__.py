"""Theory of ridgeless regression on a surrogate's labels (to distil a black box into a network: limbeck.distill).

High-dimensional regression with Gaussian features has sharp asymptotics: the risk of a target that is trained on the
labels of a surrogate, the best surrogate, the best mask of features, two stages, and scaling laws are formulas (Ildiz,
Gozeten, Taga, Mondelli and Oymak, ICLR 2025, arXiv 2410.18837).
"""

from limbeck.distillation.advisor import Advice, advise
from limbeck.distillation.equivalents import NearPeakWarning, Risk, risk
from limbeck.distillation.fixed_point import effective_ridge
from limbeck.distillation.scaling import ScalingLaw, scaling_law
from limbeck.distillation.scaling_constants import ScalingConstants, scaling_constants
from limbeck.distillation.scaling_limit import ScalingLimit
from limbeck.distillation.shift import covariance_shift_as_model_shift, model_shift_as_covariance_shift
from limbeck.distillation.simulation import Simulation, simulate
from limbeck.distillation.split import Split, optimal_split
from limbeck.distillation.surrogate import (
    LabelComparison,
    compare_labels,
    optimal_mask,
    optimal_ridge,
    optimal_surrogate,
)
from limbeck.distillation.task import Task
from limbeck.distillation.two_stages import surrogate_risk, two_stage_risk

__all__ = [
    "Advice",
    "LabelComparison",
    "NearPeakWarning",
    "Risk",
    "ScalingConstants",
    "ScalingLaw",
    "ScalingLimit",
    "Simulation",
    "Split",
    "Task",
    "advise",
    "compare_labels",
    "covariance_shift_as_model_shift",
    "effective_ridge",
    "model_shift_as_covariance_shift",
    "optimal_mask",
    "optimal_ridge",
    "optimal_split",
    "optimal_surrogate",
    "risk",
    "scaling_constants",
    "scaling_law",
    "simulate",
    "surrogate_risk",
    "two_stage_risk",
]

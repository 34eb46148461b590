"""Theory of ridgeless regression on a surrogate's labels (to distil a black box into a network: limbeck.distill).

High-dimensional regression with Gaussian features has sharp asymptotics: the risk of a target that is trained on the
labels of a surrogate, the best surrogate, the best mask of features, two stages, and scaling laws are formulas (Ildiz,
Gozeten, Taga, Mondelli and Oymak, ICLR 2025, arXiv 2410.18837).
"""

from limbeck.distillation.advisor import Advice, advise
from limbeck.distillation.equivalents import NearPeakWarning, Risk, risk
from limbeck.distillation.fixed_point import effective_ridge
from limbeck.distillation.random_features import random_feature_risk, simulate_random_features
from limbeck.distillation.scaling import ScalingLaw, scaling_law
from limbeck.distillation.simulation import Simulation, simulate
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
    "ScalingLaw",
    "Simulation",
    "Task",
    "advise",
    "compare_labels",
    "effective_ridge",
    "optimal_mask",
    "optimal_ridge",
    "optimal_surrogate",
    "random_feature_risk",
    "risk",
    "scaling_law",
    "simulate",
    "simulate_random_features",
    "surrogate_risk",
    "two_stage_risk",
]

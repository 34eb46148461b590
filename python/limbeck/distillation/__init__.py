"""Theory of ridgeless regression on a surrogate's labels (to distil a black box into a network: limbeck.distill).

High-dimensional regression with Gaussian features has sharp asymptotics: the risk of a target that is trained on the
labels of a surrogate, the best surrogate, the best mask of features, two stages, and scaling laws are formulas (Ildiz,
Gozeten, Taga, Mondelli and Oymak, ICLR 2025, arXiv 2410.18837).
"""

from limbeck.distillation.advisor import Advice, advise
from limbeck.distillation.chain import Chain, chain_risk
from limbeck.distillation.equivalents import NearPeakWarning, Risk
from limbeck.distillation.fixed_point import effective_ridge
from limbeck.distillation.mixture import OptimalMixture, optimal_mixture
from limbeck.distillation.random_features import random_feature_risk, simulate_random_features
from limbeck.distillation.risks import cross_risk, risk
from limbeck.distillation.scaling import ScalingLaw, scaling_law
from limbeck.distillation.scaling_constants import ScalingConstants, scaling_constants
from limbeck.distillation.scaling_limit import ScalingLimit
from limbeck.distillation.self_distillation import SelfDistilled, self_distillation
from limbeck.distillation.shift import covariance_shift_as_model_shift, model_shift_as_covariance_shift
from limbeck.distillation.simulation import Simulation, simulate
from limbeck.distillation.split import Split, optimal_split
from limbeck.distillation.stages import GradientFlow, Ridge, Ridgeless, SelfDistillation, Stage
from limbeck.distillation.surrogate import (
    LabelComparison,
    compare_labels,
    optimal_mask,
    optimal_ridge,
    optimal_surrogate,
)
from limbeck.distillation.task import Task
from limbeck.distillation.two_stages import surrogate_risk, two_stage_risk
from limbeck.distillation.weak_to_strong import WeakToStrong, weak_to_strong

__all__ = [
    "Advice",
    "Chain",
    "GradientFlow",
    "LabelComparison",
    "NearPeakWarning",
    "OptimalMixture",
    "Ridge",
    "Ridgeless",
    "Risk",
    "ScalingConstants",
    "ScalingLaw",
    "ScalingLimit",
    "SelfDistillation",
    "SelfDistilled",
    "Simulation",
    "Split",
    "Stage",
    "Task",
    "WeakToStrong",
    "advise",
    "chain_risk",
    "compare_labels",
    "covariance_shift_as_model_shift",
    "cross_risk",
    "effective_ridge",
    "model_shift_as_covariance_shift",
    "optimal_mask",
    "optimal_mixture",
    "optimal_ridge",
    "optimal_split",
    "optimal_surrogate",
    "random_feature_risk",
    "risk",
    "scaling_constants",
    "scaling_law",
    "self_distillation",
    "simulate",
    "simulate_random_features",
    "surrogate_risk",
    "two_stage_risk",
    "weak_to_strong",
]

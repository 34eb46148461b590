"""Inputs that are standard Gaussian, Gaussian or otherwise are recognised."""

import numpy as np
import pytest

from limbeck._learner.model.input_tests import detect_inputs


@pytest.mark.slow
def test_standard_inputs_are_recognised_nearly_always():
    # False alarms are set to 1e-3 in all; of 300 draws none or one or, rarely, two: four has a chance below 1e-3.
    rng = np.random.default_rng(0)
    kinds = [detect_inputs(rng.standard_normal((n, d))) for n, d in [(500, 3), (1000, 10), (5000, 40)] * 100]
    assert sum(kind != "standard" for kind in kinds) <= 3


def test_gaussian_inputs_are_recognised():
    rng = np.random.default_rng(1)
    Z = rng.standard_normal((5000, 6))
    assert detect_inputs(Z + 0.2) == "gaussian"
    assert detect_inputs(1.3 * Z) == "gaussian"
    assert detect_inputs(Z @ rng.standard_normal((6, 6))) == "gaussian"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda Z: np.column_stack([Z, Z[:, 0] > 0]),
        lambda Z: np.exp(Z),
        lambda Z: np.sign(Z) * np.abs(Z) ** 1.3,
        lambda Z: np.column_stack([Z, np.ones(len(Z))]),
        lambda Z: Z[:20],
    ],
    ids=["binary", "lognormal", "heavy", "constant", "few"],
)
def test_other_inputs_are_recognised(spoil):
    assert detect_inputs(spoil(np.random.default_rng(2).standard_normal((5000, 4)))) == "any"


@pytest.mark.parametrize("n", [50, 100, 200, 400, 600, 2000])
def test_short_tails_are_not_taken_for_gaussian(n):
    rng = np.random.default_rng(6)
    assert detect_inputs(rng.uniform(-np.sqrt(3), np.sqrt(3), (n, 5))) == "any"
    assert detect_inputs(rng.choice([-1.0, 1.0], (n, 5))) == "any"


@pytest.mark.parametrize(
    "make",
    [
        lambda rng, a, b: np.column_stack([a, a * rng.choice([-1.0, 1.0], len(a))]),
        lambda rng, a, b: np.column_stack([a, b, np.abs(rng.standard_normal(len(a))) * np.sign(a * b)]),
        lambda rng, a, b: np.column_stack([a, b]) * rng.choice([0.6, 1.28], len(a))[:, None],
        lambda rng, a, b: np.column_stack([a, np.where(np.abs(a) < 1.54, a, -a), b]),
    ],
    ids=["equal but for the sign", "sign of a product", "common scale", "uncorrelated by reflection"],
)
def test_gaussian_features_that_are_not_jointly_gaussian_are_recognised(make):
    rng = np.random.default_rng(8)
    a, b = rng.standard_normal((2, 4000))
    assert detect_inputs(make(rng, a, b)) == "any"

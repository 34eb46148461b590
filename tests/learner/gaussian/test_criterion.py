"""The criterion is Hurvich and Tsai's with penalties of its own."""

import numpy as np
import pytest

from limbeck._learner.gaussian.criterion import corrected_criterion
from limbeck._learner.gaussian.settings import CriterionSettings
from limbeck._learner.model.rows import EXACT


def test_without_extra_penalties_it_is_the_corrected_criterion_of_akaike():
    none = CriterionSettings(extra_per_parameter=0.0, extra_per_neuron=0.0)
    expected = 50 * np.log(0.3) + 2 * 7 * 50 / (50 - 7 - 1)
    assert corrected_criterion(0.3, 50, 7, 2, True, none) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("thresholds", [False, True])
def test_penalties_of_parameters_and_neurons_add_up(thresholds):
    none, some = CriterionSettings(0.0, 0.0), CriterionSettings(1.5, 4.0)
    more = corrected_criterion(0.3, 50, 7, 2, thresholds, some) - corrected_criterion(0.3, 50, 7, 2, thresholds, none)
    assert more == pytest.approx(1.5 * 7 + 4.0 * 2 * (2 if thresholds else 1), rel=1e-12)


def test_it_is_infinite_without_rows_to_spare_and_ends_at_rounding():
    assert corrected_criterion(0.3, 8, 7, 2, False) == np.inf
    assert np.isfinite(corrected_criterion(0.3, 9, 7, 2, False))
    assert corrected_criterion(0.0, 50, 7, 2, False) == corrected_criterion(EXACT, 50, 7, 2, False)

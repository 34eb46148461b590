"""Single arguments: what passes as it is, and errors that name the argument."""

from fractions import Fraction

import numpy as np
import pytest

import limbeck
from limbeck._base.arguments import callable_or_none, fraction, positive_or_none, random_generator


def test_seeds_are_those_of_numpy():
    for seed in (0, 7, np.int64(7), [1, 2], np.random.SeedSequence(3)):
        # A sequence of seeds is no state: it may be used twice.
        np.testing.assert_array_equal(random_generator(seed).random(3), np.random.default_rng(seed).random(3))
    generator = np.random.default_rng(0)
    assert random_generator(generator) is generator
    assert random_generator(None).random() != random_generator(None).random()  # alike once in 2^53


@pytest.mark.parametrize(
    ("seed", "error"), [("a", TypeError), (1.5, TypeError), (True, TypeError), (np.True_, TypeError), (-1, ValueError)]
)
def test_what_is_no_seed_is_refused_by_name(seed, error):
    with pytest.raises(error, match=r"^start must be an integer of at least 0, a numpy.random.Generator or None, got"):
        random_generator(seed, "start")


_POSITIVE = [1, 0.5, np.float32(0.5), np.int8(3), np.array(2.0), Fraction(1, 3), float("inf"), None]


@pytest.mark.parametrize("value", _POSITIVE)
def test_positive_numbers_pass_as_they_are(value):
    assert positive_or_none(value, "limit") is value


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("5", TypeError),
        (True, TypeError),
        (1j, TypeError),
        ([1.0], TypeError),
        (np.ones(1), TypeError),
        (0, ValueError),
        (-1.0, ValueError),
        (float("nan"), ValueError),
        (np.array(-1), ValueError),
    ],
)
def test_what_is_not_positive_is_refused_by_name(value, error):
    with pytest.raises(error, match=r"^limit must be (a number of seconds|positive) or None, got"):
        positive_or_none(value, "limit", "seconds")


@pytest.mark.parametrize("value", [0, 0.0, 0.999, np.float32(0.1), Fraction(1, 3)])
def test_fractions_pass_as_they_are(value):
    assert fraction(value, "share", "the rows") is value


@pytest.mark.parametrize(
    ("value", "error"), [(None, TypeError), ("a", TypeError), (True, TypeError), (1, ValueError), (np.nan, ValueError)]
)
def test_what_is_no_fraction_is_refused_by_name(value, error):
    with pytest.raises(error, match=r"^share (must be a number|is a fraction of the rows, at least 0 and below 1)"):
        fraction(value, "share", "the rows")


def test_functions_pass_and_others_are_refused_by_name():
    assert callable_or_none(print, "callback") is print
    assert callable_or_none(None, "callback") is None
    with pytest.raises(TypeError, match="callback must be callable or None, got 'print'"):
        callable_or_none("print", "callback")


_WRONG = [
    ("time_limit", "5"),
    ("width", "3"),
    ("width", 2.0),
    ("max_width", "16"),
    ("seed", "a"),
    ("callback", "print"),
]


@pytest.mark.parametrize(("name", "value"), _WRONG)
def test_learn_and_distill_name_an_argument_of_the_wrong_type(name, value):
    X = np.random.default_rng(0).standard_normal((20, 2))
    with pytest.raises(TypeError, match=f"^{name} must be"):
        limbeck.learn(X, X[:, 0], **{name: value})
    with pytest.raises(TypeError, match=f"^{name} must be"):
        limbeck.distill(lambda X: X[:, 0], 2, **{name: value})

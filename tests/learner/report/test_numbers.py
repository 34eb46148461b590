"""Printed numbers: digits follow the error, or the spread of what the number is about, whatever the size."""

import re

import numpy as np
import pytest
from matplotlib.figure import Figure

import limbeck
from limbeck._learner.report.numbers import number, percent, with_error
from limbeck.plots import NeuronsDisplay


def _parsed(text):
    return [float(part.replace(",", "")) for part in text.split(" +- ")]


def test_values_are_right_to_half_a_unit_of_their_errors_second_digit():
    """Values and errors from 1e-300 to 1e300, errors from a trillionth of the value to more than it."""
    rng = np.random.default_rng(0)
    for _ in range(5000):
        value = rng.choice([-1.0, 1.0]) * 10 ** rng.uniform(-285, 295)
        error = abs(value) * 10 ** rng.uniform(-11.5, 4)
        text = with_error(value, error)
        shown, shown_error = _parsed(text)
        assert shown_error == float(f"{error:.1e}"), text
        unit = 10.0 ** (int(f"{error:.1e}".partition("e")[2]) - 1)
        # Half a unit, and the rounding of the value and of the parsed number.
        assert abs(shown - value) <= 0.5000001 * unit + 4e-16 * abs(value), text
        first, second = text.split(" +- ")
        assert first in ("0", "+0") or ("e" in first) == ("e" in second), text


def test_values_and_errors_of_any_sizes():
    """Where the error is no more than rounding none is shown; a value far below its error is zero."""
    rng = np.random.default_rng(1)
    for _ in range(5000):
        value, error = 10 ** rng.uniform(-300, 300, 2)
        shown, *errors = _parsed(with_error(value, error))
        assert len(errors) == (error > 1e-12 * value)
        assert abs(shown - value) <= (0.06 * error if errors else 0.01 * value)


def test_without_errors_the_spread_is_resolved():
    rng = np.random.default_rng(2)
    for _ in range(5000):
        spread = 10 ** rng.uniform(-280, 280)
        value = spread * rng.choice([-1.0, 1.0]) * 10 ** rng.uniform(-3, 12)
        text = number(value, resolution=spread)
        assert abs(float(text.replace(",", "")) - value) <= 0.5000001e-3 * spread + 4e-16 * abs(value), text
        digits = re.sub(r"e.*|[^\d]", "", text).lstrip("0")
        assert len(digits) >= 4, text  # of small numbers, too


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (1_700_038_910.0, 510.0, "1,700,038,910 +- 510"),
        (1.70003891e12, 4.6e5, "1,700,038,910,000 +- 460,000"),
        (1.70003891e18, 3.9e11, "1.70003891e+18 +- 3.9e+11"),
        (52.52089, 1e-5, "52.520890 +- 0.000010"),
        (5_199_999_740.0, 11.0, "5,199,999,740 +- 11"),
        (5.037e-7, 4.8e-11, "5.03700e-07 +- 4.8e-11"),
        (1_000_000_000.37, 0.0048, "1,000,000,000.3700 +- 0.0048"),
        (1.7e18, 1.8e7, "1.700000000000e+18 +- 1.8e+07"),
        (2007.946, 0.053, "2007.946 +- 0.053"),
        (99.96, 99.6, "100 +- 100"),  # two digits, once rounded
        (-3.2, 0.99999, "-3.2 +- 1.0"),
        (0.0, 2e-9, "0 +- 2.0e-09"),
        (-1e-12, 1e-3, "0.0000 +- 0.0010"),  # no minus before zero
        (1.0, np.nan, "1.000 +- ?"),
    ],
)
def test_numbers_a_reader_knows(value, error, text):
    assert with_error(value, error) == text


def test_what_is_rounding_depends_on_the_scale():
    assert with_error(1e15 + 0.5, 1.0) == "1.00e+15"
    assert with_error(1e15 + 0.5, 1.0, scale=100.0) == "1,000,000,000,000,000.5 +- 1.0"
    assert with_error(1e-13, 1e-14, scale=1.0) == "0"


def test_per_cent():
    assert [percent(part) for part in (-0.004, 0.0, 0.004, 0.5, -0.42, 1.0)] == [
        "0 %",
        "0 %",
        "less than 1 %",
        "50 %",
        "-42 %",
        "100 %",
    ]


PLACES = {
    "unix seconds": (1.7e9, 86_400.0),
    "unix milliseconds": (1.7e12, 8.64e7),
    "unix nanoseconds": (1.7e18, 8.64e13),
    "latitude": (52.52, 0.002),
    "longitude": (-122.4194, 0.001),
    "hertz": (5.2e9 - 1000.0, 2000.0),
    "wavelength": (5e-7, 1e-8),
    "a billion": (1e9, 1.0),
    "year": (1990.0, 30.0),
    "Julian date": (2_460_000.0, 500.0),
    "plain": (0.0, 1.0),
    "kelvin": (273.15, 0.05),
}


# Without noise every third, in the ordinary run.
NOISY = [(name, 0.05) for name in PLACES]
EXACT = [pytest.param(name, 0.0, marks=pytest.mark.slow if i % 3 else ()) for i, name in enumerate(PLACES)]


@pytest.mark.parametrize(("name", "noise"), [*NOISY, *EXACT])
def test_printed_thresholds_divide_the_rows_as_the_true_ones(name, noise):
    low, width = PLACES[name]
    rng = np.random.default_rng(0)
    u = rng.uniform(size=1000)  # so many that nothing is cross-validated
    x, kink = low + width * u, low + 0.4321 * width
    found = limbeck.learn(
        x[:, None],
        3 * np.maximum(u - 0.4321, 0) + noise * rng.standard_normal(1000),
        1,
        inputs="any",
        feature_names=["x"],
    )
    text = " ".join(str(found).split())
    match = re.search(r"where x is (?:above|below) (\S+?)(?: \+- (\S+?))?, y", text)
    printed = float(match[1].replace(",", ""))
    error = float((match[2] or "0").replace(",", ""))
    stored = float(-found.network.thresholds[0] / found.network.weights[0, 0])
    # To half a unit of the error's second digit, or a ten-thousandth of the feature's spread, or rounding.
    assert abs(printed - stored) <= 0.051 * error + 1e-4 * width + 8e-16 * abs(low)
    assert (error > 0) or noise == 0
    assert abs(printed - kink) <= 5 * error + 2e-3 * width
    # In HTML and plots the same number.
    plain = re.sub("&nbsp;|&#177;", " ", found.to_html())
    assert f" {match[1].replace('-', '&#8722;') if match[1][0] == '-' else match[1]}" in plain
    label = NeuronsDisplay.from_learned(found, Figure().subplots()).labels[0]
    shown = float(re.search(r"x (?:above|below) (\S+),", label)[1].replace(",", ""))
    assert abs(shown - stored) <= 1e-4 * width + 8e-16 * abs(low)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (1234.5, "1,234"),
        (0.012345, "0.01235"),
        (-3.14159, "-3.142"),
        (2.5e7, "2.50e+07"),
        (1e-9, "1.00e-09"),
    ],
)
def test_numbers_that_stand_alone(value, text):
    assert number(value) == text


def test_numbers_keep_their_digits():
    assert with_error(1000141.4, 5.4) == "1,000,141.4 +- 5.4"
    assert with_error(23511.0, 1800.0) == "23,500 +- 1,800"
    assert with_error(2315.0, 230.0) == "2320 +- 230"
    assert with_error(0.5, 0.0123, signed=True) == "+0.500 +- 0.012"
    assert with_error(0.5, np.inf) == "0.5000 +- ?"
    assert with_error(1e-14, 1e-15, scale=1.0) == "0"

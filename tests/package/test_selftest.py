"""The self-test passes here, and notices what is broken."""

import dataclasses
import re

import numpy as np
import pytest

from limbeck import _kernels, selftest

# Levels differ in what is computed, which the kernels' own tests look at, too: the best alone, in the ordinary run.
LEVELS = list(_kernels.available_levels)


@pytest.mark.parametrize("levels", [LEVELS[-1:], pytest.param(LEVELS, marks=pytest.mark.slow)])
def test_this_installation_is_right(capfd, monkeypatch, levels):
    monkeypatch.setattr(_kernels, "available_levels", levels)
    assert selftest.main([]) == 0
    out = capfd.readouterr().out
    for level in levels:
        assert f"\n{level}\n" in out
    assert out.count(" ok\n") == len(selftest.CHECKS) * len(levels)
    assert "everything is right" in out


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (lambda threads: (np.array([1.0 + 1e-9]), np.array([1.0])), "relative error 1.0e-09"),
        (
            lambda threads: (np.array([1.0 + (threads - 1) * 1e-15]), np.array([1.0])),
            "other bits on 3 threads than on one",
        ),
        (
            lambda threads: (np.array([2.0, np.nan]), np.array([2.0, 1.0])),
            "relative error nan, above 1.0e-11: nan in pl",
        ),
        (
            lambda threads: selftest.Outcome(np.array([0.5]), np.array([0.25]), 0.1),
            "relative error 1.0e+00, above 1.0e-01: 0.5 in place of 0.25",
        ),
        (lambda threads: 1 / 0, "ZeroDivisionError: division by zero"),
    ],
)
def test_what_is_broken_is_said(monkeypatch, capsys, check, text):
    monkeypatch.setattr(selftest, "CHECKS", {"a check": check, "another": selftest.CHECKS["networks on rows"]})
    assert selftest.main(["--this-level"]) == 1
    out = capsys.readouterr().out
    assert text in out
    assert "networks on rows" not in out
    assert out.count(" ok\n") == 1


def test_a_simulated_mean_far_from_its_prediction_is_told(monkeypatch, capsys):
    simulate = selftest.distillation.simulate

    def shifted(*arguments, **options):
        found = simulate(*arguments, **options)
        return dataclasses.replace(found, mean=1.5 * found.mean)

    monkeypatch.setattr(selftest.distillation, "simulate", shifted)
    monkeypatch.setattr(selftest, "CHECKS", {"simulated": selftest.CHECKS["simulated distillation"]})
    assert selftest.main(["--this-level"]) == 1
    assert re.search(r"simulated +relative error [45]\.\de-01, above \d\.\de-0[12]: ", capsys.readouterr().out)


def test_it_takes_no_arguments(capsys):
    assert selftest.main(["--fast"]) == 2
    assert "takes no arguments" in capsys.readouterr().err

"""Standard deviations of risks over draws."""

import numpy as np
import pytest

from limbeck.distillation import Ridge, Ridgeless, Task, risk, simulate, two_stage_risk
from limbeck.distillation.spread import deviation_of_form
from limbeck.distillation.stage_law import Moments, Quadratic, stage_law


def test_least_squares_of_noise_has_its_exact_law():
    # sigma^2 chi^2_p / chi^2_(n - p + 1) for equal eigenvalues, of variance 2 n / (p (n - p)) relatively, to the order
    # of 1/n; relative to the mean p / (n - p) of the same order.
    for n, p, noise in ((200, 50, 1.0), (4000, 3000, 0.3)):
        found = risk(Task(np.full(p, 7.0), np.zeros(p), noise), n).standard_deviation
        assert found == pytest.approx(noise * p / (n - p) * np.sqrt(2 * n / (p * (n - p))), rel=1e-9)


def test_units_change_nothing():
    task = Task.power_law(60, 1.2, 1.4, noise=0.4)
    found = risk(task, 30)
    for unit in (1e-250, 1e-100, 1e100, 1e250):
        other = risk(Task(task.eigenvalues * unit, task.beta / np.sqrt(unit), 0.4), 30)
        assert other.standard_deviation == pytest.approx(found.standard_deviation, rel=1e-9)
    louder = risk(Task(task.eigenvalues, 10 * task.beta, 40.0), 30)
    assert louder.standard_deviation == pytest.approx(100 * found.standard_deviation, rel=1e-9)


@pytest.mark.filterwarnings("ignore::limbeck.distillation.NearPeakWarning")
def test_no_deviation_without_anything_that_varies():
    assert risk(Task(np.ones(10), np.ones(10)), 30).standard_deviation == 0
    assert risk(Task(np.ones(10), np.zeros(10)), 5).standard_deviation == 0
    assert risk(Task(np.ones(10), np.ones(10), 1.0), 10).standard_deviation == np.inf
    assert np.isnan(type(risk(Task([1.0], [1.0]), 5))(1.0, 0.0, 0.0).standard_deviation)


def test_forms_do_not_depend_on_the_basis():
    rng = np.random.default_rng(0)
    task = Task.power_law(30, 1.0, 1.2, noise=0.2)
    A = rng.standard_normal((30, 30))
    # Repeated eigenvalues: a rotation among them leaves the law of the rows as it is.
    flat = Task(np.ones(30), task.beta, 0.2)
    turn = np.linalg.qr(A)[0]
    law = stage_law(flat, 15, Ridge(0.1))
    form = Quadratic(np.diag(task.eigenvalues), task.beta, 0.0)
    labels = Moments(task.beta, np.diag(rng.uniform(0.5, 1, 30)))
    expected = deviation_of_form(law, form, labels, 0.2)
    assert deviation_of_form(law, form.rotated(turn), labels.rotated(turn.T), 0.2) == pytest.approx(expected, rel=1e-9)
    thin = Quadratic(task.eigenvalues, task.beta, 0.0)
    diagonal = Moments(labels.mean, np.diagonal(labels.covariance).copy())
    assert deviation_of_form(law, thin, diagonal, 0.2) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("n", [50, *(pytest.param(n, marks=pytest.mark.slow) for n in (80, 200, 400))])
@pytest.mark.parametrize("kind", ["true", "surrogate", "shifted", "ridge", "two stages"])
def test_deviations_agree_with_trials(n, kind):
    rng = np.random.default_rng(n)
    task = Task(np.arange(1, 121.0) ** -1.1, rng.standard_normal(120), 0.5)
    options = {}
    if kind == "surrogate":
        options = {"surrogate": task.beta * rng.uniform(0, 2, 120), "label_noise": 0.1}
    if kind == "shifted":
        options = {"test_eigenvalues": np.roll(task.eigenvalues, 5)}
    if kind == "ridge":
        options = {"ridge": 0.05}
    if kind == "two stages":
        own = Task(task.eigenvalues[::-1], task.beta, 0.3)
        predicted = two_stage_risk(task, n, own, 300, ridge=0.01)
        found = simulate(task, n, ridge=0.01, surrogate_task=own, m=300, trials=3000)
    else:
        predicted, found = risk(task, n, **options), simulate(task, n, trials=3000, **options)
    # Of 3000 trials the deviation is known to 2 % (kurtosis 4 to 6); the next order of 1/n is some percent.
    assert predicted.standard_deviation == pytest.approx(found.risks.std(), rel=0.1)


def test_a_ridge_near_zero_is_none():
    task = Task.power_law(80, 1.2, 1.4, noise=0.1)
    for n in (40, 200):
        with_none = risk(task, n, stage=Ridgeless()).standard_deviation
        assert risk(task, n, ridge=1e-9).standard_deviation == pytest.approx(with_none, rel=1e-4)

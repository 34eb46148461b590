"""What a dense computation is estimated to take, beside a time limit."""

import time

import numpy as np

from limbeck._learner.blackbox.gradient_design import gates_of
from limbeck._learner.blackbox.gradient_solution import MeasuredGradient, further_gradients, solved_from_gradients
from limbeck._learner.blackbox.time_estimates import has_time_for
from limbeck._learner.model.model import Model


def test_there_is_time_for_little_before_a_far_limit_only():
    now = time.perf_counter()
    assert has_time_for(1e30, np.inf)
    assert has_time_for(1e6, now + 60)
    assert not has_time_for(1e12, now + 60)
    assert not has_time_for(0, now - 1)


def test_without_time_a_network_stays_what_it_is():
    rng = np.random.default_rng([0, 12345])
    model = Model(np.ones(3), rng.standard_normal((4, 6)))
    bases = rng.standard_normal((6, 5))
    exact = gates_of(model, bases) @ model.parameters[:, :-1]
    gradients = [MeasuredGradient(b, float(v), g, 0.1) for b, v, g in zip(bases, model(bases), exact, strict=True)]
    near, past = Model(model.signs, model.parameters + 1e-8), time.perf_counter() - 1
    rows = bases, model(bases)
    assert solved_from_gradients(near, gradients, rows, 1, past) is near
    assert further_gradients(near, gradients, lambda X: model(X)[:, None], 3, rng, past) == []

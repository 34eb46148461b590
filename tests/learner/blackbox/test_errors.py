"""Reasons to stop, and their words."""

import numpy as np

from limbeck import distill
from limbeck._learner.blackbox.errors import StopReason


def test_every_reason_to_stop_has_words():
    clauses = [reason.clause for reason in StopReason]
    assert len(set(clauses)) == len(clauses) == 6
    found = distill(lambda X: np.sin(X[:, 0]), 2, 1, n_queries=60)
    assert str(found).endswith(f"no more because {StopReason(found.stopped).clause}")

"""The learner behind :func:`limbeck.learn` and :func:`limbeck.distill`."""

"""The learner for Gaussian inputs: span, candidates, search, selection, resolution of clumps."""

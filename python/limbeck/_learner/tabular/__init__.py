"""The learner for inputs of any distribution: hinges, evidence, cross-validated width."""

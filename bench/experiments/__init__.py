"""Whole runs of the learner beside its peers; they need torch and take from minutes to hours. Run as scripts."""

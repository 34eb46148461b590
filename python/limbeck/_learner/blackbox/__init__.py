"""Distillation of a function that can be queried: queries, kinks on lines, the student."""

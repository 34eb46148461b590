"""Sums of ReLUs as parameters to refine, the rows that they are fitted to, and operations on both."""

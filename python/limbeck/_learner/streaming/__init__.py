"""Rows in blocks: the first pass, a sample, sums over all rows, damped steps on them."""

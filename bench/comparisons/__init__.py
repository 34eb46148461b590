"""The sections of bench/compare.py, one module each, with a function ``run(quick) -> Section``."""

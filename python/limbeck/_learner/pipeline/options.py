"""Checked options of the learner, and the numbers by which the pipeline itself decides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from limbeck._learner.gaussian.learner import rows_to_search
from limbeck._learner.gaussian.settings import DEFAULTS, GaussianSettings
from limbeck._learner.tabular.settings import TABULAR, TabularSettings

__all__ = ["EXTRAPOLATIONS", "MISSING", "PIPELINE_SETTINGS", "LearnOptions", "PipelineSettings", "SampleSize"]

MISSING = ("model", "error")  # what becomes of gaps
EXTRAPOLATIONS = ("bounded", "linear")  # predictions far from the rows learned from


@dataclass(frozen=True)
class PipelineSettings:
    """Numbers that decide how many rows the pipeline looks at, and how far a fit is refined on its way.

    Attributes
    ----------
    sample_bytes : int
        Bytes of X that are searched on at least where all rows do not fit: a search takes a small multiple of them, so
        that 128 MB leave it within the memory of a small machine.
    misfit_rows : int
        Rows that are looked at for hinges which a network for Gaussian inputs has left: a hinge of 1 % of the variance
        stands out of as many by ten standard errors, and one look costs a pass over them for every feature.
    tolerance : float
        Relative gain in the squared error below which Levenberg-Marquardt stops during the search. The last refinement
        goes on from there, so that a smaller one buys nothing but time.
    gaussian : GaussianSettings
        Settings of the learner for Gaussian inputs.
    tabular : TabularSettings
        Settings of the learner for inputs of any distribution.
    most_neurons : int
        Largest number of neurons where the data decide alone, ``max_width=None``: beyond, a network is no longer one of
        a few neurons, and forests are the better choice.
    """

    sample_bytes: int = 1 << 27
    misfit_rows: int = 10_000
    tolerance: float = 1e-4
    gaussian: GaussianSettings = DEFAULTS
    tabular: TabularSettings = TABULAR
    most_neurons: int = 64


PIPELINE_SETTINGS = PipelineSettings()


@dataclass(frozen=True)
class SampleSize:
    """Number of rows to search on where there are more: as asked for, or by the number of features.

    Attributes
    ----------
    asked : int or None
        The caller's ``sample_rows``.
    largest_width : int
        Largest number of neurons that is searched for.
    settings : PipelineSettings
        Numbers that no caller sets.
    """

    asked: int | None
    largest_width: int
    settings: PipelineSettings = PIPELINE_SETTINGS

    def __call__(self, d: int) -> int:
        if self.asked:
            return self.asked
        needed = rows_to_search(self.largest_width, d, self.settings.gaussian)
        return max(self.settings.sample_bytes // (8 * max(1, d)), needed)


@dataclass(frozen=True)
class LearnOptions:
    """Checked arguments of :func:`limbeck.learn` that are no data.

    Attributes
    ----------
    width, inputs, refine, validation, sample_rows, missing, moment_method, extrapolate, bag
        See :func:`limbeck.learn`.
    max_width : int
        Largest number of neurons when ``width`` is None.
    rng : numpy.random.Generator
        Source of every random choice.
    n_threads : int or None
        Number of threads; None for what OpenMP would take.
    accepts_constant_features : bool
        Whether to answer with the mean of the labels where no feature varies.
    settings : PipelineSettings
        Numbers that no caller sets.
    """

    width: int | None
    max_width: int
    inputs: str
    refine: bool
    validation: float
    rng: np.random.Generator
    n_threads: int | None
    sample_rows: int | None = None
    accepts_constant_features: bool = False
    missing: str = "model"
    settings: PipelineSettings = PIPELINE_SETTINGS
    moment_method: str = "stages"
    extrapolate: str = "bounded"
    bag: int | None = None

    @property
    def sample_size(self) -> SampleSize:
        """Number of rows to search on, by the number of features."""
        return SampleSize(self.sample_rows, self.largest_width, self.settings)

    @property
    def largest_width(self) -> int:
        """Largest number of neurons."""
        return self.max_width if self.width is None else self.width

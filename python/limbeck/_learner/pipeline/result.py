"""The result of learning: a network, its report, its predictions."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from limbeck._base.arrays import Float64Array
from limbeck._base.files import write_whole
from limbeck._base.prediction_range import PredictionRange
from limbeck.network import ReLUNetwork

if TYPE_CHECKING:  # loaded with the first result: importing limbeck loads this file, and would take twice as long
    from limbeck._learner.diagnostics.diagnostics import Diagnostics, PrunedNetwork
    from limbeck._learner.diagnostics.reading import Reading
    from limbeck._learner.diagnostics.standard_errors import StandardErrors
    from limbeck._learner.gaussian.span import Subspace
    from limbeck._learner.model.clumps import Clump
    from limbeck._learner.pipeline.predictor import Predictor
    from limbeck._learner.report.content import ReportContent
    from limbeck._learner.tabular.bag import Bag
    from limbeck._tables.encoding import Encoding

__all__ = ["Learned", "learning_record"]


def learning_record(result: Learned, rows: int | None = None) -> dict[str, float | int | None]:
    """Numbers of rows, R2, errors and noise of a learned network, for its file."""
    return {
        "rows": rows,
        "held_out": len(result.validation_residuals),
        "validation_r2": float(result.validation_r2),
        "validation_mse": float(result.validation_mse),
        "noise_variance": float(result.noise_variance),
    }


@dataclass(frozen=True, eq=False)
class Learned:
    """Result of :func:`limbeck.learn`: a network, how good it is, and what is known of its parts.

    What is printed depends on the result alone, and a copy by pickle prints the same. Up to 500 parameters the result
    keeps no reference to X and y, but copies of the rows held out and of some others, from which smaller widths and,
    where fewer than 100 rows were held out, a cross-validated R2 are found when they are printed or asked for: these
    rows are in its pickle, too. R2 is then of searches on all folds of the rows but one: ten folds, five from 40 rows
    on, single rows up to 20; not beyond 1000 rows or 10,000 entries of X, where a bootstrap interval is printed.

    Attributes
    ----------
    network : ReLUNetwork
        The network, on inputs as they were passed.
    inputs : str
        How the inputs were treated: "standard", "gaussian" or "any".
    validation_mse, validation_r2 : float
        Mean squared error and R2 on rows held out from everything else (NaN without such rows). For Gaussian inputs,
        and where only a sample of the rows was searched on, they join the others afterwards, for a last refinement of
        the same neurons.
    validation_targets, validation_residuals : ndarray of shape (n_validation,)
        Labels of those rows, and labels less predictions.
    noise_variance : float
        Estimated variance of the label noise: squared residuals of the rows fitted, over their number less that of the
        parameters (NaN without rows to spare); for ``inputs="any"``, if all rows are in memory, the generalised
        cross-validation error, of which the noise is a part; of a bag, the mean squared error of its networks on the
        rows that each was searched for without.
    clumps : list of Clump
        Which neurons look like one at which angle, finest first, and what it would cost to collapse them. Angles are
        between directions with features counted in standard deviations.
    subspace : Subspace or None
        Span that the moments showed, in whitened coordinates for ``inputs="gaussian"``; None for ``inputs="any"``.
    history : list of dict
        Stage, neurons, error over the variance of the labels, and seconds, for every network tried.
    timings : dict
        Seconds by stage.
    stopped_early : bool
        Whether the time limit cut the search short.
    feature_names : tuple of str
        Names of the network's inputs: as given, or of the columns of a table, and of what words, gaps and dates became;
        else "x0", "x1", ...
    target_name : str
        As given, or of the column; else "y".
    encoding : Encoding or None
        What became of each column of a table, made from the rows learned from; printed, a report of all columns and of
        what was left out. ``encoding.encode(X)`` gives the network's inputs. None for arrays without gaps.
    prediction_range : PredictionRange or None
        Least and largest value that :meth:`predict` gives, ``low`` and ``high``: for ``inputs="any"`` the range of the
        labels learned from, a tenth of its length longer at both ends. None where the network continues linearly: for
        Gaussian inputs, and with ``extrapolate="linear"``. The network itself, ``network(X)``, has no bounds.
    bag : Bag or None
        With ``bag=``: numbers of neurons of the networks whose mean the network is, and their R2 on the rows that each
        was searched for without.
    """

    network: ReLUNetwork
    inputs: str
    validation_mse: float
    validation_r2: float
    validation_targets: Float64Array
    validation_residuals: Float64Array
    noise_variance: float
    clumps: list[Clump]
    subspace: Subspace | None
    history: list[dict[str, Any]] = field(repr=False)
    timings: dict[str, float] = field(repr=False)
    stopped_early: bool = False
    feature_names: tuple[str, ...] = ()
    target_name: str = "y"
    encoding: Encoding | None = field(default=None, repr=False)
    prediction_range: PredictionRange | None = None
    bag: Bag | None = None
    _diagnostics: Diagnostics = field(default=None, repr=False, compare=False)  # type: ignore[assignment]
    _columns: tuple[str, ...] | None = field(default=None, repr=False, compare=False)  # of the table learned from

    @property
    def standard_errors(self) -> StandardErrors:
        """Standard errors of the network's parameters in sandwich form.

        Beyond 500 parameters they are computed from the rows when first asked for. After ``stopped_early`` they are
        those of a refinement that had come to its end. With fewer than some 50 rows for each parameter they are too
        small; what is printed says by how much.

        Raises
        ------
        ValueError
            The result has none: it was made without refinement, is a mean of networks, or is the copy by pickle of one
            of more than 500 parameters whose errors were not asked for.
        """
        return self._diagnostics.standard_errors

    @property
    def reading(self) -> Reading:
        """Effects of the parts on the rows, features in standard deviations; see :class:`limbeck.results.Reading`.

        With standard errors up to 500 parameters, but for a result made without refinement, or by passes over blocks
        that ended at the time limit.
        """
        return self._diagnostics.reading

    @property
    def narrower(self) -> list[PrunedNetwork]:
        """Networks of fewer neurons, one less at a time, and how good they are, computed when first asked for.

        Raises
        ------
        ValueError
            The result was made without refinement, is a mean of networks, or is the copy by pickle of one of more than
            500 parameters whose smaller widths were not asked for.
        """
        return self._diagnostics.narrower

    def predict(self, X: ArrayLike, *, n_threads: int | None = None) -> Float64Array:
        """Predictions for rows, within ``prediction_range``; columns of a data frame are matched by name.

        Parameters
        ----------
        X : array_like or data frame of shape (n, d)
            Rows. Of a frame of any library, or a structured array, the columns that have the names of those learned
            from (or ``feature_names``) are taken, in any order; others are left out. By position go arrays, and frames
            where neither ``feature_names`` nor columns gave the features names, unless they are called x0, x1, ...
            Where a table was learned from, gaps are filled in any column, and a word that was not learned from counts
            as another one, or as an average row.
        n_threads : int, optional
            Number of threads; default what OpenMP would take.

        Returns
        -------
        ndarray of shape (n,)

        Raises
        ------
        TypeError
            X does not hold real numbers where such were learned from, or is a lazy frame.
        ValueError
            A column is missing, two have the same name, one holds something else than that learned from, or X has
            another number of features.
        """
        return self._predictor.predict(X, n_threads=n_threads)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network, and what became of the columns of a table, as JSON.

        :func:`limbeck.load` and ``limbeck predict`` read it, and predict what this result predicts, to the bit.

        Parameters
        ----------
        path : path
            File that is written, whole or not at all; its name ends in .json.
        """
        self._predictor.save(path, learning_record(self))

    @property
    def _predictor(self) -> Predictor:
        from limbeck._learner.pipeline.predictor import Predictor

        return Predictor(
            self.network,
            self.feature_names,
            self.target_name,
            self.encoding,
            self._columns,
            prediction_range=self.prediction_range,
        )

    @property
    def width(self) -> int:
        """Number of neurons."""
        return self.network.width

    def _content(self) -> ReportContent:
        """Contents of the printed report."""
        # Reports are imported when one is printed.
        from limbeck._learner.report.content import HeldOut, report_content

        return report_content(
            self._diagnostics,
            self.reading,
            target=self.target_name,
            names=self.feature_names,
            inputs=self.inputs,
            held_out=HeldOut(self.validation_r2, self.validation_targets, self.validation_residuals),
            noise_variance=self.noise_variance,
            clumps=self.clumps,
            stopped_early=self.stopped_early,
            encoding=self.encoding,
            prediction_range=self.prediction_range,
            bag=self.bag,
        )

    def __str__(self) -> str:
        """Every neuron as a sentence, the clump tree, and what fewer neurons would cost."""
        from limbeck._learner.report.text import describe

        return describe(self._content())

    def _repr_html_(self) -> str:
        from limbeck._learner.report.html import to_html

        return to_html(self._content())

    def to_html(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the printed report as a page of HTML without scripts, as notebooks show it.

        Parameters
        ----------
        path : path, optional
            File that the page is written to, whole or not at all.

        Returns
        -------
        str
            The page.
        """
        from limbeck._learner.report.html import to_page

        page = to_page(self._content())
        if path is not None:
            write_whole(Path(path), page.encode(errors="backslashreplace"))
        return page

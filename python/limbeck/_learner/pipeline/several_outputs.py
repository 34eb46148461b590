"""The result of learning several outputs at once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from limbeck._base.files import write_whole
from limbeck._learner.pipeline.result import Learned

if TYPE_CHECKING:
    from limbeck._learner.diagnostics.diagnostics import PrunedNetwork
    from limbeck._learner.diagnostics.reading import Reading
    from limbeck._learner.diagnostics.standard_errors import StandardErrors

__all__ = ["LearnedOutputs"]


@dataclass(frozen=True, eq=False)
class LearnedOutputs(Learned):
    """A :class:`limbeck.Learned` whose network has several outputs that share its neurons.

    ``validation_targets`` and ``validation_residuals`` are (n_validation, q). ``validation_mse`` and ``noise_variance``
    are means over the outputs, and ``validation_r2`` is that of all outputs together: squared errors over squared
    deviations, each summed over the outputs. There are no clumps, standard errors, reading or smaller widths.
    """

    @property
    def standard_errors(self) -> StandardErrors:
        """Raise ValueError: standard errors are those of a network of one output."""
        _refuse("standard_errors")

    @property
    def reading(self) -> Reading:
        """Raise ValueError: effects of the parts are those on one output."""
        _refuse("reading")

    @property
    def narrower(self) -> list[PrunedNetwork]:
        """Raise ValueError: smaller widths are looked for with one output."""
        _refuse("narrower")

    def __str__(self) -> str:
        """Each neuron, and how much it changes each output."""
        # Reports are imported when one is printed.
        from limbeck._learner.report.several_outputs import OutputsContent, describe_outputs

        return describe_outputs(
            OutputsContent(
                self.network,
                self.feature_names,
                self.target_name,
                self.inputs,
                self.validation_targets,
                self.validation_residuals,
                self.stopped_early,
            )
        )

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"

    def to_html(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the printed report as a page of HTML.

        Parameters
        ----------
        path : path, optional
            File that the page is written to, whole or not at all.

        Returns
        -------
        str
            The page.
        """
        title = escape(str(self).partition("\n")[0])
        page = (
            f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head><body>\n'
            f"{self._repr_html_()}\n</body></html>\n"
        )
        if path is not None:
            write_whole(Path(path), page.encode(errors="backslashreplace"))
        return page


def _refuse(what: str) -> NoReturn:
    raise ValueError(f"{what} are of networks of one output; this one has several: learn the output of interest alone")

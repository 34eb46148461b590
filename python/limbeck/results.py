"""The types of what limbeck returns, for annotations and documentation.

========================  ===========================================================================================
:class:`Learned`          what :func:`limbeck.learn` returns: a network, how good it is, and what it was learned from
:class:`Distilled`        what :func:`limbeck.distill` returns: a ``Learned`` with all queries and answers
:class:`Reading`          ``Learned.reading``: what each neuron does on the rows, features in standard deviations
:class:`Curve`            one of ``Reading.curves``: neurons read together as a function of one feature or direction
:class:`Jump`             one of ``Curve.jumps``: kinks so close that they act as a step
:class:`Parts`            ``Reading.parts``: the numbers that curves are made of
:class:`StandardErrors`   ``Learned.standard_errors``: of all parameters of the network
:class:`PrunedNetwork`    one of ``Learned.narrower``: the best network of fewer neurons, and how good it is
:class:`Clump`            one of ``Learned.clumps``: neurons that look like one at some angle
:class:`Merger`           one of ``ClumpsDisplay.mergers``: a joint of the tree of clumps
:class:`Subspace`         ``Learned.subspace``: the span that moments showed
:class:`Encoding`         ``Learned.encoding``: what became of each column of a table
:class:`ColumnEncoding`   one of ``Encoding.columns``: what became of one column
:class:`Feature`          one of ``Encoding.features``: an input of the network, made of a column
:class:`DateScale`        ``Feature.scale``: what the numbers of a date mean
:class:`Predictor`        what :func:`limbeck.load` returns: a network that predicts from tables
:class:`PredictionRange`  ``Learned.prediction_range``: the least and the largest value that is predicted
:class:`Bag`              ``Learned.bag``: the networks that a network is the mean of
========================  ===========================================================================================

None of them is made by hand. Networks themselves are :class:`limbeck.ReLUNetwork`; least squares, moments and the
theory of distillation return types of :mod:`limbeck.ridgeless`, :mod:`limbeck.moments` and :mod:`limbeck.distillation`.

Examples
--------
>>> import limbeck
>>> from limbeck.results import Learned
>>> def widths(found: Learned) -> list[int]:
...     return [found.width, *(smaller.width for smaller in found.narrower)]
>>> planted = limbeck.datasets.make_narrow_network("generic", 5, 2, seed=0)
>>> widths(limbeck.learn(*limbeck.datasets.sample(planted, 1000, seed=1), 2))
[2, 1, 0]
"""

from limbeck._base.prediction_range import PredictionRange
from limbeck._learner.blackbox.result import Distilled
from limbeck._learner.diagnostics.curves import Curve, Jump, Parts
from limbeck._learner.diagnostics.diagnostics import PrunedNetwork
from limbeck._learner.diagnostics.reading import Reading
from limbeck._learner.diagnostics.standard_errors import StandardErrors
from limbeck._learner.gaussian.span import Subspace
from limbeck._learner.model.clumps import Clump, Merger
from limbeck._learner.pipeline.predictor import Predictor
from limbeck._learner.pipeline.result import Learned
from limbeck._learner.tabular.bag import Bag
from limbeck._tables.column_encodings import ColumnEncoding, Feature
from limbeck._tables.encoding import Encoding
from limbeck._tables.times import DateScale

__all__ = [
    "Bag",
    "Clump",
    "ColumnEncoding",
    "Curve",
    "DateScale",
    "Distilled",
    "Encoding",
    "Feature",
    "Jump",
    "Learned",
    "Merger",
    "Parts",
    "PredictionRange",
    "Predictor",
    "PrunedNetwork",
    "Reading",
    "StandardErrors",
    "Subspace",
]

"""Rows that come in blocks: from arrays and memory maps, NumPy files, Parquet and Arrow, or spread over a cluster.

:func:`limbeck.learn`, :class:`limbeck.moments.MomentAccumulator` and :class:`limbeck.ridgeless.Accumulator` go over
blocks in a few passes, in memory that does not grow with the number of rows. A block is a tuple ``(X, y)`` or ``(X, y,
sample_weight)``; any re-iterable of them will do, a list or an object of your own. The classes here read ahead, give
pages of memory maps back, and know how many rows there are.

Every pass makes one sum: a small object that takes in blocks, adds up by ``+`` and pickles. An object that has a method
``total(empty)``, which returns the sum over all its blocks from an empty one, is learned from wherever the blocks are;
:func:`partial_sum` is what each of its tasks does.

Examples
--------
Blocks summed by a pool of processes (those of Ray, Spark or MPI look alike). A block may be a function that loads it
where it is wanted:

>>> import functools, operator
>>> from multiprocessing.pool import ThreadPool
>>> import limbeck
>>> from limbeck.blocks import partial_sum
>>> class PoolBlocks:
...     def __init__(self, pool, blocks):
...         self.pool, self.blocks = pool, blocks
...     def total(self, empty):
...         tasks = [(empty, block, number) for number, block in enumerate(self.blocks)]
...         return functools.reduce(operator.add, self.pool.starmap(partial_sum, tasks))
>>> planted = limbeck.datasets.make_narrow_network("generic", 10, 2, seed=0)
>>> blocks = [functools.partial(limbeck.datasets.sample, planted, 3000, seed=i) for i in range(8)]
>>> with ThreadPool(2) as pool:
...     found = limbeck.learn(PoolBlocks(pool, blocks), sample_rows=5000)
>>> found.network.distance(planted) < 1e-20
True
"""

from limbeck.blocks._arrays import from_arrays
from limbeck.blocks._arrow import from_arrow
from limbeck.blocks._dask import from_dask
from limbeck.blocks._npy import from_npy
from limbeck.blocks._protocol import Blocks, partial_sum
from limbeck.blocks._resumable import resumable

__all__ = ["Blocks", "from_arrays", "from_arrow", "from_dask", "from_npy", "partial_sum", "resumable"]

"""Memory maps in blocks: bounded memory, and changes of private copies."""

import os

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from limbeck import blocks


@pytest.mark.parametrize(
    "kind", [pytest.param("whole", marks=pytest.mark.slow), "columns", pytest.param("parquet", marks=pytest.mark.slow)]
)
def test_memory_does_not_grow_with_files(kind, run_python, tmp_path):
    if kind == "parquet":
        rng, schema = np.random.default_rng(0), pyarrow.schema([(name, pyarrow.float64()) for name in "abcdefghy"])
        with pyarrow.parquet.ParquetWriter(tmp_path / "rows.parquet", schema, compression="none") as writer:
            for _ in range(40):
                writer.write_table(pyarrow.table(dict(zip("abcdefghy", rng.random((9, 100_000)), strict=True))))
    else:
        np.save(tmp_path / "rows.npy", np.zeros((2_000_000, 9)))
    code = """
import sys, numpy as np, limbeck
from limbeck import blocks
if sys.argv[2] == "parquet":
    source = blocks.from_arrow(f"{sys.argv[1]}/rows.parquet", "y", rows=200_000)
else:
    rows = np.load(f"{sys.argv[1]}/rows.npy", mmap_mode="r")
    X = rows[:, :8] if sys.argv[2] == "columns" else rows
    source = blocks.from_arrays(X, rows[:, 8], rows=200_000)
total = limbeck.moments.MomentAccumulator(np.eye(9)[:1, : 9 if sys.argv[2] == "whole" else 8], [2])
before = [line for line in open("/proc/self/status") if line.startswith("VmHWM")][0].split()[1]
total.update_from(source)
after = [line for line in open("/proc/self/status") if line.startswith("VmHWM")][0].split()[1]
print(int(after) - int(before), total.n_rows)
"""
    if not os.path.exists("/proc/self/status"):
        pytest.skip("memory is read off /proc")
    done = run_python(code, tmp_path, kind)
    grown, rows = map(int, done.stdout.split())
    assert rows == (4_000_000 if kind == "parquet" else 2_000_000)
    most = 130_000 if kind == "parquet" else 80_000
    assert grown < most, f"{grown} kB for blocks of 14 MB from a file of 144 MB, or 288 MB of Parquet"


def test_changes_of_a_private_map_are_not_lost(tmp_path, X, Y):
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="c")
    mapped[:] = 1.0
    list(blocks.from_arrays(mapped, Y, rows=3000))
    assert (mapped == 1).all()

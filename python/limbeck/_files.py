"""Files that are there whole or not at all, and the headers of NPY files."""

import os
import threading
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from limbeck._warnings import silenced

__all__ = ["npy_header", "write_whole"]


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, and an older one stays until then.

    Raises
    ------
    OSError
        The folder or the disk does not take it.
    """
    if path.exists() and not path.is_file():  # /dev/stdout, a pipe: there is nothing to replace
        path.write_bytes(content)
        return
    part = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def npy_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether the order is Fortran's, and type of the array in an NPY file, which is left where that begins.

    Raises
    ------
    ValueError
        This is no such file, or its header makes no sense.
    """
    try:
        with silenced():  # NumPy warns of headers that make no sense
            version = np.lib.format.read_magic(file)
            if version not in ((1, 0), (2, 0), (3, 0)):
                raise ValueError(f"version {version}")
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran_order, dtype = read(file)
    except MemoryError:
        raise
    except Exception as error:  # NumPy promises no type of error
        raise ValueError(str(error) or type(error).__name__) from None
    if min(shape, default=0) < 0:
        raise ValueError(f"shape {shape}")
    return shape, fortran_order, dtype

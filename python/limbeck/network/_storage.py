"""Files of networks in JSON and NPZ: formats, versions, and errors for files that are damaged, hostile or enormous."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from limbeck._base.files import write_whole
from limbeck._base.warnings import silenced
from limbeck.network._parameters import Parameters
from limbeck.network._preprocessing import preprocessing_of

__all__ = ["content_of", "load_parameters", "parameters_of", "read_content", "save_parameters"]

_FORMAT = "limbeck.ReLUNetwork"
# Files of one output are those of the first version, which every limbeck reads; (q, k) output weights came with the
# second.
_VERSION, _VERSION_OF_SEVERAL_OUTPUTS = 1, 2
_FIELDS = ("weights", "output", "linear", "bias", "thresholds")
# Bytes, unpacked. A network of 10,000 neurons of 10,000 features, far beyond what can be learned, has 0.8 GB; what is
# larger is another file or an attack, and is refused before memory is taken for it.
_LARGEST_FILE = 1 << 30


def save_parameters(path: Path, parameters: Parameters) -> None:
    """Write parameters to a ``.json`` or ``.npz`` file, to the bit. The file appears whole or not at all.

    Raises
    ------
    ValueError
        The name ends in neither .json nor .npz.
    """
    if _file_kind(path) == ".json":
        return write_whole(path, json.dumps(content_of(parameters), indent=1).encode())
    content = io.BytesIO()
    fields: dict[str, Any] = {name: getattr(parameters, name) for name in _FIELDS}
    np.savez(content, format=_FORMAT, version=_version(parameters), **fields)
    return write_whole(path, content.getvalue())


def load_parameters(path: Path) -> Parameters:
    """Read the parameters of a network of the features as they are; preprocessing in the file is folded into them.

    Raises
    ------
    ValueError
        The file is not a network.
    OSError
        The file cannot be read.
    """
    content = read_content(path)
    try:
        return parameters_of(content)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} is not a limbeck network: {error}") from None


def content_of(parameters: Parameters) -> dict[str, Any]:
    """Format, version and parameters as plain lists and numbers, for JSON."""
    head = {"format": _FORMAT, "version": _version(parameters), "n_features": parameters.n_features}
    return {**head, **parameters.to_dict()}


def _version(parameters: Parameters) -> int:
    """Lowest version of the format that knows a network's shapes."""
    return _VERSION_OF_SEVERAL_OUTPUTS if parameters.has_several_outputs else _VERSION


def parameters_of(content: object, *, folded: bool = True) -> Parameters:
    """Read parameters from a file's content, in the units of the data, or of its preprocessing if not folded.

    Raises
    ------
    ValueError, TypeError
        ``content`` is something else: the message says what.
    """
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise ValueError(f"it lacks format = {_FORMAT!r}")
    versions, version = (_VERSION, _VERSION_OF_SEVERAL_OUTPUTS), content.get("version")
    if isinstance(version, bool) or not isinstance(version, int) or version not in versions:
        raise ValueError(f"its version is {version!r}, this limbeck reads versions {versions[0]} and {versions[1]}")
    missing = [name for name in _FIELDS if name not in content]
    if missing:
        raise ValueError(f"it lacks {', '.join(missing)}")
    weights = content["weights"]
    if isinstance(weights, list) and not weights:  # a linear function: no neurons, so no row to count features in
        linear = content["linear"]
        several = isinstance(linear, list) and bool(linear) and isinstance(linear[0], list)
        weights = np.empty((0, len(linear[0] if several else linear)))
    parameters = Parameters.checked(
        weights,
        content["output"],
        linear=content["linear"],
        bias=content["bias"],
        thresholds=content["thresholds"],
    )
    if parameters.has_several_outputs != (version == _VERSION_OF_SEVERAL_OUTPUTS):
        raise ValueError(f"its version is {version}, but output has shape {parameters.output.shape}")
    d = parameters.n_features
    if content.get("n_features", d) != d:
        raise ValueError(f"n_features is {content['n_features']!r}, but weights have {d} columns")
    if not folded or content.get("preprocessing") is None:
        return parameters
    return preprocessing_of(content, d).folded(parameters)


def read_content(path: Path, *, largest: int = _LARGEST_FILE) -> Any:  # noqa: ANN401
    """Read the content of a ``.json`` or ``.npz`` file of at most ``largest`` bytes. Nothing is unpickled.

    Returns
    -------
    dict for a network's file; for other JSON files what they hold, for other NPZ files an empty dict

    Raises
    ------
    ValueError
        The name ends in neither .json nor .npz, the file is larger, or it is of another kind than its name says.
    OSError
        The file cannot be read.
    """
    kind = _file_kind(path)
    data = _read_bytes(path, largest)
    return _json_content(path, data) if kind == ".json" else _npz_content(path, data, largest)


def _file_kind(path: Path) -> str:
    """Extension of a network's file, .json or .npz."""
    kind = path.suffix.lower()
    if kind not in (".json", ".npz"):
        raise ValueError(f"the name of a network's file ends in .json or .npz, got {str(path)!r}")
    return kind


def _read_bytes(path: Path, largest: int) -> bytes:
    """Read a file that is not larger than allowed."""
    _require_small(path, path.stat().st_size, largest)
    with path.open("rb") as file:
        content = file.read(largest + 1)  # a device has no size beforehand
    _require_small(path, len(content), largest)
    return content


def _require_small(path: Path, size: int, largest: int) -> None:
    """Raise ValueError for a size in bytes beyond the largest."""
    if size > largest:
        raise ValueError(
            f"{path} holds {size / 2**30:.1f} GiB, more than any network's file ({largest / 2**30:.3g} GiB)"
        )


def _json_content(path: Path, data: bytes) -> Any:  # noqa: ANN401
    try:
        return json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON that a network could be in: {error}") from None


def _npz_content(path: Path, data: bytes, largest: int) -> dict[str, Any]:
    # Read into memory before, so that an OSError below means that the archive is damaged.
    file = io.BytesIO(data)
    try:
        # NumPy warns of headers that make no sense.
        with silenced(), np.load(file, allow_pickle=False) as content:
            _require_small(path, sum(member.file_size for member in content.zip.infolist()), largest)
            if "format" not in content.files or str(content["format"]) != _FORMAT:
                return {}
            wanted = ("version", *_FIELDS)
            fields = {name: content[name] for name in wanted if name in content.files}
            # Some types take less in the file than the eight bytes of float64.
            _require_small(path, 8 * sum(array.size for array in fields.values()), largest)
            plain = {name: array.item() if array.ndim == 0 else array for name, array in fields.items()}
            return {"format": _FORMAT, **plain}
    except Exception as error:  # NumPy, zipfile and its decompressors promise no type of error
        raise ValueError(f"{path} is not an NPZ file of arrays: {error}") from None

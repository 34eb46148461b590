"""Sums of ReLUs with a linear part: evaluation, exact Gaussian inner products, files."""

import io
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from limbeck import _kernels
from limbeck._base.arrays import finite_result, float_array, matrix, require_finite, same_length, thread_count, vector
from limbeck._base.files import write_whole
from limbeck._base.warnings import silenced
from limbeck._exports.onnx import to_onnx, to_torch

if TYPE_CHECKING:
    from torch.nn import Module

__all__ = ["ReLUNetwork"]

_FORMAT = "limbeck.ReLUNetwork"
_FORMAT_VERSION = 1
_LARGEST_FILE = 1 << 30  # bytes, unpacked
_FIELDS = ("weights", "output", "linear", "bias", "thresholds")


class ReLUNetwork:
    """The function ``f(x) = output @ relu(weights @ x + thresholds) + linear @ x + bias``.

    Parameters
    ----------
    weights : array_like of shape (k, d)
        One row per neuron. k = 0 is a linear function.
    output : array_like of shape (k,)
        Output weights.
    linear : array_like of shape (d,), optional
        Linear part; default zero. Since relu(z) - relu(-z) = z, flipping a neuron's sign changes f by a linear function
        only, so a learned network needs one.
    bias : float, default 0
        Constant term.
    thresholds : array_like of shape (k,), optional
        Added to each neuron's input; default zero, as in arXiv 2304.10524.

    Attributes
    ----------
    weights, output, linear, bias, thresholds
        As above, float64 and read-only.
    width, n_features : int
        k and d.

    Raises
    ------
    TypeError
        An argument does not hold real numbers.
    ValueError
        Shapes disagree, or an argument holds NaN or infinity.

    Examples
    --------
    >>> import limbeck
    >>> net = limbeck.ReLUNetwork([[1.0, 0.0], [0.0, 1.0]], [1.0, -2.0])
    >>> net([[3.0, 2.0], [-1.0, 1.0]])
    array([-1., -2.])
    """

    def __init__(
        self,
        weights: ArrayLike,
        output: ArrayLike,
        *,
        linear: ArrayLike | None = None,
        bias: float = 0.0,
        thresholds: ArrayLike | None = None,
    ) -> None:
        W = matrix(weights, "weights", np.float64)
        c = vector(output, "output", np.float64)
        w = np.zeros(W.shape[1]) if linear is None else vector(linear, "linear", np.float64)
        t = np.zeros(W.shape[0]) if thresholds is None else vector(thresholds, "thresholds", np.float64)
        same_length(W, "weights", 0, c, "output", 0, "neurons")
        same_length(W, "weights", 0, t, "thresholds", 0, "neurons")
        same_length(W, "weights", 1, w, "linear", 0, "features")
        b = np.asarray(bias)
        if b.ndim != 0 or b.dtype.kind not in "biuf":
            raise TypeError(f"bias must be a real number, got {bias!r}")
        require_finite(weights=W, output=c, linear=w, thresholds=t, bias=np.array([float(b)]))
        self.weights, self.output, self.linear, self.thresholds = (np.array(a) for a in (W, c, w, t))
        self.bias = float(b)
        for array in (self.weights, self.output, self.linear, self.thresholds):
            array.setflags(write=False)

    @property
    def width(self) -> int:
        """Number of neurons, k."""
        return int(self.weights.shape[0])

    @property
    def n_features(self) -> int:
        """Number of features, d."""
        return int(self.weights.shape[1])

    def __repr__(self) -> str:
        return f"ReLUNetwork(width={self.width}, n_features={self.n_features})"

    def __eq__(self, other: object) -> bool:
        """Equal parameters, number for number; see :meth:`distance` for functions."""
        if not isinstance(other, ReLUNetwork):
            return NotImplemented
        return self.bias == other.bias and all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in _FIELDS if name != "bias"
        )

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        # Through the constructor, so that the arrays of a copy are checked and read-only too.
        return _rebuild, tuple(np.array(getattr(self, name)) for name in _FIELDS)

    def __call__(self, X: ArrayLike, *, n_threads: int | None = None, check_finite: bool = True) -> NDArray[Any]:
        """Values of the network on rows.

        Parameters
        ----------
        X : array_like or data frame of shape (n, d)
            Inputs. float32 input is computed and returned in float32. A network has no names of features, so that the
            columns of a frame are taken by position; :meth:`limbeck.Learned.predict` matches names.
        n_threads : int, optional
            Number of threads; default what OpenMP would take.
        check_finite : bool, default True
            Raise on NaN or infinity in X.

        Returns
        -------
        ndarray of shape (n,)

        Raises
        ------
        TypeError
            X does not hold real numbers.
        ValueError
            X has another number of features than the network, or holds NaN or infinity; or X is float32 and a parameter
            beyond that.
        """
        X = matrix(X, "X")
        same_length(X, "X", 1, self.weights, "weights", 1, "features")
        names = ("weights", "thresholds", "output", "linear")
        weights, thresholds, output, linear = (
            float_array(getattr(self, name), name, (1, 2), X.dtype) for name in names
        )
        if X.dtype != np.float64:
            float_array([self.bias], "bias", 1, X.dtype)
        values = _kernels.network_forward(weights, thresholds, output, linear, self.bias, X, thread_count(n_threads))
        return finite_result(values, X=X) if check_finite else values

    def distance(self, other: "ReLUNetwork") -> float:
        """Population squared distance ``E (f(x) - g(x))^2`` over x ~ N(0, I), in closed form.

        Without thresholds the sum is taken in double-double arithmetic (about 32 digits), so that near-collinear
        neurons with large opposite weights cancel without loss. With thresholds it is exact to about 1e-10 of the sum
        of the squared neurons, by a quadrature of the bivariate normal density.

        Raises
        ------
        TypeError
            ``other`` is not a ReLUNetwork.
        ValueError
            The networks have different numbers of features.

        Notes
        -----
        With t the angle between a and b, ``E relu(<a,x>) relu(<b,x>) = |a||b| (sin t + (pi - t) cos t) / (2 pi)``
        (Cho and Saul, Kernel methods for deep learning, NeurIPS 2009, the arc-cosine kernel of degree 1).
        """
        if not isinstance(other, ReLUNetwork):
            raise TypeError(f"other must be a ReLUNetwork, got {type(other).__name__}")
        if self.n_features != other.n_features:
            raise ValueError(
                f"networks of different numbers of features cannot be compared: {self.n_features} and "
                f"{other.n_features}"
            )
        # What the subtraction rounds away (Knuth's TwoSum) goes in as two more neurons, v relu(x_j) - v relu(-x_j) = v
        # x_j, so that the distance is that of the two functions and not of rounded ones.
        with np.errstate(over="ignore", invalid="ignore"):  # beyond the range the distance is infinite
            linear = self.linear - other.linear
            back = linear - self.linear
            lost = (self.linear - (linear - back)) - (other.linear + back)
        lost[~np.isfinite(lost)] = 0.0
        extra = np.flatnonzero(lost)
        rows = np.zeros((2 * len(extra), self.n_features))
        rows[np.arange(len(extra)), extra] = 1.0
        rows[len(extra) + np.arange(len(extra)), extra] = -1.0
        _, second_moment, _ = _kernels.gaussian_moments(
            np.concatenate([self.weights, other.weights, rows]),
            np.concatenate([self.thresholds, other.thresholds, np.zeros(2 * len(extra))]),
            np.concatenate([self.output, -other.output, lost[extra], -lost[extra]]),
            linear,
            self.bias - other.bias,
        )
        return second_moment

    def variance(self) -> float:
        """Variance of f(x) over x ~ N(0, I), in closed form."""
        return _kernels.gaussian_moments(self.weights, self.thresholds, self.output, self.linear, self.bias)[2]

    def normalized(self) -> "ReLUNetwork":
        """The same function with unit rows, neurons in falling order of the size of their output weight.

        A neuron without a direction is a constant and moves into the bias.

        Raises
        ------
        ValueError
            A parameter of the result leaves the range of float64.
        """
        largest = np.abs(self.weights).max(axis=1, initial=0.0)
        dead = largest == 0
        kept = np.flatnonzero(~dead)
        # Powers of two come out of the rows first, and then out of their norms, so that nothing overflows or vanishes
        # on the way.
        exponents = np.frexp(largest[kept])[1]
        rows = np.ldexp(self.weights[kept], -exponents[:, None])
        norms = np.linalg.norm(rows, axis=1)
        weights = rows / norms[:, None]
        halves, more = np.frexp(norms)
        with np.errstate(over="ignore", invalid="ignore"):  # the network refuses what is not finite
            constant = float(self.output[dead] @ np.maximum(self.thresholds[dead], 0.0))
            output = np.ldexp(self.output[kept] * halves, exponents + more)
            thresholds = np.ldexp(self.thresholds[kept] / (2 * halves), 1 - exponents - more)
        # The last key of lexsort counts first: size, then direction and the rest, so that the order is always the same.
        order = np.lexsort((thresholds, output, *weights.T[::-1], -np.abs(output)))
        return ReLUNetwork(
            weights[order],
            output[order],
            linear=self.linear,
            bias=self.bias + constant,
            thresholds=thresholds[order],
        )

    # ---- Other programs ----

    def to_onnx(self, path: str | os.PathLike[str], dtype: DTypeLike = np.float64) -> None:
        """Write an ONNX graph of opset 13 with one input ``X`` (n, d) and one output ``y`` (n,); extra ``onnx``.

        Parameters
        ----------
        path : path
            A file whose name ends in .onnx; it appears whole or not at all.
        dtype : {float64, float32}, default float64
            Of input, output and arithmetic. Runtimes on other hardware often know float32 alone.

        Raises
        ------
        ImportError
            onnx is not installed.
        ValueError
            The name or the dtype is another, or a parameter overflows in float32.
        """
        to_onnx(self, path, dtype)

    def to_torch(self) -> "Module":
        """The network as a ``torch.nn.Module`` of float64, with trainable copies of its parameters; extra ``torch``.

        Returns
        -------
        torch.nn.Module
            Maps (n, d) to (n,). ``module.float()`` makes it float32.

        Raises
        ------
        ImportError
            PyTorch is not installed.
        """
        return to_torch(self)

    # ---- Files ----

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to a ``.json`` or ``.npz`` file; both keep every bit. The file appears whole or not at all.

        Raises
        ------
        ValueError
            The name ends in neither .json nor .npz.
        """
        target = Path(path)
        if _file_kind(target) == ".json":
            return write_whole(target, json.dumps(self.to_dict(), indent=1).encode())
        content = io.BytesIO()
        fields: dict[str, Any] = {name: getattr(self, name) for name in _FIELDS}
        np.savez(content, format=_FORMAT, version=_FORMAT_VERSION, **fields)
        return write_whole(target, content.getvalue())

    @staticmethod
    def load(path: str | os.PathLike[str]) -> "ReLUNetwork":
        """Read a file that :meth:`save`, or the command line, wrote. Nothing is unpickled.

        A file may hold a network of standardised features together with means and scales; what is returned is the
        network of the features as they are in the data.

        Raises
        ------
        ValueError
            The file is not a network: the message says what is wrong with it.
        OSError
            The file cannot be read.
        """
        source = Path(path)
        content = _read_json(source) if _file_kind(source) == ".json" else _read_npz(source)
        try:
            return ReLUNetwork.from_dict(content)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{source} is not a limbeck network: {error}") from None

    def to_dict(self) -> dict[str, Any]:
        """The network as plain lists and numbers, for JSON."""
        arrays = {name: getattr(self, name).tolist() for name in ("weights", "thresholds", "output", "linear")}
        return {
            "format": _FORMAT,
            "version": _FORMAT_VERSION,
            "n_features": self.n_features,
            **arrays,
            "bias": self.bias,
        }

    @staticmethod
    def from_dict(content: Any) -> "ReLUNetwork":  # noqa: ANN401
        """The network that :meth:`to_dict` described.

        Raises
        ------
        ValueError, TypeError
            ``content`` is something else: the message says what.
        """
        if not isinstance(content, dict) or content.get("format") != _FORMAT:
            raise ValueError(f"it lacks format = {_FORMAT!r}")
        if content.get("version") != _FORMAT_VERSION or isinstance(content["version"], bool):
            raise ValueError(f"its version is {content.get('version')!r}, this limbeck reads version {_FORMAT_VERSION}")
        missing = [name for name in _FIELDS if name not in content]
        if missing:
            raise ValueError(f"it lacks {', '.join(missing)}")
        weights = content["weights"]
        if isinstance(weights, list) and not weights:  # a linear function: no neurons, so no row to count features in
            weights = np.empty((0, len(content["linear"])))
        network = ReLUNetwork(
            weights,
            content["output"],
            linear=content["linear"],
            bias=content["bias"],
            thresholds=content["thresholds"],
        )
        if content.get("n_features", network.n_features) != network.n_features:
            raise ValueError(f"n_features is {content['n_features']!r}, but weights have {network.n_features} columns")
        if content.get("preprocessing") is None:
            return network
        from limbeck.network._storage import preprocessing_of

        return preprocessing_of(content, network).folded(network)


def _rebuild(
    weights: ArrayLike, output: ArrayLike, linear: ArrayLike, bias: float, thresholds: ArrayLike
) -> ReLUNetwork:
    return ReLUNetwork(weights, output, linear=linear, bias=float(bias), thresholds=thresholds)


def _require_small(path: Path, size: int) -> None:
    if size > _LARGEST_FILE:
        raise ValueError(f"{path} holds {size / 2**30:.1f} GiB, more than any network's file (1 GiB)")


def _read_bytes(path: Path) -> bytes:
    _require_small(path, path.stat().st_size)
    with path.open("rb") as file:
        content = file.read(_LARGEST_FILE + 1)  # a device has no size beforehand
    _require_small(path, len(content))
    return content


def _read_json(path: Path) -> Any:  # noqa: ANN401
    content = _read_bytes(path)
    try:
        return json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON that a network could be in: {error}") from None


def _read_npz(path: Path) -> dict[str, Any]:
    # In memory, so that an OSError of what follows is that of a damaged archive.
    file = io.BytesIO(_read_bytes(path))
    try:
        # NumPy warns of headers that make no sense.
        with silenced(), np.load(file, allow_pickle=False) as content:
            _require_small(path, sum(member.file_size for member in content.zip.infolist()))
            if "format" not in content.files or str(content["format"]) != _FORMAT:
                return {}
            wanted = ("version", *_FIELDS)
            fields = {name: content[name] for name in wanted if name in content.files}
            _require_small(path, 8 * sum(array.size for array in fields.values()))  # some take less in the file
            plain = {name: array.item() if array.ndim == 0 else array for name, array in fields.items()}
            return {"format": _FORMAT, **plain}
    except Exception as error:  # NumPy, zipfile and its decompressors promise no type of error
        raise ValueError(f"{path} is not an NPZ file of arrays: {error}") from None


def _file_kind(path: Path) -> str:
    kind = path.suffix.lower()
    if kind not in (".json", ".npz"):
        raise ValueError(f"the name of a network's file ends in .json or .npz, got {str(path)!r}")
    return kind

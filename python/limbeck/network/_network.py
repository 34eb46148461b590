"""Sums of ReLUs with a linear part: evaluation, exact Gaussian inner products, files."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from limbeck._base.arrays import finite_result, matrix, same_length, thread_count
from limbeck.network._evaluation import squared_distances, values, variances
from limbeck.network._exporters import exporter
from limbeck.network._parameters import Parameters
from limbeck.network._storage import content_of, load_parameters, parameters_of, save_parameters

if TYPE_CHECKING:
    from torch.nn import Module

__all__ = ["ReLUNetwork", "network_of"]


class ReLUNetwork:
    """The function ``f(x) = output @ relu(weights @ x + thresholds) + linear @ x + bias``.

    Parameters
    ----------
    weights : array_like of shape (k, d)
        One row per neuron. k = 0 is a linear function.
    output : array_like of shape (k,) or (q, k)
        Output weights; a matrix makes a network of q outputs that share their neurons.
    linear : array_like of shape (d,) or (q, d), optional
        Linear part, of as many outputs; default zero. Since relu(z) - relu(-z) = z, flipping a neuron's sign changes f
        by a linear function only, so a learned network needs one.
    bias : float or array_like of shape (q,), default 0
        Constant term; a number is that of each output.
    thresholds : array_like of shape (k,), optional
        Added to each neuron's input; default zero, as in arXiv 2304.10524.

    Attributes
    ----------
    weights, output, linear, bias, thresholds
        As above, float64 and read-only.
    width, n_features, n_outputs : int
        k, d and q.

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
    >>> limbeck.ReLUNetwork([[1.0, 0.0], [0.0, 1.0]], [[1.0, -2.0], [0.0, 1.0]], bias=[0.0, 5.0])([[3.0, 2.0]])
    array([[-1.,  7.]])
    """

    def __init__(
        self,
        weights: ArrayLike,
        output: ArrayLike,
        *,
        linear: ArrayLike | None = None,
        bias: ArrayLike = 0.0,
        thresholds: ArrayLike | None = None,
    ) -> None:
        self._parameters = Parameters.checked(weights, output, linear=linear, bias=bias, thresholds=thresholds)

    @property
    def weights(self) -> NDArray[np.float64]:
        """Weights of the neurons, shape (k, d)."""
        return self._parameters.weights

    @property
    def thresholds(self) -> NDArray[np.float64]:
        """Thresholds of the neurons, shape (k,)."""
        return self._parameters.thresholds

    @property
    def output(self) -> NDArray[np.float64]:
        """Output weights, shape (k,) or (q, k)."""
        return self._parameters.output

    @property
    def linear(self) -> NDArray[np.float64]:
        """Linear part, shape (d,) or (q, d)."""
        return self._parameters.linear

    @property
    def bias(self) -> Any:  # noqa: ANN401 - a number of one output, an array of several
        """Constant term, a number or an array of shape (q,)."""
        return self._parameters.bias

    @property
    def width(self) -> int:
        """Number of neurons, k."""
        return self._parameters.width

    @property
    def n_features(self) -> int:
        """Number of features, d."""
        return self._parameters.n_features

    @property
    def n_outputs(self) -> int:
        """Number of outputs, q; 1 where ``output`` has shape (k,)."""
        return self._parameters.n_outputs

    def __repr__(self) -> str:
        several = f", n_outputs={self.n_outputs}" if self._parameters.has_several_outputs else ""
        return f"ReLUNetwork(width={self.width}, n_features={self.n_features}{several})"

    def __eq__(self, other: object) -> bool:
        """Equal parameters, number for number; see :meth:`distance` for functions."""
        if not isinstance(other, ReLUNetwork):
            return NotImplemented
        return self._parameters.equals(other._parameters)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy is made by the constructor, so that its arrays are checked and read-only, too.
        fields = ("weights", "output", "linear", "bias", "thresholds")
        return _rebuild, tuple(np.array(getattr(self, name)) for name in fields)

    def __call__(self, X: ArrayLike, *, n_threads: int | None = None, check_finite: bool = True) -> NDArray[Any]:
        """Values of the network on rows.

        Parameters
        ----------
        X : array_like or data frame of shape (n, d)
            Inputs. float32 input is computed and returned in float32. A network has no names of features, so that the
            columns of a frame are taken by position; :meth:`limbeck.Learned.predict` matches names.
        n_threads : int, optional
            Number of threads; default OpenMP's own.
        check_finite : bool, default True
            Raise on NaN or infinity in X.

        Returns
        -------
        ndarray of shape (n,) or, of q outputs, (n, q)

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
        found = values(self._parameters, X, thread_count(n_threads))
        return finite_result(found, X=X) if check_finite else found

    def distance(self, other: "ReLUNetwork") -> float:
        """Population squared distance ``E |f(x) - g(x)|^2`` over x ~ N(0, I), in closed form.

        Of several outputs it is the sum of their squared distances.

        Without thresholds the sum is taken in double-double arithmetic (about 32 digits), so that near-collinear
        neurons with large opposite weights cancel without loss. With thresholds it is exact to about 1e-10 of the sum
        of the squared neurons, by a quadrature of the bivariate normal density.

        Raises
        ------
        TypeError
            ``other`` is not a ReLUNetwork.
        ValueError
            The networks have different numbers of features or outputs.

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
        if self.output.shape[:-1] != other.output.shape[:-1]:
            raise ValueError(
                f"networks of different outputs cannot be compared: output has shapes {self.output.shape} and "
                f"{other.output.shape}"
            )
        return float(squared_distances(self._parameters, other._parameters).sum())

    def variance(self) -> Any:  # noqa: ANN401 - a number of one output, an array of several
        """Variance of f(x) over x ~ N(0, I), in closed form: a number or, of q outputs, an array of shape (q,)."""
        found = variances(self._parameters)
        return found if self._parameters.has_several_outputs else float(found[0])

    def normalized(self) -> "ReLUNetwork":
        """Network of unit rows that is this function, neurons in falling order of the size of their output weight.

        Of several outputs, the size is the Euclidean norm of a neuron's weights. A neuron without a direction is a
        constant and moves into the bias.

        Raises
        ------
        ValueError
            A parameter of the result leaves the range of float64.
        """
        largest = np.abs(self.weights).max(axis=1, initial=0.0)
        dead = largest == 0
        kept = np.flatnonzero(~dead)
        # Powers of two are taken out of the rows first, and then out of their norms, so that nothing overflows or
        # vanishes in between.
        exponents = np.frexp(largest[kept])[1]
        rows = np.ldexp(self.weights[kept], -exponents[:, None])
        norms = np.linalg.norm(rows, axis=1)
        weights = rows / norms[:, None]
        halves, more = np.frexp(norms)
        with np.errstate(over="ignore", invalid="ignore"):  # the constructor refuses numbers that are not finite
            constant = self.output[..., dead] @ np.maximum(self.thresholds[dead], 0.0)
            output = np.ldexp(self.output[..., kept] * halves, exponents + more)
            thresholds = np.ldexp(self.thresholds[kept] / (2 * halves), 1 - exponents - more)
        # The last key of lexsort counts first: size, then direction and the rest, so that the order is always the same.
        order = np.lexsort((thresholds, *np.atleast_2d(output)[::-1], *weights.T[::-1], -_sizes(output)))
        return ReLUNetwork(
            weights[order],
            output[..., order],
            linear=self.linear,
            bias=self.bias + constant,
            thresholds=thresholds[order],
        )

    # ---- Other programs ----

    def to_onnx(self, path: str | os.PathLike[str], dtype: DTypeLike = np.float64) -> None:
        """Write an ONNX graph of opset 13 with one input ``X`` (n, d) and one output ``y``; extra ``onnx``.

        ``y`` has shape (n,) or, of q outputs, (n, q).

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
            The name does not end in .onnx, the dtype is another, or a parameter overflows in float32.
        """
        exporter("onnx")(self._parameters, path, dtype)

    def to_torch(self) -> "Module":
        """Convert to a ``torch.nn.Module`` of float64, with trainable copies of the parameters; extra ``torch``.

        Returns
        -------
        torch.nn.Module
            Maps (n, d) to (n,) or, of q outputs, to (n, q). ``module.float()`` makes it float32.

        Raises
        ------
        ImportError
            PyTorch is not installed.
        """
        module: Module = exporter("torch")(self._parameters)
        return module

    # ---- Files ----

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to a ``.json`` or ``.npz`` file; both keep every bit. The file appears whole or not at all.

        Raises
        ------
        ValueError
            The name ends in neither .json nor .npz.
        """
        save_parameters(Path(path), self._parameters)

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
        return network_of(load_parameters(Path(path)))

    def to_dict(self) -> dict[str, Any]:
        """Convert to plain lists and numbers, for JSON."""
        return content_of(self._parameters)

    @staticmethod
    def from_dict(content: object) -> "ReLUNetwork":
        """Make a network from the content of a JSON file, as :meth:`to_dict` gives it.

        Raises
        ------
        ValueError, TypeError
            ``content`` is something else: the message says what.
        """
        return network_of(parameters_of(content))


def network_of(parameters: Parameters) -> ReLUNetwork:
    """Network with given parameters."""
    p = parameters
    return ReLUNetwork(p.weights, p.output, linear=p.linear, bias=p.bias, thresholds=p.thresholds)


def _sizes(output: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sizes (k,) of output weights: absolute values, or Euclidean norms over several outputs."""
    largest = np.abs(np.atleast_2d(output)).max(axis=0)
    if output.ndim == 1:
        return np.asarray(largest)
    divisors = np.where(largest > 0, largest, 1.0)  # so that squares neither overflow nor vanish
    with np.errstate(over="ignore"):
        return np.asarray(divisors * np.linalg.norm(output / divisors, axis=0))


def _rebuild(
    weights: ArrayLike, output: ArrayLike, linear: ArrayLike, bias: ArrayLike, thresholds: ArrayLike
) -> ReLUNetwork:
    return ReLUNetwork(weights, output, linear=linear, bias=bias, thresholds=thresholds)

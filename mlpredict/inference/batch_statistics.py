"""What a batch normalisation behind the first layer remembers of the images a model was trained on.

A convolution is linear: the mean of what it gives is the mean of what it takes, weighted by its kernel's
sums. A batch normalisation keeps that mean, and the variance, for each of its filters. There are more
filters than channels, so that least squares find the inputs' mean, and tell how well it fits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from mlpredict.inference.evidence import InputMap, Statistics
from mlpredict.inference.input_map import ADDING, Arrival, Graph, Node

if TYPE_CHECKING:
    from numpy.typing import NDArray

CONVOLUTIONS = frozenset({"Conv2D", "DepthwiseConv2dNative"})
# Of neighbouring pixels of photos, and of the channels of one pixel.
NEIGHBOURS = 0.95
CHANNELS = 0.9
# Filters that hardly vary have died, and tell nothing.
LIVING = 1e-3
MAX_DEPTH = 12


def statistics(graph: Graph, arrival: Arrival) -> Statistics | None:
    """The inputs' statistics, where the first layer is a convolution with a batch normalisation behind it."""
    node = arrival.node
    if node.op not in CONVOLUTIONS or len(node.inputs) < 2:
        return None
    kernel = graph.constant(node.inputs[1])
    if kernel is None or kernel.ndim != 4 or not (remembered := _remembered(graph, node)):
        return None
    weights = np.asarray(kernel, np.float64)
    if node.op == "DepthwiseConv2dNative":
        weights = _as_full(weights)
    mean, variance = remembered
    if mean.shape != variance.shape or mean.shape != (weights.shape[3],):
        return None
    return _solved(weights, mean, variance, arrival.map)


def _as_full(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """A depthwise kernel, of shape (height, width, channels, multiplier), as one over all channels."""
    height, width, channels, multiplier = kernel.shape
    full = np.zeros((height, width, channels, channels, multiplier))
    for channel in range(channels):
        full[:, :, channel, channel] = kernel[:, :, channel]
    return full.reshape(height, width, channels, channels * multiplier)


def _remembered(graph: Graph, node: Node) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Mean and variance of what a convolution gave, before its bias was added."""
    bias: NDArray[np.float64] = np.zeros(())
    for _ in range(4):
        following = graph.consumers(node.name)
        if len(following) != 1:
            return None
        (behind,) = following
        if behind.op == "FusedBatchNormV3":
            found = [graph.constant(name) for name in behind.inputs[3:5]]
        elif behind.op == "Mul":
            found = list(_spelled_out(graph, node, behind))
        elif behind.op in ADDING | {"Reshape", "Squeeze"}:
            others = [graph.constant(name) for name in behind.inputs if name != node.name]
            if behind.op in ADDING and others and others[0] is not None:
                bias = bias + np.asarray(others[0], np.float64).reshape(-1)
            node = behind
            continue
        else:
            return None
        if len(found) != 2 or found[0] is None or found[1] is None:
            return None
        mean, variance = (np.asarray(one, np.float64).reshape(-1) for one in found)
        return (mean - bias, variance) if bias.shape in ((), mean.shape) else None
    return None


def _spelled_out(graph: Graph, node: Node, product: Node) -> Iterator[NDArray[Any] | None]:
    """The same of a normalisation that is no operation of its own, but `x * factor + (beta - mean * factor)`.

    The variance is what the factor takes the root of, with a small constant; the mean is multiplied by
    the same factor elsewhere.
    """
    factor = next((name for name in product.inputs if name != node.name), "")
    root = next((above for above in _above(graph, factor) if above.op == "Rsqrt"), None)
    means = [
        name
        for other in graph.consumers(factor)
        if other.op == "Mul" and other.name != product.name
        for name in other.inputs
        if name != factor
    ]
    if root is not None and len(means) == 1:
        yield graph.constant(means[0])
        yield graph.constant(root.inputs[0])


def _above(graph: Graph, name: str) -> Iterator[Node]:
    pending = deque([(name, 0)])
    while pending:
        current, depth = pending.popleft()
        if (node := graph.node(current)) is not None and depth < MAX_DEPTH:
            yield node
            pending.extend((above, depth + 1) for above in node.inputs)


def _solved(
    kernel: NDArray[np.float64], mean: NDArray[np.float64], variance: NDArray[np.float64], done: InputMap
) -> Statistics | None:
    if not all(np.isfinite(numbers).all() for numbers in (kernel, mean, variance)):
        return None
    living = variance > LIVING * variance.max(initial=0)
    channels = kernel.shape[2]
    if living.sum() < channels + 3 or _is_untrained(mean, variance):
        return None
    kernel, mean, variance = kernel[..., living], mean[living], variance[living]
    sums = kernel.sum(axis=(0, 1)).T
    seen, *_ = np.linalg.lstsq(sums, mean, rcond=None)
    total = float((mean**2).sum())
    left = float(((mean - sums @ seen) ** 2).sum())
    power = _power(kernel)
    scale = np.broadcast_to(done.scale, (channels,)) if len(done.scale) in (1, channels) else np.zeros(1)
    if not scale.all() or power.min() <= 0:
        return None
    deviations = np.sqrt(variance / power)
    inputs = (seen - np.broadcast_to(done.offset, (channels,))) / scale
    deviation = float(np.median(deviations) / np.abs(scale).mean())
    return Statistics(tuple(inputs.tolist()), deviation, 1 - left / total if total else 0.0)


def _is_untrained(mean: NDArray[np.float64], variance: NDArray[np.float64]) -> bool:
    return not mean.any() or bool(np.ptp(variance) <= 1e-2 * variance.mean())


def _power(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """The variance that filters make of inputs of variance one, with neighbours as alike as in photos."""
    height, width, channels, filters = kernel.shape
    rows, columns = np.divmod(np.arange(height * width), width)
    apart = np.abs(rows[:, None] - rows) + np.abs(columns[:, None] - columns)
    between = np.full((channels, channels), CHANNELS)
    np.fill_diagonal(between, 1)
    correlation = np.kron(NEIGHBOURS**apart, between)
    weights = kernel.reshape(-1, filters)
    return np.asarray(np.einsum("if,ij,jf->f", weights, correlation, weights))

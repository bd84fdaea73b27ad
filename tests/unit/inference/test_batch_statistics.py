"""The mean and the deviation of training images, found again in a batch normalisation."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from mlpredict.inference.batch_statistics import statistics
from mlpredict.inference.evidence import Statistics
from mlpredict.inference.input_map import arrivals
from tests.unit.inference.graphs import SmallGraph

FILTERS = 16


def photos(low: float, high: float, seed: int = 0) -> NDArray[np.float64]:
    """Smooth images of 40×40 with three channels that are much alike, within a range: 50 of them."""
    random = np.random.default_rng(seed)
    rough = random.normal(size=(50, 5, 5, 1)) + 0.3 * random.normal(size=(50, 5, 5, 3))
    smooth = rough.repeat(8, 1).repeat(8, 2) + 0.1 * random.normal(size=(50, 40, 40, 3))
    unit = 1 / (1 + np.exp(-smooth - np.array([0.2, 0.0, -0.3])))
    return np.asarray(low + (high - low) * unit)


def kernel(seed: int = 1) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0, 0.3, (3, 3, 3, FILTERS))


def answers(images: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    windows = sliding_window_view(images, (3, 3), (1, 2))
    return np.asarray(np.einsum("nyxcij,ijcf->nyxf", windows, weights, optimize=True).reshape(-1, FILTERS))


def trained(
    images: NDArray[np.float64], *, spelled_out: bool = False, bias: float | None = None
) -> SmallGraph:
    """A convolution with the normalisation that training on images leaves behind."""
    graph, weights = SmallGraph(), kernel()
    seen = answers(images, weights)
    mean, variance = seen.mean(0) + (bias or 0), seen.var(0)
    made = graph.put("Conv2D", "image", graph.number(weights))
    if bias is not None:
        made = graph.put("BiasAdd", made, graph.number(np.full(FILTERS, bias)))
    if spelled_out:
        kept = graph.number(variance)
        factor = graph.put("Mul", graph.put("Rsqrt", kept), graph.number(np.ones(FILTERS)))
        graph.put("Sub", graph.number(np.zeros(FILTERS)), graph.put("Mul", graph.number(mean), factor))
        graph.put("Mul", made, factor)
    else:
        numbers = (np.ones(FILTERS), np.zeros(FILTERS), mean, variance)
        graph.put("FusedBatchNormV3", made, *map(graph.number, numbers))
    return graph


def found(graph: SmallGraph) -> Statistics | None:
    (only,) = arrivals(graph)
    return statistics(graph, only)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 1), (0, 255)])
@pytest.mark.parametrize("spelled_out", [False, True], ids=["fused", "spelled out"])
def test_the_images_mean_and_deviation_are_found(low: float, high: float, spelled_out: bool) -> None:
    images = photos(low, high)
    known = found(trained(images, spelled_out=spelled_out))
    assert known is not None
    assert known.fit > 0.99
    np.testing.assert_allclose(known.mean, images.mean((0, 1, 2)), atol=0.03 * (high - low))
    assert known.deviation == pytest.approx(float(images.std()), rel=0.35)


def test_a_bias_between_is_taken_off() -> None:
    images = photos(0, 1)
    known = found(trained(images, bias=7.0))
    assert known is not None
    np.testing.assert_allclose(known.mean, images.mean((0, 1, 2)), atol=0.03)


def test_what_was_done_to_the_input_is_undone() -> None:
    images, weights = photos(0, 255), kernel()
    seen = answers(images / 127.5 - 1, weights)
    graph = SmallGraph()
    scaled = graph.put("Sub", graph.put("Mul", "image", graph.number(1 / 127.5)), graph.number(1.0))
    made = graph.put("Conv2D", scaled, graph.number(weights))
    numbers = (np.ones(FILTERS), np.zeros(FILTERS), seen.mean(0), seen.var(0))
    graph.put("FusedBatchNormV3", made, *map(graph.number, numbers))
    known = found(graph)
    assert known is not None
    np.testing.assert_allclose(known.mean, images.mean((0, 1, 2)), atol=8)


@pytest.mark.parametrize(
    ("mean", "variance"),
    [
        pytest.param(np.zeros(FILTERS), np.ones(FILTERS), id="never trained"),
        pytest.param(np.ones(4), np.ones(4), id="of another size"),
        pytest.param(np.full(FILTERS, np.nan), np.full(FILTERS, np.nan), id="no numbers"),
    ],
)
def test_a_normalisation_that_remembers_nothing_tells_nothing(
    mean: NDArray[np.float64], variance: NDArray[np.float64]
) -> None:
    graph = SmallGraph()
    made = graph.put("Conv2D", "image", graph.number(kernel()))
    numbers = (np.ones(len(mean)), np.zeros(len(mean)), mean, variance)
    graph.put("FusedBatchNormV3", made, *map(graph.number, numbers))
    assert found(graph) is None


@pytest.mark.parametrize("behind", [(), ("Relu",), ("Relu", "Relu")])
def test_without_a_normalisation_there_is_nothing(behind: tuple[str, ...]) -> None:
    graph = SmallGraph()
    made = graph.put("Conv2D", "image", graph.number(kernel()))
    for op in behind:
        graph.put(op, made)
    assert found(graph) is None


def test_filters_that_have_died_are_left_out() -> None:
    images, weights = photos(0, 1), kernel()
    weights[..., :4] *= 1e-9
    graph, seen = SmallGraph(), answers(images, weights)
    made = graph.put("Conv2D", "image", graph.number(weights))
    numbers = (np.ones(FILTERS), np.zeros(FILTERS), seen.mean(0), seen.var(0))
    graph.put("FusedBatchNormV3", made, *map(graph.number, numbers))
    known = found(graph)
    assert known is not None
    assert known.deviation == pytest.approx(float(images.std()), rel=0.35)

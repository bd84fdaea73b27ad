"""What a model does to its input, followed through graphs of a few nodes."""

from __future__ import annotations

import numpy as np
import pytest

from mlpredict.inference.evidence import InputMap
from mlpredict.inference.input_map import arrivals
from tests.unit.inference.graphs import SmallGraph


@pytest.fixture
def graph() -> SmallGraph:
    return SmallGraph()


def ends(graph: SmallGraph) -> list[InputMap]:
    return [one.map for one in arrivals(graph)]


def scale_of(found: list[InputMap]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    (only,) = found
    return tuple(np.round(only.scale, 5).tolist()), tuple(np.round(only.offset, 5).tolist())


def test_an_input_that_is_convolved_at_once_stays_as_it_is(graph: SmallGraph) -> None:
    graph.put("Conv2D", "image", graph.number(np.ones((3, 3, 3, 8))))
    assert ends(graph) == [InputMap()]
    assert ends(graph)[0].is_identity


def test_a_rescaling_and_a_normalisation_are_put_together(graph: SmallGraph) -> None:
    scaled = graph.put("Mul", "image", graph.number(1 / 255), layer="rescaling")
    moved = graph.put("AddV2", scaled, graph.number(0.0), layer="rescaling")
    centred = graph.put("Sub", moved, graph.number([[[[0.5, 0.25, 0.0]]]]), layer="normalization")
    divided = graph.put("RealDiv", centred, graph.number(0.5), layer="normalization")
    graph.put("Conv2D", divided, graph.number(np.ones((3, 3, 3, 8))))
    (found,) = ends(graph)
    assert found.layers == ("rescaling", "normalization")
    np.testing.assert_allclose(found.scale, [2 / 255] * 3, rtol=1e-6)
    np.testing.assert_allclose(found.offset, [-1, -0.5, 0], rtol=1e-6)
    assert found.range(0, 255) == pytest.approx((-1, 2))


@pytest.mark.parametrize(
    "op", ["Cast", "Pad", "ResizeBilinear", "Reshape", "Transpose", "StridedSlice", "Identity", "Dequantize"]
)
def test_moving_values_changes_none(graph: SmallGraph, op: str) -> None:
    moved = graph.put(op, "image", graph.number([0, 1]))
    graph.put("MatMul", graph.put("Mul", moved, graph.number(2.0)), graph.number(np.ones((4, 4))))
    assert scale_of(ends(graph)) == ((2.0,), (0.0,))


@pytest.mark.parametrize(
    ("op", "constant_first", "expected"),
    [
        ("Sub", False, ((1.0,), (-3.0,))),
        ("Sub", True, ((-1.0,), (3.0,))),
        ("BiasAdd", False, ((1.0,), (3.0,))),
        ("Mul", True, ((3.0,), (0.0,))),
        ("RealDiv", False, ((0.33333,), (0.0,))),
    ],
)
def test_either_side_may_be_the_number(
    graph: SmallGraph, op: str, constant_first: bool, expected: tuple[tuple[float, ...], tuple[float, ...]]
) -> None:
    sides = ("image", graph.number(3.0))
    graph.put("Conv2D", graph.put(op, *(sides[::-1] if constant_first else sides)), graph.number(1.0))
    assert scale_of(ends(graph)) == expected


def test_channels_that_are_taken_apart_and_joined_the_other_way_round(graph: SmallGraph) -> None:
    parts = graph.put("Split", graph.number(3), "image")
    joined = graph.put("ConcatV2", parts, parts, parts, graph.number(-1))
    graph.put("Conv2D", graph.put("Mul", joined, graph.number(1 / 255)), graph.number(1.0))
    assert scale_of(ends(graph)) == ((0.00392,), (0.0,))


def test_an_exported_augmentation_chooses_between_the_image_and_the_image(graph: SmallGraph) -> None:
    flipped = graph.put("ReverseV2", "image", graph.number(2))
    chosen = graph.put("SelectV2", graph.put("LessEqual", graph.number(0), graph.number(1)), flipped, "image")
    graph.put("Conv2D", graph.put("Mul", chosen, graph.number(0.5)), graph.number(1.0))
    assert scale_of(ends(graph)) == ((0.5,), (0.0,))


def test_asking_for_the_shape_is_no_use_of_the_pixels(graph: SmallGraph) -> None:
    graph.put("Shape", "image")
    graph.put("Conv2D", graph.put("Mul", "image", graph.number(0.5)), graph.number(1.0))
    assert scale_of(ends(graph)) == ((0.5,), (0.0,))


def test_two_branches_have_an_end_each(graph: SmallGraph) -> None:
    graph.put("Conv2D", "image", graph.number(1.0))
    graph.put("Conv2D", graph.put("Mul", "image", graph.number(0.5)), graph.number(1.0))
    assert [one.scale for one in ends(graph)] == [(1.0,), (0.5,)]


@pytest.mark.parametrize("number", [np.ones(8), np.ones((8, 8, 8, 8)), np.array([]), np.inf, np.nan])
def test_what_is_no_number_for_each_channel_ends_the_way(graph: SmallGraph, number: object) -> None:
    graph.put("Mul", "image", graph.number(number))  # type: ignore[arg-type]
    assert ends(graph) == [InputMap()]


def test_a_mean_image_is_subtracted_as_its_median(graph: SmallGraph) -> None:
    mean = np.full((32, 32, 3), 0.5)
    mean[0] = 0.9
    graph.put("Conv2D", graph.put("Sub", "image", graph.number(mean)), graph.number(1.0))
    assert scale_of(ends(graph)) == ((1.0,), (-0.5,))


def test_a_batch_normalisation_at_the_entrance_is_one_of_pixels(graph: SmallGraph) -> None:
    numbers = [graph.number([one]) for one in (1.0, 0.0, 120.0, 3600.0)]
    graph.put("Conv2D", graph.put("FusedBatchNormV3", "image", *numbers), graph.number(1.0))
    assert scale_of(ends(graph)) == ((0.01667,), (-2.0,))


def test_a_value_that_is_multiplied_by_itself_is_no_scaling(graph: SmallGraph) -> None:
    graph.put("Mul", "image", "image")
    assert ends(graph) == [InputMap()]


def test_a_graph_without_an_end_has_none(graph: SmallGraph) -> None:
    assert ends(graph) == []
    first = graph.put("Identity", "image")
    for _ in range(3000):
        first = graph.put("Identity", first)
    assert ends(graph) == []

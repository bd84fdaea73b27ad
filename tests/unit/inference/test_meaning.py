"""Labels and task: where they are from, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlpredict.domain import Activation, Task
from mlpredict.errors import ModelError
from mlpredict.inference.choices import Choice, Reason
from mlpredict.inference.class_maps import MapKind
from mlpredict.inference.described import Described
from mlpredict.inference.meaning import meaning
from mlpredict.inference.model_files import ModelFiles, ModelFormat
from mlpredict.inference.output_facts import OutputFacts
from mlpredict.inference.sidecar import Sidecar
from mlpredict.inference.tflite_metadata import TfliteMetadata
from tests.notices import heard

SOFTMAX = OutputFacts((3,), within_unit=True, sums_to_one=True)
LOGITS = OutputFacts((3,), within_unit=False, sums_to_one=False)
NUMBER = OutputFacts((1,), within_unit=True, sums_to_one=False)
MAP = OutputFacts((4, 4, 3), within_unit=True, sums_to_one=False)
PETS = ("cat", "dog", "mouse")


@pytest.fixture
def files(tmp_path: Path) -> ModelFiles:
    return ModelFiles(tmp_path / "pets.keras", ModelFormat.KERAS, "0" * 64)


def labels_of(
    described: Described, facts: OutputFacts, ending: str = ""
) -> tuple[tuple[str, ...] | None, Choice]:
    reader, choices = meaning(described, facts, ending, "pets.keras")
    (choice,) = (one for one in choices if one.what == "labels")
    return reader.labels, choice


def test_each_source_comes_before_the_next(files: ModelFiles) -> None:
    (files.path.parent / "labels.txt").write_text("a\nb\nc\n")
    neighbour = Described(files)
    assert labels_of(neighbour, SOFTMAX) == (
        ("a", "b", "c"),
        Choice("labels", "a, b, c", Reason.NEIGHBOUR, "labels.txt"),
    )
    metadata = Described(files, metadata=TfliteMetadata(labels=(("x",), ("d", "e", "f"))))
    assert labels_of(metadata, SOFTMAX) == (("d", "e", "f"), Choice("labels", "d, e, f", Reason.METADATA))
    sidecar = Described(files, Sidecar(labels=PETS), metadata.metadata)
    assert labels_of(sidecar, SOFTMAX) == (PETS, Choice("labels", "cat, dog, mouse", Reason.FILE))
    option = Described(files, sidecar.sidecar, metadata.metadata, ("g", "h", "i"))
    assert labels_of(option, SOFTMAX)[1].reason is Reason.OPTION


def test_two_files_that_disagree_are_named_and_left(files: ModelFiles) -> None:
    (files.path.parent / "labels.txt").write_text("a\nb\nc\n")
    (files.path.parent / "classes.txt").write_text("c\nb\na\n")
    with heard() as said:
        labels, choice = labels_of(Described(files), SOFTMAX)
    assert (labels, choice.reason) == (None, Reason.DEFAULT)
    assert said == [
        "warning: pets.keras: classes.txt and labels.txt disagree about its labels, and none is taken:"
        " name one with --labels FILE"
    ]


def test_files_with_other_numbers_of_labels_are_mentioned(files: ModelFiles) -> None:
    (files.path.parent / "labels.txt").write_text("a\nb\n")
    assert labels_of(Described(files), SOFTMAX)[1].detail == "2 in labels.txt, for 3 classes"


@pytest.mark.parametrize(
    ("facts", "ending", "expected"),
    [
        pytest.param(NUMBER, "Sigmoid", (Task.BINARY, Activation.SIGMOID), id="a sigmoid"),
        pytest.param(NUMBER, "", (Task.BINARY, Activation.SIGMOID), id="a number within 0..1"),
        pytest.param(NUMBER, "BiasAdd", (Task.REGRESSION, Activation.NONE), id="a number that just looks so"),
    ],
)
def test_two_labels_beside_a_number_are_its_own_where_it_is_a_sigmoid(
    files: ModelFiles, facts: OutputFacts, ending: str, expected: tuple[Task, Activation]
) -> None:
    (files.path.parent / "labels.txt").write_text("healthy\nill\n")
    reader, _ = meaning(Described(files), facts, ending, "pets.keras")
    assert (reader.task, reader.activation) == expected


@pytest.mark.parametrize(
    ("facts", "ending", "labelled", "expected"),
    [
        (LOGITS, "", False, (Task.RAW, Activation.NONE)),
        (LOGITS, "", True, (Task.CLASSIFICATION, Activation.NONE)),
        # 8 bits hold a softmax over a thousand classes so coarsely that it sums to anything.
        (
            OutputFacts((3,), within_unit=True, sums_to_one=False),
            "Softmax",
            False,
            (Task.CLASSIFICATION, Activation.SOFTMAX),
        ),
        (MAP, "Softmax", True, (Task.SEGMENTATION, Activation.SOFTMAX)),
        (MAP, "Softmax", False, (Task.SEGMENTATION, Activation.SOFTMAX)),
        # An image that comes out, and the labels of another model beside it.
        (MAP, "Sigmoid", True, (Task.RAW, Activation.NONE)),
    ],
)
def test_what_an_output_means(
    files: ModelFiles, facts: OutputFacts, ending: str, labelled: bool, expected: tuple[Task, Activation]
) -> None:
    if labelled:
        (files.path.parent / "labels.txt").write_text("a\nb\nc\n")
    reader, _ = meaning(Described(files), facts, ending, "pets.keras")
    assert (reader.task, reader.activation) == expected


def test_labels_that_were_given_must_fit(files: ModelFiles) -> None:
    with pytest.raises(ModelError, match=r"pets\.keras: 2 labels for 3 classes"):
        meaning(Described(files, labels=("a", "b")), SOFTMAX, "", "pets.keras")


@pytest.mark.parametrize(
    ("facts", "ending", "kind"),
    [
        (MAP, "Softmax", MapKind.PROBABILITIES),
        (OutputFacts((4, 4, 1), True, False), "Sigmoid", MapKind.MASK),
        (OutputFacts((4, 4), True, False), "", MapKind.MASK),
        (OutputFacts((4, 4, 1), False, False, integers=True), "ArgMax", MapKind.CLASSES),
        (OutputFacts((4, 4), False, False, integers=True), "", MapKind.CLASSES),
        (OutputFacts((4096, 3), True, False, pixels_sum_to_one=True), "", MapKind.PROBABILITIES),
    ],
)
def test_a_segmentation_is_read_as_what_its_pixels_have(
    files: ModelFiles, facts: OutputFacts, ending: str, kind: MapKind
) -> None:
    labels = PETS[:2] if kind is MapKind.MASK else PETS
    described = Described(files, Sidecar(task=Task.SEGMENTATION, labels=labels))
    reader, _ = meaning(described, facts, ending, "pets.keras")
    assert (reader.task, reader.map_kind, reader.labels) == (Task.SEGMENTATION, kind, labels)


def test_classes_of_pixels_need_labels_and_pixels_in_a_row_have_no_picture(files: ModelFiles) -> None:
    numbers = OutputFacts((4, 4), within_unit=False, sums_to_one=False, integers=True)
    with pytest.raises(ModelError, match="no labels say of how many"):
        meaning(Described(files, Sidecar(task=Task.SEGMENTATION)), numbers, "", "pets.keras")
    in_a_row = OutputFacts((4096, 3), True, False, pixels_sum_to_one=True)
    described = Described(files, Sidecar(task=Task.SEGMENTATION, keep_map=True))
    with pytest.raises(ModelError, match="keep_map is for a map"):
        meaning(described, in_a_row, "", "pets.keras")

"""How a model's pixels are decided on, and the line that says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlpredict.domain import Fit, ImageSpec, Preprocessing, Resize, Scaling
from mlpredict.inference.choices import Choice, Reason, assumptions
from mlpredict.inference.described import Described
from mlpredict.inference.evidence import Evidence, InputMap, Statistics
from mlpredict.inference.model_files import ModelFiles, ModelFormat
from mlpredict.inference.preparation import prepared
from mlpredict.inference.sidecar import Sidecar, read_sidecar
from mlpredict.inference.signature import Quantisation, Signature, TensorSpec
from mlpredict.inference.tflite_metadata import TfliteMetadata

INSIDE = Evidence(maps=(InputMap((1 / 255,), (0.0,), ("rescaling",)),))
NETWORK = {"Conv2D": 35, "DepthwiseConv2dNative": 17, "MatMul": 2}


@pytest.fixture
def files(tmp_path: Path) -> ModelFiles:
    return ModelFiles(tmp_path / "pets.keras", ModelFormat.KERAS, "0" * 64)


def takes(dtype: str = "float32", side: int = 224, quantisation: Quantisation | None = None) -> Signature:
    tensor = TensorSpec("image", (None, side, side, 3), dtype, quantisation)
    return Signature((tensor,), (TensorSpec("scores", (None, 4), "float32"),))


def scale_of(described: Described, signature: Signature, evidence: Evidence) -> tuple[Scaling | None, Choice]:
    preprocessing, choices = prepared(described, signature, evidence)
    return preprocessing.scaling, choices[0]


@pytest.mark.parametrize(
    ("evidence", "scaling", "value", "reason"),
    [
        pytest.param(Evidence(), None, "0..1", Reason.DEFAULT, id="nothing"),
        pytest.param(INSIDE, Scaling(1.0), "0..255", Reason.LAYER, id="a scaling inside"),
        pytest.param(
            Evidence(maps=(InputMap((2.0,), (-1.0,), ("rescaling",)),)),
            None,
            "0..1",
            Reason.LAYER,
            id="of 0..1",
        ),
        pytest.param(
            Evidence(statistics=Statistics((0.02,), 0.5, 0.99)),
            Scaling(127.5, (1.0,)),
            "-1..1",
            Reason.LAYER,
            id="remembered",
        ),
    ],
)
def test_floats_are_scaled_as_the_file_tells(
    files: ModelFiles, evidence: Evidence, scaling: Scaling | None, value: str, reason: Reason
) -> None:
    found, choice = scale_of(Described(files), takes(), evidence)
    assert (found, choice.what, choice.value, choice.reason) == (scaling, "scale", value, reason)


@pytest.mark.parametrize(
    ("dtype", "quantisation", "value"),
    [
        ("uint8", None, "as they are"),
        ("uint8", Quantisation(0.0078125, 128), "as they are"),
        ("int8", Quantisation(0.02, -10), "minus 128"),
        ("int16", Quantisation(1 / 32768, 0), "0..1"),
        ("int32", None, "0..255"),
    ],
)
def test_integers_are_given_what_is_usual_whatever_the_graph_does(
    files: ModelFiles, dtype: str, quantisation: Quantisation | None, value: str
) -> None:
    metadata = TfliteMetadata(scaling=Scaling(1.0, (127.5,), (127.5,)))
    described = Described(files, metadata=metadata)
    found, choice = scale_of(described, takes(dtype, quantisation=quantisation), INSIDE)
    assert (found, choice.value, choice.reason) == (None, value, Reason.CONVENTION)


def test_metadata_come_before_layers_and_a_sidecar_before_both(files: ModelFiles) -> None:
    stated = Scaling(1.0, (127.5,), (127.5,))
    described = Described(files, metadata=TfliteMetadata(scaling=stated))
    assert scale_of(described, takes(), INSIDE) == (
        stated,
        Choice("scale", "mean 127.5, std 127.5", Reason.METADATA),
    )
    files.sidecar.write_text('preprocess = "torch"\nfit = "pad"')
    described = Described(files, read_sidecar(files), described.metadata)
    preprocessing, choices = prepared(described, takes(), INSIDE)
    assert preprocessing.fit is Fit.PAD
    assert {(one.what, one.value, one.reason) for one in choices} == {
        ("scale", "torch", Reason.FILE),
        ("resize", "bicubic", Reason.DEFAULT),
        ("fit", "pad", Reason.FILE),
    }


def test_what_speaks_against_the_default_is_added(files: ModelFiles) -> None:
    evidence = Evidence(statistics=Statistics((0.0, 0.0, 0.0), 1.0, 0.99))
    _, choice = scale_of(Described(files), takes(), evidence)
    assert choice.reason is Reason.DEFAULT
    assert 'say preprocess = "torch"' in choice.detail


TEACHABLE = Preprocessing(Scaling(127.5, (1.0,)), Resize.LANCZOS, Fit.CROP)
NUMBERED, PLAIN = "0 cat\n1 dog\n2 mouse\n3 none\n", "cat\ndog\nmouse\nnone\n"


@pytest.mark.parametrize(
    ("name", "labels", "evidence", "side", "expected"),
    [
        pytest.param("keras_Model.h5", NUMBERED, Evidence(), 224, True, id="by its name and labels"),
        pytest.param(
            "pets.h5", NUMBERED, Evidence(operations=NETWORK), 224, True, id="by its network and labels"
        ),
        pytest.param(
            "pets.h5",
            None,
            Evidence(operations={**NETWORK, "BiasAdd": 1}),
            224,
            True,
            id="by its network alone",
        ),
        pytest.param("pets.h5", NUMBERED, Evidence(), 224, False, id="labels alone"),
        pytest.param("keras_model.h5", PLAIN, Evidence(), 224, False, id="labels without numbers"),
        pytest.param("keras_model.h5", "0 cat\n1 dog\n", Evidence(), 224, False, id="too few labels"),
        pytest.param("keras_model.h5", NUMBERED, INSIDE, 224, False, id="with a scaling inside"),
        pytest.param("keras_model.h5", NUMBERED, Evidence(), 96, False, id="of another size"),
    ],
)
def test_exports_of_teachable_machine_are_recognised(
    tmp_path: Path, name: str, labels: str | None, evidence: Evidence, side: int, expected: bool
) -> None:
    if labels is not None:
        (tmp_path / "labels.txt").write_text(labels)
    described = Described(ModelFiles(tmp_path / name, ModelFormat.H5, "0" * 64))
    preprocessing, choices = prepared(described, takes(side=side), evidence)
    assert (preprocessing == TEACHABLE) is expected
    assert ({one.reason for one in choices} == {Reason.CONVENTION}) is expected


def test_a_quantised_export_takes_the_pixels_themselves(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text(NUMBERED)
    described = Described(ModelFiles(tmp_path / "model.tflite", ModelFormat.TFLITE, "0" * 64))
    preprocessing, _ = prepared(described, takes("uint8", quantisation=Quantisation(0.0078, 128)), Evidence())
    assert preprocessing == Preprocessing(None, Resize.LANCZOS, Fit.CROP)


def test_a_sidecar_overrules_what_is_usual(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text(NUMBERED)
    described = Described(
        ModelFiles(tmp_path / "keras_model.h5", ModelFormat.H5, "0" * 64),
        Sidecar(preprocessing=Preprocessing(fit=Fit.STRETCH), stated=frozenset({"fit"})),
    )
    preprocessing, _ = prepared(described, takes(), Evidence())
    assert (preprocessing.fit, preprocessing.resize) == (Fit.STRETCH, Resize.LANCZOS)


CHOICES = (
    Choice("scale", "0..1", Reason.DEFAULT),
    Choice("resize", "bicubic", Reason.DEFAULT),
    Choice("fit", "stretch", Reason.DEFAULT),
    Choice("labels", "cat, dog", Reason.NEIGHBOUR, "class_names.json"),
    Choice("task", "classification", Reason.LAYER),
    Choice("activation", "softmax", Reason.LAYER),
)
SILENT = tuple(Choice(one.what, one.value, Reason.FILE) for one in CHOICES)


@pytest.mark.parametrize(
    ("changes", "size", "line"),
    [
        (
            (),
            (224, 224),
            "pets.keras: pixels 0..1 (nothing in the file says), labels from class_names.json,"
            " resized by bicubic to 224×224",
        ),
        (
            (Choice("scale", "0..255", Reason.LAYER, "rescaling inside the model: 0..1 from there on"),),
            (None, None),
            "pets.keras: pixels 0..255 (rescaling inside the model: 0..1 from there on),"
            " labels from class_names.json",
        ),
        (
            (Choice("fit", "crop", Reason.CONVENTION), Choice("labels", "a, b", Reason.OPTION)),
            (224, 96),
            "pets.keras: pixels 0..1 (nothing in the file says), cropped in the middle and resized by bicubic"
            " to 96×224",
        ),
        (
            (Choice("task", "regression", Reason.LAYER), Choice("scale", "0..1", Reason.FILE)),
            (8, 8),
            "pets.keras: resized by bicubic to 8×8",
        ),
        (SILENT, (8, 8), None),
        (
            (*SILENT, Choice("activation", "none", Reason.LAYER)),
            (8, 8),
            "pets.keras: scores are the softmax of its logits",
        ),
        (
            (
                *SILENT,
                Choice("task", "multi-label", Reason.LAYER, "its output comes from a sigmoid"),
                Choice("score_threshold", "0.5", Reason.DEFAULT),
            ),
            (8, 8),
            "pets.keras: every label from 0.5 on holds (its output comes from a sigmoid, with several"
            " numbers)",
        ),
        (
            (*SILENT, Choice("output", "gender", Reason.LAYER, "of age, gender; age kept beside it")),
            (8, 8),
            "pets.keras: output gender (of age, gender; age kept beside it)",
        ),
    ],
)
def test_what_was_assumed_is_one_line(
    changes: tuple[Choice, ...], size: tuple[int | None, int | None], line: str | None
) -> None:
    assert assumptions("pets.keras", (*CHOICES, *changes), ImageSpec(*size, 3)) == line

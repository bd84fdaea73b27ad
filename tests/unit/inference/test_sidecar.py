"""`mlpredict.toml`: every entry, and what is said of a wrong one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mlpredict.domain import (
    Activation,
    ChannelOrder,
    Decode,
    Fit,
    PerImage,
    Preprocessing,
    Resize,
    Scaling,
    Task,
)
from mlpredict.errors import ModelError
from mlpredict.inference.model_files import ModelFiles, ModelFormat
from mlpredict.inference.preprocessing_entries import preprocessing_of
from mlpredict.inference.sidecar import KNOWN_KEYS, Sidecar, read_sidecar

MANUAL = Path(__file__).parents[3] / "mlpredict/manual/models.md"
WHOLE = """
name = "mnist-convnet"
labels = ["zero", "one"]
task = "classification"
activation = "none"
output = "logits"
scale = "-1..1"
resize = "nearest"
fit = "pad"
background = "white"
"""


@pytest.fixture
def files(tmp_path: Path) -> ModelFiles:
    (tmp_path / "model" / "assets.extra").mkdir(parents=True)
    return ModelFiles(tmp_path / "model", ModelFormat.SAVED_MODEL, "0" * 64)


def read(files: ModelFiles, text: str) -> Sidecar:
    files.sidecar.write_text(text, "utf-8")
    return read_sidecar(files)


def test_without_a_file_nothing_is_said(files: ModelFiles) -> None:
    assert read_sidecar(files) == Sidecar()


def test_an_empty_file_says_nothing(files: ModelFiles) -> None:
    assert read(files, "") == Sidecar()


def test_every_entry_is_read(files: ModelFiles) -> None:
    assert read(files, WHOLE) == Sidecar(
        name="mnist-convnet",
        labels=("zero", "one"),
        task=Task.CLASSIFICATION,
        activation=Activation.NONE,
        output="logits",
        preprocessing=Preprocessing(Scaling(127.5, (1.0,), (1.0,)), Resize.NEAREST, Fit.PAD, "white"),
    )


@pytest.mark.parametrize("task", list(Task))
def test_every_task_is_known(files: ModelFiles, task: Task) -> None:
    assert read(files, f'task = "{task}"').task is task


@pytest.mark.parametrize("activation", list(Activation))
def test_every_activation_is_known(files: ModelFiles, activation: Activation) -> None:
    assert read(files, f'activation = "{activation}"').activation is activation


@pytest.mark.parametrize("resize", list(Resize))
def test_every_filter_is_known(files: ModelFiles, resize: Resize) -> None:
    assert read(files, f'resize = "{resize}"').preprocessing.resize is resize


@pytest.mark.parametrize("fit", list(Fit))
def test_every_fit_is_known(files: ModelFiles, fit: Fit) -> None:
    assert read(files, f'fit = "{fit}"').preprocessing.fit is fit


# An entry, the field it sets, and what it sets it to.
STATED = {
    'channels = "bgr"': ("channels", ChannelOrder.BGR),
    'channels = "rgb"': ("channels", ChannelOrder.RGB),
    'resize = "area"': ("resize", Resize.OPENCV_AREA),
    'resize = "bilinear"\nantialias = false': ("antialias", False),
    'resize = "lanczos"\nantialias = true': ("antialias", True),
    'fit = "crop"\nresize_to = 256': ("resize_to", 256),
    "central_crop = 0.875": ("central_crop", 0.875),
    "central_crop = 1": ("central_crop", 1.0),
    "white = 4095": ("white", 4095.0),
    "white = 0.25": ("white", 0.25),
    "threshold = 128": ("threshold", 128),
    "threshold = 0": ("threshold", 0),
    'threshold = "otsu"': ("threshold", "otsu"),
    "invert = true": ("invert", True),
    "invert = false": ("invert", False),
    'decode = "reduced"': ("decode", Decode.REDUCED),
    'decode = "full"': ("decode", Decode.FULL),
    'scale = "per-image-standardization"': ("scaling", Scaling(1.0, per_image=PerImage.STANDARDIZATION)),
    'scale = "min-max"': ("scaling", Scaling(1.0, per_image=PerImage.MIN_MAX)),
}


@pytest.mark.parametrize(("text", "entry"), STATED.items())
def test_every_word_for_pixels_is_read(files: ModelFiles, text: str, entry: tuple[str, object]) -> None:
    name, value = entry
    assert getattr(read(files, text).preprocessing, name) == value


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tf", Preprocessing(Scaling(127.5, (1.0,)))),
        ("torch", Preprocessing(Scaling(255.0, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))),
        ("caffe", Preprocessing(Scaling(1.0, (103.939, 116.779, 123.68)), channels=ChannelOrder.BGR)),
        ("raw", Preprocessing(Scaling(1.0))),
        ("teachable-machine", Preprocessing(Scaling(127.5, (1.0,)), Resize.LANCZOS, Fit.CROP)),
    ],
)
def test_a_preset_stands_for_several_entries(files: ModelFiles, name: str, expected: Preprocessing) -> None:
    assert read(files, f'preprocess = "{name}"').preprocessing == expected


def test_an_entry_overrides_what_its_preset_stands_for(files: ModelFiles) -> None:
    text = 'preprocess = "teachable-machine"\nfit = "pad"\nresize = "bilinear"\nantialias = false'
    stated = Preprocessing(Scaling(127.5, (1.0,)), Resize.BILINEAR, Fit.PAD, antialias=False)
    assert read(files, text).preprocessing == stated
    text = 'preprocess = "caffe"\nchannels = "rgb"'
    assert read(files, text).preprocessing.channels is ChannelOrder.RGB


def test_what_is_known_otherwise_holds_where_nothing_is_stated() -> None:
    known = Preprocessing(Scaling(1.0), Resize.BILINEAR, Fit.PAD, antialias=False)
    assert preprocessing_of({}, known) == known
    assert preprocessing_of({"fit": "crop"}, known) == known._replace(fit=Fit.CROP)
    assert preprocessing_of({"resize": "lanczos"}, known) == known._replace(
        resize=Resize.LANCZOS, antialias=True
    )
    assert preprocessing_of({"preprocess": "teachable-machine"}, known).antialias


@pytest.mark.parametrize("colour", ["white", "#ffeedd", "#fed", "rgb(1, 2, 3)"])
def test_a_background_is_any_colour(files: ModelFiles, colour: str) -> None:
    assert read(files, f'background = "{colour}"').preprocessing.background == colour


@pytest.mark.parametrize(
    ("scale", "pixel", "expected"),
    [
        ('"0..1"', 255, 1.0),
        ('"-1..1"', 0, -1.0),
        ('"-1..1"', 255, 1.0),
        ('"0..255"', 200, 200.0),
        ("{ mean = [0.5], std = [0.25] }", 255, 2.0),
        ("{ mean = [1], std = [2] }", 0, -0.5),
    ],
)
def test_a_scale_says_what_becomes_of_a_pixel(
    files: ModelFiles, scale: str, pixel: int, expected: float
) -> None:
    scaling = read(files, f"scale = {scale}").preprocessing.scaling
    assert scaling is not None
    assert (pixel / scaling.divisor - scaling.mean[0]) / scaling.std[0] == expected


def test_the_manual_tells_of_every_entry_and_is_understood(files: ModelFiles) -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", MANUAL.read_text("utf-8"), re.S)
    assert read(files, block).preprocessing.resize_to == 256
    told = set(re.findall(r"^(?:# )?(\w+) = ", block, re.M))
    assert told == KNOWN_KEYS


def test_what_the_manual_says_of_other_libraries_is_understood(files: ModelFiles) -> None:
    table = MANUAL.read_text("utf-8").partition("| code | file |")[2].partition("\n\n")[0]
    rows = [row.split(" | ")[1] for row in table.splitlines()[2:]]
    stated = ["\n".join(re.findall(r"`(\w+ = [^`]+)`", row)) for row in rows]
    assert len(stated) > 8
    for text in stated:
        assert read(files, text).preprocessing != Preprocessing(), text


def test_labels_may_stand_in_a_file(files: ModelFiles) -> None:
    files.companion("labels.txt").write_text("cat\n dog \r\nmöwe\n", "utf-8")
    assert read(files, 'labels = "labels.txt"').labels == ("cat", "dog", "möwe")


def test_labels_may_be_numbers(files: ModelFiles) -> None:
    assert read(files, "labels = [7, 8]").labels == ("7", "8")


@pytest.mark.parametrize("name", ["labels.txt", "more/labels.txt"])
def test_labels_of_a_single_file_stand_beside_it(tmp_path: Path, name: str) -> None:
    files = ModelFiles(tmp_path / "cats.v2.keras", ModelFormat.KERAS, "0" * 64)
    (tmp_path / "more").mkdir()
    (tmp_path / name).write_text("cat\ndog\n")
    (tmp_path / "cats.v2.mlpredict.toml").write_text(f'labels = "{name}"')
    assert read_sidecar(files).labels == ("cat", "dog")


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("lables = []", "unknown entry lables"),
        ("name = 3", "name must be text"),
        ('task = "guess"', "task = 'guess': expected one of classification, binary"),
        ("task = 1", "task must be text"),
        ('activation = "relu"', "activation = 'relu': expected one of softmax"),
        ("output = 0", "output must be text"),
        ('resize = "cubic"', "resize = 'cubic': expected one of nearest"),
        ('fit = "fill"', "fit = 'fill': expected one of stretch"),
        ('background = "whitish"', "background = 'whitish': expected a colour"),
        ("background = 255", "background must be text"),
        ("labels = []", "labels must be a list"),
        ("labels = 10", "labels must be a list"),
        ("labels = [1.5]", "labels must be a list"),
        ('labels = "missing.txt"', "labels: .*missing.txt"),
        ('labels = ""', "labels: .*no regular file"),
        ('labels = "/etc/passwd"', "labels = '/etc/passwd': expected the name of a file beside the model"),
        ('labels = "../../labels.txt"', "expected the name of a file beside the model"),
        ("labels = " + "[" * 50_000, "recursion"),
        ('scale = "0..2"', "scale: expected one of 0..1"),
        ("scale = 255", "scale: expected"),
        ("scale = { mean = [0.5] }", "scale: expected"),
        ("scale = { mean = [], std = [] }", "scale: expected"),
        ("scale = { mean = [1, 2], std = [1] }", "scale: expected"),
        ("scale = { mean = [true], std = [1] }", "scale: expected"),
        ("scale = { mean = [0], std = [0] }", "scale: std must not be 0"),
        ('preprocess = "pytorch"', "preprocess = 'pytorch': expected one of tf, torch, caffe, raw"),
        ('preprocess = "tf"\nscale = "0..1"', "preprocess and scale both say"),
        ('channels = "rbg"', "channels = 'rbg': expected one of rgb, bgr"),
        ("antialias = false", "antialias goes with a resize"),
        ('resize = "lanczos"\nantialias = false', "antialias = false goes with resize = nearest, bilinear"),
        ('resize = "opencv-linear"\nantialias = false', "filters of OpenCV never antialias"),
        ('resize = "bilinear"\nantialias = "no"', "antialias = 'no': expected true or false"),
        ("resize_to = 256", 'resize_to goes with fit = "crop"'),
        ('fit = "crop"\nresize_to = 0', "resize_to = 0: expected the pixels"),
        ('fit = "crop"\nresize_to = 256.5', "resize_to = 256.5: expected the pixels"),
        ('fit = "crop"\nresize_to = true', "resize_to = True: expected the pixels"),
        ("central_crop = 0", "central_crop = 0: expected the part"),
        ("central_crop = 1.5", "central_crop = 1.5: expected the part"),
        ("central_crop = nan", "central_crop = nan: expected the part"),
        ("white = 0", "white = 0: expected the value that is white"),
        ('white = "4095"', "white = '4095': expected the value"),
        ("white = 1" + "0" * 400, "white = 10+: expected the value"),
        ("scale = { mean = [1" + "0" * 400 + "], std = [1] }", "scale: expected one of"),
        ("threshold = 256", "threshold = 256: expected a level of grey"),
        ("threshold = true", "threshold = True: expected a level of grey"),
        ('threshold = "Otsu"', "threshold = 'Otsu': expected a level of grey"),
        ("threshold = []", r"threshold = \[\]: expected a level of grey"),
        ("invert = 1", "invert = 1: expected true or false"),
        ('decode = "reduced"\nresize = "nearest"', "decode = .reduced. goes with an antialiasing resize"),
        ('decode = "reduced"\nresize = "area"', "decode = .reduced. goes with an antialiasing resize"),
        (
            'decode = "reduced"\nresize = "bilinear"\nantialias = false',
            "decode = .reduced. goes with an antialiasing resize",
        ),
        ('decode = "reduced"\nthreshold = 9', "decode = .reduced. .* without a threshold"),
        ('decode = "half"', "decode = 'half': expected one of full, reduced"),
        ("name = ", "Invalid value"),
    ],
)
def test_an_error_names_the_file_and_the_entry(files: ModelFiles, text: str, entry: str) -> None:
    with pytest.raises(ModelError, match=entry) as raised:
        read(files, text)
    assert raised.value.message.startswith(f"{files.sidecar}: ")


def test_an_empty_file_of_labels_is_refused(files: ModelFiles) -> None:
    files.companion("labels.txt").write_bytes(b"")
    with pytest.raises(ModelError, match=r"labels: .*labels\.txt is empty"):
        read(files, 'labels = "labels.txt"')


@pytest.mark.parametrize("name", ["mlpredict.toml", "labels.txt"])
def test_text_that_is_not_utf8_is_refused(files: ModelFiles, name: str) -> None:
    files.sidecar.write_text('labels = "labels.txt"')
    files.companion(name).write_bytes(b"\xff\xfe")
    with pytest.raises(ModelError, match="utf-8"):
        read_sidecar(files)

"""Models that nobody would want, and what is said of them: `python -m tests.make_hostile_models FOLDER`.

One process makes and loads them all, as TensorFlow takes seconds to import. What TensorFlow's engine
says of each goes to `said.json`, by its name, and what it says when the model is trusted to `trusted.json`.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mlpredict.domain import EngineName
from mlpredict.errors import ModelError
from mlpredict.inference.model import load_model
from tests.notices import heard

# What code leaves in the folder when it runs.
MARKER = "code-ran"
IMAGE = (None, 8, 8, 1)
# `lambda x: x / 127.5 - 1` of Python 3.5, as Keras 1 saved it.
OLD_LAMBDA = (
    "\u00e3\x01\0\0\0\0\0\0\0\x01\0\0\0\x02\0\0\0S\0\0\0s\f\0\0\0|\0\0d\x01\0\x1bd\x02\0\x18S)\x03N"
    "\u00e7\0\0\0\0\0\u00e0_@\u00e7\0\0\0\0\0\0\u00f0?\u00a9\0)\x01\u00da\x01xr\x03\0\0\0r\x03\0\0\0"
    '\u00fa\bmodel.py\u00da\b<lambda>"\0\0\0s\0\0\0\0'
)


def main(folder: Path) -> None:
    """Write all models, and what is said of them."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    for make in (meddlers, strange_answers, strange_inputs, code_in_keras, code_in_keras_2, damaged):
        make(folder)
    # Making a model runs its code, too.
    (folder / MARKER).unlink(missing_ok=True)
    models = sorted(path for path in folder.iterdir() if path.suffix != ".tflite")
    said = {path.name: what_is_said(path, trusted=False) for path in models}
    assert not (folder / MARKER).exists()
    (folder / "said.json").write_text(json.dumps(said))
    said = {path.name: what_is_said(path, trusted=True) for path in models}
    (folder / "trusted.json").write_text(json.dumps(said))
    saved_model(folder / "greedy", greedy)


def what_is_said(path: Path, *, trusted: bool) -> str:
    """The error that loading ends in, or what is said meanwhile."""
    try:
        with heard() as notices:
            load_model(path, engine=EngineName.TENSORFLOW, cache=path.parent, trusted=trusted)
    except ModelError as error:
        return error.message
    return "\n".join(notices)


def meddlers(folder: Path) -> None:
    """Operations that do more than compute, where serving, loading or storing needs them."""
    import tensorflow as tf

    def after(operation: Callable[[], Any]) -> Callable[[Any], Any]:
        def serve(image: Any) -> Any:
            with tf.control_dependencies([operation()]):
                return vector(image)

        return serve

    marker = str(folder / MARKER)
    saved_model(folder / "python", lambda image: tf.numpy_function(lambda a: a, [vector(image)], tf.float32))
    saved_model(folder / "writes", after(lambda: tf.io.write_file(marker, "by the model")))
    saved_model(folder / "prints", after(lambda: tf.print("x", output_stream=f"file://{marker}")))
    saved_model(
        folder / "saves", after(lambda: tf.raw_ops.Save(filename=marker, tensor_names=["x"], data=[1]))
    )

    def in_a_branch(image: Any) -> Any:
        unlikely = tf.reduce_sum(image) < -1
        return tf.cond(unlikely, lambda: after(lambda: tf.io.read_file(marker))(image), lambda: vector(image))

    saved_model(folder / "reads", in_a_branch)
    saved_model(folder / "says", after(lambda: tf.print("x")))


def strange_answers(folder: Path) -> None:
    import tensorflow as tf

    answers: dict[str, Callable[[Any], Any]] = {
        "one_number": tf.reduce_sum,
        "no_batch": lambda image: tf.reduce_sum(vector(image), axis=0),
        "first_alone": lambda image: vector(image[:1]),
        "twice": lambda image: tf.concat([vector(image)] * 2, 0),
        "not_finite": lambda image: vector(image) * float("nan"),
    }
    for name, answer in answers.items():
        flatbuffer(folder, name, answer)
    flatbuffer(folder, "endless", endless)
    saved_model(folder / "nothing", lambda image: vector(image)[:, :0])
    saved_model(folder / "text", lambda image: tf.as_string(vector(image)))
    saved_model(folder / "complex", lambda image: tf.cast(vector(image), tf.complex64))
    saved_model(folder / "bfloat16", lambda image: tf.cast(vector(image), tf.bfloat16))
    saved_model(folder / "truths", lambda image: vector(image) > 0)
    saved_model(folder / "cube", lambda image: image + tf.zeros((1, 8, 8, 2)))
    saved_model(folder / "fails", lambda image: tf.reshape(image, (-1, 63)))


def endless(image: Any) -> Any:
    import tensorflow as tf

    start = tf.reduce_max(tf.abs(image))
    [end] = tf.while_loop(lambda number: number >= 0, lambda number: [tf.abs(tf.sin(number))], [start])
    return vector(image) + end


def greedy(image: Any) -> Any:
    """Twice as much with every step."""
    import tensorflow as tf

    start = tf.ones([1 << 20]) * tf.reduce_max(image)
    [end] = tf.while_loop(
        lambda kept: tf.size(kept) > 0,
        lambda kept: [tf.concat([kept, kept], 0)],
        [start],
        shape_invariants=[tf.TensorShape([None])],
    )
    return vector(image) + tf.reduce_max(end)


def strange_inputs(folder: Path) -> None:
    import tensorflow as tf

    def mean(image: Any) -> Any:
        return tf.reduce_mean(image, [1, 2])

    for name, shape in (
        ("gigantic", (None, 1_000_000, 1_000_000, 3)),
        ("too_wide", (None, 28, 1_000_000, 3)),
        ("no_height", (None, 0, 8, 3)),
        ("five_channels", (None, 8, 8, 5)),
        ("flat", (None, 10)),
        ("any_rank", None),
    ):
        reduce = mean if shape is None or len(shape) == 4 else tf.identity
        saved_model(folder / name, reduce, shape)
    saved_model(folder / "words", tf.strings.length, (None,), dtype="string")
    flatbuffer(folder, "wide", mean, (None, 28, 1_000_000, 3))
    both = tf.function(
        lambda left, right: {"answer": vector(left + right)},
        input_signature=[tf.TensorSpec(IMAGE, name=name) for name in ("left", "right")],
    )
    tf.saved_model.save(tf.Module(), folder / "two_inputs", signatures={"serving_default": both})
    tf.saved_model.save(tf.Module(), folder / "unsigned")


def code_in_keras(folder: Path) -> None:
    import h5py
    import keras
    from keras import layers

    head = [layers.Flatten(), layers.Dense(3, "softmax")]
    plain = keras.Sequential([keras.Input((8, 8, 1)), *head])
    plain.save(folder / "plain.keras")
    plain.save(folder / "plain.h5")
    own = layers.Lambda(eval(f"lambda x: [x, open({str(folder / MARKER)!r}, 'a').close()][0]"))
    inner = keras.Sequential([keras.Input((8, 8, 1)), own])
    nested = keras.Sequential([keras.Input((8, 8, 1)), inner, *head])
    for suffix in ("keras", "h5"):
        nested.save(folder / f"lambda.{suffix}")
    # HDF5 by its first bytes, and a zip archive by its last.
    (folder / "both.keras").write_bytes(
        (folder / "plain.h5").read_bytes() + (folder / "lambda.keras").read_bytes()
    )
    for name, layer in (
        ("function_of_os.keras", {"class_name": "function", "module": "os", "config": "system"}),
        ("own_layer.keras", {"class_name": "Blur", "module": "pets.layers", "registered_name": "pets>Blur"}),
        ("other_model.keras", {"class_name": "TFSMLayer", "module": "keras.layers", "config": {}}),
        ("torch.keras", {"class_name": "TorchModuleWrapper", "module": "keras.layers", "config": {}}),
    ):
        with_layer(folder / "plain.keras", folder / name, layer)
    with h5py.File(shutil.copy(folder / "plain.h5", folder / "own_layer.h5"), "r+") as file:
        file.attrs["model_config"] = file.attrs["model_config"].replace('"Flatten"', '"pets>Blur"')


def code_in_keras_2(folder: Path) -> None:
    """The same by way of tf-keras, which finds and calls more than Keras 3 does."""
    import h5py
    import tf_keras
    from tf_keras import layers

    def head() -> list[Any]:
        return [layers.Flatten(name="flatten"), layers.Dense(3, "softmax", name="dense")]

    own = layers.Lambda(eval(f"lambda x: [x, open({str(folder / MARKER)!r}, 'a').close()][0]"))
    plain = tf_keras.Sequential([layers.Input((8, 8, 1)), *head()])
    with_code = tf_keras.Sequential([layers.Input((8, 8, 1)), own, *head()])
    for suffix in ("keras", "h5"):
        plain.save(folder / f"plain_2.{suffix}")
        with_code.save(folder / f"lambda_2.{suffix}")

    def altered(name: str, change: Callable[[list[dict[str, Any]]], object]) -> None:
        with h5py.File(shutil.copy(folder / "plain_2.h5", folder / name), "r+") as file:
            config = json.loads(file.attrs["model_config"])
            change(config["config"]["layers"])
            file.attrs["model_config"] = json.dumps(config)

    def layer(kind: str, **config: Any) -> dict[str, Any]:
        return {"class_name": kind, "config": {"name": "added", "trainable": True, **config}}

    def added(kind: str, **config: Any) -> Callable[[list[dict[str, Any]]], object]:
        return lambda layers: layers.insert(1, layer(kind, **config))

    def of_dense(key: str, value: object) -> Callable[[list[dict[str, Any]]], object]:
        return lambda layers: layers[-1]["config"].update({key: value})

    writing = {"name": "write", "op": "WriteFile", "input": ["a", "b"]}
    for name, change in (
        ("own_layer_2.h5", added("pets>Blur")),
        ("hidden_class_2.h5", added("Outer.Dense", units=3)),
        (
            "function_2.h5",
            of_dense("kernel_regularizer", {"class_name": "deserialize_keras_object", "config": {}}),
        ),
        ("operation_2.h5", added("TFOpLambda", function="io.write_file")),
        ("graph_operation_2.h5", added("TensorFlowOpLayer", node_def=writing)),
        ("method_2.h5", added("ClassMethod", cls_symbol="RaggedTensor", method_name="from_tensor")),
        ("words_2.h5", added("StringLookup", vocabulary="/etc/passwd")),
        ("old_lambda.h5", added("Lambda", function=[OLD_LAMBDA, None, None], function_type="lambda")),
        ("named_lambda.h5", added("Lambda", function="blur", function_type="function")),
    ):
        altered(name, change)
    with h5py.File(shutil.copy(folder / "plain_2.h5", folder / "linked_weights_2.h5"), "r+") as file:
        del file["model_weights"]["dense"]
        file["model_weights"]["dense"] = h5py.ExternalLink("elsewhere.h5", "/dense")
    archives_of_keras_2(folder)


def archives_of_keras_2(folder: Path) -> None:
    import h5py

    with zipfile.ZipFile(folder / "plain_2.keras") as source:
        contents = {name: source.read(name) for name in source.namelist()}
    linked = io.BytesIO()
    with h5py.File(linked, "w") as file:
        file["layers"] = h5py.ExternalLink("elsewhere.h5", "/layers")
    function = {"class_name": "function", "module": "keras.utils", "config": "get_file"}
    config = json.loads(contents["config.json"])
    config["config"]["layers"][-1]["config"]["activation"] = function
    changes: dict[str, dict[str, bytes | None]] = {
        "own_function_2.keras": {"config.json": json.dumps(config).encode()},
        "pickled_weights_2.keras": {"model.weights.h5": None, "model.weights.npz": b"cos\nsystem\n."},
        "linked_weights_2.keras": {"model.weights.h5": linked.getvalue()},
    }
    for name, change in changes.items():
        with zipfile.ZipFile(folder / name, "w") as archive:
            for member, content in {**contents, **change}.items():
                if content is not None:
                    archive.writestr(member, content)


def damaged(folder: Path) -> None:
    import h5py
    import keras

    h5py.File(folder / "weights.h5", "w").close()
    with (
        zipfile.ZipFile(folder / "plain.keras") as source,
        zipfile.ZipFile(folder / "half_weights.keras", "w") as target,
        zipfile.ZipFile(folder / "deep.keras", "w") as deep,
    ):
        for name in source.namelist():
            content = source.read(name)
            target.writestr(name, content[: len(content) // 2] if name.endswith(".h5") else content)
            deep.writestr(name, b"[" * 100_000 if name == "config.json" else content)
    with zipfile.ZipFile(folder / "bomb.keras", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("config.json", "{}")
        bomb.writestr("model.weights.h5", bytes(1 << 24))
    whole = keras.models.load_model(folder / "plain.keras")
    whole.export(folder / "no_variables", verbose=False)
    for name in ("half_variables", "half_graph"):
        shutil.copytree(folder / "no_variables", folder / name)
    shutil.rmtree(folder / "no_variables" / "variables")
    for path in (
        folder / "half_variables" / "variables" / "variables.data-00000-of-00001",
        folder / "half_graph" / "saved_model.pb",
    ):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def with_layer(source: Path, target: Path, layer: dict[str, Any]) -> None:
    """Copy a `.keras` file with one more layer in its configuration."""
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as copy:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "config.json":
                config = json.loads(content)
                config["config"]["layers"].insert(1, layer)
                content = json.dumps(config).encode()
            copy.writestr(name, content)


def vector(image: Any) -> Any:
    """Three numbers of every image."""
    import tensorflow as tf

    return tf.reshape(image, (-1, 64))[:, :3]


def saved_model(
    path: Path,
    answer: Callable[[Any], Any],
    shape: Sequence[int | None] | None = IMAGE,
    dtype: str = "float32",
) -> None:
    import tensorflow as tf

    serve = tf.function(
        lambda image: {"answer": tf.identity(answer(image))},
        input_signature=[tf.TensorSpec(shape, dtype, name="image")],
    )
    tf.saved_model.save(tf.Module(), path, signatures={"serving_default": serve})


def flatbuffer(
    folder: Path, name: str, answer: Callable[[Any], Any], shape: Sequence[int | None] = IMAGE
) -> None:
    import tensorflow as tf

    saved_model(folder / name, answer, shape)
    converted = tf.lite.TFLiteConverter.from_saved_model(str(folder / name)).convert()
    (folder / f"{name}.tflite").write_bytes(converted)
    shutil.rmtree(folder / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""SavedModels that reach for files: `python -m tests.make_hostile_graphs FOLDER`.

A process of its own, like `tests.make_hostile_models`, and what is said of each goes to `said.json` as there.
`FOLDER/secret` is the file that they reach for.
"""

from __future__ import annotations

import json
import os
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.make_hostile_models import IMAGE, saved_model, vector, what_is_said, with_layer

SECRET = "secret\n"
WORDS = "cat\ndog\n"


def main(folder: Path) -> None:
    """Write all models."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    (folder / "secret").write_text(SECRET)
    for make in (reading, restoring, tables, dotted_names):
        make(folder)
    models = [path for path in folder.iterdir() if path.is_dir() or path.suffix == ".keras"]
    said = {path.name: what_is_said(path, trusted=False) for path in models}
    (folder / "said.json").write_text(json.dumps(said))


def reading(folder: Path) -> None:
    """Operations that read or write a file while they compute."""
    import tensorflow as tf

    secret, ops = str(folder / "secret"), tf.raw_ops

    def with_number(number: Callable[[], Any]) -> Callable[[Any], Any]:
        return lambda image: vector(image) + tf.cast(tf.reduce_sum(number()), tf.float32)

    def mapped() -> Any:
        return ops.ImmutableConst(dtype=tf.uint8, shape=[4], memory_region_name=secret)

    def records() -> Any:
        return tf.strings.length(ops.RecordInput(file_pattern=secret, batch_size=1))

    def vocabulary() -> Any:
        sampled = ops.FixedUnigramCandidateSampler(
            true_classes=tf.constant([[0]], tf.int64),
            num_true=1,
            num_sampled=1,
            unique=False,
            range_max=1,
            vocab_file=secret,
        )
        return sampled[0]

    for make in (mapped, records, vocabulary):
        saved_model(folder / make.__name__, with_number(make))


def restoring(folder: Path) -> None:
    """Models of TensorFlow 1: as they should be, with another operation, and from another checkpoint."""
    import tensorflow as tf

    v1 = tf.compat.v1
    for name in ("honest", "overwrites", "elsewhere", "from_another"):
        with tf.Graph().as_default(), v1.Session() as session:
            image = v1.placeholder(tf.float32, IMAGE, name="image")
            scale = v1.get_variable("scale", initializer=1.0)
            answer = tf.identity(vector(image) * scale, name="answer")
            session.run(v1.global_variables_initializer())
            saver = v1.train.Saver(sharded=name == "from_another")
            definition = saver.saver_def
            target = str(folder / "secret")
            if name == "overwrites":
                written = tf.raw_ops.Save(
                    filename=target, tensor_names=["x"], data=[tf.constant([1], tf.uint8)]
                )
                restore = session.graph.get_operation_by_name(definition.restore_op_name)
                with tf.control_dependencies([restore, written]):
                    definition.restore_op_name = tf.no_op(name="all_of_it").name
            if name == "elsewhere":
                number = tf.raw_ops.RestoreV2(
                    prefix=target, tensor_names=["scale"], shape_and_slices=[""], dtypes=[tf.float32]
                )[0]
                definition.restore_op_name = scale.assign(number).op.name
            builder = v1.saved_model.Builder(str(folder / name))
            signature = v1.saved_model.predict_signature_def({"image": image}, {"answer": answer})
            builder.add_meta_graph_and_variables(
                session, ["serve"], signature_def_map={"serving_default": signature}, saver=saver
            )
            builder.save()


def tables(folder: Path) -> None:
    """A table of words in the model's assets; the same with another file in the assets' place."""
    import tensorflow as tf
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    words = folder / "words.txt"
    words.write_text(WORDS)

    def made(path: Path) -> None:
        module = tf.Module()
        module.table = tf.lookup.StaticHashTable(
            tf.lookup.TextFileInitializer(
                str(words),
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            ),
            -1,
        )

        def answer(image: Any) -> Any:
            return {"answer": vector(image) + tf.cast(module.table.lookup(tf.constant("dog")), tf.float32)}

        serve = tf.function(answer, input_signature=[tf.TensorSpec(IMAGE, name="image")])
        tf.saved_model.save(module, str(path), signatures={"serving_default": serve})

    made(folder / "table")
    made(folder / "table_outside")
    made(folder / "table_linked")
    graph = folder / "table_outside" / "saved_model.pb"
    saved = SavedModel.FromString(graph.read_bytes())
    saved.meta_graphs[0].asset_file_def[0].filename = "../../secret"
    graph.write_bytes(saved.SerializeToString())
    inside = folder / "table_linked" / "assets" / "words.txt"
    inside.unlink()
    inside.symlink_to(folder / "secret")


def dotted_names(folder: Path) -> None:
    """A Lambda layer by a name that Keras looks up and its own check does not know."""
    import keras
    from keras import layers

    plain = keras.Sequential([keras.Input((8, 8, 1)), layers.Flatten(), layers.Dense(3, "softmax")])
    plain.save(folder / "plain.keras")
    for name, layer in (
        ("dotted_lambda.keras", {"module": "keras", "class_name": "layers.Lambda"}),
        ("dotted_model.keras", {"module": "keras", "class_name": "layers.TFSMLayer"}),
        ("dotted_utility.keras", {"module": "keras", "class_name": "utils.get_file"}),
        ("utility.keras", {"module": "keras.utils", "class_name": "get_file"}),
        ("inner.keras", {"module": "keras.src.utils.file_utils", "class_name": "get_file"}),
    ):
        config = {"name": "added", "function": "os.system", "filepath": str(folder / "table"), "fname": "x"}
        with_layer(folder / "plain.keras", folder / name, {**layer, "config": config})
    with zipfile.ZipFile(folder / "plain.keras") as archive:
        assert json.loads(archive.read("config.json"))["class_name"] == "Sequential"


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""What people export, as SavedModels, and what is said of it: `python -m tests.make_usual_models FOLDER`.

`found.json` has, by the model's name, what it would do beside computing, or null; only graphs matter, no
weights are right. The names after the folder choose some of the groups.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

APPLICATIONS = (
    *("ConvNeXtTiny", "DenseNet121", "EfficientNetB0", "EfficientNetV2B0", "InceptionResNetV2"),
    *("InceptionV3", "MobileNet", "MobileNetV2", "MobileNetV3Small", "NASNetMobile", "ResNet50"),
    *("ResNet50V2", "VGG16", "Xception"),
)
Written = Iterator[tuple[str, Callable[[str], object]]]
"""A model's name, and what writes it into a folder."""


def main(folder: Path, *groups: str) -> None:
    """Write each model, look at it, and remove it."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from mlpredict.inference.tensorflow_model import _danger_in_saved_model

    makers = {"layers": of_layers, "old": of_keras_2, "functions": of_functions, "applications": applications}
    found = {}
    for group in groups or makers:
        for name, write in makers[group]():
            with TemporaryDirectory() as target:
                write(target)
                found[name] = _danger_in_saved_model(Path(target))
    (folder / "found.json").write_text(json.dumps(found))


def applications() -> Written:
    import keras

    for name in APPLICATIONS:
        made = getattr(keras.applications, name)(weights=None, input_shape=(75, 75, 3), classes=5)
        yield name, exporting(made)
        keras.backend.clear_session()


def exporting(model: Any) -> Callable[[str], object]:
    return lambda target: model.export(target, verbose=False)


def alike(names: Sequence[str], options: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return dict.fromkeys(names, options)


def of_layers() -> Written:
    import keras
    from keras import layers

    image = (32, 32, 3)
    factor = {"factor": 0.1}
    augmenting: dict[str, dict[str, Any]] = {
        **alike(("AutoContrast", "Equalization", "RandomFlip", "RandomGrayscale", "RandomShear"), {}),
        **alike(("RandomInvert", "RandomPerspective", "RandAugment", "AugMix", "RandomErasing"), {}),
        **alike(("RandomElasticTransform", "RandomColorJitter", "RandomGaussianBlur"), {}),
        **alike(("RandomRotation", "RandomContrast", "RandomBrightness", "RandomHue"), factor),
        **alike(("RandomSaturation", "RandomSharpness", "RandomColorDegeneration"), factor),
        "RandomPosterization": {"factor": 4},
        "RandomZoom": {"height_factor": 0.1},
        "RandomTranslation": {"height_factor": 0.1, "width_factor": 0.1},
        "RandomCrop": {"height": 20, "width": 20},
        "CenterCrop": {"height": 20, "width": 20},
        "Resizing": {"height": 20, "width": 20, "crop_to_aspect_ratio": True},
        **alike(("GaussianNoise",), {"stddev": 0.1}),
        **alike(("GaussianDropout", "AlphaDropout", "SpatialDropout2D", "Dropout"), {"rate": 0.1}),
        "Normalization": {"mean": [1.0, 2.0, 3.0], "variance": [1.0, 2.0, 3.0]},
        "Rescaling": {"scale": 0.1},
        "Discretization": {"bin_boundaries": [0.1, 0.5]},
    }
    for name, options in augmenting.items():
        if layer := getattr(layers, name, None):
            head = [layers.Flatten(), layers.Dense(2)]
            body = [layer(**options), layers.Rescaling(1.0), *head]
            yield name, exporting(keras.Sequential([keras.Input(image), *body]))
    sequences = keras.Input((16, 8))
    attention = layers.MultiHeadAttention(2, 4)(sequences, sequences)
    more = layers.AdditiveAttention()([attention, layers.Attention()([sequences, sequences])])
    yield "attention", exporting(keras.Model(sequences, more))
    recurrent = [layers.LSTM(4, return_sequences=True), layers.GRU(4, return_sequences=True)]
    both = layers.Bidirectional(layers.LSTM(4, return_sequences=True))
    body = [*recurrent, both, layers.SimpleRNN(3), layers.Dense(2)]
    yield "recurrent", exporting(keras.Sequential([keras.Input((16, 8)), *body]))
    moving = [layers.ConvLSTM2D(4, 3, return_sequences=True), layers.TimeDistributed(layers.Conv2D(4, 3))]
    yield "video", exporting(keras.Sequential([keras.Input((4, 8, 8, 3)), *moving]))
    kinds = [
        *(layers.SeparableConv2D(4, 3), layers.DepthwiseConv2D(3), layers.Conv2DTranspose(4, 3)),
        *(layers.ZeroPadding2D(), layers.Cropping2D(), layers.UpSampling2D(interpolation="bilinear")),
        *(layers.UpSampling2D(), layers.AveragePooling2D(2), layers.MaxPooling2D(2), layers.PReLU()),
        *(layers.LeakyReLU(), layers.ELU(), layers.BatchNormalization(), layers.LayerNormalization()),
        *(layers.GroupNormalization(2), layers.UnitNormalization(), layers.RMSNormalization()),
        *map(layers.Activation, ("mish", "hard_swish", "gelu", "softplus", "selu", "swish", "softsign")),
        *(layers.SpectralNormalization(layers.Conv2D(4, 3)), layers.Softmax(), layers.Permute((3, 1, 2))),
        *(layers.Reshape((-1, 4)), layers.Conv1D(4, 3), layers.GlobalMaxPooling1D()),
        *(layers.RepeatVector(3), layers.Flatten(), layers.Dense(3, "softmax")),
    ]
    yield "convolutions", exporting(keras.Sequential([keras.Input(image), *kinds]))
    words = keras.Input((1,), dtype="string")
    known = ["cat", "dog"]
    for layer in (layers.StringLookup(vocabulary=known), layers.TextVectorization(vocabulary=known)):
        yield type(layer).__name__, exporting(keras.Model(words, layer(words)))


def of_keras_2() -> Written:
    from tf_keras import Sequential, layers

    bodies = {
        "recurrent of Keras 2": [
            layers.Input((28, 28)),
            layers.LSTM(4, return_sequences=True),
            layers.GRU(4),
        ],
        "augmented of Keras 2": [
            *(layers.Input((28, 28, 3)), layers.RandomFlip(), layers.RandomRotation(0.1)),
            *(layers.RandomZoom(0.1), layers.RandomContrast(0.1), layers.RandomTranslation(0.1, 0.1)),
            *(layers.RandomCrop(20, 20), layers.Rescaling(2.0), layers.Resizing(9, 9)),
            *(layers.CenterCrop(5, 5), layers.Conv2D(4, 3), layers.BatchNormalization(), layers.Flatten()),
            *(layers.Dropout(0.2), layers.Dense(3, "softmax")),
        ],
    }
    for name, body in bodies.items():
        model = Sequential(body)
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        yield name, partial(model.save, save_format="tf")


def of_functions() -> Written:
    import tensorflow as tf

    images = tf.TensorSpec((None, None, None, 3), tf.float32)
    texts = tf.TensorSpec((None,), tf.string)
    small = tf.TensorSpec((32, 32, 3), tf.float32)

    def decoded(text: Any) -> Any:
        image = tf.io.decode_image(tf.io.decode_base64(text), 3, expand_animations=False)
        return tf.image.resize(tf.image.convert_image_dtype(image, tf.float32), (32, 32))

    def jpeg(content: Any) -> Any:
        whole = tf.image.decode_jpeg(content, channels=3)
        other = tf.image.decode_png(content, channels=3)
        return tf.image.resize_with_pad(tf.cast(whole, tf.float32) + tf.cast(other, tf.float32), 32, 32)

    functions: dict[str, tuple[Callable[[Any], Any], Any]] = {
        "base64": (lambda texts: tf.map_fn(decoded, texts, fn_output_signature=small), texts),
        "jpeg": (lambda texts: tf.map_fn(jpeg, texts, fn_output_signature=small), texts),
        "tf.image": (every_image_function, images),
        "mathematics": (mathematics, images),
        "boxes": (boxes, images),
    }
    for name, (function, spec) in functions.items():
        served = tf.function(function, input_signature=[spec])
        yield name, saving(tf.Module(), served)
    yield from tables(images)


def saving(module: Any, served: Any) -> Callable[[str], object]:
    import tensorflow as tf

    return lambda target: tf.saved_model.save(module, target, signatures={"serving_default": served})


def named(*tensors: Any) -> dict[str, Any]:
    return {f"output_{n}": tensor for n, tensor in enumerate(tensors)}


def every_image_function(x: Any) -> Any:
    from tensorflow import image

    methods = ("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic")
    resized = [image.resize(x, (9, 9), method=one, antialias=way) for one in methods for way in (True, False)]
    return named(
        *resized,
        *(image.rgb_to_grayscale(x), image.adjust_contrast(x, 1.2), image.adjust_hue(x, 0.1)),
        *(image.adjust_saturation(x, 1.1), image.adjust_gamma(image.convert_image_dtype(x, "float32"), 2.0)),
        *(image.per_image_standardization(x), image.central_crop(x, 0.5), image.flip_left_right(x)),
        *(image.rot90(x), image.rgb_to_hsv(x), image.rgb_to_yuv(x), image.resize_with_crop_or_pad(x, 9, 9)),
        *(image.sobel_edges(x), image.total_variation(x), image.random_flip_left_right(x)),
        *(image.random_brightness(x, 0.1), image.random_contrast(x, 0.1, 0.2), image.ssim(x, x, 1.0)),
        image.extract_patches(x, [1, 2, 2, 1], [1, 2, 2, 1], [1, 1, 1, 1], "VALID"),
    )


def mathematics(x: Any) -> Any:
    import tensorflow as tf

    y = tf.image.resize(x, (8, 8))[..., 0]
    flat = tf.reshape(y, [-1])
    return named(
        *(tf.linalg.inv(y), tf.linalg.svd(y)[0], tf.linalg.det(y), tf.linalg.qr(y)[0], tf.sort(y)),
        *(tf.abs(tf.signal.rfft(y)), tf.abs(tf.signal.stft(y, 4, 2)), tf.signal.dct(y)),
        *(tf.math.top_k(y, 2)[0], tf.unique(flat)[0], tf.math.bincount(tf.cast(flat, tf.int32))),
        *(tf.cumsum(y), tf.math.segment_sum(y, tf.range(tf.shape(y)[0])), tf.nn.lrn(x)),
        *(tf.quantization.fake_quant_with_min_max_args(y), tf.histogram_fixed_width(y, [0.0, 1.0])),
        tf.quantization.quantize_and_dequantize_v2(y, 0.0, 1.0),
    )


def boxes(x: Any) -> Any:
    import tensorflow as tf

    corners = tf.reshape(x, (-1, 4))
    scores = corners[:, 0]
    combined = tf.image.combined_non_max_suppression(corners[None, :, None], scores[None, :, None], 5, 5)
    where = tf.zeros(tf.shape(corners)[:1], tf.int32)
    cut = tf.image.crop_and_resize(x, corners, where, (4, 4))
    return named(tf.image.non_max_suppression(corners, scores, 10), combined[0], cut)


def tables(images: Any) -> Written:
    import tensorflow as tf

    with TemporaryDirectory() as folder:
        words = Path(folder, "words.txt")
        words.write_text("cat\ndog\n")
        whole, line = tf.lookup.TextFileIndex.WHOLE_LINE, tf.lookup.TextFileIndex.LINE_NUMBER
        in_file = tf.lookup.TextFileInitializer(str(words), tf.int64, line, tf.string, whole)
        keys = tf.constant([0, 1], tf.int64)
        for name, table in {
            "table from a file": tf.lookup.StaticHashTable(in_file, "?"),
            "table": tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, ["a", "b"]), "?"),
            "changing table": tf.lookup.experimental.MutableHashTable(tf.int64, tf.string, "?"),
        }.items():
            module = tf.Module()
            module.table = table
            served = tf.function(
                lambda x, table=table: {"label": table.lookup(tf.argmax(tf.reshape(x, (1, -1)), 1))},
                input_signature=[images],
            )
            yield name, saving(module, served)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])

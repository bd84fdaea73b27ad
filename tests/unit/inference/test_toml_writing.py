"""What is written into a `mlpredict.toml` says the same when it is read."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlpredict.domain import OTSU, ChannelOrder, Decode, Fit, Preprocessing, Resize, Scaling
from mlpredict.inference.choices import Choice, Reason
from mlpredict.inference.preprocessing_entries import NAMED_SCALES, PRESETS, preprocessing_of
from mlpredict.inference.sidecar import Sidecar
from mlpredict.inference.toml_writing import as_lines, differing, entries, spelled_out

finite = st.floats(0.01, 10)
scalings = st.one_of(
    st.none(),
    st.sampled_from(list(NAMED_SCALES.values())),
    st.just(PRESETS["torch"]["scaling"]),
    st.tuples(finite, finite).map(lambda pair: Scaling(255.0, (pair[0],), (pair[1],))),
)
preprocessings = st.builds(
    Preprocessing,
    scaling=scalings,
    resize=st.sampled_from(Resize),
    fit=st.sampled_from(Fit),
    background=st.sampled_from([None, "white", "#ffeedd"]),
    channels=st.sampled_from(ChannelOrder),
    invert=st.booleans(),
    threshold=st.sampled_from([None, 0, 128, OTSU]),
    white=st.sampled_from([None, 4095.0]),
    central_crop=st.sampled_from([None, 0.875]),
    antialias=st.just(True),
    resize_to=st.none(),
    decode=st.just(Decode.FULL),
)


@given(preprocessings)
def test_what_is_written_is_read_again(wanted: Preprocessing) -> None:
    text = "\n".join(as_lines(entries(wanted)))
    assert preprocessing_of(tomllib.loads(text)) == wanted


@given(preprocessings, preprocessings)
def test_the_entries_that_differ_make_one_out_of_the_other(one: Preprocessing, other: Preprocessing) -> None:
    # What an entry cannot take back is the same in both.
    wanted = other._replace(
        scaling=other.scaling or NAMED_SCALES["0..1"],
        background=one.background,
        white=one.white,
        threshold=one.threshold,
        central_crop=one.central_crop,
    )
    stated = tomllib.loads("\n".join(as_lines(differing(wanted, one))))
    present = entries(one)
    if "preprocess" in stated:
        present.pop("scale", None)
    assert preprocessing_of({**present, **stated}) == wanted


def test_caffe_is_a_word_that_brings_its_order_of_colours() -> None:
    caffe = Preprocessing()._replace(**PRESETS["caffe"])
    assert differing(caffe, Preprocessing()) == {"preprocess": "caffe"}


def test_a_scaling_without_a_word_is_refused() -> None:
    with pytest.raises(ValueError, match="no entry says"):
        entries(Preprocessing(scaling=Scaling(3.0, (0.5,), (0.25,))))


def test_all_is_spelled_out_with_the_reasons_and_what_else_was_said_stays(tmp_path: Path) -> None:
    present = tmp_path / "mlpredict.toml"
    present.write_text('name = "pets"\nresize = "bilinear"\nnovelty = 3\n')
    choices = [
        Choice("scale", "0..255", Reason.LAYER, "rescaling\ninside"),
        Choice("resize", "bilinear", Reason.FILE),
    ]
    wanted = Preprocessing(scaling=NAMED_SCALES["0..255"], resize=Resize.BILINEAR, decode=Decode.FULL)
    text = spelled_out(Sidecar(path=present), wanted, choices, {"name": "pets", "labels": ["a # b", 'c"\\']})
    read = tomllib.loads(text)
    assert (read["novelty"], read["labels"], read["scale"]) == (3, ["a # b", 'c"\\'], "0..255")
    assert preprocessing_of({key: read[key] for key in entries(wanted)}) == wanted
    assert "# the model itself: rescaling inside" in text

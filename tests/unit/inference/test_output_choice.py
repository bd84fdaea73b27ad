"""Which output is the answer, what becomes of the others, and what is too much."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlpredict.domain import Task
from mlpredict.errors import ModelError
from mlpredict.inference.choices import Reason
from mlpredict.inference.described import Described
from mlpredict.inference.evidence import Evidence
from mlpredict.inference.model_files import ModelFiles, ModelFormat
from mlpredict.inference.output_choice import ChosenOutput, chosen_output, require_storable
from mlpredict.inference.output_facts import OutputFacts
from mlpredict.inference.sidecar import Sidecar
from mlpredict.inference.signature import Signature, TensorSpec

FILES = ModelFiles(Path("people.keras"), ModelFormat.KERAS, "0" * 64)
AGE = OutputFacts((1,), within_unit=False, sums_to_one=False, json_bytes=12)
GENDER = OutputFacts((2,), within_unit=True, sums_to_one=True, json_bytes=24)
FEATURES = OutputFacts((64, 64, 32), within_unit=False, sums_to_one=False, json_bytes=1_500_000)
NAMES = Evidence(output_names=("age", "gender", "features"))
FACTS = (AGE, GENDER, FEATURES)


def signature(count: int) -> Signature:
    return Signature((), tuple(TensorSpec(f"output_{n}", (None, 2), "float32") for n in range(count)))


def chosen(
    facts: tuple[OutputFacts | None, ...] = FACTS, evidence: Evidence = NAMES, **said: object
) -> ChosenOutput:
    described = Described(FILES, Sidecar(**said))  # type: ignore[arg-type]
    return chosen_output(described, signature(len(facts)), evidence, facts, "people.keras")


def test_the_first_output_with_classes_is_the_answer_and_the_others_are_kept_as_far_as_they_are_small() -> (
    None
):
    found = chosen()
    assert (found.index, found.stated, found.kept) == (1, "gender", {"age": 0})
    assert found.choice is not None
    assert (found.choice.what, found.choice.value, found.choice.reason) == ("output", "gender", Reason.LAYER)
    assert found.choice.detail == (
        "of age, gender, features; age kept beside it;"
        " features left out: too large, or no numbers for each image"
    )


def test_an_output_that_is_named_is_all_that_is_wanted() -> None:
    assert chosen(output="age").index == 0
    by_signature = chosen(output="output_2")
    assert (by_signature.index, by_signature.stated, by_signature.kept) == (2, "output_2", {})
    with pytest.raises(ModelError, match=r"people\.keras: has no output 'size'") as raised:
        chosen(output="size")
    assert raised.value.hint == "it has age, gender, features"


def test_a_task_that_is_stated_chooses_an_output_that_suits_it() -> None:
    assert chosen(task=Task.REGRESSION).index == 0
    assert chosen(task=Task.SEGMENTATION).index == 2
    assert chosen((GENDER, FEATURES), task=Task.REGRESSION).index == 0


def test_labels_tell_which_output_they_are_of() -> None:
    five = OutputFacts((5,), within_unit=True, sums_to_one=True, json_bytes=60)
    logits = OutputFacts((3,), within_unit=False, sums_to_one=False, json_bytes=40)
    two, three = ("man", "woman"), ("cat", "dog", "owl")
    assert chosen((AGE, five, GENDER), Evidence(), labels=two).index == 2
    assert chosen((five, logits), Evidence(), labels=three).index == 1
    assert chosen((five, logits), Evidence(), labels=three, task=Task.MULTI_LABEL).index == 1
    assert chosen((AGE, AGE), Evidence(endings=("BiasAdd", "Sigmoid")), labels=two).index == 1
    assert chosen((AGE, five), Evidence(), labels=three).index == 1


def test_where_nothing_has_classes_the_first_is_the_answer() -> None:
    found = chosen((AGE, None, AGE), Evidence())
    assert (found.index, found.stated, found.kept) == (0, None, {"output_2": 2})


def test_names_that_are_not_one_for_each_output_are_none() -> None:
    assert chosen((GENDER, AGE), Evidence(output_names=("head", "head"))).kept == {"output_1": 1}


def test_a_model_of_one_output_has_no_choice_and_one_without_is_refused() -> None:
    assert chosen((GENDER,), Evidence()) == ChosenOutput(0, names=("output_0",))
    with pytest.raises(ModelError, match=r"people\.keras: has no output"):
        chosen((), Evidence())


def test_what_is_too_much_to_store_is_refused_with_what_to_choose_instead() -> None:
    require_storable(GENDER, Task.CLASSIFICATION, ChosenOutput(0), "people.keras")
    require_storable(FEATURES, Task.SEGMENTATION, ChosenOutput(0), "people.keras")
    with pytest.raises(ModelError, match=r"its output is 1\.5 MB of JSON for each image") as raised:
        require_storable(FEATURES, Task.RAW, chosen(output="features"), "people.keras")
    hint = raised.value.hint or ""
    assert 'task = "segmentation"' in hint
    assert "of age, gender, features" in hint

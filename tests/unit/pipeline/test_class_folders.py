"""Folders that are labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlpredict.errors import UsageError
from mlpredict.pipeline.class_folders import labelled_images


def folders(top: Path, **images: int) -> Path:
    for name, count in images.items():
        (top / name).mkdir(parents=True)
        for number in range(count):
            (top / name / f"{number}.png").touch()
    return top


def test_folders_are_labels_by_their_names(tmp_path: Path) -> None:
    top = folders(tmp_path, Golden_Retriever=1, cat=2)
    found = labelled_images(str(top), ["cat", "dog", "golden retriever"], 100)
    assert [(Path(path).name, label) for path, label in found.images] == [
        ("0.png", "golden retriever"),
        ("0.png", "cat"),
        ("1.png", "cat"),
    ]
    assert (found.assumed, found.in_order) == (None, None)


def test_folders_without_a_label_are_taken_in_order_and_said(tmp_path: Path) -> None:
    found = labelled_images(str(folders(tmp_path, rock=1, paper=1)), ["0", "1"], 100)
    assert {Path(path).parent.name: label for path, label in found.images} == {"paper": "0", "rock": "1"}
    assert found.assumed is not None
    assert "paper is 0, rock is 1" in found.assumed
    assert found.in_order == ("paper", "rock")


def test_a_folder_that_is_no_label_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="lynx is no label of this model, which has cat, dog"):
        labelled_images(str(folders(tmp_path, cat=1, lynx=1)), ["cat", "dog"], 100)


def test_a_folder_of_images_is_none_of_classes(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    with pytest.raises(UsageError, match="no folder a class"):
        labelled_images(str(tmp_path), ["cat", "dog"], 100)


def test_folders_without_images_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no images"):
        labelled_images(str(folders(tmp_path, cat=0, dog=0)), ["cat", "dog"], 100)


def test_of_too_many_images_an_even_part_of_each_class_is_taken(tmp_path: Path) -> None:
    found = labelled_images(str(folders(tmp_path, cat=50, dog=3)), ["cat", "dog"], 20)
    cats = [int(Path(path).stem) for path, label in found.images if label == "cat"]
    assert len(cats) == 10
    assert max(cats) > 40
    assert len(found.images) == 13

"""Which worker runs which tests, and in what order: a file at a time, as with `--dist loadfile`."""

from __future__ import annotations

from collections import OrderedDict

import pytest
from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

TENSORFLOW = "tests that import TensorFlow"
IMPORT_TENSORFLOW = {
    "tests/integration/cli/test_predict_command.py::test_what_is_stored_is_what_tensorflow_says",
    "tests/integration/inference/test_models.py",
    "tests/unit/inference/test_tensors.py",
    "tests/unit/inputs/test_placement.py",
    "tests/unit/inputs/test_resizing.py",
}
"""Files, or tests of files that do not otherwise. They go to one worker: importing it takes ten seconds."""


class Scheduling(LoadFileScheduling):  # type: ignore[misc]
    """What may take long comes first, so that no worker is alone with it in the end."""

    workqueue: OrderedDict[str, dict[str, bool]]
    _in_order = False

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return TENSORFLOW if {file, nodeid} & IMPORT_TENSORFLOW else file

    def _assign_work_unit(self, node: WorkerController) -> None:
        if not self._in_order:
            self._in_order = True
            self.workqueue = OrderedDict(sorted(self.workqueue.items(), key=lambda unit: is_short(unit[0])))
        super()._assign_work_unit(node)


def is_short(scope: str) -> bool:
    """Whether tests are done in a few seconds, however many: those of units are."""
    return scope.startswith("tests/unit/")


def scheduler(config: pytest.Config, log: object) -> Scheduling | None:
    """The order of `--dist loadfile`; anything else that is asked for stays as it is."""
    return Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None

"""The facts of an environment: found quickly, told apart, and compared."""

from __future__ import annotations

import platform
import time
from pathlib import Path

import numpy as np
import PIL
import pytest

from mlpredict.domain.environments import Environment, differences, flat
from mlpredict.inputs import decoder_facts
from mlpredict.support import machine

X86 = """processor\t: 0
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 106
model name\t: Intel(R) Xeon(R) CPU @ 2.90GHz
flags\t\t: fpu sse2 avx avx2 fma avx512f hypervisor

processor\t: 1
vendor_id\t: Another
"""
ARM = """processor\t: 0
BogoMIPS\t: 243.75
Features\t: fp asimd asimddp i8mm crc32
CPU implementer\t: 0x41
CPU part\t: 0xd40

processor\t: 1
"""


def test_the_digest_is_that_of_the_facts_in_any_order() -> None:
    one, other = Environment({"a": 1, "b": [2]}), Environment({"b": [2], "a": 1})
    assert one.digest == other.digest != Environment({"a": 1, "b": [3]}).digest


def test_facts_within_facts_are_told_by_both_names() -> None:
    facts = {"xnnpack": True, "codecs": {"zlib": "1.3"}, "flags": ["avx", "fma"], "model_sha256": "ab" * 32}
    assert flat(facts) == {
        "xnnpack": "yes",
        "codecs zlib": "1.3",
        "flags": "avx fma",
        "model_sha256": "abababab",
    }


def test_what_differs_is_told_with_both_values() -> None:
    before, now = {"numpy": "2.1.0", "litert": "2.3.0"}, {"numpy": "2.4.0", "litert": "2.3.0"}
    assert differences(before, now) == ["numpy 2.1.0, now 2.4.0"]
    assert differences({}, {"numpy": "2.4.0"}) == ["numpy unknown, now 2.4.0"]


def test_a_kernel_and_an_interpreter_explain_no_other_numbers() -> None:
    assert differences({"system": "Linux 6.1", "python": "3.11.1"}, {"system": "Linux 6.2"}) == []


@pytest.mark.parametrize(
    ("text", "kind", "flags"),
    [
        pytest.param(
            X86,
            "vendor_id GenuineIntel, model name Intel(R) Xeon(R) CPU @ 2.90GHz, cpu family 6, model 106",
            ["sse2", "avx", "avx2", "fma", "avx512f"],
            id="x86",
        ),
        pytest.param(ARM, "CPU implementer 0x41, CPU part 0xd40", ["asimd", "asimddp", "i8mm"], id="arm"),
    ],
)
def test_the_first_processor_tells_of_all(
    text: str, kind: str, flags: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(machine, "CPUINFO", str(tmp_path / "cpuinfo"))
    facts = machine.machine_facts()
    assert (facts["processor"], facts["flags"]) == (kind, flags)


def test_what_the_system_does_not_tell_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "CPUINFO", "/nowhere")
    facts = machine.machine_facts()
    assert facts.keys() & {"processor", "flags"} == set()
    assert facts["architecture"] == platform.machine()
    assert facts["python"] == platform.python_version()


def test_decoders_are_told_with_their_versions() -> None:
    import tifffile

    facts = decoder_facts.decoder_facts()
    assert facts["pillow"] == PIL.__version__
    assert facts["decoders"].keys() == set(decoder_facts.DECODERS)
    assert facts["decoders"]["tifffile"] == tifffile.__version__
    assert facts["codecs"]["libtiff"][0].isdigit()


def test_facts_are_found_in_less_time_than_anybody_would_notice() -> None:
    def seconds() -> float:
        decoder_facts.installed.cache_clear()
        before = time.process_time()
        machine.machine_facts()
        decoder_facts.decoder_facts()
        return time.process_time() - before

    assert min(seconds() for _ in range(5)) < 0.01


def test_versions_are_those_that_are_imported() -> None:
    found = decoder_facts.installed()
    assert found["numpy"] == np.__version__

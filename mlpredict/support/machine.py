"""The processor and the system, as facts that are found out in a tenth of a millisecond."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

CPUINFO = "/proc/cpuinfo"
CPUINFO_BYTES = 8192
"""Enough for the first processor: with a hundred of them the whole file takes milliseconds."""

NAMES = ("vendor_id", "model name", "cpu family", "model", "CPU implementer", "CPU part", "CPU variant")
"""What tells one kind of processor from another: four on x86, the others on Arm (proc_cpuinfo(5))."""

FLAGS = frozenset(
    [
        *("sse2", "ssse3", "sse4_1", "sse4_2", "avx", "f16c", "fma", "avx2", "avx_vnni", "avx512f"),
        *("avx512bw", "avx512cd", "avx512dq", "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16"),
        *("amx_tile", "amx_int8", "amx_bf16", "amx_fp16"),
        *("neon", "asimd", "asimdhp", "asimddp", "asimdfhm", "fphp", "bf16", "i8mm", "sve", "sve2", "sme"),
    ]
)
"""The sets of instructions that XNNPACK and numpy choose their loops by."""


def machine_facts() -> dict[str, Any]:
    """Architecture, processor, the flags that matter, system and C library; without what cannot be told."""
    facts: dict[str, Any] = {"architecture": _architecture()}
    described = _first_processor()
    kind = ", ".join(f"{name} {described[name]}" for name in NAMES if name in described)
    flags = (described.get("flags") or described.get("Features") or "").split()
    return facts | {
        name: value
        for name, value in (
            ("processor", kind),
            ("flags", [flag for flag in flags if flag in FLAGS]),
            ("libc", _libc()),
            ("system", _system()),
            ("python", sys.version.partition(" ")[0]),
        )
        if value
    }


def _architecture() -> str:
    return (
        os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", sys.platform)
    )


def _system() -> str:
    if not hasattr(os, "uname"):
        return sys.platform
    found = os.uname()
    return f"{found.sysname} {found.release}"


def _libc() -> str | None:
    """The C library, whose functions numpy calls for some of its own."""
    with suppress(AttributeError, ValueError, OSError):
        return os.confstr("CS_GNU_LIBC_VERSION")
    return None


def _first_processor() -> dict[str, str]:
    try:
        descriptor = os.open(CPUINFO, os.O_RDONLY)
    except OSError:
        return {}
    try:
        text = os.read(descriptor, CPUINFO_BYTES).decode("ascii", "replace")
    finally:
        os.close(descriptor)
    lines = (line.partition(":") for line in text.partition("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in lines}

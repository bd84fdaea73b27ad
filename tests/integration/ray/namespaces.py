"""Two machines made of network namespaces: a cable between them, and nothing else to reach."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

ADDRESSES = ("10.213.7.1", "10.213.7.2")


@dataclass(frozen=True, slots=True)
class Machine:
    """A namespace, and the address that it has on the cable."""

    name: str
    address: str

    def command(self, words: Sequence[str]) -> list[str]:
        """What runs a command on it."""
        return ["ip", "netns", "exec", self.name, *words]

    @property
    def processes(self) -> list[int]:
        """All that runs on it."""
        return [int(pid) for pid in _ip("netns", "pids", self.name).stdout.split()]

    def lose(self) -> None:
        """Kill all of that."""
        for pid in self.processes:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def why_none() -> str | None:
    """Why no namespaces can be made here; None where they can."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return "network namespaces are made by root with ip"
    name = f"mlp-{secrets.token_hex(3)}"
    tried = _ip("netns", "add", name, check=False)
    _ip("netns", "delete", name, check=False)
    return tried.stderr.strip() or None


@contextmanager
def two_machines() -> Iterator[tuple[Machine, Machine]]:
    """Two namespaces joined by a pair of virtual Ethernet devices; what runs there ends with the block."""
    token = secrets.token_hex(3)
    with ExitStack() as stack:
        machines = []
        for place, address in enumerate(ADDRESSES):
            machine = Machine(f"mlp-{token}-{place}", address)
            _ip("netns", "add", machine.name)
            stack.callback(_ip, "netns", "delete", machine.name)
            stack.callback(machine.lose)
            machines.append(machine)
        first, second = machines
        ends = [f"mlp{token}{place}" for place in range(2)]
        peer = ("peer", "name", ends[1], "netns", second.name)
        _ip("link", "add", ends[0], "netns", first.name, "type", "veth", *peer)
        for machine, end in zip(machines, ends, strict=True):
            _ip("-n", machine.name, "address", "add", f"{machine.address}/30", "dev", end)
            for device in ("lo", end):
                _ip("-n", machine.name, "link", "set", device, "up")
        yield first, second


def _ip(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True, timeout=20)

"""Buckets of Google and Azure for tests, with a network before them that can fail."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from urllib.parse import unquote

import obstore
from obstore.store import AzureStore, GCSStore

from tests.buckets import Answer, Network, Request, network_before
from tests.cloud_servers import azure, google
from tests.cloud_servers.azure import Account, Azure
from tests.cloud_servers.google import Google, ServiceAccount
from tests.cloud_servers.objects import Question, Reply, Shelf, serving

ACCOUNT = Account("accountoftests", "c2VjcmV0IG9mIHRlc3RzLCBzZWNyZXQgb2YgdGVzdHM=")
OWN = ("GOOGLE_", "AZURE_", "AZURITE_", "STORAGE_EMULATOR")
"""What the variables of both begin with: none of whoever runs the tests."""


@dataclass(slots=True)
class Cloud:
    """A bucket, or a container, of a test's own, and what is asked of it on the way."""

    scheme: str
    name: str
    network: Network
    environment: dict[str, str]
    secrets: tuple[str, ...]
    """What must never be told."""
    refusal: Callable[[int, str, str], Reply]
    no_rights: str
    """The code for who may not do what is asked."""
    direct: AzureStore | GCSStore
    """The same, past the network."""
    shelf: Shelf | None
    """What lies on the server, where that is one of ours."""

    @property
    def url(self) -> str:
        """Its name, and that of a prefix without any key."""
        return f"{self.scheme}://{self.name}/"

    def is_of_object(self, request: Request) -> bool:
        """Whether an object is asked for, and no listing."""
        return request.method == "GET" and self._key(request) != ""

    @property
    def asked(self) -> list[str]:
        """The keys of objects that were asked for and answered, in order."""
        return [self._key(one) for one in self.network.requests if self.is_of_object(one) and not one.lost]

    def put(self, key: str, content: bytes) -> None:
        """Store an object."""
        obstore.put(self.direct, key, content, use_multipart=False)

    def get(self, key: str) -> bytes | None:
        """The bytes of an object; None where there is none."""
        try:
            return bytes(obstore.get(self.direct, key).bytes())
        except FileNotFoundError:
            return None

    def remove(self, key: str) -> None:
        """Take an object away, as somebody else would."""
        obstore.delete(self.direct, key)

    def refused(self) -> Answer:
        """What who lacks the right is told, with a secret in it."""
        reply = self.refusal(
            403, self.no_rights, f"Not allowed.</Message><Extra>{self.secrets[0]}</Extra><Message>"
        )
        return Answer(reply.status, reply.body, dict(reply.headers))

    def _key(self, request: Request) -> str:
        path = unquote(request.path.partition("?")[0])
        return path.partition(f"/{self.name}")[2].removeprefix("/")


@contextmanager
def google_bucket(name: str, account: ServiceAccount, folder: Path) -> Iterator[Cloud]:
    """A bucket on a server of our own, which checks who asks."""
    shelf = Shelf(buckets={name: {}})
    with serving(Google(shelf, account)) as target, network_before(target) as (network, address):
        (folder / "account.json").write_text(account.file())
        environment = {
            "GOOGLE_APPLICATION_CREDENTIALS": str(folder / "account.json"),
            "GOOGLE_BASE_URL": address,
        }
        direct = GCSStore(
            name,
            base_url=address_of(target),
            service_account_key=account.file(),
            client_options={"allow_http": True},
        )
        secrets = (account.file().splitlines()[0].partition("PRIVATE KEY-----\\n")[2][:60], "PRIVATE KEY")
        yield Cloud("gs", name, network, environment, secrets, google.refusal, "AccessDenied", direct, shelf)


@contextmanager
def google_emulator(name: str, folder: Path) -> Iterator[tuple[Cloud, set[str]]]:
    """A bucket on an emulator, and what it was sent as credentials; real ones lie ready."""
    shelf, sent = Shelf(buckets={name: {}}), set[str]()
    emulator = Google(shelf)

    def answer(question: Question) -> Reply:
        sent.add(question.headers.get("authorization", ""))
        return emulator(question)

    with serving(answer) as target, serving(emulator) as beside:
        (folder / "account.json").write_text(ServiceAccount().file())
        environment = {
            "GOOGLE_APPLICATION_CREDENTIALS": str(folder / "account.json"),
            "STORAGE_EMULATOR_HOST": f"{target[0]}:{target[1]}",
        }
        direct = GCSStore(
            name,
            base_url=address_of(beside),
            service_account_key=ServiceAccount().file(),
            client_options={"allow_http": True},
        )
        network = Network(target)
        cloud = Cloud("gs", name, network, environment, (), google.refusal, "AccessDenied", direct, shelf)
        yield cloud, sent


@contextmanager
def azure_container(name: str) -> Iterator[Cloud]:
    """A container on a server of our own, which checks signatures, and is named as Azure's own."""
    shelf = Shelf(buckets={name: {}})
    with serving(Azure(shelf, ACCOUNT)) as target, network_before(target) as (network, address):
        environment = {"AZURE_STORAGE_ENDPOINT": f"{address}/{ACCOUNT.name}"}
        yield _azure(name, network, target, environment, shelf)


@contextmanager
def azurite_container(name: str, target: tuple[str, int]) -> Iterator[Cloud]:
    """A container in Azurite, which is named as emulators are."""
    make_container(name, target)
    with network_before(target) as (network, address):
        environment = {"AZURE_STORAGE_USE_EMULATOR": "true", "AZURITE_BLOB_STORAGE_URL": address}
        yield _azure(name, network, target, environment, None)


def _azure(
    name: str, network: Network, target: tuple[str, int], environment: dict[str, str], shelf: Shelf | None
) -> Cloud:
    environment = {
        "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT.name,
        "AZURE_STORAGE_ACCOUNT_KEY": ACCOUNT.key,
        **environment,
    }
    direct = AzureStore(
        name,
        account_name=ACCOUNT.name,
        account_key=ACCOUNT.key,
        endpoint=f"{address_of(target)}/{ACCOUNT.name}",
        client_options={"allow_http": True},
    )
    no_rights = "AuthorizationPermissionMismatch"
    return Cloud("az", name, network, environment, (ACCOUNT.key,), azure.refusal, no_rights, direct, shelf)


def make_container(name: str, target: tuple[str, int]) -> None:
    """Make a container, which the library for buckets cannot."""
    path, query = f"/{ACCOUNT.name}/{name}", {"restype": "container"}
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2023-11-03", "Content-Length": "0"}
    headers["Authorization"] = ACCOUNT.authorization("PUT", path, query, headers)
    connection = http.client.HTTPConnection(*target, timeout=60)
    connection.request("PUT", f"{path}?restype=container", b"", headers)
    answer = connection.getresponse()
    assert answer.status == 201, answer.read()
    connection.close()


@contextmanager
def azurite(folder: Path) -> Iterator[tuple[str, int]]:
    """Where Azurite listens, which is on the PATH; nothing of it reaches another machine."""
    program = shutil.which("azurite-blob")
    assert program is not None
    command = [program, "--inMemoryPersistence", "--blobHost", "127.0.0.1", "--blobPort", "0"]
    command += ["--disableTelemetry", "--skipApiVersionCheck"]
    environment = {**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT.name}:{ACCOUNT.key}"}
    log = folder / "log"
    with (
        open(log, "w") as told,
        subprocess.Popen(
            command, stdout=told, stderr=subprocess.STDOUT, env=environment, cwd=folder
        ) as process,
    ):
        try:
            yield "127.0.0.1", _port_in(log, process)
        finally:
            process.kill()


def _port_in(log: Path, process: subprocess.Popen[bytes]) -> int:
    """Where Azurite says that it listens, once it does."""
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if found := re.search(r"successfully listens on \S+:(\d+)\n", log.read_text()):
            return int(found[1])
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def address_of(target: tuple[str, int]) -> str:
    """The address of a server."""
    return f"http://{target[0]}:{target[1]}"

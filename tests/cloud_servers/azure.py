"""Azure's blobs of one account: https://learn.microsoft.com/rest/api/storageservices/blob-service-rest-api."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from xml.sax.saxutils import escape

from tests.cloud_servers.objects import LAST_MODIFIED, Question, Reply, Shelf, Stored, content_reply

# Azure's messages have lines.
ERROR = (
    '<?xml version="1.0" encoding="utf-8"?><Error><Code>{}</Code><Message>{}\nRequestId:4b5c8f2e-101e\n'
    "Time:2026-01-01T00:00:00.0000000Z</Message></Error>"
)
ENTRY = (
    "<Blob><Name>{}</Name><Properties><Last-Modified>{}</Last-Modified><Etag>{}</Etag>"
    "<Content-Length>{}</Content-Length><Content-Type>{}</Content-Type><BlobType>BlockBlob</BlobType>"
    "</Properties></Blob>"
)
LISTING = (
    '<?xml version="1.0" encoding="utf-8"?><EnumerationResults ContainerName="{}"><Prefix>{}</Prefix>'
    "<Blobs>{}</Blobs><NextMarker>{}</NextMarker></EnumerationResults>"
)
SIGNED = (
    *("Content-Encoding", "Content-Language", "Content-Length", "Content-MD5", "Content-Type", "Date"),
    *("If-Modified-Since", "If-Match", "If-None-Match", "If-Unmodified-Since", "Range"),
)
NO_CONTAINER = (404, "ContainerNotFound", "The specified container does not exist.")
NO_BLOB = (404, "BlobNotFound", "The specified blob does not exist.")
THERE = (409, "BlobAlreadyExists", "The specified blob already exists.")
UNKNOWN = (
    403,
    "AuthenticationFailed",
    "Server failed to authenticate the request. Make sure the value of Authorization header is formed"
    " correctly including the signature.",
)


def refusal(status: int, code: str, message: str) -> Reply:
    """How Azure refuses."""
    headers = {"Content-Type": "application/xml", "x-ms-error-code": code}
    return Reply(status, ERROR.format(code, message).encode(), headers)


@dataclass(frozen=True, slots=True)
class Account:
    """An account and its key; emulators have the account in their paths."""

    name: str
    key: str

    def authorization(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> str:
        """The header that signs a request, as "Authorize with Shared Key" tells."""
        fields = {name.lower(): value for name, value in headers.items()}
        told = [fields.get(name.lower(), "") for name in SIGNED]
        if told[2] == "0":
            told[2] = ""
        own = [f"{name}:{fields[name]}" for name in sorted(fields) if name.startswith("x-ms-")]
        asked = [f"{name}:{query[name]}" for name in sorted(query)]
        text = "\n".join([method, *told, *own, f"/{self.name}{path}", *asked])
        digest = hmac.new(base64.b64decode(self.key), text.encode(), hashlib.sha256).digest()
        return f"SharedKey {self.name}:{base64.b64encode(digest).decode()}"

    def has_signed(self, question: Question) -> bool:
        """Whether a request was signed with the key."""
        signed = self.authorization(question.method, question.path, question.query, question.headers)
        return hmac.compare_digest(signed, question.headers.get("authorization", ""))


@dataclass(slots=True)
class Azure:
    """Answers who signs with the account's key."""

    shelf: Shelf
    account: Account

    def __call__(self, question: Question) -> Reply:
        """The answer to a request."""
        if not self.account.has_signed(question):
            return refusal(*UNKNOWN)
        inside = question.path.removeprefix(f"/{self.account.name}")
        container, key = question._replace(path=inside).names
        match question.method, question.query.get("comp"):
            case "PUT", None if question.query.get("restype") == "container":
                self.shelf.buckets[container] = {}
                return Reply(201)
            case _ if container not in self.shelf.buckets:
                return refusal(*NO_CONTAINER)
            case "GET", "list":
                return self._listing(question, container)
            case "POST", "batch":
                return self._batch(question)
            case "PUT", _:
                return self._put(question, container, key)
            case "DELETE", _:
                return Reply(202) if self.shelf.remove(container, key) else refusal(*NO_BLOB)
        stored = self.shelf.buckets[container].get(key)
        return refusal(*NO_BLOB) if stored is None else content_reply(question, stored, _headers(stored))

    def _put(self, question: Question, container: str, key: str) -> Reply:
        assert question.headers["x-ms-blob-type"] == "BlockBlob"
        only_new = question.headers.get("if-none-match") == "*"
        kind = question.headers.get("x-ms-blob-content-type", "application/octet-stream")
        stored = self.shelf.put(container, key, question.body, kind, only_new=only_new)
        return refusal(*THERE) if stored is None else Reply(201, headers=_headers(stored))

    def _listing(self, question: Question, container: str) -> Reply:
        prefix = question.query.get("prefix", "")
        found, more = self.shelf.listed(container, prefix, question.query.get("marker", ""))
        entries = "".join(
            ENTRY.format(escape(key), LAST_MODIFIED, _etag(one), len(one.content), one.kind)
            for key, one in found
        )
        listing = LISTING.format(container, escape(prefix), entries, escape(more))
        return Reply(200, listing.encode(), {"Content-Type": "application/xml"})

    def _batch(self, question: Question) -> Reply:
        """Several deletions in one request, each with a signature of its own."""
        head = f"Content-Type: {question.headers['content-type']}\r\n\r\n".encode()
        whole = BytesParser().parsebytes(head + question.body)
        lines = []
        for part in whole.get_payload():
            assert isinstance(part, Message)
            reply = self(_question(part))
            reason = "Accepted" if reply.status == 202 else "The specified blob does not exist."
            lines += ["--answers", "Content-Type: application/http", f"Content-ID: {part['Content-ID']}", ""]
            lines += [f"HTTP/1.1 {reply.status} {reason}", "x-ms-version: 2023-11-03", "", ""]
        body = "\r\n".join([*lines, "--answers--", ""])
        return Reply(202, body.encode(), {"Content-Type": "multipart/mixed; boundary=answers"})


def _question(part: Message) -> Question:
    """The request that is a part of another."""
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    first, _, rest = payload.partition(b"\r\n")
    method, path, _ = first.decode().split()
    headers = BytesParser().parsebytes(rest, headersonly=True)
    return Question(method, path, {}, {name.lower(): value for name, value in headers.items()}, b"")


def _etag(stored: Stored) -> str:
    return f"0x{stored.number:X}"


def _headers(stored: Stored) -> dict[str, str]:
    return {"ETag": f'"{_etag(stored)}"', "Last-Modified": LAST_MODIFIED}

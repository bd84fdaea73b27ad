"""Google's XML API for one project: https://cloud.google.com/storage/docs/xml-api/overview."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.cloud_servers.objects import Question, Reply, Shelf, Stored, content_reply

ERROR = "<?xml version='1.0' encoding='UTF-8'?><Error><Code>{}</Code><Message>{}</Message></Error>"
ENTRY = (
    "<Contents><Key>{}</Key><Generation>{}</Generation><MetaGeneration>1</MetaGeneration>"
    "<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;{}&quot;</ETag><Size>{}</Size></Contents>"
)
LISTING = (
    "<?xml version='1.0' encoding='UTF-8'?><ListBucketResult xmlns='http://doc.s3.amazonaws.com/2006-03-01'>"
    "<Name>{}</Name><Prefix>{}</Prefix><KeyCount>{}</KeyCount><IsTruncated>{}</IsTruncated>{}{}</ListBucketResult>"
)
NO_BUCKET = ("NoSuchBucket", "The specified bucket does not exist.")
NO_KEY = ("NoSuchKey", "The specified key does not exist.")
MET = ("PreconditionFailed", "At least one of the pre-conditions you specified did not hold.")
UNKNOWN = ("AuthenticationRequired", "Authentication required.")


def refusal(status: int, code: str, message: str) -> Reply:
    """How Google refuses."""
    return Reply(status, ERROR.format(code, message).encode(), {"Content-Type": "application/xml"})


@dataclass(slots=True)
class ServiceAccount:
    """An account with a key of its own, whose file is what GOOGLE_APPLICATION_CREDENTIALS names."""

    email: str = "tests@example.iam.gserviceaccount.com"
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    def file(self) -> str:
        """The file that Google gives for a key."""
        private = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        named = {"type": "service_account", "private_key_id": "k1", "client_email": self.email}
        return json.dumps({**named, "private_key": private.decode(), "client_id": "1"})

    def has_signed(self, authorization: str) -> bool:
        """Whether a token was made with the key (RFC 7515)."""
        told, _, signature = authorization.removeprefix("Bearer ").rpartition(".")
        try:
            self.key.public_key().verify(
                _decoded(signature), told.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(slots=True)
class Google:
    """Answers who has a token of the account; where there is no account, everybody, as emulators do."""

    shelf: Shelf
    account: ServiceAccount | None = None

    def __call__(self, question: Question) -> Reply:
        """The answer to a request."""
        authorization = question.headers.get("authorization", "")
        if self.account is not None and not self.account.has_signed(authorization):
            return refusal(401, *UNKNOWN)
        bucket, key = question.names
        if bucket not in self.shelf.buckets:
            return refusal(404, *NO_BUCKET)
        if not key:
            return self._listing(question, bucket)
        match question.method:
            case "PUT":
                return self._put(question, bucket, key)
            case "DELETE":
                return Reply(204) if self.shelf.remove(bucket, key) else refusal(404, *NO_KEY)
        stored = self.shelf.buckets[bucket].get(key)
        return refusal(404, *NO_KEY) if stored is None else content_reply(question, stored, _headers(stored))

    def _put(self, question: Question, bucket: str, key: str) -> Reply:
        only_new = question.headers.get("x-goog-if-generation-match") == "0"
        kind = question.headers["content-type"]
        stored = self.shelf.put(bucket, key, question.body, kind, only_new=only_new)
        return refusal(412, *MET) if stored is None else Reply(200, headers=_headers(stored))

    def _listing(self, question: Question, bucket: str) -> Reply:
        prefix = question.query.get("prefix", "")
        found, more = self.shelf.listed(bucket, prefix, question.query.get("continuation-token", ""))
        token = f"<NextContinuationToken>{escape(more)}</NextContinuationToken>" if more else ""
        entries = "".join(
            ENTRY.format(escape(key), one.number, one.md5, len(one.content)) for key, one in found
        )
        listing = LISTING.format(
            bucket, escape(prefix), len(found), "true" if more else "false", token, entries
        )
        return Reply(200, listing.encode(), {"Content-Type": "application/xml; charset=UTF-8"})


def _headers(stored: Stored) -> dict[str, str]:
    return {"ETag": f'"{stored.md5}"', "x-goog-generation": str(stored.number)}


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

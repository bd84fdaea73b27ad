"""What names something that is on no disk of this machine; nothing here speaks to anybody."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple
from urllib.parse import SplitResult, quote, unquote, urlsplit

from mlpredict.inputs.kinds import IMAGE_SUFFIXES, suffix_of
from mlpredict.support.addresses import WEB, is_bucket

URI_SAFE = "/!$&'()*+,;=:@-._~"
"""What of a path stands for itself in a URI (RFC 3986, pchar)."""
LEFT_OUT = "?…"
"""What a name has instead of its query, which may be a key to the image."""


class NotFetched(Exception):
    """The reason why a name leads to nothing that is fetched."""


class Place(NamedTuple):
    """An object of a bucket, or what a prefix has in common; the key is meant as it is written."""

    scheme: str
    bucket: str
    key: str

    @property
    def url(self) -> str:
        """The name, as it is written on the command line."""
        return f"{self.scheme}://{self.bucket}/{self.key}"

    @property
    def uri(self) -> str:
        """The name as a URI, where a character that means something else is escaped."""
        return f"{self.scheme}://{self.bucket}/{quote(self.key, safe=URI_SAFE)}"

    @property
    def folder(self) -> str:
        """The key as a prefix: with `/` at its end, or nothing for the whole bucket."""
        return self.key if not self.key or self.key.endswith("/") else f"{self.key}/"


def may_be_many(name: str) -> bool:
    """Whether a remote name may stand for more than one image: a prefix of a bucket is as a folder."""
    return is_bucket(name) and suffix_of(name.rpartition("/")[2]) not in IMAGE_SUFFIXES


def place_of(name: str) -> Place:
    """The object or prefix that a name of a bucket stands for.

    Raises:
        NotFetched: it names no bucket, or its key is none that can be asked for.

    Example:
        >>> place_of("s3://scans/2026/a%20b.png").key
        '2026/a%20b.png'
    """
    scheme, _, rest = name.partition("://")
    bucket, _, key = rest.partition("/")
    if not bucket or any(character in bucket for character in "@:?#%\\ "):
        raise NotFetched(f"not the name of a bucket: expected {scheme}://BUCKET/PREFIX/")
    require_key(key)
    return Place(scheme, bucket, key)


def place_of_uri(uri: str) -> Place:
    """The object that a URI of ours stands for, in which a key is escaped.

    Raises:
        NotFetched: it is none.
    """
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    try:
        return place_of(f"{scheme}://{bucket}/{unquote(key, errors='strict')}")
    except UnicodeDecodeError as error:
        raise NotFetched("the key is not UTF-8") from error


def uri_of(name: str) -> str:
    """A remote address as a URI that is stored: without a query, which may be a key to it."""
    if is_bucket(name):
        return place_of(name).uri
    return web_address(name)._replace(query="", fragment="").geturl()


def require_key(key: str) -> None:
    """Refuse a key that the library for buckets cannot ask for, whatever the bucket would say.

    Raises:
        NotFetched: with the reason.
    """
    parts = key.removesuffix("/").split("/")
    if key and "" in parts:
        raise NotFetched("a key with an empty part (//) cannot be asked for")
    if "." in parts or ".." in parts:
        raise NotFetched("a key with a part . or .. cannot be asked for")
    if any(ord(character) < 32 or ord(character) == 127 for character in key):
        raise NotFetched("a key with a control character cannot be asked for")


def web_address(name: str) -> SplitResult:
    """The parts of an address of the web.

    Raises:
        NotFetched: it is none that is fetched: it holds a password, or would be sent in the clear.
    """
    try:
        parts = urlsplit(name)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        # Not its own words: they quote what may be a password.
        raise NotFetched("not an address: its host or port makes no sense") from None
    if not host:
        raise NotFetched("not an address: it has no host")
    if "@" in parts.netloc:
        raise NotFetched("an address with a password in it would be stored with it: not fetched")
    if parts.scheme == "http" and not is_this_machine(host):
        raise NotFetched("http:// is not encrypted: https:// is fetched, and http:// of this machine alone")
    if parts.scheme not in ("https", "http"):
        raise NotFetched(f"{parts.scheme}:// is not fetched")
    return parts


def web_name(parts: SplitResult) -> str:
    """What an image of the web is called: its address without the query."""
    return parts._replace(query="", fragment="").geturl() + (LEFT_OUT if parts.query else "")


def remote_folder_of(name: str) -> str | None:
    """What the folder is called that an object lies in; None where it lies in a bucket itself, or in none.

    Example:
        >>> remote_folder_of("s3://scans/cats/7.png"), remote_folder_of("s3://scans/7.png")
        ('cats', None)
    """
    folders = name.partition("://")[2].split("/")[1:-1]
    return folders[-1] if folders and folders[-1] else None


def safe_name(name: str) -> str:
    """A remote name as it may be printed and stored, also one that is no good: without what may be a key.

    Example:
        >>> safe_name("https://me:secret@host/a.png?sig=1")
        'https://host/a.png?…'
    """
    if not name.startswith(WEB):
        return name
    try:
        parts = urlsplit(name)
        _ = parts.port
    except ValueError:
        return f"{name.partition('://')[0]}://…"
    return web_name(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def is_this_machine(host: str) -> bool:
    """Whether a host is this machine, whatever the name servers say."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

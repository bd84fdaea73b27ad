"""A bucket of very many objects, which only answers what is asked to list and to get: the rest costs time.

`python -m tests.many_objects NAME=FOLDER… ` serves the files of folders as buckets; `NAME=100000` a bucket
of so many names, `NAME=kept:100000` of so many as `--keep` writes them. It prints its port.
"""

from __future__ import annotations

import asyncio
import sys
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape
from zlib import crc32

PAGE = 1000
ENTRY = (
    "<Contents><Key>{}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;{}&quot;</ETag>"
    "<Size>{}</Size><StorageClass>STANDARD</StorageClass></Contents>"
)
LISTING = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult><Name>b</Name><KeyCount>{}</KeyCount>'
    "<MaxKeys>1000</MaxKeys><IsTruncated>{}</IsTruncated>{}{}</ListBucketResult>"
)


class Objects:
    """The keys of a bucket in their order, with their bytes or, where there are too many, none."""

    def __init__(self, keys: Sequence[str], folder: Path | None = None) -> None:
        self.keys = keys
        self.contents = {} if folder is None else {key: (folder / key).read_bytes() for key in keys}

    def listing(self, prefix: str, after: str) -> str:
        """A page of the keys that begin with a prefix, after another key."""
        first = bisect_right(self.keys, after) if after else 0
        page = [key for key in self.keys[first : first + PAGE] if key.startswith(prefix)]
        more = first + PAGE < len(self.keys)
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more and page else ""
        entries = "".join(
            ENTRY.format(escape(key), etag_of(key), len(self.contents.get(key, b"x" * 100))) for key in page
        )
        return LISTING.format(len(page), "true" if token else "false", token, entries)


def etag_of(key: str) -> str:
    """The ETag of an object, which stays what it is."""
    return f"{crc32(key.encode()):08x}"


def bucket_of(described: str) -> Objects:
    """A bucket by what the command line says of it: a folder, or how many names."""
    kind, _, number = described.rpartition(":")
    if kind == "kept":
        return Objects(
            sorted(f"images/{sha256(bytes(str(one), 'ascii')).hexdigest()}" for one in range(int(number)))
        )
    if described.isdecimal():
        return Objects([f"in/{number // 1000:04}/{number:07}.png" for number in range(int(described))])
    folder = Path(described)
    keys = sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file())
    return Objects(keys, folder)


async def serve(buckets: Mapping[str, Objects]) -> None:
    """Answer until the process is ended."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            while (await reader.readline()).strip():
                pass
            url = urlsplit(line.split()[1].decode())
            _, name, key = [*unquote(url.path).split("/", 2), ""][:3]
            asked = {name: values[0] for name, values in parse_qs(url.query).items()}
            if "list-type" in asked:
                after = asked.get("continuation-token", asked.get("start-after", ""))
                body = buckets[name].listing(asked.get("prefix", ""), after).encode()
            else:
                body = buckets[name].contents[key]
            head = (
                f'HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nETag: "{etag_of(key)}"\r\n'
                "Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n"
            )
            writer.write(head.encode() + body)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - for who has started it
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(
        serve({name: bucket_of(what) for name, _, what in (one.partition("=") for one in sys.argv[1:])})
    )

"""Files made to hurt whoever decodes them: bombs, runaways and damaged ones, each from a few bytes."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
RGB = 2
GREY = 0
END_OF_IMAGE = b"\xff\xd9"


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a PNG with its checksum."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, height: int, *chunks: bytes, colours: int = GREY, depth: int = 8) -> bytes:
    """A PNG of this size that is made of these chunks."""
    header = struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0)
    return PNG_SIGNATURE + chunk(b"IHDR", header) + b"".join(chunks) + chunk(b"IEND", b"")


def black_png(width: int, height: int, *chunks: bytes, colours: int = GREY) -> bytes:
    """A PNG whose pixels, all there and all black, are a thousandth of their size in the file."""
    row = bytes(1 + width * (3 if colours == RGB else 1))
    packer = zlib.compressobj(9)
    pixels = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    return png(width, height, *chunks, chunk(b"IDAT", pixels), colours=colours)


def inflating(size: int) -> bytes:
    """Bytes that zlib makes so many of."""
    packer = zlib.compressobj(9)
    block = bytes(1 << 20)
    return b"".join(packer.compress(block) for _ in range(size >> 20)) + packer.flush()


def png_with_text(size: int) -> bytes:
    """A small PNG whose compressed text becomes so many bytes."""
    return black_png(28, 28, chunk(b"zTXt", b"Comment\0\0" + inflating(size)))


def png_with_profile(size: int) -> bytes:
    """A small PNG whose colour profile becomes so many bytes."""
    return black_png(28, 28, chunk(b"iCCP", b"profile\0\0" + inflating(size)))


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """The bytes of an image file."""
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def jpeg_with_many_scans(side: int, scans: int) -> bytes:
    """A progressive JPEG that draws its whole image so many times, a dozen bytes each."""
    content = saved(Image.new("L", (side, side), 90), "JPEG", progressive=True)
    # Refines the last bit of one coefficient, by a scan that says nothing of any block.
    again = content[content.rindex(b"\xff\xda") : -len(END_OF_IMAGE)][:12]
    return content[: -len(END_OF_IMAGE)] + again * scans + END_OF_IMAGE


def gif_with_comment(size: int) -> bytes:
    """A small GIF with a comment of so many bytes before its image."""
    content = saved(Image.new("P", (8, 8)), "GIF")
    block = b"\xff" + bytes(255)
    place = content.index(b"\x2c")
    return content[:place] + b"!\xfe" + block * (size // 255) + b"\0" + content[place:]


def animation(kind: str, frames: int, side: int = 16) -> bytes:
    """An animation whose first frame is white."""
    images = [Image.new("L", (side, side), 255 if n == 0 else n % 200) for n in range(frames)]
    return saved(images[0], kind, save_all=True, append_images=images[1:])


def qoi_of_size(width: int, height: int) -> bytes:
    """A QOI file that says how large it is, and repeats one pixel for ever."""
    return b"qoif" + struct.pack(">IIBB", width, height, 3, 0) + b"\xfd" * 4096


def webp_of_size(side: int) -> bytes:
    """An animated WebP whose canvas has this side and whose frames are small."""
    content = animation("WEBP", 2)
    return content[:24] + struct.pack("<I", side - 1)[:3] * 2 + content[30:]


def icon_with_png(inner: bytes) -> bytes:
    """An ICO that says 16×16 and holds whatever PNG this is."""
    entry = struct.pack("<BBBBHHII", 16, 16, 0, 0, 1, 32, len(inner), 22)
    return struct.pack("<HHH", 0, 1, 1) + entry + inner


def tiff_that_goes_in_circles() -> bytes:
    """A TIFF whose directory is followed by itself."""
    content = bytearray(saved(Image.new("L", (8, 8), 200), "TIFF"))
    (start,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, start)
    struct.pack_into("<I", content, start + 2 + 12 * entries, start)
    return bytes(content)


def small_files() -> dict[str, bytes]:
    """A good small file of each format that is common enough, by the format's name."""
    random = np.random.default_rng(3)
    noise = Image.fromarray(random.integers(0, 256, (9, 7, 3), np.uint8))
    grey = noise.convert("L")
    return {
        "PNG": saved(noise, "PNG"),
        "PNG of a palette": saved(noise.convert("P"), "PNG", transparency=3),
        "PNG of 16 bits": saved(Image.fromarray(random.integers(0, 1 << 16, (9, 7), np.uint16)), "PNG"),
        "JPEG": saved(noise, "JPEG"),
        "progressive JPEG": saved(noise, "JPEG", progressive=True),
        "GIF": saved(noise, "GIF"),
        "BMP": saved(noise, "BMP"),
        "TIFF": saved(noise, "TIFF"),
        "compressed TIFF": saved(noise, "TIFF", compression="tiff_lzw"),
        "WebP": saved(noise, "WEBP"),
        "lossless WebP": saved(noise, "WEBP", lossless=True),
        "AVIF": saved(noise, "AVIF"),
        "JPEG 2000": saved(noise, "JPEG2000"),
        "ICO": saved(noise, "ICO"),
        "PPM": saved(noise, "PPM"),
        "TGA": saved(noise, "TGA", compression="tga_rle"),
        "PCX": saved(noise, "PCX"),
        "SGI": saved(noise, "SGI"),
        "QOI": saved(noise, "QOI"),
        "ICNS": saved(grey.resize((16, 16)), "ICNS"),
        "DDS": saved(noise, "DDS"),
        "XBM": saved(grey.convert("1"), "XBM"),
    }


def truncations(content: bytes, most: int = 300) -> Iterator[bytes]:
    """A file cut short at every byte, or at so many places of a longer one."""
    step = max(1, len(content) // most)
    yield from (content[:length] for length in range(1, len(content), step))


def flips(content: bytes, count: int, seed: int) -> Iterator[bytes]:
    """A file with a few other bytes, in so many ways."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        damaged = bytearray(content)
        for place in random.integers(0, len(content), random.integers(1, 6)):
            damaged[place] = random.integers(0, 256)
        yield bytes(damaged)

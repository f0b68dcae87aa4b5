"""Pictures made of nothing but zlib: an evening over hills, different for each seed, and as large as a test wants."""

import math
import struct
import zlib


def png(width: int, height: int, seed: int = 1, noise: int = 0) -> bytes:
    """`noise`: this many bytes more that nobody sees, for a file that takes its time."""
    hue = seed * 47 % 60
    rows = bytearray()
    ridges = [
        [0.58 + 0.10 * k + 0.06 * math.sin(seed + x / width * (5 + 2 * k)) + 0.025 * math.sin(2.3 * seed + x / width * (17 - 3 * k)) for x in range(width)]
        for k in range(3)]
    sun_x, sun_y, sun = width * (0.25 + seed * 0.17 % 0.5), height * 0.42, min(width, height) * 0.09
    for y in range(height):
        rows.append(0)
        depth = y / height
        sky = (255 - int(70 * (1 - depth)), int(120 + 90 * depth + hue), int(190 - 90 * depth + hue // 2))
        for x in range(width):
            color = sky
            distance = math.hypot(x - sun_x, y - sun_y)
            if distance < sun:
                color = (255, 244, 214)
            elif distance < 3 * sun:
                glow = (1 - (distance - sun) / (2 * sun)) * 0.6
                color = tuple(int(part + (full - part) * glow) for part, full in zip(sky, (255, 236, 190)))
            for k, ridge in enumerate(ridges):
                if depth > ridge[x]:
                    color = (96 - 30 * k, 104 - 24 * k + hue // 3, 130 - 34 * k)
            rows += bytes(min(255, part) for part in color)
    return _file(width, height, bytes(rows), noise)


def plain(width: int, height: int, color: tuple = (40, 120, 200), noise: int = 0) -> bytes:
    """One colour, made at once."""
    return _file(width, height, (b"\0" + bytes(color) * width) * height, noise)


def bits(width: int, height: int) -> bytes:
    """Black, a bit for each pixel: small, however large it is on the screen."""
    return _file(width, height, bytes(1 + (width + 7) // 8) * height, 0, depth=1, kind=0)


def _file(width: int, height: int, rows: bytes, noise: int, depth: int = 8, kind: int = 2) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    # Private and ancillary: browsers skip it.
    more = chunk(b"noIS", bytes(noise)) if noise else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 6)) + more + chunk(b"IEND", b"")

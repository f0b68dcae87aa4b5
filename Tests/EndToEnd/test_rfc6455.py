"""RFC 6455, case by case, in the order of the well-known conformance suite: framing, pings, reserved bits, opcodes,
fragmentation, UTF-8, closing, lengths.

The server has no echo; a JSON ping with a field of ours stands in for it. What the server accepts it answers with `pong`, what
it refuses it closes.
"""

import asyncio
import json
import os

import pytest

from client import fresh
from raw import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, close, frame, raw


def ping_of(size: int) -> bytes:
    """A JSON ping of exactly that many bytes."""
    bare = b'{"type":"ping","ref":"r","x":""}'
    return bare[:-2] + b"x" * (size - len(bare)) + bare[-2:]


def ping_with(text: bytes) -> bytes:
    return b'{"type":"ping","ref":"r","x":"' + text + b'"}'


async def answered(connection):
    pong = json.loads(await connection.until(TEXT))
    assert pong["type"] == "pong" and pong["ref"] == "r", pong


# 1 Framing


@pytest.mark.parametrize("piece", [None, 1], ids=["whole", "bytewise"])
@pytest.mark.parametrize("size", [40, 125, 126, 127, 128, 1_000])
async def test_messages_of_every_form_of_length_are_read(cluster, size, piece):
    async with raw(cluster, fresh()) as c:
        await c.write(frame(TEXT, ping_of(size)), piece)
        await answered(c)


@pytest.mark.parametrize("size", [65_535, 65_536, 131_072, 394_240])
async def test_long_messages_are_read_up_to_the_bound(cluster, size):
    async with raw(cluster, fresh()) as c:
        await c.write(frame(TEXT, ping_of(size)))
        await answered(c)
        await c.write(frame(TEXT, ping_of(size)), 997)
        await answered(c)


async def test_an_empty_message_is_a_message(cluster):
    async with raw(cluster, fresh()) as c:
        await c.write(frame(TEXT, b""))
        assert json.loads(await c.until(TEXT))["code"] == "malformed"


async def test_many_frames_in_one_packet_are_all_read(cluster):
    async with raw(cluster, fresh()) as c:
        await c.write(frame(TEXT, ping_of(40)) * 100)
        for _ in range(100):
            await answered(c)


async def test_frames_right_behind_the_request_are_read(cluster):
    async with raw(cluster, fresh(), hello=False, behind=frame(TEXT, b'{"type":"hello"}')) as c:
        assert b'"welcome"' in await c.until(TEXT)


@pytest.mark.parametrize("size,form", [(40, 2), (125, 2), (40, 8), (125, 8), (126, 8), (65_535, 8)])
async def test_a_length_in_more_bytes_than_it_needs_is_refused(cluster, size, form):
    async with raw(cluster, fresh()) as c:
        await c.write(frame(TEXT, ping_of(size), form=form))
        assert await c.ending() == 1002


async def test_a_length_with_its_highest_bit_set_is_refused(cluster):
    async with raw(cluster, fresh()) as c:
        await c.write(b"\x81\xff" + b"\xff" * 8 + b"\0\0\0\0")
        assert await c.ending() in (1002, 1009)


async def test_an_unmasked_frame_is_refused(cluster):
    async with raw(cluster, fresh()) as c:
        await c.write(frame(TEXT, ping_of(40), mask=False))
        assert await c.ending() == 1002


async def test_a_mask_of_zeros_is_a_mask(cluster):
    async with raw(cluster, fresh()) as c:
        await c.write(b"\x81" + bytes([0x80 | 40]) + b"\0\0\0\0" + ping_of(40))
        await answered(c)


async def test_the_other_kind_of_data_is_refused(cluster):
    async with raw(cluster, fresh()) as c:
        await c.write(frame(BINARY, ping_of(40)))
        assert await c.ending() == 1003
    async with raw(cluster, fresh(), subprotocol="fantail.binary.v1", hello=False) as c:
        await c.write(frame(TEXT, ping_of(40)))
        assert await c.ending() == 1003


# 2 Pings and pongs


@pytest.mark.parametrize("payload", [b"", b"hello", bytes(range(125)), b"\0\xff\xfe\xfd\xfc\xfb\0\xff", b"x" * 125])
@pytest.mark.parametrize("piece", [None, 1], ids=["whole", "bytewise"])
async def test_a_ping_is_answered_with_its_payload(cluster, payload, piece):
    async with raw(cluster, fresh(), hello=False) as c:
        await c.write(frame(PING, payload), piece)
        assert await c.read() == (PONG, payload)


async def test_a_ping_above_125_bytes_is_refused(cluster):
    async with raw(cluster, fresh(), hello=False) as c:
        await c.write(frame(PING, b"x" * 126))
        assert await c.ending() == 1002


async def test_unasked_pongs_are_ignored(cluster):
    async with raw(cluster, fresh(), hello=False) as c:
        await c.write(frame(PONG) + frame(PONG, b"unasked") + frame(PING, b"and?"))
        assert await c.read() == (PONG, b"and?")


async def test_ten_pings_get_ten_pongs_in_order(cluster):
    async with raw(cluster, fresh(), hello=False) as c:
        await c.write(b"".join(frame(PING, bytes([i])) for i in range(10)))
        for i in range(10):
            assert await c.read() == (PONG, bytes([i]))


# 3 Reserved bits, 4 reserved opcodes


@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, CLOSE])
@pytest.mark.parametrize("rsv", range(1, 8))
async def test_reserved_bits_are_refused(cluster, rsv, opcode):
    async with raw(cluster, fresh(), hello=False) as c:
        await c.write(frame(opcode, b"", rsv=rsv))
        assert await c.ending() == 1002


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("payload", [b"", b"x"])
async def test_reserved_opcodes_are_refused(cluster, opcode, payload):
    async with raw(cluster, fresh(), hello=False) as c:
        await c.write(frame(opcode, payload))
        assert await c.ending() == 1002


# 5 Fragmentation


def fragments(payload: bytes, count: int, between: bytes = b"") -> bytes:
    size = -(-len(payload) // count)
    parts = [payload[i * size:(i + 1) * size] for i in range(count)]
    out = b""
    for i, part in enumerate(parts):
        out += frame(TEXT if i == 0 else CONTINUATION, part, fin=i == count - 1) + (between if i < count - 1 else b"")
    return out


@pytest.mark.parametrize("piece", [None, 1], ids=["whole", "bytewise"])
@pytest.mark.parametrize("count", [2, 3, 40, 64])
async def test_fragments_become_one_message(cluster, count, piece):
    async with raw(cluster, fresh()) as c:
        await c.write(fragments(ping_of(300), count), piece)
        await answered(c)


async def test_empty_fragments_are_fragments(cluster):
    async with raw(cluster, fresh()) as c:
        await c.write(frame(TEXT, b"", fin=False) + frame(CONTINUATION, ping_of(40), fin=False) + frame(CONTINUATION, b""))
        await answered(c)


async def test_control_frames_may_stand_between_fragments(cluster):
    async with raw(cluster, fresh()) as c:
        await c.write(fragments(ping_of(60), 3, between=frame(PING, b"p") + frame(PONG)))
        assert await c.read() == (PONG, b"p")
        assert await c.read() == (PONG, b"p")
        await answered(c)


async def test_a_close_may_stand_between_fragments(cluster):
    async with raw(cluster, fresh()) as c:
        await c.write(frame(TEXT, b'{"ty', fin=False) + close(1000))
        assert await c.ending() == 1000


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
async def test_a_control_frame_is_not_fragmented(cluster, opcode):
    async with raw(cluster, fresh(), hello=False) as c:
        await c.write(frame(opcode, b"", fin=False) + frame(CONTINUATION))
        assert await c.ending() == 1002


@pytest.mark.parametrize("fin", [True, False])
async def test_a_continuation_of_nothing_is_refused(cluster, fin):
    async with raw(cluster, fresh()) as c:
        await c.write(frame(CONTINUATION, b"x", fin=fin))
        assert await c.ending() == 1002
    async with raw(cluster, fresh()) as c:
        await c.write(frame(TEXT, ping_of(40)) + frame(CONTINUATION, b"x", fin=fin))
        assert await c.ending() == 1002


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_a_new_message_within_another_is_refused(cluster, opcode):
    async with raw(cluster, fresh()) as c:
        await c.write(frame(TEXT, b'{"ty', fin=False) + frame(opcode, b"x"))
        assert await c.ending() == 1002


# 6 UTF-8

GOOD = [
    "κόσμε", "\u0080", "\u07ff", "\u0800", "\uffff", "\U00010000", "\U0010ffff", "\ud7ff", "\ue000", "\ufffd", "\ufeff",
    "\ufdd0", "\U0001fffe", "Hello-µ@ßöäüàá-UTF-8!!", "𐍈€ह£$",
]
BAD = {
    "lone continuation": b"\x80", "lone continuation, last": b"\xbf", "two continuations": b"\x80\xbf",
    "lead of two alone": b"\xc2 ", "lead of three alone": b"\xe0 ", "lead of four alone": b"\xf0 ",
    "three cut": b"\xe0\xa0 ", "four cut": b"\xf0\x90\x80 ", "0xfe": b"\xfe", "0xff": b"\xff",
    "overlong slash, two": b"\xc0\xaf", "overlong slash, three": b"\xe0\x80\xaf", "overlong slash, four": b"\xf0\x80\x80\xaf",
    "five bytes": b"\xf8\x88\x80\x80\x80", "six bytes": b"\xfc\x84\x80\x80\x80\x80", "overlong maximum, two": b"\xc1\xbf",
    "overlong maximum, three": b"\xe0\x9f\xbf", "overlong maximum, four": b"\xf0\x8f\xbf\xbf", "overlong zero": b"\xc0\x80",
    "surrogate": b"\xed\xa0\x80", "last surrogate": b"\xed\xbf\xbf", "pair of surrogates": b"\xed\xa0\x80\xed\xb0\x80",
    "above the maximum": b"\xf4\x90\x80\x80", "far above": b"\xf7\xbf\xbf\xbf",
}


@pytest.mark.parametrize("cut", ["whole", "fragments", "bytes"])
async def test_valid_utf8_is_accepted_however_it_is_cut(cluster, cut):
    async with raw(cluster, fresh()) as c:
        for text in GOOD:
            payload = ping_with(text.encode("utf-8", "surrogatepass") if text not in ("\ud7ff",) else text.encode())
            match cut:
                case "whole":
                    await c.write(frame(TEXT, payload))
                case "bytes":
                    await c.write(frame(TEXT, payload), 1)
                case "fragments":
                    await c.write(fragments(payload, len(payload)))
            await answered(c)


@pytest.mark.parametrize("cut", ["whole", "fragments", "bytes"])
@pytest.mark.parametrize("name", BAD)
async def test_invalid_utf8_ends_the_connection(cluster, name, cut):
    payload = ping_with(BAD[name])
    async with raw(cluster, fresh()) as c:
        match cut:
            case "whole":
                await c.write(frame(TEXT, payload))
            case "bytes":
                await c.write(frame(TEXT, payload), 1)
            case "fragments":
                await c.write(fragments(payload, len(payload)))
        assert await c.ending() == 1007


async def test_text_that_ends_within_a_character_is_refused(cluster):
    async with raw(cluster, fresh()) as c:
        await c.write(frame(TEXT, "κ".encode()[:1]))
        assert await c.ending() == 1007


async def test_invalid_utf8_is_noticed_before_the_message_ends(cluster):
    """Fail fast: the rest of the message never comes."""
    async with raw(cluster, fresh()) as c:
        await c.write(frame(TEXT, b'{"type":"\xff', fin=False))
        assert await c.ending() == 1007


# 7 Closing


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999])
async def test_a_close_with_a_valid_code_is_echoed(cluster, code):
    async with raw(cluster, fresh(), hello=False) as c:
        await c.write(close(code))
        assert await c.ending() == code


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535])
async def test_a_close_with_a_code_that_must_not_travel_is_refused(cluster, code):
    async with raw(cluster, fresh(), hello=False) as c:
        await c.write(close(code))
        assert await c.ending() == 1002


async def test_a_close_without_a_code_is_echoed_without_one(cluster):
    async with raw(cluster, fresh(), hello=False) as c:
        await c.write(close())
        assert await c.ending() in (1000, 1005)


@pytest.mark.parametrize("reason", [b"", b"bye", b"x" * 123, "tschüß".encode()])
async def test_a_close_may_say_why(cluster, reason):
    async with raw(cluster, fresh(), hello=False) as c:
        await c.write(close(1000, reason))
        assert await c.ending() == 1000


@pytest.mark.parametrize(
    "payload,code",
    [(b"\x03", 1002), (b"\x03\xe8" + b"x" * 124, 1002), (b"\x03\xe8\xff", 1007), (b"\x03\xe8" + "κ".encode()[:1], 1007)],
    ids=["one byte", "126 bytes", "reason is no UTF-8", "reason is cut"])
async def test_a_malformed_close_is_refused(cluster, payload, code):
    async with raw(cluster, fresh(), hello=False) as c:
        await c.write(frame(CLOSE, payload))
        assert await c.ending() == code


async def test_nothing_behind_a_close_is_read(cluster):
    async with raw(cluster, fresh()) as c:
        await c.write(close(1000) + frame(PING, b"late") + frame(TEXT, ping_of(40)))
        assert await c.ending() == 1000


# 9 Limits


async def test_a_message_above_the_bound_is_refused(cluster):
    async with raw(cluster, fresh()) as c:
        await c.write(frame(TEXT, ping_of(394_241)))
        assert await c.ending() == 1009


async def test_a_length_above_the_bound_is_refused_before_its_payload_comes(cluster):
    async with raw(cluster, fresh()) as c:
        await c.write(b"\x81\xff" + (1 << 40).to_bytes(8, "big") + os.urandom(4))
        assert await c.ending() == 1009


async def test_fragments_together_above_the_bound_are_refused(cluster):
    async with raw(cluster, fresh()) as c:
        part = b"x" * 100_000
        await c.write(frame(TEXT, part, fin=False) + frame(CONTINUATION, part, fin=False) * 3)
        assert await c.ending() == 1009


async def test_too_many_fragments_are_refused(cluster):
    async with raw(cluster, fresh()) as c:
        await c.write(frame(TEXT, b"x", fin=False) + frame(CONTINUATION, b"", fin=False) * 10_000)
        assert await c.ending() == 1009


async def test_a_hundred_connections_at_once_all_keep_the_rules(cluster):
    async def one(i):
        async with raw(cluster, fresh(), gateway=i % 2) as c:
            for _ in range(5):
                await c.write(fragments(ping_of(200 + i), 5, between=frame(PING, b"x")))
                await answered(c)

    await asyncio.gather(*(one(i) for i in range(100)))

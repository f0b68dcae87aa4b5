"""Typing: shown to who is there and may see it, merged, bounded, never stored."""

import asyncio
import contextlib
import time

from client import fresh, greeted
from test_groups import member, three


@contextlib.asynccontextmanager
async def pair(cluster, encoding):
    """Ana and Bob, connected over two gateways, each with another encoding."""
    ana, bob = fresh("ana"), fresh("bob")
    other = "binary" if encoding == "json" else "json"
    async with greeted(cluster, ana, encoding=encoding) as a, greeted(cluster, bob, encoding=other, gateway=1) as b:
        yield a, ana, b, bob


async def gathered(client, seconds: float) -> list[dict]:
    """Everything that comes within that time."""
    frames, end = [], time.monotonic() + seconds
    with contextlib.suppress(TimeoutError):
        while (rest := end - time.monotonic()) > 0:
            frames.append(await client.next(rest))
    return frames


# Two people


async def test_it_is_shown_to_whom_one_writes(cluster, encoding):
    async with pair(cluster, encoding) as (a, ana, b, bob):
        await a.say("typing", to=bob, on=True)
        assert "group" not in await b.expect("typing", from_=ana, on=True)
        await a.say("typing", to=bob, on=False)
        await b.expect("typing", from_=ana, on=False)
        await a.quiet()
        await b.quiet()


async def test_nothing_of_it_waits_for_who_was_away(cluster, encoding):
    ana, bob = fresh("ana"), fresh("bob")
    async with greeted(cluster, ana, encoding=encoding) as a:
        await a.say("typing", to=bob, on=True)
        await a.quiet()
        async with greeted(cluster, bob, encoding=encoding) as b:
            assert b.welcome["head"] == 0
            await b.quiet()


async def test_a_device_that_catches_up_is_not_told_of_it(cluster, encoding):
    ana, bob = fresh("ana"), fresh("bob")
    async with greeted(cluster, ana, encoding=encoding) as a:
        for number in range(600):
            await a.say("send", id=f"m-{number}", to=bob, body="x")
        for number in range(600):
            await a.until("sent", id=f"m-{number}")
        # More than may be in flight: without an ack this device is not at the head.
        async with greeted(cluster, bob, encoding=encoding) as b:
            await a.say("typing", to=bob, on=True)
            frames = await gathered(b, 1)
            assert len(frames) == 512 and all(frame["type"] == "message" for frame in frames)


async def test_a_flood_is_one_sign_in_two_seconds(cluster, encoding):
    async with pair(cluster, encoding) as (a, ana, b, bob):
        begun = time.monotonic()
        while time.monotonic() - begun < 4.5:
            for step in range(50):
                await a.say("typing", to=bob, on=step % 2 == 0)
            await asyncio.sleep(0.05)
        took = time.monotonic() - begun
        signs = await gathered(b, 1)
        # One beginning in two seconds, with one end at most.
        assert 4 <= len(signs) <= 2 * (took / 2 + 1)
        assert [sign["on"] for sign in signs] == [index % 2 == 0 for index in range(len(signs))]
        # Who floods is not cut off, and messages are not held up.
        await a.send(bob, "at last")
        await b.until("message", body="at last")
        await a.quiet()


async def test_whoever_has_written_may_begin_again_at_once(cluster, encoding):
    async with pair(cluster, encoding) as (a, ana, b, bob):
        await a.say("typing", to=bob, on=True)
        await b.expect("typing", from_=ana, on=True)
        await a.send(bob, "hi")
        await b.expect("message", body="hi")
        await b.say("ack", n=1)
        await a.say("typing", to=bob, on=True)
        await b.expect("typing", from_=ana, on=True)


async def test_wrong_signs_have_typed_answers(cluster, encoding):
    ana = fresh("ana")
    async with greeted(cluster, ana, encoding=encoding) as a:
        await a.say("typing", to=ana, on=True)
        await a.error("to_self")
        await a.say("typing", to="", on=True)
        await a.error("bad_field")
        await a.say("typing", to=f"g:{fresh('none')}", on=True)
        await a.error("no_such_group")
        # Nobody, as far as anybody can tell.
        await a.say("typing", to=fresh("nobody"), on=True)
        await a.quiet()


async def test_missing_fields_are_named(cluster):
    async with greeted(cluster, fresh("ana")) as a:
        await a.say("typing", on=True)
        await a.error("missing_field")
        await a.say("typing", to="bob")
        await a.error("missing_field")
        await a.say("typing", to="bob", on="yes")
        await a.error("bad_field")


# Groups


async def quiet_group(one, two, three):
    """A group of these, whose making everybody has seen."""
    group = await one.make(two.user, three.user)
    for each in (one, two, three):
        await each.entry("group.event", seq=1)
    return group


async def test_in_a_group_all_others_see_it(cluster, encoding):
    async with three(cluster, encoding) as (a, b, c):
        group = await quiet_group(a, b, c)
        await b.say("typing", to=group, on=True)
        for each in (a, c):
            await each.until("typing", from_=b.user, group=group, on=True)
        await b.say("typing", to=group, on=False)
        for each in (a, c):
            await each.until("typing", from_=b.user, group=group, on=False)
        for each in (a, b, c):
            await each.quiet()


async def test_strangers_and_who_was_put_out_type_to_nobody(cluster, encoding):
    async with three(cluster, encoding) as (a, b, c), member(cluster, fresh("eve"), encoding=encoding) as e:
        group = await quiet_group(a, b, c)
        await e.say("typing", to=group, on=True)
        await e.until("error", code="not_member")
        await a.change("remove", group, users=[c.user])
        for each in (a, b, c):
            await each.entry("group.event", seq=2)
        await c.say("typing", to=group, on=True)
        await c.until("error", code="not_member")
        # And who was put out sees nobody type.
        await a.say("typing", to=group, on=True)
        await b.until("typing", from_=a.user, group=group)
        for each in (a, b, c, e):
            await each.quiet()


async def test_a_flood_in_a_group_is_merged(cluster, encoding):
    async with three(cluster, encoding) as (a, b, c):
        group = await quiet_group(a, b, c)
        for _ in range(500):
            await b.say("typing", to=group, on=True)
        signs = await gathered(c.client, 1)
        assert len(signs) == 1 and signs[0]["type"] == "typing"
        await b.write(group, "at last")
        await c.entry("group.message", body="at last")

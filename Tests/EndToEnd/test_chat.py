"""Two people write to each other: what docs/protocol.md promises, seen by a client that was written by somebody else."""

import asyncio

import pytest

from client import client, fresh, greeted
from cluster import PATIENCE


async def test_a_message_gets_its_ticks_one_after_the_other(cluster, encoding):
    ana, bob = fresh("ana"), fresh("bob")
    async with greeted(cluster, ana, encoding=encoding) as a, greeted(cluster, bob, encoding=encoding, gateway=1) as b:
        await a.say("send", id="m-1", to=bob, body="hi \0 \U0001F600")
        sent = await a.expect("sent", id="m-1", to=bob)
        await b.expect("message", n=1, from_=ana, id="m-1", at=sent["at"], body="hi \0 \U0001F600")
        await b.say("ack", n=1)
        delivered = await a.expect("delivered", with_=bob, at=sent["at"])
        await b.say("read", with_=ana, at=sent["at"])
        await b.expect("noted", with_=ana, at=sent["at"])
        read = await a.expect("read", with_=bob, at=sent["at"])
        assert read["rev"] > delivered["rev"]
        await a.quiet()
        await b.quiet()


async def test_the_two_encodings_carry_the_same_frames(cluster):
    ana, bob = fresh("ana"), fresh("bob")
    async with greeted(cluster, ana, encoding="json") as a, greeted(cluster, bob, encoding="binary") as b:
        sent = await a.send(bob, "from text", id="j")
        await b.expect("message", n=1, from_=ana, id="j", at=sent["at"], body="from text")
        sent = await b.send(ana, "from bytes", id="b")
        await a.expect("message", n=1, from_=bob, id="b", at=sent["at"], body="from bytes")


async def test_a_frame_without_an_offered_subprotocol_is_json(cluster):
    from websockets.asyncio.client import connect

    headers = {"Authorization": f"Bearer {cluster.token(fresh())}"}
    async with connect(cluster.url(), additional_headers=headers, proxy=None) as socket:
        assert socket.subprotocol is None
        await socket.send('{"type":"ping","ref":"r"}')
        assert '"pong"' in await socket.recv()


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536])
async def test_bodies_up_to_the_bound_arrive_as_they_were(cluster, encoding, size):
    ana, bob = fresh("ana"), fresh("bob")
    body = ("ä" * (size // 2) + "x")[:size // 2 + size % 2]
    assert len(body.encode()) == size
    async with greeted(cluster, ana, encoding=encoding) as a, greeted(cluster, bob, encoding=encoding) as b:
        await a.send(bob, body)
        assert (await b.expect("message", n=1))["body"] == body


async def test_a_body_of_control_characters_arrives_as_it_was(cluster, encoding):
    """The worst case of JSON escapes: six bytes for one."""
    ana, bob = fresh("ana"), fresh("bob")
    async with greeted(cluster, ana, encoding=encoding) as a, greeted(cluster, bob, encoding=encoding) as b:
        await a.send(bob, "\1" * 65_536)
        assert (await b.expect("message", n=1))["body"] == "\1" * 65_536


async def test_an_inbox_waits_for_its_owner(cluster, encoding):
    ana, bob = fresh("ana"), fresh("bob")
    async with greeted(cluster, bob, encoding=encoding):
        pass
    async with greeted(cluster, ana) as a:
        stamps = [(await a.send(bob, f"text {i}"))["at"] for i in range(5)]
    assert stamps == sorted(set(stamps)), "stamps rise strictly"
    async with greeted(cluster, bob, encoding=encoding) as b:
        assert b.welcome["cursor"] == 0 and b.welcome["head"] == 5
        for i in range(5):
            await b.expect("message", n=i + 1, body=f"text {i}", at=stamps[i])
        await b.say("ack", n=5)
        await b.quiet()
    async with greeted(cluster, ana, ticks=0) as a:
        await a.until("delivered", with_=bob, at=stamps[-1])


async def test_a_message_to_somebody_who_never_came_waits_for_the_first_visit(cluster, encoding):
    ana, eve = fresh("ana"), fresh("never")
    async with greeted(cluster, ana) as a:
        sent = await a.send(eve, "welcome!", id="w")
        async with greeted(cluster, eve, encoding=encoding) as e:
            assert e.welcome["cursor"] == 0 and e.welcome["head"] == 1
            await e.expect("message", n=1, from_=ana, id="w", body="welcome!")
            await e.say("ack", n=1)
            await a.until("delivered", with_=eve, at=sent["at"])


async def test_a_thousand_waiting_messages_come_in_order_and_in_portions(cluster):
    ana, bob = fresh("ana"), fresh("bob")
    count = 1_000
    async with greeted(cluster, bob):
        pass
    async with greeted(cluster, ana) as a:
        for i in range(count):
            await a.say("send", id=f"m{i}", to=bob, body=str(i), after=f"m{i - 1}" if i else None)
        for i in range(count):
            await a.expect("sent", id=f"m{i}")
    async with greeted(cluster, bob) as b:
        for n in range(1, 513):
            await b.expect("message", n=n, body=str(n - 1))
        await b.quiet()
        await b.say("ack", n=512)
        for n in range(513, count + 1):
            await b.expect("message", n=n, body=str(n - 1))
        await b.say("ack", n=count)
        await b.quiet()


async def test_entries_in_flight_are_bounded_by_their_bytes(cluster):
    ana, bob = fresh("ana"), fresh("bob")
    async with greeted(cluster, bob):
        pass
    async with greeted(cluster, ana) as a:
        for i in range(4):
            await a.send(bob, "x" * 40_000)
    async with greeted(cluster, bob) as b:
        await b.expect("message", n=1)
        await b.quiet()
        for n in range(1, 5):
            await b.say("ack", n=n)
            if n < 4:
                await b.expect("message", n=n + 1)
        await b.quiet()


# Several devices


async def test_each_device_gets_everything_at_its_own_pace(cluster):
    ana, bob = fresh("ana"), fresh("bob")
    async with greeted(cluster, bob, "phone") as phone, greeted(cluster, bob, "laptop", encoding="binary", gateway=1) as laptop:
        async with greeted(cluster, ana) as a:
            first = await a.send(bob, "one")
            await phone.expect("message", n=1, body="one")
            await laptop.expect("message", n=1, body="one")
            await phone.say("ack", n=1)
            await a.expect("delivered", with_=bob, at=first["at"])
            await laptop.close()
            await a.send(bob, "two")
            await phone.expect("message", n=2)
            await phone.say("ack", n=2)
            await a.expect("delivered")
        async with greeted(cluster, bob, "laptop") as laptop:
            assert laptop.welcome["cursor"] == 0, "the laptop never acknowledged"
            await laptop.expect("message", n=1, body="one")
            await laptop.expect("message", n=2, body="two")


async def test_what_one_device_writes_the_others_get_as_a_copy(cluster, encoding):
    ana, bob = fresh("ana"), fresh("bob")
    async with (
        greeted(cluster, ana, "phone", encoding=encoding) as phone,
        greeted(cluster, ana, "laptop", encoding=encoding, gateway=1) as laptop,
        greeted(cluster, bob) as b,
    ):
        await phone.say("send", id="m", to=bob, body="from my phone")
        frames = [await phone.next()]
        if frames[0]["type"] == "copy":
            frames.append(await phone.next())
        sent = next(frame for frame in frames if frame["type"] == "sent")
        await b.expect("message", from_=ana, id="m", body="from my phone")
        copy = await laptop.expect("copy", n=1, to=bob, id="m", body="from my phone")
        await laptop.say("ack", n=1)
        # The chat's stamp on either side need not be the same; the ticks speak of `sent`.
        assert copy["at"] > 0
        await b.say("ack", n=1)
        for device in (phone, laptop):
            await device.until("delivered", with_=bob, at=sent["at"])


async def test_a_new_device_starts_after_what_the_others_have(cluster):
    ana, bob = fresh("ana"), fresh("bob")
    async with greeted(cluster, ana) as a, greeted(cluster, bob, "phone") as phone:
        for i in range(3):
            await a.send(bob, str(i))
            await phone.expect("message", n=i + 1)
        await phone.say("ack", n=2)
        await a.expect("delivered")
        async with greeted(cluster, bob, "new") as new:
            assert new.welcome["cursor"] == 2
            await new.expect("message", n=3, body="2")


async def test_the_ninth_device_is_refused(cluster):
    bob = fresh("bob")
    for i in range(8):
        async with greeted(cluster, bob, f"d{i}"):
            pass
    async with client(cluster, bob, "d8") as ninth:
        await ninth.say("hello")
        await ninth.error("too_many_devices")
    async with greeted(cluster, bob, "d0"):
        pass


@pytest.mark.parametrize("gateway", [0, 1])
async def test_the_same_device_twice_leaves_the_newer_connection(cluster, gateway):
    bob = fresh("bob")
    async with greeted(cluster, bob, "phone") as old, greeted(cluster, bob, "phone", gateway=gateway) as new:
        assert await old.closed() == 4003
        async with greeted(cluster, fresh("ana")) as a:
            await a.send(bob, "still here?")
        await new.expect("message", n=1, body="still here?")


@pytest.mark.parametrize("gateway", [0, 1])
async def test_an_older_connection_that_comes_late_does_not_replace_the_newer(cluster, encoding, gateway):
    bob = fresh("bob")
    async with (
        client(cluster, bob, "phone", encoding=encoding) as new,
        client(cluster, bob, "phone", encoding=encoding, gateway=gateway) as late,
    ):
        await new.hello(attempt=8)
        await late.say("hello", attempt=7)
        assert await late.closed() == 1013
        async with greeted(cluster, fresh("ana")) as a:
            await a.send(bob, "still here?")
        await new.expect("message", n=1, body="still here?")


# Coming back


async def test_a_cursor_continues_where_the_device_says(cluster, encoding):
    ana, bob = fresh("ana"), fresh("bob")
    async with greeted(cluster, ana) as a:
        async with greeted(cluster, bob, encoding=encoding) as b:
            stamps = [(await a.send(bob, str(i)))["at"] for i in range(4)]
            for n in range(1, 5):
                await b.expect("message", n=n)
        async with greeted(cluster, bob, cursor=2, encoding=encoding) as b:
            assert b.welcome["cursor"] == 2
            await b.expect("message", n=3)
            await b.expect("message", n=4)
            await b.quiet()
        await a.until("delivered", with_=bob, at=stamps[1])


async def test_reconnecting_within_a_stream_loses_nothing_and_repeats_nothing(cluster):
    """The number rule is all the client has; the connection changes gateways a dozen times."""
    ana, bob = fresh("ana"), fresh("bob")
    count, shown, last = 600, [], 0

    async def write():
        async with greeted(cluster, ana) as a:
            for i in range(count):
                await a.say("send", id=f"m{i}", to=bob, body=str(i), after=f"m{i - 1}" if i else None)
                if i % 8 == 7:
                    for _ in range(8):
                        await a.until("sent")
                await asyncio.sleep(0.001)

    async with greeted(cluster, bob):
        pass
    writer = asyncio.create_task(write())
    visits = 0
    while last < count:
        async with greeted(cluster, bob, cursor=last, gateway=visits % 2) as b:
            assert b.welcome["cursor"] == last
            taken = 0
            while last < count and taken < 50:
                frame = await b.expect("message")
                assert frame["n"] <= last + 1, "a hole between catching up and the live stream"
                if frame["n"] == last + 1:
                    shown.append(frame["body"])
                    last += 1
                    taken += 1
                if last % 7 == 0:
                    await b.say("ack", n=last)
        visits += 1
    await writer
    assert shown == [str(i) for i in range(count)]
    assert visits >= 12


async def test_receipts_of_the_absence_come_with_ticks(cluster, encoding):
    ana, bob = fresh("ana"), fresh("bob")
    async with greeted(cluster, ana, encoding=encoding) as a:
        first = await a.send(bob, "1")
        second = await a.send(bob, "2")
    async with greeted(cluster, bob) as b:
        await b.until("message", n=2)
        await b.say("ack", n=2)
        await b.say("read", with_=ana, at=first["at"])
        await b.expect("noted")
    async with greeted(cluster, ana, ticks=0, encoding=encoding) as a:
        receipts = [await a.next(), await a.next()]
        assert {(r["type"], r["at"]) for r in receipts} == {("delivered", second["at"]), ("read", first["at"])}
        revisions = [r["rev"] for r in receipts]
        assert revisions == sorted(revisions)
    async with greeted(cluster, ana, ticks=revisions[-1], encoding=encoding) as a:
        await a.quiet()
    async with greeted(cluster, ana, encoding=encoding) as a:
        assert a.welcome["ticks"] >= revisions[-1], "absent: only new ones"
        await a.quiet()


async def test_what_every_device_has_is_a_gap_for_an_older_cursor(cluster, encoding):
    ana, bob = fresh("ana"), fresh("bob")
    async with greeted(cluster, ana) as a:
        async with greeted(cluster, bob) as b:
            for i in range(5):
                await a.send(bob, str(i))
                await b.expect("message", n=i + 1)
            await b.say("ack", n=5)
            await a.until("delivered")
        # The text goes a moment after the receipts: come again until it has.
        async with asyncio.timeout(PATIENCE):
            while True:
                async with greeted(cluster, bob, cursor=2, encoding=encoding) as b:
                    assert b.welcome["head"] == 5
                    frame = await b.next()
                    if frame["type"] == "gap":
                        break
        assert (frame["from"], frame["to"]) == (3, 5)
        await a.send(bob, "next")
        async with greeted(cluster, bob, cursor=5) as b:
            await b.expect("message", n=6)


async def test_an_entry_without_an_ack_comes_again(cluster):
    ana, bob = fresh("ana"), fresh("bob")
    async with greeted(cluster, ana) as a, greeted(cluster, bob) as b:
        await a.send(bob, "hello?")
        await b.expect("message", n=1)
        await b.expect("message", n=1)


# Repeats and their errors


async def test_a_repeated_send_is_one_message(cluster, encoding):
    ana, bob = fresh("ana"), fresh("bob")
    async with greeted(cluster, ana, encoding=encoding) as a, greeted(cluster, bob) as b:
        first = await a.send(bob, "once", id="m")
        again = await a.send(bob, "once", id="m")
        assert first == again
        await b.expect("message", n=1, id="m")
        await b.say("ack", n=1)
        await a.expect("delivered")
        assert await a.send(bob, "once", id="m") == first, "also when its text is gone"
        await b.quiet()


async def test_an_id_that_is_used_for_something_else_is_a_conflict(cluster, encoding):
    ana, bob = fresh("ana"), fresh("bob")
    async with greeted(cluster, ana, encoding=encoding) as a, greeted(cluster, bob) as b:
        await a.send(bob, "one", id="m")
        await a.say("send", id="m", to=bob, body="another")
        await a.error("id_conflict", ref="m")
        await b.expect("message", n=1, body="one")
        await b.quiet()


async def test_a_message_waits_for_its_predecessor(cluster, encoding):
    ana, bob = fresh("ana"), fresh("bob")
    async with greeted(cluster, ana, encoding=encoding) as a, greeted(cluster, bob) as b:
        await a.say("send", id="m-2", to=bob, body="two", after="m-1")
        await a.error("predecessor_missing", ref="m-2")
        await a.send(bob, "one", id="m-1")
        await a.send(bob, "two", id="m-2", after="m-1")
        await b.expect("message", n=1, body="one")
        await b.expect("message", n=2, body="two")


async def test_nobody_writes_to_oneself(cluster, encoding):
    ana = fresh("ana")
    async with greeted(cluster, ana, encoding=encoding) as a:
        await a.say("send", id="m", to=ana, body="dear diary")
        await a.error("to_self", ref="m")


async def test_numbers_and_stamps_beyond_the_truth_are_refused(cluster, encoding):
    ana, bob = fresh("ana"), fresh("bob")
    async with greeted(cluster, ana) as a, greeted(cluster, bob, encoding=encoding) as b:
        sent = await a.send(bob, "1")
        await b.expect("message", n=1)
        await b.say("ack", n=2)
        await b.error("ack_ahead")
        await b.say("read", with_=ana, at=sent["at"] + 1)
        await b.error("read_ahead")
        await b.say("ack", n=1)
        await a.expect("delivered", at=sent["at"])
        await a.quiet()


async def test_a_stamp_of_another_chat_is_not_one_of_this(cluster):
    """`read_ahead`: a stamp beyond the newest message of the chat."""
    ana, eve, bob = fresh("ana"), fresh("eve"), fresh("bob")
    async with greeted(cluster, ana) as a, greeted(cluster, eve) as e, greeted(cluster, bob) as b:
        of_ana = await a.send(bob, "1")
        of_eve = await e.send(bob, "2")
        await b.expect("message", n=1)
        await b.expect("message", n=2)
        await b.say("read", with_=ana, at=of_eve["at"])
        # Either it is refused, or it ticks what ana wrote and nothing she did not.
        answer = await b.next()
        if answer["type"] == "noted":
            assert (await a.until("read", with_=bob))["at"] >= of_ana["at"]
        else:
            assert answer["code"] == "read_ahead"
        await e.quiet()


async def test_a_cursor_beyond_the_inbox_is_refused(cluster, encoding):
    async with client(cluster, fresh("bob"), encoding=encoding) as b:
        await b.say("hello", cursor=7)
        await b.error("cursor_ahead")


async def test_hello_comes_first_and_once(cluster, encoding):
    async with client(cluster, fresh("ana"), encoding=encoding) as a:
        await a.say("send", id="early", to=fresh("bob"), body="hi")
        await a.error("hello_missing", ref="early")
        await a.say("ack", n=0)
        await a.error("hello_missing")
        await a.hello()
        await a.say("hello")
        await a.error("hello_repeated")
        await a.quiet()


@pytest.mark.parametrize("feature", ["group.create", "presence.subscribe", "media.beam"])
async def test_what_is_not_there_yet_is_said_politely(cluster, encoding, feature):
    async with greeted(cluster, fresh("ana"), encoding=encoding) as a:
        await a.say(feature, ref="r")
        await a.error("unsupported", ref="r")
        await a.quiet()


async def test_ping_comes_back(cluster, encoding):
    async with greeted(cluster, fresh("ana"), encoding=encoding) as a:
        await a.say("ping", ref="p")
        assert (await a.expect("pong", ref="p"))["time"] >= a.welcome["time"]
        await a.say("ping")
        assert "ref" not in await a.expect("pong")


# Nobody else


async def test_only_the_addressee_receives(cluster):
    ana, bob, eve = fresh("ana"), fresh("bob"), fresh("eve")
    async with greeted(cluster, ana) as a, greeted(cluster, bob) as b, greeted(cluster, eve) as e:
        await a.send(bob, "between us")
        await b.expect("message", body="between us")
        await b.say("ack", n=1)
        await a.expect("delivered")
        await e.quiet()


# Temporary and archive


async def test_temporary_text_is_gone_from_the_disk_once_every_device_has_it(cluster):
    ana, bob = fresh("ana"), fresh("bob")
    secret = fresh("the-text-that-must-go")

    def holders():
        return [path.name for path in cluster.database_files() if secret.encode() in path.read_bytes()]

    async with greeted(cluster, ana) as a, greeted(cluster, bob, "one") as one, greeted(cluster, bob, "two") as two:
        await a.send(bob, secret)
        await one.expect("message")
        await two.expect("message")
        await one.say("ack", n=1)
        await a.expect("delivered")
        await asyncio.sleep(0.5)
        assert holders(), "one device has not got it yet"
        await two.say("ack", n=1)
        async with asyncio.timeout(PATIENCE):
            while holders():
                await asyncio.sleep(0.1)


async def test_a_temporary_cluster_has_no_history(cluster, encoding):
    async with greeted(cluster, fresh("ana"), encoding=encoding) as a:
        assert a.welcome["archive"] is False
        await a.say("history", ref="h")
        await a.error("unsupported", ref="h")


async def test_an_archive_turns_its_pages(archive, encoding):
    ana, bob, eve = fresh("ana"), fresh("bob"), fresh("eve")
    async with (
        greeted(archive, ana, encoding=encoding) as a,
        greeted(archive, bob, encoding=encoding) as b,
        greeted(archive, eve) as e,
    ):
        assert a.welcome["archive"] is True
        for i in range(7):
            await a.say("send", id=f"{ana}{i}", to=bob, body=f"a{i}")
            await a.until("sent", id=f"{ana}{i}")
            if i % 3 == 0:
                await e.say("send", id=f"{eve}{i}", to=bob, body=f"e{i}")
                await e.until("sent", id=f"{eve}{i}")
        for n in range(1, 11):
            await b.expect("message", n=n)
        await b.say("ack", n=10)
        await b.say("send", id="answer", to=ana, body="enough")
        await b.until("sent", id="answer")

        entries, before, pages = [], None, 0
        while True:
            await b.say("history", ref=f"h{pages}", with_=ana, before=before, limit=3)
            page = await b.until("history", ref=f"h{pages}")
            entries += page["entries"]
            pages += 1
            assert len(page["entries"]) <= 3
            if not page["more"]:
                break
            before = page["entries"][-1]["n"]
        assert [entry["body"] for entry in entries] == ["enough"] + [f"a{i}" for i in reversed(range(7))]
        assert [entry["type"] for entry in entries] == ["copy"] + ["message"] * 7
        numbers = [entry["n"] for entry in entries]
        assert numbers == sorted(numbers, reverse=True) and pages == 3

        await b.say("history", ref="all", limit=100)
        page = await b.until("history", ref="all")
        assert [entry["n"] for entry in page["entries"]] == list(range(11, 0, -1)) and not page["more"]


async def test_a_page_of_an_archive_may_have_all_entries_that_were_asked_for(archive):
    """limit: 1 to 100; a page is shorter only at the end, or at 64 KiB of bodies."""
    ana, bob = fresh("ana"), fresh("bob")
    async with greeted(archive, ana) as a, greeted(archive, bob) as b:
        for i in range(150):
            await a.say("send", id=f"m{i}", to=bob, body="x", after=f"m{i - 1}" if i else None)
        await a.until("sent", id="m149")
        await b.until("message", n=150)
        await b.say("ack", n=150)
        await b.say("history", ref="h", limit=100)
        page = await b.until("history", ref="h")
        assert len(page["entries"]) == 100 and page["more"]
        await b.say("history", ref="rest", before=page["entries"][-1]["n"], limit=100)
        page = await b.until("history", ref="rest")
        assert len(page["entries"]) == 50 and not page["more"]
        await b.say("history", ref="d")
        page = await b.until("history", ref="d")
        assert len(page["entries"]) == 50 and page["more"]


async def test_a_page_of_the_largest_bodies_is_cut_and_still_moves_on(archive, encoding):
    ana, bob = fresh("ana"), fresh("bob")
    async with greeted(archive, ana, encoding=encoding) as a, greeted(archive, bob, encoding=encoding) as b:
        for i in range(5):
            await a.say("send", id=f"m{i}", to=bob, body="\1" * 65_536)
            await a.until("sent", id=f"m{i}")
            await b.until("message", n=i + 1)
            await b.say("ack", n=i + 1)
        numbers, before, more = [], None, True
        while more:
            await b.say("history", ref="h", before=before, limit=100)
            page = await b.until("history", ref="h")
            assert page["entries"], "never empty while something is left"
            numbers += [entry["n"] for entry in page["entries"]]
            before, more = numbers[-1], page["more"]
        assert numbers == [5, 4, 3, 2, 1]


async def test_every_device_gets_the_copy_in_an_archive(archive):
    ana, bob = fresh("ana"), fresh("bob")
    async with greeted(archive, ana) as a:
        await a.say("send", id="m", to=bob, body="hi")
        frames = sorted([await a.next(), await a.next()], key=lambda frame: frame["type"])
        assert [frame["type"] for frame in frames] == ["copy", "sent"]
        assert frames[0]["n"] == 1 and frames[0]["to"] == bob and frames[0]["id"] == "m"


async def test_an_archive_keeps_what_was_acknowledged(archive):
    ana, bob = fresh("ana"), fresh("bob")
    async with greeted(archive, ana) as a, greeted(archive, bob) as b:
        await a.say("send", id="m", to=bob, body="for ever")
        await a.until("sent")
        await b.expect("message", n=1)
        await b.say("ack", n=1)
        await a.until("delivered")
    async with greeted(archive, bob, cursor=0) as b:
        await b.expect("message", n=1, body="for ever")

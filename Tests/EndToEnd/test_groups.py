"""Groups: a chat of many, seen by a client that was written from docs/protocol.md."""

import asyncio
import contextlib
import time

import pytest

from client import Client, fresh, greeted
from cluster import PATIENCE, Cluster
from reference_client import ReferenceClient

ENTRIES = ("group.message", "group.event", "message", "copy", "expired")


class Member:
    """A connection that keeps what it passes over: an entry may come before the answer that a test waits for."""

    def __init__(self, client: Client, user: str):
        self.client, self.user = client, user
        self.say = client.say
        self.kept: list[dict] = []

    async def until(self, type: str, **fields) -> dict:
        """The first frame that is this one, come already or still to come."""
        wanted = {name.rstrip("_"): value for name, value in {"type": type, **fields}.items()}
        return await self._take(lambda frame: all(frame.get(name) == value for name, value in wanted.items()))

    async def entry(self, type: str, **fields) -> dict:
        """The next entry of the inbox must be this one; it is acknowledged."""
        frame = await self.any_entry()
        wanted = {name.rstrip("_"): value for name, value in {"type": type, **fields}.items()}
        assert {name: frame.get(name) for name in wanted} == wanted, f"expected {wanted}, got {frame}"
        return frame

    async def any_entry(self) -> dict:
        frame = await self._take(lambda frame: frame["type"] in ENTRIES)
        await self.say("ack", n=frame["n"])
        return frame

    async def _take(self, is_wanted) -> dict:
        async with asyncio.timeout(PATIENCE):
            for place, frame in enumerate(self.kept):
                if is_wanted(frame):
                    return self.kept.pop(place)
            while not is_wanted(frame := await self.client.next()):
                self.kept.append(frame)
            return frame

    async def quiet(self):
        """Nothing has come, and nothing comes, but counts."""
        ref = fresh("q")
        await self.say("ping", ref=ref)
        await self.until("pong", ref=ref)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.3):
                while True:
                    self.kept.append(await self.client.next())
        unexpected = [frame for frame in self.kept if frame["type"] != "group.counts"]
        assert not unexpected, f"unexpected: {unexpected}"

    async def change(self, change: str, group: str | None = None, ref: str | None = None, **fields) -> dict:
        """Asks for a change and waits until it is done."""
        ref = ref or fresh("r")
        await self.say("group", ref=ref, group=group, change=change, **fields)
        return await self.until("group.done", ref=ref)

    async def refused(self, code: str, change: str, group: str | None = None, **fields) -> dict:
        ref = fresh("r")
        await self.say("group", ref=ref, group=group, change=change, **fields)
        return await self.until("error", ref=ref, code=code)

    async def make(self, *users: str, title: str = "Team") -> str:
        return (await self.change("create", title=title, users=list(users)))["group"]

    async def write(self, group: str, body: str, id: str | None = None, **fields) -> dict:
        id = id or fresh("m")
        await self.say("send", id=id, to=group, body=body, **fields)
        return await self.until("sent", id=id, to=group)


@contextlib.asynccontextmanager
async def member(cluster: Cluster, user: str, **options):
    async with greeted(cluster, user, **options) as client:
        yield Member(client, user)


@contextlib.asynccontextmanager
async def three(cluster: Cluster, encoding: str = "json"):
    """Ana, Bob and Cem, connected; each over another gateway or encoding."""
    names = [fresh(name) for name in ("ana", "bob", "cem")]
    async with (
        member(cluster, names[0], encoding=encoding) as a, member(cluster, names[1], encoding=encoding, gateway=1) as b,
        member(cluster, names[2], encoding="binary" if encoding == "json" else "json") as c,
    ):
        yield a, b, c


async def test_everybody_gets_what_is_written_in_one_order(cluster, encoding):
    async with three(cluster, encoding) as (a, b, c):
        group = await a.make(b.user, c.user)
        assert group.startswith("g:") and len(group) == 24
        made = [await one.entry("group.event", n=1, group=group, seq=1, from_=a.user, change="create", title="Team",
                            users=[b.user, c.user]) for one in (a, b, c)]
        assert made[0] == made[1] == made[2]
        first = await a.write(group, "one", id="m-1")
        second = await b.write(group, "two", id="m-1")
        assert made[0]["at"] < first["at"] < second["at"]
        for one in (a, b, c):
            await one.entry("group.message", n=2, group=group, seq=2, from_=a.user, id="m-1", at=first["at"], body="one")
            await one.entry("group.message", n=3, group=group, seq=3, from_=b.user, id="m-1", at=second["at"], body="two")


async def test_two_ticks_when_all_have_it_blue_when_all_have_read_it(cluster, encoding):
    async with three(cluster, encoding) as (a, b, c):
        group = await a.make(b.user, c.user)
        for one in (a, b, c):
            await one.entry("group.event", seq=1)
        sent = await a.write(group, "hello")
        await a.entry("group.message", seq=2)
        await b.entry("group.message", seq=2)
        assert (await a.until("group.counts", group=group, at=sent["at"]))["got"] == 1
        await a.quiet()
        await c.entry("group.message", seq=2)
        delivered = await a.until("delivered", with_=group, at=sent["at"])
        await b.say("read", with_=group, at=sent["at"])
        await b.until("noted", with_=group, at=sent["at"])
        await a.until("group.counts", group=group, at=sent["at"], got=2, read=1, of=2)
        await a.quiet()
        await c.say("read", with_=group, at=sent["at"])
        await c.until("noted", with_=group, at=sent["at"])
        read = await a.until("read", with_=group, at=sent["at"])
        assert read["rev"] > delivered["rev"]
    async with member(cluster, a.user, ticks=0) as a:
        await a.until("read", with_=group, at=sent["at"])


async def test_receipts_are_told_to_the_author_and_to_all_when_the_group_says_so(cluster, encoding):
    async with three(cluster, encoding) as (a, b, c):
        group = await a.make(b.user, c.user)
        for one in (a, b, c):
            await one.entry("group.event", seq=1)
        sent = await a.write(group, "hello")
        await b.entry("group.message", seq=2)
        await b.say("read", with_=group, at=sent["at"])
        await b.until("noted", with_=group)
        await a.say("receipts", ref="q", with_=group, at=sent["at"])
        answer = await a.until("receipts", ref="q", with_=group, at=sent["at"])
        lines = {line["user"]: line for line in answer["entries"]}
        assert set(lines) == {b.user, c.user}
        assert lines[b.user]["read"] >= sent["at"] and lines[b.user]["got"] >= sent["at"]
        assert "got" not in lines[c.user] and "read" not in lines[c.user]
        await b.say("receipts", ref="q", with_=group, at=sent["at"])
        await b.until("error", ref="q", code="not_allowed")
        await a.change("settings", group, announce=False, receipts=True, history=False)
        await b.say("receipts", ref="q2", with_=group, at=sent["at"])
        assert len((await b.until("receipts", ref="q2"))["entries"]) == 2


async def test_who_is_put_out_hears_it_last_and_is_refused_from_then_on(cluster, encoding):
    async with three(cluster, encoding) as (a, b, c):
        group = await a.make(b.user, c.user)
        for one in (a, b, c):
            await one.entry("group.event", seq=1)
        written = await c.write(group, "bye", id="c-1")
        await a.change("remove", group, users=[c.user])
        await a.write(group, "without c")
        await c.entry("group.message", seq=2)
        await c.entry("group.event", seq=3, change="remove", users=[c.user])
        await c.quiet()
        for one in (a, b):
            for seq in (2, 3, 4):
                await one.entry("group.event" if seq == 3 else "group.message", seq=seq)
        # What was written before is still answered as it was; anything new is refused.
        assert await c.write(group, "bye", id="c-1") == written
        await c.say("send", id="c-2", to=group, body="let me in")
        await c.until("error", ref="c-2", code="not_member")
        await c.refused("not_member", "rename", group, title="Mine")
        await c.say("group.info", ref="q", group=group)
        await c.until("error", ref="q", code="not_member")
        await c.say("read", with_=group, at=written["at"])
        await c.until("error", code="not_member", ref=group)
        # A new member sees what comes from then on.
        await a.change("add", group, users=[c.user])
        await c.entry("group.event", seq=5, change="add", users=[c.user])
        await b.write(group, "welcome back")
        await c.entry("group.message", seq=6, body="welcome back")


async def test_a_stranger_may_nothing_and_a_group_that_is_none_is_none(cluster, encoding):
    async with three(cluster, encoding) as (a, b, c):
        group = await a.make(b.user)
        for named, code in ((group, "not_member"), ("g:nosuchgroup", "no_such_group")):
            await c.say("send", id=fresh("m"), to=named, body="hi")
            await c.until("error", code=code)
            for frame in ("group.info", "receipts"):
                await c.say(frame, ref="q", group=named, with_=named, at=1)
                await c.until("error", ref="q", code=code)
            for what in ({"change": "leave"}, {"change": "add", "users": [c.user]}, {"change": "delete"}):
                await c.say("group", ref="q", group=named, **what)
                await c.until("error", ref="q", code=code)


async def test_roles_are_what_the_document_says(cluster, encoding):
    async with three(cluster, encoding) as (a, b, c):
        group = await a.make(b.user, c.user)
        for one in (b, c):
            await one.refused("not_allowed", "rename", group, title="Mine")
            await one.refused("not_allowed", "delete", group)
        await a.refused("not_allowed", "leave", group)
        await a.change("role", group, role="admin", users=[b.user])
        await b.change("rename", group, title="Crew")
        await b.change("describe", group, text="who we are")
        await b.refused("not_allowed", "remove", group, users=[a.user])
        await b.refused("not_allowed", "role", group, role="owner", users=[b.user])
        await b.refused("no_change", "rename", group, title="Crew")
        await a.refused("bad_users", "role", group, role="admin", users=[fresh("nobody")])
        await a.refused("bad_users", "add", group, users=[])
        await a.refused("bad_users", "add", group, users=["g:other"])
        await b.change("settings", group, announce=True, receipts=False, history=False)
        await c.say("send", id="m", to=group, body="may I?")
        await c.until("error", ref="m", code="not_allowed")
        await b.write(group, "hear, hear")
        await a.change("role", group, role="owner", users=[c.user])
        await a.change("leave", group)
        await c.say("group.info", ref="q", group=group)
        info = await c.until("group.info", ref="q")
        assert (info["title"], info["text"], info["announce"], info["receipts"]) == ("Crew", "who we are", True, False)
        assert info["members"] == [{"user": b.user, "role": "admin"}, {"user": c.user, "role": "owner"}]
        await c.change("delete", group)
        for one in (b, c):
            await one.say("send", id="late", to=group, body="anybody?")
            await one.until("error", ref="late", code="no_such_group")
        await c.refused("no_such_group", "add", group, users=[a.user])


async def test_a_repeat_changes_nothing(cluster, encoding):
    async with three(cluster, encoding) as (a, b, _):
        first = await a.change("create", ref="same", title="Team", users=[b.user])
        assert await a.change("create", ref="same", title="Team", users=[b.user]) == first
        group = first["group"]
        renamed = await a.change("rename", group, ref="again", title="Crew")
        assert await a.change("rename", group, ref="again", title="Crew") == renamed
        sent = await a.write(group, "once", id="m")
        assert await a.write(group, "once", id="m") == sent
        await a.say("send", id="m", to=group, body="twice")
        await a.until("error", ref="m", code="id_conflict")
        await a.say("send", id="m3", to=group, body="three", after="m2")
        await a.until("error", ref="m3", code="predecessor_missing")
        await b.entry("group.event", seq=1)
        await b.entry("group.event", seq=2, change="rename", title="Crew")
        await b.entry("group.message", seq=3, body="once")
        await b.quiet()


async def test_a_list_of_groups_comes_in_pages(cluster, encoding):
    async with member(cluster, fresh("ana"), encoding=encoding) as a:
        made = {await a.make(title=f"Group {number}"): f"Group {number}" for number in range(101)}
        found, after, more = {}, None, True
        while more:
            await a.say("group.list", ref="q", after=after)
            page = await a.until("group.list", ref="q")
            assert 1 <= len(page["groups"]) <= 100
            found |= {line["group"]: line["title"] for line in page["groups"]}
            after, more = page["groups"][-1]["group"], page["more"]
            # A membership is there once the first event is in the inbox; ask again until all are.
            if not more and len(found) < len(made):
                found, after, more = {}, None, True
        assert found == made


# Bad input


async def test_ten_thousand_names_are_refused_at_once_and_harm_nobody(cluster, encoding):
    async with three(cluster, encoding) as (a, b, _):
        group = await a.make(b.user)
        names = [f"user-{number}" for number in range(10_000)]
        started = time.monotonic()
        for _ in range(20):
            error = await a.refused("bad_field", "add", group, users=names)
            assert "a list of at most 512 user ids" in error["text"]
            await a.refused("bad_field", "create", title="T", users=names)
        assert time.monotonic() - started < PATIENCE
        await a.write(group, "still here")
        await a.change("add", group, users=names[:512])
        await a.say("group.info", ref="q", group=group)
        assert len((await a.until("group.info", ref="q"))["members"]) == 514
        await a.change("add", group, users=names[500:1_010])
        error = await a.refused("group_full", "add", group, users=names[1_010:1_030])
        assert "limit" in error["text"]


@pytest.mark.parametrize("frame, code, says", [
    ({"ref": None, "change": "leave", "group": "g:t"}, "missing_field", "`ref`"),
    ({"change": "leave"}, "missing_field", "`group`"),
    ({"change": "leave", "group": "bob"}, "bad_field", "g:"),
    ({"change": "dance", "group": "g:t"}, "bad_field", "one of create"),
    ({"change": "create", "users": []}, "missing_field", "`title`"),
    ({"change": "create", "title": "", "users": []}, "bad_field", "1 to 400"),
    ({"change": "create", "title": "x" * 401, "users": []}, "bad_field", "1 to 400"),
    ({"change": "create", "title": "T", "users": "bob"}, "bad_field", "`users`"),
    ({"change": "create", "title": "T", "users": ["bob", 7]}, "bad_field", "`users`"),
    ({"change": "create", "title": "T", "users": ["b b"]}, "bad_field", "`users`"),
    ({"change": "create", "title": "T", "users": [], "group": "g:t"}, "bad_field", "`group`"),
    ({"change": "describe", "group": "g:t", "text": "x" * 2_049}, "bad_field", "`text`"),
    ({"change": "role", "group": "g:t", "role": "king", "users": ["bob"]}, "bad_field", "`role`"),
    ({"change": "settings", "group": "g:t", "announce": True}, "missing_field", "`receipts`"),
])
async def test_a_bad_change_is_told_its_field(cluster, frame, code, says):
    async with member(cluster, fresh("ana")) as a:
        await a.say("group", **({"ref": "r"} | frame))
        error = await a.until("error", code=code)
        assert says in error["text"]
        await a.quiet()


# Faults


class Crowd:
    """A group whose members come, go and write, over clusters that lose processes."""

    def __init__(self, cluster: Cluster, count: int, authors: int):
        self.cluster = cluster
        self.members = [ReferenceClient(cluster, fresh("c"), "binary" if i % 3 == 0 else "json") for i in range(count)]
        self.authors = self.members[:authors]
        self.written: dict[str, list[str]] = {one.user: [] for one in self.authors}
        self.faults: list[str] = []
        self.group = ""

    async def __aenter__(self):
        async with member(self.cluster, self.members[0].user) as owner:
            self.group = await owner.make(*(one.user for one in self.members[1:]))
        for one in self.members:
            one.on_tick = lambda frame, one=one: self._on_tick(one, frame)
            one.start()
        return self

    async def __aexit__(self, *_):
        await asyncio.gather(*(one.stop() for one in self.members), return_exceptions=True)

    def _on_tick(self, one: ReferenceClient, frame: dict):
        """Honest ticks: all others have said so before. What is read has been delivered."""
        for other in self.members:
            said = other.said_read.get(self.group, 0)
            if frame["type"] == "delivered":
                said = max(said, other.acked.get(self.group, 0))
            if other is not one and frame["at"] > said:
                self.faults.append(f"{frame['type']} up to {frame['at']}, but {other.user} said {said}")

    def write(self, count: int):
        for _ in range(count):
            for one in self.authors:
                body = f"{one.user}/{len(self.written[one.user])}"
                self.written[one.user].append(body)
                one.write(self.group, body)

    async def settle(self, patience: float = 90.0):
        """Until everybody has been shown everything and every author has every tick."""
        wanted = 1 + sum(len(bodies) for bodies in self.written.values())
        deadline = time.monotonic() + patience
        while waiting := [one for one in self.members if not self._is_complete(one, wanted)]:
            assert time.monotonic() < deadline, f"{len(waiting)} not complete: " + "; ".join(
                f"{one.user}: connected {one.connection is not None}, visits {one.visits}, shown {len(one.shown)} of {wanted}, "
                f"outbox {len(one.outbox)}, reads {one.reads}, delivered {one.delivered}, read {one.read}, faults {one.faults[:3]}"
                for one in waiting[:6])
            for one in self.members:
                one.mark_read(self.group)
            await asyncio.sleep(0.2)

    def _is_complete(self, one: ReferenceClient, wanted: int) -> bool:
        last = max((letter.at for letter in one.sent), default=0)
        return (one.is_settled and len(one.shown) >= wanted
                and one.delivered.get(self.group, 0) >= last and one.read.get(self.group, 0) >= last)

    def judge(self):
        """No loss, nothing twice, one order for all, honest ticks."""
        log = [{name: frame[name] for name in frame if name != "n"} for frame in self.members[0].shown]
        assert [frame["seq"] for frame in log] == list(range(1, len(log) + 1)), "numbers of the group are dense"
        stamps = [frame["at"] for frame in log]
        assert stamps == sorted(set(stamps)), "stamps of a group rise strictly"
        for one in self.members:
            assert [{name: frame[name] for name in frame if name != "n"} for frame in one.shown] == log, f"{one.user} sees another log"
            assert not one.faults, f"{one.user}: {one.faults[:5]}"
        for author, bodies in self.written.items():
            assert [frame["body"] for frame in log if frame["from"] == author and "body" in frame] == bodies
        for one in self.authors:
            at = {frame["id"]: frame["at"] for frame in log if frame["from"] == one.user}
            assert all(at[letter.id] == letter.at for letter in one.sent), "`sent` has the stamp of the message"
        assert not self.faults, self.faults[:5]


@pytest.mark.parametrize("store", ["temporary", "archive"])
async def test_no_death_in_the_middle_of_a_fan_out_loses_anything(home, store):
    with Cluster(home, {"gateway": 2, "parser": 2, "session": 3, "group": 2, "last-seen": 1, "persistence": 2}, store) as cluster:
        async with Crowd(cluster, count=24, authors=4) as crowd:
            for name in [node.name for role in ("group", "session", "persistence") for node in cluster.role(role)]:
                crowd.write(5)
                await asyncio.sleep(0.03)
                await asyncio.to_thread(cluster.kill, name)
                crowd.write(2)
                await asyncio.sleep(0.3)
                cluster.start(name)
                await asyncio.sleep(0.5)
            # All at once, with the fan-out of the last ones hardly begun.
            crowd.write(5)
            await asyncio.sleep(0.05)
            for name in cluster.nodes:
                cluster.nodes[name].process.kill()
            for name in cluster.nodes:
                await asyncio.to_thread(cluster.kill, name)
            for name in cluster.nodes:
                cluster.start(name)
            await asyncio.to_thread(cluster.wait_ready)
            crowd.write(1)
            await crowd.settle()
            crowd.judge()


async def test_a_group_shard_that_stays_away_is_done_without(home):
    with Cluster(home, {"gateway": 1, "parser": 1, "session": 2, "group": 2, "last-seen": 1, "persistence": 1}) as cluster:
        async with Crowd(cluster, count=8, authors=2) as crowd:
            crowd.write(5)
            await asyncio.to_thread(cluster.kill, "group-1")
            crowd.write(5)
            await crowd.settle()
            cluster.start("group-1")
            await asyncio.to_thread(cluster.wait_ready)
            await asyncio.to_thread(cluster.kill, "group-2")
            crowd.write(5)
            await crowd.settle()
            crowd.judge()


async def test_an_author_is_told_of_members_who_cannot_be_reached(home):
    """One of two partitions is away for long: the message waits in the log, its author is told, and nothing is lost."""
    with Cluster(home, {"gateway": 1, "parser": 1, "session": 1, "group": 1, "last-seen": 1, "persistence": 2},
                 settings=("groups members=64 tries=2 retry-ms=50",)) as cluster:
        async with member(cluster, fresh("ana")) as a:
            users = [fresh("m") for _ in range(16)]
            group = await a.make(*users)
            await a.entry("group.event", seq=1)
            # The partition that keeps neither the group's log nor Ana: with it gone she may still write.
            for name in [node.name for node in cluster.role("persistence")]:
                await asyncio.to_thread(cluster.kill, name)
                await a.say("send", id=f"probe-{name}", to=group, body=name)
                late = None
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(8):
                        late = await a.until("group.late", group=group)
                cluster.start(name)
                await asyncio.to_thread(cluster.wait_ready)
                if late:
                    break
            else:
                pytest.skip("the group and its owner live in different partitions here")
            assert 1 <= late["count"] <= 16
        for user in users[:4]:
            async with member(cluster, user) as one:
                await one.entry("group.event", seq=1)
                while True:
                    shown = await one.entry("group.message")
                    if shown["body"] == name:
                        break


async def test_a_newcomer_reads_what_was_written_before_when_the_group_shares_it(archive, encoding):
    bob, cem = fresh("bob"), fresh("cem")
    async with (
        member(archive, fresh("ana"), encoding=encoding) as a,
        member(archive, bob, encoding=encoding) as b,
        member(archive, cem, encoding=encoding) as c,
    ):
        group = await a.make(bob)
        for number in range(5):
            await a.write(group, f"text {number}")
        await a.change("add", group, users=[cem])
        await c.entry("group.event", change="add")

        async def pages(one, limit):
            found, before = [], None
            while True:
                await one.say("group.history", ref=f"h{before}", group=group, limit=limit, **({"before": before} if before else {}))
                page = await one.until("history", ref=f"h{before}")
                assert all(entry["n"] == 0 and entry["group"] == group for entry in page["entries"])
                found += [(entry["seq"], entry.get("body", entry.get("change"))) for entry in page["entries"]]
                if not page["more"]:
                    return found
                before = found[-1][0]

        written = [(number + 2, f"text {number}") for number in range(5)]
        assert await pages(c, 3) == [(7, "add")]
        await a.change("settings", group, announce=False, receipts=False, history=True)
        assert await pages(c, 3) == [(8, "settings"), (7, "add"), *reversed(written), (1, "create")]
        await a.change("remove", group, users=[cem])
        await c.say("group.history", ref="h", group=group, limit=3)
        assert (await c.until("error", ref="h"))["code"] == "not_member"


async def test_a_temporary_cluster_shares_no_history(cluster):
    async with member(cluster, fresh("ana")) as a:
        group = await a.make(fresh("bob"))
        await a.refused("unsupported", "settings", group, announce=False, receipts=False, history=True)
        await a.say("group.history", ref="h", group=group)
        assert (await a.until("error", ref="h"))["code"] == "unsupported"
        for limit in (0, 101):
            await a.say("group.history", ref="l", group=group, limit=limit)
            assert (await a.until("error", ref="l"))["code"] == "bad_field"


async def test_history_has_groups(home):
    with Cluster(home, {role: 1 for role in ("gateway", "parser", "session", "group", "last-seen", "persistence")}, "archive") as cluster:
        bob = fresh("bob")
        async with member(cluster, fresh("ana")) as a, member(cluster, bob, encoding="binary") as b:
            group = await a.make(bob)
            other = await a.make(bob, title="Other")
            sent = await a.write(group, "for ever")
            await a.write(other, "elsewhere")
            for _ in range(4):
                await b.any_entry()
            await b.say("history", ref="h", with_=group, limit=10)
            page = await b.until("history", ref="h")
            assert [(frame["type"], frame["group"], frame["seq"]) for frame in page["entries"]] == [
                ("group.message", group, 2), ("group.event", group, 1)]
            assert page["entries"][0]["body"] == "for ever" and page["entries"][0]["at"] == sent["at"]

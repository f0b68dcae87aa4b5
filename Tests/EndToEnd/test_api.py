"""The product's own door: messages, groups, status and revocation over HTTP, as docs/api.md and the served description have it."""

import asyncio
import http.client
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from openapi_spec_validator import validate
from schemathesis.config import SchemathesisConfig

from backend import Backend, patiently
from client import Closed, fresh, greeted
from cluster import REPOSITORY, SMALL, Cluster

DESCRIPTION = json.loads((REPOSITORY / "Services/API/Description/files/openapi.json").read_text())


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    with Cluster(tmp_path_factory.mktemp("api") / "cluster", counts={**SMALL, "session": 2, "api": 1}) as cluster:
        yield cluster
        ended = [node.name for node in cluster.nodes.values() if not node.is_running]
        assert not ended, f"ended during the tests: {ended}"


@pytest.fixture
def backend(product):
    return Backend(product)


async def test_a_message_arrives_and_its_ticks_can_be_asked(product, backend):
    bob, id = fresh("bob"), fresh("m")
    answer = backend.post("/v1/messages", to=bob, id=id, body="your order is on its way")
    assert answer.status == 200, answer
    sent = answer.json
    assert (sent["from"], sent["to"], sent["id"]) == ("system", bob, id)
    path = f"/v1/receipts?from=system&to={bob}&at={sent['at']}"
    assert backend.get(path).json == {
        "from": "system", "to": bob, "delivered_up_to": 0, "read_up_to": 0, "at": sent["at"], "delivered": False, "read": False}
    async with greeted(product, bob) as b:
        message = await b.expect("message", **{"from": "system"}, id=id, at=sent["at"], body="your order is on its way")
        await b.say("ack", n=message["n"])
        patiently(lambda: backend.get(path).json["delivered"], "delivered")
        assert not backend.get(path).json["read"]
        await b.say("read", with_="system", at=sent["at"])
        await b.expect("noted")
        state = backend.get(path).json
        assert state["read"] and state["read_up_to"] == sent["at"]


def test_a_repeat_is_recognised_and_another_text_refused(backend):
    bob, id = fresh("bob"), fresh("m")
    first = backend.post("/v1/messages", to=bob, id=id, body="once")
    assert backend.post("/v1/messages", to=bob, id=id, body="once").json == first.json
    other = backend.post("/v1/messages", to=bob, id=id, body="twice")
    assert (other.status, other.json["error"], other.json["reason"]) == (409, "conflict", "id_conflict")


async def test_somebody_is_spoken_for_and_their_devices_see_it(product, backend):
    ana, bob = fresh("ana"), fresh("bob")
    async with greeted(product, ana) as a, greeted(product, bob) as b:
        assert backend.post("/v1/messages", **{"from": ana}, to=bob, id="m", body="hello").status == 200
        await b.expect("message", **{"from": ana}, body="hello")
        await a.until("copy", to=bob, body="hello")


async def test_groups_are_made_read_changed_and_written_to(product, backend):
    ana, bob, cem = fresh("ana"), fresh("bob"), fresh("cem")
    made = backend.post("/v1/groups", id=fresh("g"), title="Orders & more \U0001F41F", users=[ana, bob])
    assert made.status == 200, made
    group = made.json["group"]
    path = f"/v1/groups/{quote(group, safe='')}"
    info = backend.get(path).json
    assert info["title"] == "Orders & more \U0001F41F" and not info["announce"]
    assert {m["user"]: m["role"] for m in info["members"]} == {"system": "owner", ana: "member", bob: "member"}

    def change(**fields):
        return backend.post(f"{path}/changes", id=fresh("c"), **fields)

    assert change(change="add", users=[cem]).status == 200
    assert change(change="role", role="admin", users=[ana]).status == 200
    assert change(change="settings", announce=True, receipts=False, history=False).status == 200
    assert change(change="rename", title="Orders").status == 200
    assert change(change="remove", users=[bob]).status == 200
    assert change(change="remove", users=[bob]).json["reason"] == "no_change"
    assert change(**{"from": cem}, change="rename", title="mine").json["reason"] == "not_allowed"
    stranger = change(**{"from": fresh("dora")}, change="rename", title="mine")
    assert (stranger.status, stranger.json["reason"]) == (403, "not_member")
    info = backend.get(f"{path}?from={ana}").json
    assert info["title"] == "Orders" and info["announce"]
    assert {m["user"]: m["role"] for m in info["members"]} == {"system": "owner", ana: "admin", cem: "member"}
    assert backend.get(f"/v1/users/{ana}/groups").json == {"user": ana, "groups": [{"group": group, "title": "Orders"}], "more": False}

    sent = backend.post("/v1/messages", to=group, id=fresh("m"), body="to all")
    assert sent.status == 200, sent
    refused = backend.post("/v1/messages", **{"from": cem}, to=group, id=fresh("m"), body="may I?")
    assert (refused.status, refused.json["reason"]) == (403, "not_allowed")
    async with greeted(product, cem) as c:
        message = await c.until("group.message", body="to all")
        await c.say("ack", n=message["n"])

        def delivered():
            members = backend.get(f"{path}/receipts?at={sent.json['at']}").json["members"]
            return {m["user"]: m["delivered"] for m in members}.get(cem)

        patiently(delivered, "the member's receipt")


async def test_presence_is_told_whatever_is_hidden(product, backend):
    ana = fresh("ana")
    assert backend.get(f"/v1/users/{ana}/presence").json == {"user": ana, "online": False, "last_seen": None}
    async with greeted(product, ana) as a:
        await a.say("settings", ref="s", last_seen="nobody")
        await a.until("settings", ref="s")
        await a.say("active", on=True)
        patiently(lambda: backend.get(f"/v1/users/{ana}/presence").json["online"], "online")
    gone = patiently(
        lambda: (p := backend.get(f"/v1/users/{ana}/presence").json) and not p["online"] and p["last_seen"] and p, "last seen")
    assert abs(gone["last_seen"] / 1e6 - time.time()) < 300


def test_the_cluster_is_seen(product, backend):
    state = backend.get("/v1/cluster").json
    assert state["cluster"] == product.name and state["health"] == "up"
    assert {node["name"] for node in state["nodes"]} == set(product.nodes)
    assert all(node["up"] for node in state["nodes"])


@pytest.mark.parametrize("key", ["", "x" * 64, "short", "é" * 40])
def test_without_a_key_nothing_is_answered(product, key):
    stranger = Backend(product, key=key)
    headers = {} if key.isascii() else {"Authorization": f"Bearer {key}".encode("utf-8").decode("latin-1")}
    for method, path in [("GET", "/v1/cluster"), ("POST", "/v1/messages"), ("GET", "/v1/openapi.json"), ("GET", "/nowhere")]:
        answer = stranger.ask(method, path, raw=b"{}" if method == "POST" else None, **headers)
        assert (answer.status, answer.json["reason"]) == (401, "key_unknown")
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("body,status,reason", [
    (b"", 400, "malformed"), (b"[]", 400, "malformed"), (b"{", 400, "malformed"), (b'{"to":"bob","id":"m"}', 400, "missing_field"),
    (b'{"to":"bob","id":"m","body":1}', 400, "bad_field"), (b'{"to":"b b","id":"m","body":""}', 400, "bad_field"),
    (b'{"to":"system","id":"m","body":""}', 409, "to_self"), (b'{"from":"g:x","to":"bob","id":"m","body":""}', 400, "bad_field"),
    (b'{"to":"g:nowhere","id":"m","body":""}', 404, "no_such_group"),
    (b'{"to":"bob","id":"m","after":"never","body":""}', 409, "predecessor_missing"),
    (b'{"to":"bob","id":"m","body":"' + b"x" * 65_537 + b'"}', 413, "body_too_long"), (b" " * 500_000, 413, "body_too_long"),
])
def test_what_is_wrong_is_said(backend, body, status, reason):
    answer = backend.ask("POST", "/v1/messages", raw=body)
    assert (answer.status, answer.json["reason"]) == (status, reason), answer


def test_paths_methods_and_types(backend):
    assert backend.get("/v1/nowhere").status == 404
    assert backend.get("/v1/%zz").status == 404
    answer = backend.get("/v1/messages")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert backend.ask("DELETE", "/v1/cluster").headers["allow"] == "GET"
    answer = backend.ask("POST", "/v1/messages", raw=b"{}", Content_Type="text/plain")
    assert (answer.status, answer.json["reason"]) == (415, "json_expected")
    assert backend.get("/v1/groups/bob").json["reason"] == "no_such_group"
    assert backend.get("/v1/receipts?from=a").json["reason"] == "bad_field"


def test_a_connection_takes_one_request_after_the_other(product):
    connection = http.client.HTTPConnection("127.0.0.1", product.nodes["api-1"].client, timeout=30)
    headers = {"Authorization": f"Bearer {product.api_key}", "Content-Type": "application/json"}
    for number in range(3):
        connection.request("POST", "/v1/messages", json.dumps({"to": "bob", "id": fresh("m"), "body": str(number)}), headers)
        answer = connection.getresponse()
        assert answer.status == 200
        answer.read()
        connection.request("GET", "/v1/nowhere", headers=headers)
        answer = connection.getresponse()
        assert answer.status == 404
        answer.read()
    connection.close()


def test_requests_that_come_at_once_are_answered_in_turn(product):
    """Written in one go, and cut anywhere: RFC 9112, section 9.3.2."""
    text = "".join(
        f"GET /v1/users/u{number}/presence HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {product.api_key}\r\n"
        + ("Connection: close\r\n" if number == 4 else "") + "\r\n" for number in range(5)).encode()
    with socket.create_connection(("127.0.0.1", product.nodes["api-1"].client), timeout=30) as connection:
        for start in range(0, len(text), 97):
            connection.sendall(text[start:start + 97])
        got = b""
        while piece := connection.recv(65_536):
            got += piece
    users = [json.loads(part.split(b"\r\n\r\n")[1].split(b"\n")[0])["user"] for part in got.split(b"HTTP/1.1 ")[1:]]
    assert users == [f"u{number}" for number in range(5)]


async def test_revoked_tokens_are_refused_and_their_sockets_cut(product, backend):
    ana, old = fresh("ana"), int(time.time()) - 10
    async with greeted(product, ana, token=product.token(ana, iat=old)) as a:
        answer = backend.post(f"/v1/users/{ana}/revocation", before=(old + 5) * 1_000_000)
        assert answer.status == 200, answer
        with pytest.raises(Closed) as closed:
            while True:
                await a.next()
        assert (closed.value.code, closed.value.reason) == (4001, "token_revoked")
    for _ in range(2):
        with pytest.raises(Closed) as closed:
            async with greeted(product, ana, token=product.token(ana, iat=old)):
                pass
        assert closed.value.code == 4001
        # A token that does not say when it was issued is as old as any.
        with pytest.raises(Closed):
            async with greeted(product, ana, token=product.token(ana, iat=None)):
                pass
        async with greeted(product, ana, token=product.token(ana, iat=old + 5)):
            pass
        # It holds for whoever is started anew.
        for name in [name for name, node in product.nodes.items() if node.role in ("gateway", "session", "persistence", "last-seen")]:
            product.kill(name)
            product.start(name)
        product.wait_ready()
    later = backend.post(f"/v1/users/{ana}/revocation", before=int((time.time() + 3600) * 1e6))
    assert (later.status, later.json["reason"]) == (409, "in_future")


def test_a_part_that_is_away_is_told_with_a_time(product, backend):
    product.kill("group-1")
    patiently(lambda: backend.get("/v1/cluster").json["health"] == "down", "news of the end")
    answer = backend.post("/v1/groups", id=fresh("g"), title="t", users=[])
    assert (answer.status, answer.json["reason"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    product.start("group-1")
    product.wait_ready()
    patiently(lambda: backend.post("/v1/groups", id="again", title="t", users=[]).status == 200, "groups again")


def test_a_key_that_asks_too_much_is_told_so(home):
    with Cluster(home, counts={**SMALL, "api": 1}, settings=("limits frames=5",)) as cluster:
        backend = Backend(cluster)
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: backend.get("/v1/cluster"), range(200)))
        refused = [answer for answer in answers if answer.status == 429]
        assert refused and refused[0].json["reason"] == "rate_limited" and refused[0].headers["retry-after"] == "1"
        assert any(answer.status == 200 for answer in answers)


def test_a_key_file_that_others_may_read_is_refused(home):
    cluster = Cluster(home, counts={**SMALL, "api": 1})
    (cluster.data / "secrets" / "api.keys").chmod(0o644)
    node = cluster.start("api-1")
    assert node.process.wait(30) == 78
    assert "api.keys may be read by others than its owner" in cluster.log("api-1")


async def test_what_there_is_of_a_user_comes_in_pages(product, backend):
    ana, bob = fresh("ana"), fresh("bob")
    for number in range(120):
        assert backend.post("/v1/messages", to=ana, id=f"m-{number}", body=f"\u00e4 \"{number}\"").status == 200
    entries, after, pages = [], 0, 0
    while True:
        page = backend.get(f"/v1/users/{ana}/export/inbox?after={after}").json
        entries += page["entries"]
        after, pages = page["through"], pages + 1
        if not page["more"]:
            break
    assert [entry["body"] for entry in entries] == [f"\u00e4 \"{number}\"" for number in range(120)] and pages == 2
    assert all(entry["kind"] == "message" and entry["chat"] == "system" for entry in entries)
    async with greeted(product, ana) as a:
        await a.say("block", ref="b", user=bob, on=True)
        await a.until("settings", ref="b")
    profile = backend.get(f"/v1/users/{ana}/export").json
    assert profile["settings"] == {
        "last_seen": "everyone", "except": [], "read_receipts": True, "blocked": [bob], "revoked_before": None}
    known = backend.get(f"/v1/users/{ana}/export/devices").json["devices"]
    assert len(known) == 1 and known[0]["acknowledged"] == 0 and abs(known[0]["opened"] / 1e6 - time.time()) < 600
    sender = fresh("sender")
    sent = backend.post("/v1/messages", **{"from": sender}, to=bob, id="m", body="x").json
    async with greeted(product, bob) as b:
        await b.say("ack", n=(await b.until("message"))["n"])
        receipts = patiently(lambda: backend.get(f"/v1/users/{sender}/export/receipts").json["receipts"], "the receipt")
    assert [(r["peer"], r["kind"], r["up_to"]) for r in receipts] == [(bob, "delivered", sent["at"])]


async def test_who_is_erased_leaves_nothing_behind(product, backend):
    ana, bob, device = fresh("ana"), fresh("bob"), fresh("device")
    group = backend.post("/v1/groups", id=fresh("g"), title="Team", users=[ana, bob]).json["group"]
    assert backend.post("/v1/messages", to=group, id=fresh("m"), body="to the team").status == 200
    old = int(time.time()) - 10
    async with greeted(product, ana, token=product.token(ana, iat=old, device=device)) as a:
        await a.until("group.message", body="to the team")
        await a.say("block", ref="b", user=fresh("foe"), on=True)
        await a.until("settings", ref="b")
        await a.say("send", id="s", to=bob, body="from ana")
        await a.until("sent", id="s")
        async with greeted(product, bob) as b:
            message = await b.until("message", body="from ana")
            await b.say("ack", n=message["n"])
            await a.until("delivered")
        for number in range(300):
            assert backend.post("/v1/messages", to=ana, id=f"m-{number}", body=f"secret {number}").status == 200
        answer = backend.delete(f"/v1/users/{ana}")
        assert answer.status == 200, answer
        assert answer.json["user"] == ana and answer.json["left"] == [group]
        with pytest.raises(Closed) as closed:
            while True:
                await a.next()
        assert closed.value.reason == "token_revoked"

    def nothing_is_left():
        export = f"/v1/users/{ana}/export"
        assert backend.get(export).json == {
            "user": ana, "last_seen": None, "settings": {
                "last_seen": "everyone", "except": [], "read_receipts": True, "blocked": [],
                "revoked_before": answer.json["before"]}}
        assert backend.get(f"{export}/inbox?after=0").json["entries"] == []
        assert backend.get(f"{export}/devices").json == {"user": ana, "devices": []}
        assert backend.get(f"{export}/receipts").json["receipts"] == []
        assert backend.get(f"/v1/users/{ana}/groups").json["groups"] == []
        assert ana not in str(backend.get(f"/v1/groups/{group}").json)

    nothing_is_left()
    # Once the log has been moved into the file, no byte of it is on the disk.
    words = [b"secret 7", b"secret 299", device.encode()]

    def found():
        return [(file.name, word) for file in product.database_files() for word in words if word in file.read_bytes()]

    patiently(lambda: not found(), "clean files")
    product.kill("persistence-1")
    product.start("persistence-1")
    product.wait_ready()
    nothing_is_left()
    # An old token opens nothing, not even a device that would hold texts back.
    with pytest.raises(Closed) as closed:
        async with greeted(product, ana, token=product.token(ana, iat=old, device=device)):
            pass
    assert closed.value.reason == "token_revoked"
    nothing_is_left()
    # What she wrote to others is theirs; and the name is free for somebody who begins anew.
    entries = backend.get(f"/v1/users/{bob}/export/inbox?after=0").json
    assert entries["through"] >= 2
    # `iat` counts whole seconds.
    await asyncio.sleep(max(0, answer.json["before"] / 1e6 + 1 - time.time()))
    async with greeted(product, ana, token=product.token(ana, iat=int(time.time()))) as a:
        assert backend.post("/v1/messages", to=ana, id=fresh("m"), body="welcome back").status == 200
        await a.until("message", body="welcome back")


def test_an_owner_of_a_group_is_not_erased_before_another_owns_it(backend):
    ana, bob = fresh("ana"), fresh("bob")
    group = backend.post("/v1/groups", **{"from": ana}, id=fresh("g"), title="Hers", users=[bob]).json["group"]
    patiently(lambda: backend.get(f"/v1/users/{ana}/groups").json["groups"], "the group in her list")
    refused = backend.delete(f"/v1/users/{ana}")
    assert refused.status == 409, refused
    assert refused.json["reason"] == "owns_group" and group in refused.json["text"]
    change = backend.post(f"/v1/groups/{group}/changes", **{"from": ana}, id=fresh("c"), change="delete")
    assert change.status == 200, change
    assert backend.delete(f"/v1/users/{ana}").status == 200


# The description

def test_the_description_is_valid_and_is_the_one_in_the_tree(backend):
    validate(DESCRIPTION)
    assert backend.get("/v1/openapi.json").json == DESCRIPTION


@schemathesis.hook
def map_body(context, body):
    """Integers are written without a fraction (docs/api.md); to JSON Schema 5.0 is one as well."""
    if isinstance(body, dict):
        return {name: int(value) if isinstance(value, float) and value.is_integer() else value for name, value in body.items()}
    return body


#: A text that is too long is refused with 413, which the tool does not expect of data that breaks a schema.
CHECKS = SchemathesisConfig.from_dict({"checks": {"negative_data_rejection": {"expected-statuses": ["4xx", "5xx"]}}})
schema = schemathesis.openapi.from_dict(DESCRIPTION, config=CHECKS)


@schema.parametrize()
@settings(max_examples=15, deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate],
          suppress_health_check=list(HealthCheck))
def test_every_operation_keeps_the_description(case, product):
    """Requests that the description allows, and some that it does not: every answer is one that it promises."""
    case.call_and_validate(
        base_url=f"http://127.0.0.1:{product.nodes['api-1'].client}", headers={"Authorization": f"Bearer {product.api_key}"})

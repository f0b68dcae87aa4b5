"""Who you are: every way a token can be wrong, and that nothing of a refused caller goes further than the gateway."""

import json
import time

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from client import Client, client, fresh, greeted, open_socket
from cluster import Cluster, SMALL
from minting import Pair, Secret, b64, compose, mint


async def refusal(cluster: Cluster, token: str | None) -> str:
    """The word of a 401, as docs/protocol.md gives it."""
    with pytest.raises(InvalidStatus) as caught:
        await open_socket(cluster, token)
    answer = caught.value.response
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    body = json.loads(answer.body)
    assert body["error"] == "unauthorized"
    return body["reason"]


def tampered(token: str) -> str:
    head, claims, signature = token.split(".")
    return f"{head}.{claims}.{('A' if signature[0] != 'A' else 'B') + signature[1:]}"


def cases(cluster: Cluster):
    user, hs, ed = "ana", cluster.hs, cluster.ed
    header = {"alg": "HS256", "kid": hs.kid}
    claims = {"sub": user, "exp": int(time.time()) + 3600}
    stranger, stranger_pair = Secret(hs.kid), Pair(ed.kid)
    as_secret = Secret(ed.kid)
    as_secret.bytes = ed.public
    yield "none at all", None, "token_missing"
    yield "not three parts", "abc", "token_malformed"
    yield "four parts", mint(hs, user) + ".x", "token_malformed"
    yield "not base64url", mint(hs, user) + "*", "token_malformed"
    yield "padding", mint(hs, user) + "==", "token_malformed"
    yield "header is no object", f"{b64(b'[]')}.{b64(b'{}')}.{b64(b'x')}", "token_malformed"
    yield "claims are no object", compose(header, [1], hs.sign), "token_malformed"
    yield "an extension that must be understood", compose({**header, "crit": ["x"]}, claims, hs.sign), "token_malformed"
    yield "signature of another secret", mint(stranger, user), "token_bad_signature"
    yield "signature of another pair", mint(stranger_pair, user), "token_bad_signature"
    yield "one bit of the signature", tampered(mint(hs, user)), "token_bad_signature"
    yield "no signature", compose(header, claims, lambda _: b""), "token_bad_signature"
    yield "the name of a group", mint(hs, "g:team"), "token_bad_claim"
    yield "claims exchanged", ".".join([mint(hs, user).split(".")[0], mint(hs, "bob").split(".")[1], mint(hs, user).split(".")[2]]), \
        "token_bad_signature"
    yield "alg none", compose({"alg": "none", "kid": hs.kid}, claims, lambda _: b""), "token_wrong_algorithm"
    yield "alg none, written otherwise", compose({"alg": "NoNe"}, claims, lambda _: b""), "token_wrong_algorithm"
    yield "public key as a secret", mint(as_secret, user), "token_wrong_algorithm"
    yield "EdDSA with the secret's name", compose({"alg": "EdDSA", "kid": hs.kid}, claims, ed.sign), "token_wrong_algorithm"
    yield "no alg", compose({"kid": hs.kid}, claims, hs.sign), "token_wrong_algorithm"
    yield "an algorithm that is not ours", compose({"alg": "HS512", "kid": hs.kid}, claims, hs.sign), "token_wrong_algorithm"
    yield "unknown kid", mint(Secret("elsewhere"), user), "token_unknown_key"
    yield "no kid though there are several keys", compose({"alg": "HS256"}, claims, hs.sign), "token_unknown_key"
    yield "expired", mint(hs, user, life=-1), "token_expired"
    yield "not yet valid", mint(hs, user, nbf=int(time.time()) + 600), "token_not_yet_valid"
    yield "issued in the future", mint(hs, user, iat=int(time.time()) + 600), "token_not_yet_valid"
    yield "no user", mint(hs, user, sub=None), "token_bad_claim"
    yield "empty user", mint(hs, ""), "token_bad_claim"
    yield "user of 65 bytes", mint(hs, "x" * 65), "token_bad_claim"
    yield "user with a blank", mint(hs, "a b"), "token_bad_claim"
    yield "user is a number", mint(hs, user, sub=7), "token_bad_claim"
    yield "no expiry", mint(hs, user, exp=None), "token_bad_claim"
    yield "expiry is text", mint(hs, user, exp="tomorrow"), "token_bad_claim"
    yield "device of 33 bytes", mint(hs, user, "x" * 33), "token_bad_claim"
    yield "device is a list", mint(hs, user, device=[]), "token_bad_claim"
    yield "too long", mint(hs, user, filler="x" * 4096), "token_too_long"


async def test_a_wrong_token_is_refused_with_its_reason_and_goes_no_further(cluster):
    frames = cluster.figure("parser", "fantail_parser_frames_total")
    wrong = []
    for what, token, expected in cases(cluster):
        word = await refusal(cluster, token)
        if word != expected:
            wrong.append(f"{what}: {word} instead of {expected}")
    assert not wrong, wrong
    assert cluster.figure("parser", "fantail_parser_frames_total") == frames
    assert cluster.figure("gateway", "fantail_gateway_handshakes") == 0


async def test_frames_behind_a_refused_handshake_go_nowhere(cluster):
    import asyncio

    from raw import handshake_bytes

    frames = cluster.figure("parser", "fantail_parser_frames_total")
    reader, writer = await asyncio.open_connection("127.0.0.1", cluster.gateways[0].client, ssl=cluster.ssl)
    writer.write(handshake_bytes(token=tampered(cluster.token("ana"))) + b"\x81\x8f\0\0\0\0" + b'{"type":"ping"}')
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 401 ")
    writer.close()
    assert cluster.figure("parser", "fantail_parser_frames_total") == frames


@pytest.mark.parametrize("kind", ["hs", "ed"])
async def test_both_kinds_of_keys_let_in(cluster, kind):
    user = fresh()
    async with greeted(cluster, user, token=mint(getattr(cluster, kind), user, "phone")) as a:
        assert a.welcome["user"] == user and a.welcome["device"] == "phone"


async def test_a_token_without_a_device_is_main(cluster):
    async with greeted(cluster, fresh()) as a:
        assert a.welcome["device"] == "main"


async def test_a_clock_that_is_a_little_ahead_is_forgiven(cluster):
    ahead = int(time.time()) + 30
    user = fresh()
    async with greeted(cluster, user, token=mint(cluster.hs, user, nbf=ahead, iat=ahead)):
        pass


async def test_claims_that_we_do_not_know_are_ignored(cluster):
    user = fresh()
    async with greeted(cluster, user, token=mint(cluster.hs, user, iss="login", roles=["a", {"b": 1}])):
        pass


async def test_a_token_travels_in_the_header_as_a_subprotocol_or_in_the_query(cluster):
    user = fresh()
    token = cluster.token(user)
    url = cluster.url()
    ways = {
        "header": (url, ["fantail.json.v1"], {"Authorization": f"Bearer {token}"}),
        "header, scheme in lower case": (url, ["fantail.json.v1"], {"Authorization": f"bearer {token}"}),
        "subprotocol": (url, ["fantail.json.v1", f"fantail.token.{token}"], {}),
        "subprotocol, token first": (url, [f"fantail.token.{token}", "fantail.json.v1"], {}),
        "query": (f"{url}?access_token={token}", ["fantail.json.v1"], {}),
        "query among others": (f"{url}?a=b&access_token={token}&c", ["fantail.json.v1"], {}),
    }
    for way, (address, names, headers) in ways.items():
        async with connect(address, subprotocols=names, additional_headers=headers, proxy=None, ssl=cluster.ssl) as socket:
            assert socket.subprotocol == "fantail.json.v1", way
            assert (await Client(socket, "json").hello())["user"] == user, way


async def test_the_first_known_subprotocol_is_taken(cluster):
    headers = {"Authorization": f"Bearer {cluster.token(fresh())}"}
    for names, chosen in [
        (["unknown", "fantail.binary.v1", "fantail.json.v1"], "fantail.binary.v1"),
        (["fantail.json.v1", "fantail.binary.v1"], "fantail.json.v1"),
    ]:
        async with connect(cluster.url(), subprotocols=names, additional_headers=headers, proxy=None, ssl=cluster.ssl) as socket:
            assert socket.subprotocol == chosen


async def test_a_connection_ends_with_its_token(cluster):
    user = fresh()
    async with greeted(cluster, user, token=mint(cluster.hs, user, life=3)) as a:
        assert await a.closed() == 4001
    async with greeted(cluster, user):
        pass


async def test_keys_rotate_without_locking_anybody_out(home):
    """Both keys stand in the file for a while; then the old line goes."""
    with Cluster(home, SMALL) as cluster:
        old, new = cluster.hs, Secret("hs-2")
        gateway = cluster.gateways[0].name

        def restart_with(*keys):
            cluster._secret_file("tokens.keys", "# rotated\n" + "".join(f"{key.line}\n" for key in keys))
            cluster.kill(gateway)
            cluster.start(gateway)
            cluster.wait_ready()

        assert await refusal(cluster, mint(new, "ana")) == "token_unknown_key"
        restart_with(old, new)
        for key in (old, new):
            async with greeted(cluster, "ana", token=mint(key, "ana")):
                pass
        restart_with(new)
        assert await refusal(cluster, mint(old, "ana")) == "token_unknown_key"
        async with greeted(cluster, "ana", token=mint(new, "ana")):
            pass
        # One key alone need not be named.
        claims = {"sub": "ana", "exp": int(time.time()) + 60}
        async with greeted(cluster, "ana", token=compose({"alg": "HS256"}, claims, new.sign)):
            pass


async def test_a_gateway_without_its_services_says_when_to_come_back(home):
    with Cluster(home, SMALL) as cluster:
        cluster.kill("parser-1")
        gateway = cluster.gateways[0]
        while gateway.get("/readyz")[0] != 503:
            pass
        with pytest.raises(InvalidStatus) as caught:
            await open_socket(cluster, cluster.token("ana"))
        assert caught.value.response.status_code == 503
        assert int(caught.value.response.headers["Retry-After"]) >= 1
        cluster.start("parser-1")
        cluster.wait_ready()
        async with client(cluster, "ana") as a:
            await a.hello()

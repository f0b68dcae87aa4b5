"""The page over TLS: the WebSocket, the policy and the links to files follow the scheme."""

from cluster import SMALL
from drawing import plain
from test_media import choose, disk, send, sees_pictures  # noqa: F401


def test_people_chat_and_send_pictures_over_tls(home, developer, sit, disk):  # noqa: F811
    with developer(home, counts={**SMALL, "media": 1}, tls="clients") as cluster:
        ana, bob = sit(cluster, "tls-ana"), sit(cluster, "tls-bob")
        assert ana.js("return [location.protocol, isSecureContext]") == ["https:", True]
        ana.open("tls-bob")
        ana.write("between us")
        bob.open("tls-ana")
        bob.sees_message("between us")
        ana.sees_tick("between us", "read")
        choose(ana, disk("fish.png", plain(320, 200)))
        send(ana, "look")
        sees_pictures(bob, (320, 200))
        bob.sees_message("look")
        assert ana.complaints() == [] and bob.complaints() == []

"""The chat in docs/clients.md, run as it stands there: two browsers, and a reload with something unsent."""

import re

from browser import REPOSITORY

CHAT = re.search(r"```js\n(.*?)```", (REPOSITORY / "docs" / "clients.md").read_text(), re.S).group(1)
#: `import` and `export` are for a file; here the text is the body of a function.
BODY = CHAT.replace('import { Fantail, newID } from "/fantail.js";', "").replace("export function", "return function")


def start(person, token: str, peer: str):
    """Runs the chat in a page of its own; what it shows is in `lines`."""
    person.driver.get(person.page)
    person.driver.set_script_timeout(20)
    person.driver.execute_async_script(
        f"""const [url, token, peer, done] = arguments;
        window.lines = [];
        import("/fantail.js").then(({{ Fantail, newID }}) => {{
          const make = (() => {{ {BODY} }})();
          window.write = make({{ url, token, peer, show: (line) => window.lines.push(line) }});
          done();
        }});""",
        person.page.replace("http", "ws") + "v1/ws", token, peer)


def lines(person) -> list[str]:
    return person.js("return window.lines")


def heard(person) -> list[str]:
    """What others wrote, ticks aside."""
    return [line for line in lines(person) if not line.startswith(("delivered", "read"))]


def test_it_has_about_twenty_lines():
    assert len([line for line in CHAT.splitlines() if line.strip()]) <= 22


def test_two_chat_with_it(cluster, sit):
    ana, bob = (sit(cluster, name, sign_in=False) for name in ("lib-ana", "lib-bob"))
    tokens = {person: cluster.token(person.name, "main") for person in (ana, bob)}
    start(ana, tokens[ana], bob.name)
    start(bob, tokens[bob], ana.name)
    ana.js("window.write('hi')")
    bob.until(lambda: heard(bob) == ["lib-ana: hi"], "the message")
    ana.until(lambda: lines(ana) == ["delivered by lib-bob"], "the tick")
    bob.js("window.write('one'); window.write('two')")
    ana.until(lambda: heard(ana) == ["lib-bob: one", "lib-bob: two"], "both, in order")

    # Written while there is no network, and the window is closed: it goes out from the next one, once.
    ana.driver.execute_cdp_cmd("Network.enable", {})
    ana.driver.execute_cdp_cmd(
        "Network.emulateNetworkConditions", {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1})
    cluster.kill("gateway-1")
    ana.js("window.write('from nowhere')")
    cluster.start("gateway-1")
    cluster.wait_ready()
    ana.driver.execute_cdp_cmd(
        "Network.emulateNetworkConditions", {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1})
    start(ana, tokens[ana], bob.name)
    bob.until(lambda: heard(bob)[1:] == ["lib-ana: from nowhere"], "what was written before the reload")
    for person in (ana, bob):
        assert person.js("return JSON.parse(localStorage.getItem('chat')).outbox") in ([], None)

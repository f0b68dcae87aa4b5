"""The status page in a real browser, with a cluster at work."""

import subprocess

import pytest

from browser import Person, start_driver
from cluster import BIN, COUNTS


@pytest.fixture(scope="module")
def busy(developer, tmp_path_factory):
    """A cluster in which people write to each other."""
    with developer(tmp_path_factory.mktemp("busy"), counts={**COUNTS, "media": 1}) as cluster:
        load = subprocess.Popen(
            [BIN / "bench", "chat", "--home", cluster.data, "--cluster", cluster.file, "--users", "60", "--rate", "150", "--seconds", "3600",
             "--warm", "0", "--quiet"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        yield cluster
        load.kill()
        load.wait()


@pytest.fixture
def operator(tmp_path, request):
    """`operator(node, width, height)` is somebody who looks at the status page of that node."""
    drivers = []

    def operator(node, width: int = 1280, height: int = 1180, scheme: str = "light") -> Person:
        driver = start_driver(tmp_path / f"profile-{len(drivers)}", width, height)
        drivers.append(driver)
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
        if width < 500:
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": True})
        person = Person(driver, f"http://127.0.0.1:{node.admin}/", "operator")
        person.go()
        return person

    yield operator
    for driver in drivers:
        driver.quit()


def tile(person: Person, label: str) -> str:
    return person.js(
        """const tile = [...document.querySelectorAll('.tile')].find((tile) => tile.querySelector('.label').textContent === arguments[0]);
           return tile?.querySelector('.value').firstChild.textContent ?? '';""", label)


def test_it_draws_a_cluster_at_work(busy, operator):
    person = operator(busy.nodes["session-1"])
    person.until(lambda: "ready" in person.one("#verdict").text, "a verdict")
    assert person.driver.current_url.endswith("/status")
    assert len(person.all(".node")) == len(busy.nodes)
    person.until(lambda: tile(person, "Clients") == "60", "60 clients")
    person.until(lambda: float(tile(person, "Messages").replace("–", "0")) > 50, "messages")
    person.until(lambda: any("session" in row.text and "persistence" in row.text for row in person.all("#hops tr")), "answers")
    person.until(lambda: len(person.all(".map path")) > 20, "links")
    assert len(person.all(".ring")) == 4
    assert person.js("return document.documentElement.scrollWidth <= window.innerWidth")
    # A few looks more, so that the curves show something.
    person.until(lambda: person.js("return (document.querySelector('.tile path.line')?.getAttribute('d') ?? '').split('L').length") > 12, "a curve")
    person.shot("status")
    assert person.complaints() == []


def test_in_the_dark_and_on_a_phone(busy, operator):
    person = operator(busy.nodes["gateway-1"], scheme="dark")
    person.until(lambda: len(person.all(".node")) == len(busy.nodes), "all nodes")
    person.until(lambda: len(person.all("#hops tr")) > 2, "answers")
    person.shot("status-dark")
    phone = operator(busy.nodes["gateway-1"], 390, 844)
    phone.until(lambda: len(phone.all(".node")) == len(busy.nodes), "all nodes")
    assert phone.js("return document.documentElement.scrollWidth <= window.innerWidth")
    assert not phone.sees(".map > svg")
    phone.shot("status-phone")
    assert person.complaints() == [] and phone.complaints() == []


def test_a_death_is_seen_and_so_is_the_way_back(busy, operator):
    person = operator(busy.nodes["parser-2"])
    person.until(lambda: "are ready" in person.one("#verdict").text, "all ready")
    busy.kill("last-seen-1")
    person.until(lambda: person.sees(".node.away[data-node=last-seen-1]"), "the dead one")
    person.until(lambda: "bad" in person.one("#verdict").get_attribute("class"), "the bad news")
    person.until(lambda: person.all(".map path.down"), "broken links")
    person.until(lambda: any("link_down" in row.text for row in person.all("#warnings tr")), "the warning")
    person.shot("status-trouble")
    busy.start("last-seen-1")
    person.until(lambda: not person.sees(".node.away"), "it is back")
    person.until(lambda: "bad" not in person.one("#verdict").get_attribute("class"), "the good news")
    assert person.complaints() == []


def test_names_of_nodes_and_words_of_logs_stay_text(busy, operator):
    person = operator(busy.nodes["parser-1"])
    person.until(lambda: person.all(".node"), "nodes")
    assert person.js("return [...document.querySelectorAll('script')].map((script) => script.getAttribute('src'))") == ["/status.js"]
    assert person.js("return document.querySelectorAll('[onclick], [style*=url]').length") == 0


def test_a_node_that_dies_leaves_the_page_saying_so(busy, operator):
    person = operator(busy.nodes["parser-2"])
    person.until(lambda: person.all(".node"), "nodes")
    busy.kill("parser-2")
    person.until(lambda: "does not answer" in person.one("#verdict").text, "that it is old")
    busy.start("parser-2")
    person.until(lambda: "does not answer" not in person.one("#verdict").text, "that it is new")

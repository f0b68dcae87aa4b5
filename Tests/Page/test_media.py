"""Pictures, videos and files between people in browsers, and what becomes of them when something breaks."""

import base64
import http.client
import json
import os
import time

import pytest
from cluster import SMALL
from drawing import bits, plain, png
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

COUNTS = {**SMALL, "media": 1}


@pytest.fixture(scope="module")
def cluster(developer, tmp_path_factory):
    with developer(tmp_path_factory.mktemp("media"), counts=COUNTS) as cluster:
        yield cluster
        assert cluster.nodes["media-1"].is_running


@pytest.fixture
def disk(tmp_path):
    """`disk("fish.png", bytes)` is the path of such a file."""
    def write(name: str, data: bytes) -> str:
        path = tmp_path / name
        path.write_bytes(data)
        return str(path)
    return write


# What people do

def choose(person, *paths: str):
    """By the button; the system's dialog that it opens is left out."""
    assert person.one("button.attach").accessible_name
    person.driver.find_element(By.CSS_SELECTOR, "input.chooser").send_keys("\n".join(paths))
    person.one("dialog .tray-send")


HAND = """const [selector, kind, name, type, base64] = arguments;
    const file = new File([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], name, { type });
    const data = new DataTransfer();
    data.items.add(file);
    const target = document.querySelector(selector);
    if (kind === 'paste') return void target.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
    const event = (name) => target.dispatchEvent(new DragEvent(name, { dataTransfer: data, bubbles: true, cancelable: true }));
    event('dragenter'); event('dragover');
    window.wasDropping = document.querySelector('.conversation').classList.contains('is-dropping');
    event('drop');"""


def hand(person, kind: str, name: str, type: str, data: bytes):
    """Drops or pastes a file."""
    person.js(HAND, ".log" if kind == "drop" else "textarea.input", kind, name, type, base64.b64encode(data).decode())
    person.one("dialog .tray-send")


def send(person, caption: str = ""):
    if caption:
        person.one("dialog textarea[name=caption]").send_keys(caption)
    person.click("dialog .tray-send")
    person.sees_not("dialog")


# What people see

WIDTHS = "return [...document.querySelectorAll('.picture .whole')].map((image) => [image.naturalWidth, image.naturalHeight])"


def pictures(person) -> list:
    """Pixels of the pictures that are there as a whole."""
    return [tuple(size) for size in person.js(WIDTHS)]


def sees_pictures(person, *sizes):
    person.until(lambda: pictures(person) == list(sizes), f"the pictures {sizes}")


def last_tick(person) -> str:
    return person.js("return [...document.querySelectorAll('.row')].at(-1)?.querySelector('.tick')?.getAttribute('aria-label') ?? ''")


def sees_last_tick(person, tick: str):
    person.until(lambda: last_tick(person) == tick, f"the tick {tick!r} at the last message")


def note(person) -> str:
    return person.js("return [...document.querySelectorAll('.note.bad')].at(-1)?.textContent ?? ''")


def slow_upload(person, bytes_a_second: int):
    person.driver.execute_cdp_cmd("Network.enable", {})
    person.driver.execute_cdp_cmd("Network.emulateNetworkConditions", {
        "offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_a_second})


def test_pictures_are_chosen_dropped_and_pasted(cluster, sit, disk):
    ana, bob = sit(cluster, "pic-ana"), sit(cluster, "pic-bob")
    ana.open("pic-bob")
    ana.one("textarea.input").send_keys("look at this")
    choose(ana, disk("fish.png", plain(640, 400)))
    # What was written already is the caption.
    assert ana.one("dialog textarea[name=caption]").get_attribute("value") == "look at this"
    assert ana.one("dialog h2").text == "Send a photo"
    ana.keys(Keys.ENTER)
    ana.sees_not("dialog")
    sees_pictures(ana, (640, 400))
    ana.until(lambda: ana.one("textarea.input").get_attribute("value") == "", "an empty field")
    bob.sees_row("pic-ana", "Photo: look at this")
    sees_last_tick(ana, "delivered")

    bob.open("pic-ana")
    sees_pictures(bob, (640, 400))
    bob.sees_message("look at this")
    sees_last_tick(ana, "read")

    hand(ana, "drop", "tall.png", "image/png", plain(300, 900, (200, 80, 40)))
    assert ana.js("return window.wasDropping") and not ana.sees(".drop-hint")
    send(ana)
    hand(ana, "paste", "pasted.png", "image/png", plain(64, 48, (20, 160, 90)))
    send(ana, "pasted")
    for person in (ana, bob):
        sees_pictures(person, (640, 400), (300, 900), (64, 48))
    ana.sees_row("pic-bob", "Photo: pasted")
    sees_last_tick(ana, "read")
    # It came with a preview, and the place was as large before as it is now.
    assert bob.js("return [...document.querySelectorAll('.picture canvas')].every((canvas) => canvas.width <= 80 && canvas.height <= 80)")

    # Kept by the browser: the reload fetches nothing, even if nobody is there to be asked.
    cluster.kill("media-1")
    try:
        for person in (ana, bob):
            person.driver.refresh()
            person.sees_message("pasted")
            sees_pictures(person, (640, 400), (300, 900), (64, 48))
    finally:
        cluster.start("media-1")
        cluster.wait_ready()
    assert ana.complaints() == [] and bob.complaints() == []

    # Nothing of it stays when somebody leaves.
    ana.press("Menu")
    ana.press("Sign out pic-ana")
    ana.until(lambda: [button for button in ana.all("dialog .danger") if button.is_displayed()], "the question")
    ana.click("dialog .danger")
    ana.one("input[name=user]")
    ana.until(lambda: ana.driver.execute_async_script("caches.keys().then(arguments[0])") == ["fantail"], "no pictures")


def test_the_policy_names_media_and_nobody_else(cluster):
    connection = http.client.HTTPConnection("127.0.0.1", cluster.gateways[0].client, timeout=10)
    connection.request("GET", "/")
    policy = connection.getresponse().getheader("Content-Security-Policy")
    connection.close()
    media = f"http://127.0.0.1:{cluster.nodes['media-1'].client}"
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["connect-src"] == f"'self' {media}" and rules["media-src"] == f"blob: {media}"
    assert rules["img-src"] == "'self' blob:" and rules["script-src"] == "'self'" and rules["default-src"] == "'none'"
    assert policy.count(media) == 2


def test_a_picture_is_seen_large_and_the_focus_returns(cluster, sit, disk):
    ana = sit(cluster, "big-ana")
    ana.open("big-bob")
    choose(ana, disk("one.png", plain(900, 600)), disk("two.png", plain(500, 700, (200, 60, 60))))
    assert ana.one("dialog h2").text == "Send 2 photos"
    send(ana, "the first of two")
    sees_pictures(ana, (900, 600), (500, 700))
    sees_last_tick(ana, "sent")
    # By keys alone: up to the last message, Enter, to the left, Escape.
    ana.keys(Keys.ARROW_UP, Keys.ENTER)
    viewer = ana.one("dialog.viewer")
    ana.until(lambda: ana.js("return document.querySelector('.viewer-image').naturalWidth") == 500, "the picture, large")
    ana.keys(Keys.ARROW_LEFT)
    ana.until(lambda: ana.js("return document.querySelector('.viewer-image').naturalWidth") == 900, "the picture before")
    assert "the first of two" in viewer.text
    ana.keys(Keys.ESCAPE)
    ana.sees_not("dialog")
    assert ana.one(".head-name").text == "big-bob", "Escape closed the picture, not the chat"
    ana.until(lambda: "the first of two" in ana.js("return document.activeElement.textContent"), "the focus on that message")
    # By the mouse.
    ana.all(".picture .file-open")[1].click()
    ana.one("dialog.viewer")
    ana.press("Close")
    ana.sees_not("dialog")


HELD = """window.held = []; window.whole ??= createImageBitmap;
    window.createImageBitmap = async (...what) => { await new Promise((go) => held.push(go)); return whole(...what); };"""


def test_what_is_left_out_or_added_at_the_last_moment(cluster, sit, disk):
    ana = sit(cluster, "tray-ana")
    ana.open("tray-bob")
    # Previews take their time.
    ana.js(HELD)
    choose(ana, disk("one.png", plain(210, 100)), disk("two.png", plain(220, 100)))
    ana.keys(Keys.ENTER)
    ana.press("Leave out one.png")
    ana.driver.find_element(By.CSS_SELECTOR, "dialog input[type=file]").send_keys(disk("three.png", plain(240, 100)))
    ana.until(lambda: len(ana.all("dialog .tray-tile")) == 2, "two files")
    ana.js("window.createImageBitmap = whole; for (const go of held) go()")
    ana.sees_not("dialog")
    sees_pictures(ana, (220, 100), (240, 100))
    sees_last_tick(ana, "sent")
    assert len(ana.bubbles()) == 2


def test_what_was_written_stays_when_files_are_not_sent(cluster, sit, disk):
    ana = sit(cluster, "keep-ana")
    ana.open("keep-bob")
    ana.write("hello")
    ana.open("keep-cem")
    ana.one("textarea.input").send_keys("my draft")
    choose(ana, disk("one.png", plain(210, 100)))
    ana.one("dialog textarea[name=caption]").send_keys(" and more")
    # As by a notification, or the browser's button.
    ana.js("location.hash = '#chat/keep-bob'")
    ana.until(lambda: ana.one(".head-name").text == "keep-bob", "the other chat")
    ana.sees_not("dialog")
    assert ana.one("textarea.input").get_attribute("value") == ""
    ana.js("history.back()")
    ana.until(lambda: ana.one("textarea.input").get_attribute("value") == "my draft and more", "the draft")

    # No room in this browser: nothing is lost, and it can be tried again.
    ana.open("keep-bob")
    ana.js("document.querySelector('.row:last-of-type .row-buttons button').click()")
    ana.js("""window.add = IDBObjectStore.prototype.put;
              IDBObjectStore.prototype.put = function (...row) { if (this.name === 'uploads') throw new DOMException('full', 'QuotaExceededError'); return add.apply(this, row); };""")
    choose(ana, disk("two.png", plain(220, 100)), disk("three.png", plain(230, 100)))
    ana.one("dialog textarea[name=caption]").send_keys("two of them")
    ana.click("dialog .tray-send")
    ana.until(lambda: "storage full" in ana.one(".toast").text, "what is wrong")
    ana.until(lambda: ana.one("dialog textarea[name=caption]").get_attribute("value") == "two of them", "the caption")
    assert len(ana.all("dialog .tray-tile")) == 2 and ana.bubbles() == ["hello"]
    ana.js("IDBObjectStore.prototype.put = add")
    send(ana)
    sees_pictures(ana, (220, 100), (230, 100))
    assert ana.bubbles() == ["hello", "two of them", ""] and "hello" in ana.one(".bubble .quote").text


def test_a_group_sees_a_picture_and_quotes_it(cluster, sit, disk):
    ana, bob, cem = (sit(cluster, f"grp-pic-{name}") for name in ("ana", "bob", "cem"))
    ana.new_group("Album", bob.name, cem.name)
    choose(ana, disk("hill.png", plain(320, 200)))
    send(ana, "the hill")
    for person in (bob, cem):
        person.sees_row("Album", f"{ana.name}: Photo: the hill")
        person.open("Album")
        sees_pictures(person, (320, 200))
    sees_last_tick(ana, "read")
    bob.js("document.querySelector('.row.has-files .row-buttons button').click()")
    assert "Photo: the hill" in bob.one(".reply-bar").text
    bob.write("how high is it?")
    quote = ana.one(".bubble .quote")
    assert "You" in quote.text and "Photo: the hill" in quote.text
    ana.one(".quote .quote-preview")
    quote.click()
    ana.until(lambda: ana.sees(".row.flash.has-files"), "the picture that was quoted")
    # And a picture is an answer.
    cem.js("document.querySelector('.row:last-of-type .row-buttons button').click()")
    choose(cem, disk("map.png", plain(200, 200, (90, 90, 90))))
    send(cem)
    ana.until(lambda: len(pictures(ana)) == 2 and "how high is it?" in ana.all(".row .quote")[-1].text, "a picture that answers")


VIDEO = """const done = arguments[arguments.length - 1];
    const canvas = document.createElement('canvas'); canvas.width = 320; canvas.height = 180;
    const pen = canvas.getContext('2d');
    const recorder = new MediaRecorder(canvas.captureStream(20), { mimeType: 'video/webm' });
    const parts = [];
    recorder.ondataavailable = ({ data }) => parts.push(data);
    let step = 0;
    const timer = setInterval(() => { pen.fillStyle = `hsl(${step * 12} 70% 55%)`; pen.fillRect(0, 0, 320, 180); pen.fillStyle = '#fff'; pen.fillRect(step * 8 % 320, 60, 60, 60);
      if (++step === 30) { clearInterval(timer); recorder.stop(); } }, 50);
    recorder.onstop = () => {
      const data = new DataTransfer(); data.items.add(new File(parts, 'dance.webm', { type: 'video/webm' }));
      document.querySelector('textarea.input').dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
      done(); };
    recorder.start();"""


def test_a_video_plays_and_its_link_is_renewed(cluster, sit):
    ana, bob = sit(cluster, "vid-ana"), sit(cluster, "vid-bob")
    ana.open("vid-bob")
    ana.driver.set_script_timeout(20)
    ana.driver.execute_async_script(VIDEO)
    assert ana.one("dialog h2").text == "Send a video"
    send(ana, "it dances")
    bob.sees_row("vid-ana", "Video: it dances")
    bob.open("vid-ana")
    bob.click(".video .file-open")
    bob.until(lambda: bob.js("const video = document.querySelector('.video video'); return video.videoWidth === 320 && video.currentTime > 0"), "that it plays")
    assert bob.js("return document.querySelector('.video video').controls")
    # A tick or a message more does not stop it, and a link that has ended is replaced.
    bob.js("window.video = document.querySelector('.video video')")
    bob.write("lovely")
    assert bob.js("return window.video.isConnected && window.video === document.querySelector('.video video')")
    bob.js("window.first = video.src; video.src = video.src.replace(/sig=[^&]*/, 'sig=over')")
    bob.until(lambda: bob.js("return !video.src.includes('sig=over') && video.readyState > 1"), "a new link")


def test_other_files_show_their_name_and_are_saved(cluster, sit, disk, tmp_path):
    ana, bob = sit(cluster, "doc-ana"), sit(cluster, "doc-bob")
    data = os.urandom(12_345)
    ana.open("doc-bob")
    choose(ana, disk("walk plan.pdf", data))
    assert ana.one("dialog h2").text == "Send a file"
    send(ana)
    bob.sees_row("doc-ana", "walk plan.pdf")
    bob.open("doc-ana")
    assert "walk plan.pdf" in bob.one(".file.other").text and "12 kB" in bob.one(".file.other").text
    saved = tmp_path / "saved"
    saved.mkdir()
    bob.driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(saved)})
    bob.click(".file.other .file-open")
    bob.until(lambda: [path for path in saved.iterdir() if path.suffix == ".pdf" and path.read_bytes() == data], "the file, saved")
    assert bob.one(".head-name").text == "doc-ana", "the page is where it was"


SAY = """const field = document.querySelector('textarea.input'); field.value = arguments[0];
    field.dispatchEvent(new Event('input')); document.querySelector('.send').click();"""
BODIES = """const [name, done] = arguments;
    indexedDB.open(`fantail:${name}`).onsuccess = ({ target }) =>
      (target.result.transaction('messages').objectStore('messages').getAll().onsuccess = (event) => done(event.target.result.map(({ body }) => body)));"""


def test_each_file_of_a_message_is_reached_by_keys(cluster, sit, disk):
    ana = sit(cluster, "keys-ana")
    ana.open("keys-bob")
    choose(ana, disk("plan.pdf", b"a plan"))
    send(ana)
    sees_last_tick(ana, "sent")
    [line] = ana.driver.execute_async_script(BODIES, ana.name)
    ana.js(SAY, f"{line}\n{line}\ntwo of them")
    ana.sees_message("two of them")
    assert ana.js("return [...document.querySelectorAll('.file-open')].map((button) => button.tabIndex)") == [-1, -1, 0]


def test_what_is_larger_than_it_says_waits_or_is_not_shown(cluster, sit, disk):
    ana, bob = sit(cluster, "size-ana"), sit(cluster, "size-bob")
    ana.open("size-bob")
    # A few kilobytes that become two hundred megabytes.
    choose(ana, disk("wide.png", bits(7_200, 7_000)))
    send(ana, "wide")
    sees_last_tick(ana, "delivered")
    bob.open("size-ana")
    bob.until(lambda: "tap to load" in bob.one(".file-note").text, "that it waits")
    assert pictures(bob) == []
    bob.click(".picture .file-open")
    sees_pictures(bob, (7_200, 7_000))
    # Somebody's own client may say what it wants of a size.
    [line] = ana.driver.execute_async_script(BODIES, ana.name)
    said = line.split("\n")[0]
    media = json.loads(said[2:])
    cem = sit(cluster, "size-cem")
    ana.open("size-cem")
    ana.js(SAY, "! " + json.dumps({**media, "size": media["size"] - 1}) + "\nsmall")
    cem.sees_row("size-ana", "small")
    cem.open("size-ana")
    cem.until(lambda: "another file than the message says" in cem.one(".picture.is-failed .file-note").text, "that it is another")


def test_progress_cancel_and_a_reload_in_the_middle(cluster, sit, disk):
    ana, bob = sit(cluster, "slow-ana"), sit(cluster, "slow-bob")
    ana.open("slow-bob")
    # A minute for all of it: there is time to look.
    slow_upload(ana, 50_000)
    large = disk("large.png", plain(400, 300, noise=3_000_000))
    choose(ana, large)
    send(ana, "takes its time")

    def percent():
        return int(ana.js("return document.querySelector('.ring')?.getAttribute('aria-valuenow') ?? -1"))

    ana.until(lambda: 5 <= percent() < 100, "progress")
    sees_pictures(ana, (400, 300))
    ana.shot("media-progress")
    assert last_tick(ana) == "waiting"
    ana.press("Cancel sending large.png")
    ana.until(lambda: not ana.bubbles(), "that it is gone")
    assert ana.row("slow-bob") == "" or "takes its time" not in ana.row("slow-bob")

    # Again, and the page is loaded anew in the middle: it goes on from there.
    slow_upload(ana, 150_000)
    choose(ana, large)
    send(ana, "takes its time")
    ana.until(lambda: percent() >= 20, "progress")
    slow_upload(ana, 50_000)
    ana.driver.refresh()
    ana.sees_message("takes its time")
    sees_pictures(ana, (400, 300))
    ana.until(lambda: percent() >= 15 or last_tick(ana) == "delivered", "that it goes on and does not begin anew")
    slow_upload(ana, -1)
    sees_last_tick(ana, "delivered")
    bob.open("slow-ana")
    sees_pictures(bob, (400, 300))
    assert bob.bubbles() == ["takes its time"]
    # Nothing is left behind.
    left = ana.driver.execute_async_script(
        """const request = indexedDB.open('fantail:slow-ana');
           request.onsuccess = () => { const all = request.result.transaction(['uploads', 'keeps', 'outbox']); Promise.all(['uploads', 'keeps', 'outbox']
             .map((name) => new Promise((resolve) => (all.objectStore(name).count().onsuccess = (event) => resolve(event.target.result))))).then(arguments[0]); }""")
    assert left == [0, 0, 0]


def test_uploads_wait_for_media_that_is_away(home, developer, sit, disk):
    with developer(home, counts=COUNTS) as cluster:
        ana, bob = sit(cluster, "ana"), sit(cluster, "bob")
        ana.open("bob")
        ana.write("before")
        cluster.kill("media-1")
        choose(ana, disk("fish.png", plain(200, 100)))
        send(ana, "when it can")
        # Messages do not wait for files.
        ana.write("meanwhile")
        ana.sees_tick("meanwhile", "delivered")
        ana.sees_tick("when it can", "waiting")
        cluster.start("media-1")
        cluster.wait_ready()
        ana.sees_tick("when it can", "delivered")
        bob.open("ana")
        sees_pictures(bob, (200, 100))

        # In the middle of the bytes.
        slow_upload(ana, 300_000)
        choose(ana, disk("large.png", plain(210, 100, noise=1_500_000)))
        send(ana, "in two parts")
        ana.until(lambda: int(ana.js("return document.querySelector('.ring')?.getAttribute('aria-valuenow') ?? -1")) > 10, "progress")
        cluster.kill("media-1")
        time.sleep(0.5)
        cluster.start("media-1")
        cluster.wait_ready()
        slow_upload(ana, -1)
        sees_pictures(bob, (200, 100), (210, 100))
        ana.sees_tick("in two parts", "read")

        # A picture that cannot be fetched now says so, and comes when it can.
        choose(ana, disk("later.png", plain(220, 100)))
        bob.open("cem")
        send(ana)
        sees_last_tick(ana, "delivered")
        cluster.kill("media-1")
        bob.open("ana")
        bob.until(lambda: bob.sees(".picture.is-failed .file-note"), "that it did not come")
        assert "Tap to try" in bob.one(".file-note").text
        cluster.start("media-1")
        cluster.wait_ready()
        def taps() -> bool:
            for button in bob.all(".picture.is-failed .file-open"):
                button.click()
            return len(pictures(bob)) == 3

        bob.until(taps, "all three")


def test_what_lies_is_refused_with_words_and_may_go_as_a_file(cluster, sit, disk):
    ana, bob = sit(cluster, "lie-ana"), sit(cluster, "lie-bob")
    ana.open("lie-bob")
    choose(ana, disk("cute.png", b"<html><script>window.hacked=1</script></html>"))
    send(ana, "look")
    ana.until(lambda: "Not sent. What is in this file is not what its name says." in note(ana), "why")
    assert last_tick(ana) == "not sent"
    ana.shot("media-refused")
    # It is said after a reload, too.
    ana.driver.refresh()
    ana.until(lambda: "Not sent." in note(ana), "why, again")
    ana.press("Send as a file")
    sees_last_tick(ana, "delivered")
    bob.open("lie-ana")
    assert "cute.png" in bob.one(".file.other").text and not bob.sees(".picture")
    # An empty one is not even shown.
    ana.driver.find_element(By.CSS_SELECTOR, "input.chooser").send_keys(disk("empty.png", b""))
    ana.until(lambda: "100 MB" in ana.one(".toast").text, "what files may be")
    assert not ana.sees("dialog")


def test_a_cluster_without_media_says_so(developer, home, sit, disk):
    with developer(home) as cluster:
        ana = sit(cluster, "ana")
        ana.open("bob")
        choose(ana, disk("fish.png", plain(20, 20)))
        send(ana)
        ana.until(lambda: "This server does not do that." in note(ana), "why")
        ana.press("Remove")
        ana.until(lambda: not ana.all(".row"), "that it is gone")


HOSTILE = "<img src=x onerror=window.hacked=1>.png"


def test_names_words_and_lines_of_strangers_stay_text(cluster, sit):
    ana, bob = sit(cluster, "evil-pic-ana"), sit(cluster, "evil-pic-bob")
    ana.open("evil-pic-bob")
    hand(ana, "paste", HOSTILE, "image/png", plain(40, 30))
    send(ana, "<script>window.hacked=1</script>")
    bob.open("evil-pic-ana")
    sees_pictures(bob, (40, 30))
    # Names may hold letters that turn others around.
    hand(ana, "paste", "song\u202egnp.exe", "application/x-msdownload", b"MZ1234")
    send(ana)
    bob.until(lambda: bob.all(".file.other"), "the file")
    assert "songgnp.exe" in bob.one(".file.other").text
    lies = [
        '! {"media":"00112233445566778899aabb","secret":"0123456789abcdef0123456789abcdef","name":"<b>x</b>","mime":"text/html","size":5}',
        '! {"media":"00112233445566778899aabb","secret":"0123456789abcdef0123456789abcdef","name":"bomb.jpg","mime":"image/jpeg","size":70000,"width":65535,"height":1,"preview":"/9j/wAARCP////8DASIAAhEBAxEB"}',
        '! {"media":"../../etc/passwd","secret":"x","name":"x","mime":"image/png","size":1}',
        '! {"media":"00112233445566778899aabb","secret":"0123456789abcdef0123456789abcdef","name":{"x":1},"mime":"image/png","size":-1}',
    ]
    for line in lies:
        ana.js("""const field = document.querySelector('textarea.input'); field.value = arguments[0];
                  field.dispatchEvent(new Event('input')); document.querySelector('.send').click();""", line)
    for person in (ana, bob):
        person.until(lambda: person.bubbles()[-2:] == lies[2:], "what is no file, as text")
        person.until(lambda: person.sees(".picture.is-failed"), "that there is no such picture")
        assert "<script>window.hacked=1</script>" in person.bubbles()
        inside = set(person.js("return [...document.querySelectorAll('.log .bubble *')].map((element) => element.localName)"))
        assert inside <= {"span", "bdi", "button", "time", "svg", "path", "canvas", "img", "div"}, inside
        assert person.js("return [...document.querySelectorAll('.log img')].every((image) => image.src.startsWith('blob:'))")
        assert person.js("return window.hacked ?? null") is None
    # The policy: nobody else's pictures, and requests to no other host.
    blocked = bob.driver.execute_async_script(
        """const done = arguments[0]; const said = [];
           document.addEventListener('securitypolicyviolation', (event) => said.push(event.effectiveDirective));
           new Image().src = 'http://127.0.0.2:9/x.png'; fetch('http://127.0.0.2:9/').catch(() => {});
           const video = document.createElement('video'); video.src = 'http://127.0.0.2:9/x.mp4';
           setTimeout(() => done(said.sort()), 1000);""")
    assert blocked == ["connect-src", "img-src", "media-src"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_how_media_looks(cluster, sit, disk, scheme):
    more = {"light": "", "dark": ".d"}[scheme]
    ana, bob = sit(cluster, f"Ana{more}"), sit(cluster, f"Bob{more}")
    for person in (ana, bob):
        person.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}]})
    ana.open(f"Dilek{more}")
    ana.write("The map is on the table.")
    ana.open(f"Bob{more}")
    ana.write("See you on Saturday, at nine")
    ana.new_group("Saturday hike", f"Bob{more}", f"Cem{more}")
    bob.open("Saturday hike")
    ana.write("I went up yesterday, to see whether the path is open.")
    choose(ana, disk("evening.png", png(720, 440, 3)))
    ana.until(lambda: ana.js("return document.querySelector('.tray img').naturalWidth") == 720, "the picture in the tray")
    ana.one("dialog textarea[name=caption]").send_keys("This is what waits for us at the top")
    ana.shot(f"media-tray-{scheme}")
    send(ana)
    sees_pictures(bob, (720, 440))
    bob.js("document.querySelector('.row.has-files .row-buttons button').click()")
    bob.write("I bring the tea, and the good biscuits")
    choose(bob, disk("route.pdf", os.urandom(48_000)))
    send(bob)
    ana.until(lambda: ana.sees(".file.other"), "the file")
    ana.write("Then nothing can go wrong. Nine o'clock?")
    bob.sees_message("Then nothing can go wrong. Nine o'clock?")
    ana.until(lambda: ana.js("return [...document.querySelectorAll('.row.mine .counts')].every((counts) => counts.textContent === '1/2')"), "that he has all")
    # The picture in the documents is this one.
    ana.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 1180, "height": 800, "deviceScaleFactor": 1, "mobile": False})
    ActionChains(ana.driver).move_to_element(ana.one(".side-name")).perform()
    ana.js("document.querySelector('.log').scrollTop = 1e6")
    ana.shot(f"media-group-{scheme}")
    bob.shot(f"media-group-bob-{scheme}")
    choose(bob, disk("low.png", png(300, 520, 5)), disk("wide.png", png(900, 260, 8)))
    bob.shot(f"media-tray-two-{scheme}")
    send(bob)
    bob.until(lambda: len(pictures(bob)) == 3, "all pictures")
    bob.driver.set_script_timeout(20)
    bob.driver.execute_async_script(VIDEO)
    bob.one("dialog .tray-send")
    bob.shot(f"media-tray-video-{scheme}")
    send(bob)
    ana.until(lambda: ana.sees(".video canvas"), "the video")
    ana.until(lambda: len(pictures(ana)) >= 2, "what is in view")
    ana.shot(f"media-more-{scheme}")
    bob.all(".picture .file-open")[0].click()
    bob.one("dialog.viewer")
    bob.until(lambda: bob.js("return document.querySelector('.viewer-image').naturalWidth") == 720, "the picture")
    bob.shot(f"media-viewer-{scheme}")
    bob.close_dialog()

    def fits():
        return bob.js(
            """const log = document.querySelector('.log'); const { left, right } = log.getBoundingClientRect();
               return document.documentElement.scrollWidth <= window.innerWidth && [...log.querySelectorAll('.bubble, .file, .note')].every((element) => {
                 const box = element.getBoundingClientRect(); return box.left >= left && box.right <= right; });""")

    assert fits()
    bob.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 390, "height": 780, "deviceScaleFactor": 2, "mobile": True})
    bob.until(lambda: not bob.sees(".side"), "the chat alone")
    assert fits()
    bob.js("document.querySelector('.log').scrollTop = 1e6")
    bob.shot(f"media-phone-{scheme}")
    bob.js("document.querySelector('.log').scrollTop = 0")
    bob.shot(f"media-phone-top-{scheme}")
    bob.press("Back to the chats")
    bob.shot(f"media-phone-list-{scheme}")
    for person in (ana, bob):
        assert person.complaints() == []

"""Two people chat in two browsers. The tests read as what they see; see browser.py for how they see it."""

import json
import time

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys


def test_a_message_gets_its_three_ticks(cluster, sit):
    ana = sit(cluster, "ticks-ana")
    ana.open("ticks-bob")
    ana.write("are you there?")
    ana.sees_tick("are you there?", "sent")

    # He comes, and has it; he has not looked yet.
    bob = sit(cluster, "ticks-bob")
    bob.sees_row("ticks-ana", "are you there?")
    assert bob.unread("ticks-ana") == 1
    ana.sees_tick("are you there?", "delivered")

    bob.open("ticks-ana")
    bob.sees_message("are you there?")
    ana.sees_tick("are you there?", "read")
    bob.until(lambda: bob.unread("ticks-ana") == 0, "nothing unread")

    # Both are in the chat: what comes is read at once.
    bob.write("now I am")
    ana.sees_message("now I am")
    bob.sees_tick("now I am", "read")
    ana.sees_row("ticks-bob", "now I am")
    assert ana.complaints() == [] and bob.complaints() == []


def test_a_part_of_the_page_that_does_not_come_is_loaded_again(cluster, sit):
    ana = sit(cluster, "part-ana", sign_in=False)
    ana.one("input[name=user]")
    # As on a first visit: nothing is kept.
    for order, values in (
        ("Network.enable", {}), ("Network.setBypassServiceWorker", {"bypass": True}), ("Network.setCacheDisabled", {"cacheDisabled": True}),
        ("Network.setBlockedURLs", {"urls": ["*/words.js"]}),
    ):
        ana.driver.execute_cdp_cmd(order, values)
    ana.go()
    ana.until(lambda: "did not come" in ana.one(".loading").text, "what has happened")
    ana.shot("part-missing")
    failures = "return Number(sessionStorage.getItem('fantail.loads'))"
    ana.until(lambda: ana.js(failures) >= 2, "a second try by itself")
    ana.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
    ana.sign_in()
    assert ana.js(failures) == 0


def test_messages_wait_for_a_gateway_that_died(home, developer, sit):
    with developer(home) as cluster:
        ana, bob = sit(cluster, "ana"), sit(cluster, "bob")
        ana.open("bob")
        ana.write("before")
        bob.open("ana")
        bob.sees_message("before")
        ana.sees_not(".banner")

        cluster.kill("gateway-1")
        ana.until(lambda: ana.sees(".banner"), "the offline banner")
        ana.write("while it was away")
        ana.sees_tick("while it was away", "waiting")
        # A reload without any server: the page comes from its service worker, the messages from IndexedDB.
        ana.driver.refresh()
        ana.sees_message("before")
        ana.sees_message("while it was away")
        ana.sees_tick("while it was away", "waiting")
        ana.until(lambda: ana.sees(".banner"), "the offline banner")
        ana.shot("offline")

        cluster.start("gateway-1")
        ana.sees_tick("while it was away", "read")
        ana.sees_not(".banner")
        bob.sees_message("while it was away")
        assert bob.bubbles() == ["before", "while it was away"]


def test_a_reload_shows_what_is_kept_and_fetches_nothing_twice(cluster, sit):
    ana, bob = sit(cluster, "keep-ana"), sit(cluster, "keep-bob")
    ana.open("keep-bob")
    for number in range(5):
        ana.write(f"number {number}")
    bob.open("keep-ana")
    bob.sees_message("number 4")
    ana.sees_tick("number 4", "read")
    for person in (ana, bob):
        person.driver.refresh()
        person.sees_message("number 4")
        assert person.bubbles() == [f"number {number}" for number in range(5)]
    ana.sees_tick("number 0", "read")


def test_many_messages_arrive_once_and_in_order(cluster, sit):
    ana, bob = sit(cluster, "many-ana"), sit(cluster, "many-bob")
    ana.open("many-bob")
    field = ana.one("textarea.input")
    for number in range(40):
        field.send_keys(f"m{number}", Keys.ENTER)
    bob.open("many-ana")
    bob.sees_message("m39")
    assert bob.bubbles() == [f"m{number}" for number in range(40)]
    ana.sees_tick("m39", "read")
    assert ana.bubbles() == [f"m{number}" for number in range(40)]


def test_a_group_is_made_changed_and_left(cluster, sit):
    ana, bob, cem = sit(cluster, "grp-ana"), sit(cluster, "grp-bob"), sit(cluster, "grp-cem")
    ana.new_group("Hikers", "grp-bob")
    ana.sees_event("You created the group “Hikers”")
    bob.sees_row("Hikers", "grp-ana created the group")
    ana.write("who comes along?")
    ana.sees_tick("who comes along?", "delivered")
    bob.open("Hikers")
    bob.sees_message("who comes along?")
    ana.sees_tick("who comes along?", "read")

    # Who has it, and who has read it.
    ana.js("document.querySelector('.row:last-of-type .row-buttons button:last-child').click()")
    ana.until(lambda: "Read by 1" in ana.one("dialog .receipts").text and "grp-bob" in ana.one("dialog .receipts").text, "the receipts")
    ana.close_dialog()

    # A member more, who sees what comes after her.
    ana.about()
    ana.fill("dialog input[name=add]", "grp-cem", Keys.ENTER)
    ana.until(lambda: ana.sees("dialog .member[data-user=grp-cem]"), "the new member")
    cem.sees_row("Hikers")
    cem.open("Hikers")
    cem.sees_event("grp-ana added you")
    assert cem.bubbles() == []
    ana.until(lambda: ana.one("dialog input[name=add]").get_attribute("value") == "", "that the names are taken")

    # News of the group leave alone what is being typed.
    ana.fill("dialog input[name=add]", "grp-d")

    # An admin, and rules.
    member = ana.one("dialog .member[data-user=grp-bob]")
    member.find_element(By.XPATH, ".//button[text()='Make admin']").click()
    ana.until(lambda: "Admin" in ana.one("dialog .member[data-user=grp-bob]").text, "the admin")
    bob.sees_event("grp-ana made you admin")
    assert ana.one("dialog input[name=add]").get_attribute("value") == "grp-d"
    ana.one("dialog input[name=announce]").click()
    cem.until(lambda: cem.sees(".closed") and "Only admins write" in cem.one(".closed").text, "that only admins write")
    assert not cem.sees("textarea.input") and bob.sees("textarea.input")
    ana.close_dialog()
    bob.write("at nine")
    cem.sees_message("at nine")

    # She leaves, and is out.
    cem.about()
    cem.press("Leave the group")
    cem.press("Leave? Press again")
    cem.until(lambda: "not in this group" in cem.one(".closed").text, "that she is out")
    ana.sees_event("grp-cem left")
    ana.write("without her")
    bob.sees_message("without her")
    assert "without her" not in cem.bubbles()
    for person in (ana, bob, cem):
        assert person.complaints() == []


def test_who_looks_away_is_notified(cluster, sit):
    ana, bob = sit(cluster, "note-ana"), sit(cluster, "note-bob")
    ana.driver.execute_cdp_cmd("Browser.grantPermissions", {"permissions": ["notifications"], "origin": ana.page})
    # Headless windows always have the focus, and nobody sees their notifications.
    ana.js(
        """window.notes = []; document.hasFocus = () => false;
           window.Notification = class { static permission = 'granted'; constructor(title, { body }) { window.notes.push([title, body]); } };""")
    bob.open("note-ana")
    bob.write("look here")
    ana.until(lambda: ana.js("return window.notes") == [["note-bob", "look here"]], "the notification")
    ana.until(lambda: ana.driver.title == "(1) Fantail", "the count in the title")
    bob.sees_tick("look here", "delivered")
    # She is in the chat, and not before the screen: nothing is read.
    ana.open("note-bob")
    ana.sees_message("look here")
    bob.write("still?")
    ana.sees_message("still?")
    bob.sees_tick("still?", "delivered")
    ana.js("document.hasFocus = () => true; window.dispatchEvent(new Event('focus'))")
    bob.sees_tick("still?", "read")
    ana.until(lambda: ana.driver.title == "Fantail", "nothing unread")


HOSTILE = [
    "<img src=x onerror=\"window.hacked=1\">",
    "<script>window.hacked=1</script>",
    "<svg onload=window.hacked=1><a href='javascript:window.hacked=1'>click</a>",
    "javascript:window.hacked=1",
    "https://example.org/\"onmouseover=\"window.hacked=1",
    "&lt;b&gt; {{7*7}} ${window.hacked=1} `x`",
    "\u202egnp.exe\u2066 \u0000\u0007 \ufeff.",
    "> <img src=x onerror=window.hacked=1>: <b>quoted</b>\n\n<i>answer</i>",
]


def test_what_people_write_stays_text(cluster, sit):
    ana, bob = sit(cluster, "evil-ana"), sit(cluster, "evil-bob")
    ana.new_group("<img src=x onerror=window.hacked=1>", "evil-bob")
    bob.sees_row("<img src=x onerror=window.hacked=1>")
    bob.open("<img src=x onerror=window.hacked=1>")
    ana.about()
    ana.fill("dialog input[name=describe]", "<b onclick=window.hacked=1>us</b>", Keys.ENTER)
    ana.until(lambda: "<b onclick=window.hacked=1>us</b>" in ana.one("dialog").text, "the description as text")
    ana.close_dialog()
    # Chromium's driver types no control characters, so the text is set as a paste would set it.
    for text in HOSTILE:
        ana.js(
            """const field = document.querySelector('textarea.input'); field.value = arguments[0];
               field.dispatchEvent(new Event('input')); document.querySelector('.send').click();""", text)
    bob.until(lambda: len(bob.bubbles()) == len(HOSTILE), "all messages")
    for person in (ana, bob):
        assert person.bubbles()[:7] == HOSTILE[:7]
        assert person.bubbles()[7].endswith("<i>answer</i>")
        inside = person.js("return [...document.querySelectorAll('.log .bubble *')].map((element) => element.localName)")
        assert set(inside) <= {"span", "bdi", "button", "time", "svg", "path", "a"}, set(inside)
        links = person.js("return [...document.querySelectorAll('.log .text a')].map((link) => [link.href, link.rel])")
        assert links and all(link.startswith("https://example.org/") and "noopener" in rel for link, rel in links)
        assert person.js("return window.hacked ?? null") is None
    # And if a mistake of ours should ever hand text to a parser: the policy of the page stops it.
    # (In a task of its own: what WebDriver itself runs, the policy does not bind.)
    stopped = bob.driver.execute_async_script(
        """setTimeout(() => {
             const stopped = [];
             for (const sink of [() => (document.createElement('div').innerHTML = '<b>x</b>'), () => document.write('x'),
                                 () => setTimeout('window.hacked=1'), () => eval('window.hacked=1'), () => new Function('window.hacked=1')()]) {
               try { sink(); stopped.push(false); } catch { stopped.push(true); }
             }
             arguments[0](stopped);
           }, 0);""")
    assert stopped == [True] * 5
    assert bob.js("return window.hacked ?? null") is None


def test_a_reply_quotes_and_leads_back(cluster, sit):
    ana, bob = sit(cluster, "quote-ana"), sit(cluster, "quote-bob")
    ana.open("quote-bob")
    ana.write("shall we meet at noon?")
    bob.open("quote-ana")
    bob.sees_message("shall we meet at noon?")
    bob.js("document.querySelector('.row .row-buttons button').click()")
    assert "shall we meet at noon?" in bob.one(".reply-bar").text
    bob.write("yes, gladly")
    ana.sees_message("yes, gladly")
    quote = ana.one(".bubble .quote")
    assert "You" in quote.text and "shall we meet at noon?" in quote.text
    quote.click()
    ana.until(lambda: ana.sees(".row.flash"), "the message that was quoted")
    ana.sees_row("quote-bob", "yes, gladly")


def test_the_archive_is_read_upwards_on_a_new_device(archive, sit):
    ana, bob = sit(archive, "old-ana"), sit(archive, "old-bob")
    ana.open("old-bob")
    field = ana.one("textarea.input")
    for number in range(130):
        field.send_keys(f"line {number}", Keys.ENTER)
    bob.open("old-ana")
    bob.sees_message("line 129")

    # Another browser of hers has nothing, and gets what it looks at.
    other = sit(archive, "old-ana")
    other.sees_row("old-bob", "line 129")
    other.open("old-bob")
    other.sees_message("line 129")
    for _ in range(20):
        other.js("document.querySelector('.log').scrollTop = 0")
        time.sleep(0.1)
        if "line 0" in other.bubbles():
            break
    other.sees_message("line 0")
    assert other.bubbles() == [f"line {number}" for number in range(130)]
    other.sees_tick("line 0", "read")


def test_a_group_shares_what_was_written_before(archive, sit):
    ana, cem = sit(archive, "share-ana"), sit(archive, "share-cem")
    ana.new_group("Readers", "share-bob")
    ana.write("chapter one")
    ana.about()
    ana.one("dialog input[name=history]").click()
    ana.sees_event("newcomers see what was written before")
    ana.fill("dialog input[name=add]", "share-cem", Keys.ENTER)
    ana.until(lambda: ana.sees("dialog .member[data-user=share-cem]"), "the new member")
    cem.sees_row("Readers")
    cem.open("Readers")
    cem.sees_event("share-ana added you")
    cem.until(lambda: (cem.js("document.querySelector('.log').dispatchEvent(new Event('scroll'))"), "chapter one" in cem.bubbles())[1], "what was written before")
    cem.sees_event("share-ana created the group")
    assert cem.bubbles() == ["chapter one"]
    assert cem.complaints() == []


def test_a_second_tab_asks_before_it_takes_over(cluster, sit):
    ana = sit(cluster, "tab-ana")
    ana.open("tab-bob")
    ana.write("from the first tab")
    first = ana.driver.current_window_handle
    ana.driver.switch_to.new_window("tab")
    ana.go()
    ana.until(lambda: "open in another window" in ana.one(".signin").text, "the question")
    ana.press("Use it here")
    ana.open("tab-bob")
    ana.sees_message("from the first tab")
    ana.write("from the second tab")
    ana.sees_tick("from the second tab", "sent")
    second = ana.driver.current_window_handle
    ana.driver.switch_to.window(first)
    ana.until(lambda: "another window now" in ana.one(".signin").text, "that the other one has it")
    # And back.
    ana.press("Use it here")
    ana.until(lambda: ana.sees("a.chat") or ana.sees("dialog") or "open in another window" in ana.one(".signin").text, "the page")
    if ana.sees(".signin"):
        ana.press("Use it here")
    ana.open("tab-bob")
    ana.sees_message("from the second tab")
    ana.driver.switch_to.window(second)
    ana.until(lambda: "another window now" in ana.one(".signin").text, "that the first one has it again")


def test_somebody_without_a_mouse(cluster, sit):
    bob = sit(cluster, "keys-bob")
    ana = sit(cluster, "keys-ana", sign_in=False)
    # The name field has the focus.
    ana.one("input[name=user]")
    ana.keys("keys-ana", Keys.ENTER)
    ana.one(".side-name")
    ana.chord(Keys.ALT, "n")
    ana.one("dialog")
    ana.keys("keys-bob", Keys.ENTER)
    ana.until(lambda: ana.one(".head-name").text == "keys-bob", "the chat")
    ana.keys("first", Keys.ENTER)
    ana.sees_message("first")
    ana.keys("second")
    ana.chord(Keys.SHIFT, Keys.ENTER)
    ana.keys("line", Keys.ENTER)
    ana.sees_message("second\nline")
    # Up into the messages, reply to the one above.
    ana.keys(Keys.ARROW_UP, Keys.ARROW_UP)
    ana.until(lambda: "first" in ana.js("return document.activeElement.textContent"), "the focus on the first message")
    ana.keys("r")
    ana.keys("answer", Keys.ENTER)
    ana.sees_message("answer")
    assert "first" in ana.one(".bubble .quote").text
    # A reply is taken back, then the chat is left; the focus is on its line in the list.
    ana.keys(Keys.ARROW_UP, "r")
    ana.one(".reply-bar")
    ana.keys(Keys.ESCAPE)
    ana.sees_not(".reply-bar")
    ana.keys(Keys.ESCAPE)
    ana.until(lambda: ana.js("return document.activeElement.dataset.chat") == "keys-bob", "the focus in the list")
    ana.keys(Keys.ENTER)
    ana.sees_message("answer")
    # Between chats.
    ana.chord(Keys.ALT, "n")
    ana.keys("keys-cem", Keys.ENTER)
    ana.keys("hello", Keys.ENTER)
    ana.sees_message("hello")
    ana.chord(Keys.ALT, Keys.ARROW_DOWN)
    ana.until(lambda: ana.one(".head-name").text == "keys-bob", "the chat below")
    bob.sees_row("keys-ana", "answer")


def test_everything_has_a_name_for_those_who_do_not_see(cluster, sit):
    ana = sit(cluster, "names-ana")
    ana.new_group("Names", "names-bob")
    ana.write("hello")

    def nameless():
        # Behind a dialog nothing can be reached, so nothing there has a name.
        inside = "dialog " if ana.sees("dialog") else ""
        elements = ana.all(", ".join(inside + kind for kind in ("button", "a", "input", "textarea", "[role=img]", "nav", "[role=log]")))
        return [element.get_attribute("outerHTML")[:200] for element in elements if element.is_displayed() and not element.accessible_name]

    ana.until(lambda: not nameless(), "a name for everything")
    ana.about()
    ana.one("dialog .member")
    ana.until(lambda: not nameless(), "a name for everything")
    ana.close_dialog()
    ana.press("Menu")
    ana.until(lambda: not nameless(), "a name for everything")
    assert ana.one(".log").get_attribute("role") == "log"


def test_a_refused_message_says_why_and_can_be_removed(cluster, sit):
    ana, bob = sit(cluster, "out-ana"), sit(cluster, "out-bob")
    ana.new_group("Out", "out-bob")
    bob.open("Out")
    # She is removed while a message of hers is on its way.
    bob.sees_event("created the group")
    bob.js("window.dispatchEvent(new Event('blur'))")
    ana.about()
    member = ana.one("dialog .member[data-user=out-bob]")
    member.find_element(By.XPATH, ".//button[text()='Remove']").click()
    ana.one("dialog .member[data-user=out-bob]").find_element(By.XPATH, ".//button[text()='Press again']").click()
    bob.until(lambda: "not in this group" in bob.one(".closed").text, "that he is out")
    assert "removed you" in bob.events()[-1]


def test_signing_out_leaves_nothing_behind(cluster, sit):
    ana = sit(cluster, "gone-ana")
    ana.open("gone-bob")
    ana.write("a secret")
    ana.sees_tick("a secret", "sent")
    ana.press("Menu")
    ana.press("Sign out gone-ana")
    ana.until(lambda: [button for button in ana.all("dialog .danger") if button.is_displayed()], "the question")
    ana.click("dialog .danger")
    ana.one("input[name=user]")
    names = ana.driver.execute_async_script("indexedDB.databases().then((all) => arguments[0](all.map(({ name }) => name)))")
    assert names == []
    assert ana.js("return localStorage.getItem('fantail.session')") is None


def test_a_pasted_token_signs_in_and_a_bad_one_says_why(cluster, sit):
    ana = sit(cluster, "token-ana", sign_in=False)
    ana.click(".signin-token summary")
    field = ana.one("textarea[name=token]")
    for token, sentence in (
        ("nonsense", "not a token"),
        (cluster.token("token-ana", "web", exp=int(time.time()) - 60), "has expired"),
        (cluster.token("token-ana", "web", kid=None)[:-4] + "AAAA", "another key"),
    ):
        field.clear()
        field.send_keys(token)
        ana.press("Sign in")
        ana.until(lambda: sentence in ana.one(".signin-note").text, sentence)
    field.clear()
    field.send_keys(cluster.token("token-ana", "phone"))
    ana.press("Sign in")
    ana.one(".side-name")
    ana.open("token-bob")
    ana.write("hello")
    ana.sees_tick("hello", "sent")
    assert json.loads(ana.js("return localStorage.getItem('fantail.session')"))["device"] == "phone"


def test_an_expired_token_asks_to_sign_in_again_and_keeps_what_was_written(cluster, sit):
    ana = sit(cluster, "late-ana", sign_in=False)
    ana.click(".signin-token summary")
    ana.one("textarea[name=token]").send_keys(cluster.token("late-ana", "web", life=12))
    ana.press("Sign in")
    ana.open("late-bob")
    ana.write("kept")
    ana.until(lambda: ana.sees(".signin-note") and "expired" in ana.one(".signin-note").text, "that the token expired")
    ana.one("input[name=user]").send_keys("late-ana", Keys.ENTER)
    ana.open("late-bob")
    ana.sees_message("kept")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_how_it_looks(cluster, sit, scheme):
    """Pictures to be looked at, and that nothing sticks out of a screen."""
    # Both runs are on one cluster; the light one is the picture in the documents.
    more = {"light": "", "dark": ".d"}[scheme]
    ana, bob = sit(cluster, f"Ana{more}"), sit(cluster, f"Bob{more}")
    for person in (ana, bob):
        person.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}]})
    ana.open(f"Dilek{more}")
    ana.write("The map is on the table.")
    ana.open(f"Cem{more}")
    ana.write("See you on Sunday")
    ana.new_group("Saturday hike", f"Bob{more}", f"Cem{more}")
    ana.write("Who brings the tea?")
    ana.open(f"Bob{more}")
    ana.write("Did you see the fantail this morning?")
    ana.write("It came right up to the window.")
    bob.open(f"Ana{more}")
    bob.sees_message("It came right up to the window.")
    bob.js("document.querySelector('.row.last .row-buttons button').click()")
    bob.write("Yes! It danced between the branches and would not sit still for a picture.")
    bob.write("They do that when insects fly up: https://en.wikipedia.org/wiki/New_Zealand_fantail")
    ana.sees_message("Yes! It danced between the branches and would not sit still for a picture.")
    ana.write("Then we take the path along the river on Saturday, and wait for it there. Nine o'clock?")
    ana.sees_tick("Then we take the path along the river on Saturday, and wait for it there. Nine o'clock?", "read")
    bob.open("Saturday hike")
    bob.write("I bring the tea, and the good biscuits")
    bob.write("And a flask more")
    ana.sees_row("Saturday hike", "And a flask more")
    ana.until(lambda: ana.unread("Saturday hike") == 2, "two unread")
    ana.shot(f"desktop-{scheme}")
    ana.open("Saturday hike")
    ana.sees_message("And a flask more")
    ana.shot(f"group-{scheme}")
    ana.about()
    ana.one("dialog .member")
    ana.shot(f"group-info-{scheme}")
    ana.close_dialog()
    ana.press("New chat")
    ana.shot(f"new-chat-{scheme}")
    ana.close_dialog()
    ana.press("Menu")
    ana.shot(f"menu-{scheme}")
    ana.close_dialog()

    def fits():
        return ana.js("return document.documentElement.scrollWidth <= window.innerWidth")

    assert fits()
    ana.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": 390, "height": 780, "deviceScaleFactor": 2, "mobile": True})
    ana.until(lambda: not ana.sees(".side") and ana.sees(".conversation"), "the chat alone")
    assert fits()
    ana.shot(f"phone-group-{scheme}")
    ana.press("Back to the chats")
    ana.until(lambda: ana.sees(".side") and not ana.sees(".pane"), "the list alone")
    assert fits()
    ana.shot(f"phone-list-{scheme}")
    ana.open(f"Bob{more}")
    ana.shot(f"phone-chat-{scheme}")
    ana.about()
    assert fits()
    ana.close_dialog()
    background = ana.js("return getComputedStyle(document.body).backgroundColor")
    assert (sum(int(part) for part in background[4:-1].split(",")) > 384) == (scheme == "light"), background
    assert ana.complaints() == []


def test_how_signing_in_looks(cluster, sit):
    ana = sit(cluster, "ana", sign_in=False)
    ana.one("input[name=user]")
    ana.shot("sign-in")

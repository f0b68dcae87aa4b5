"""Somebody in front of a real browser: headless Chromium, driven over WebDriver.

What a test does is what a person does, by mouse and keys; what it looks at is what is on the screen. Nothing waits for a time,
everything waits for what it wants to see, with a bound far beyond what it takes.
"""

import os
import time
from pathlib import Path

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

REPOSITORY = Path(__file__).resolve().parents[2]
SCREENSHOTS = REPOSITORY / ".build" / "page-screenshots"

#: Seconds. A test fails because something does not happen, not because the machine is slow.
PATIENCE = 20.0


def chromium() -> tuple[str, str]:
    """The browser and its driver, as Debian's packages chromium and chromium-driver have them."""
    return os.environ.get("CHROMIUM", "/usr/bin/chromium"), os.environ.get("CHROMEDRIVER", "/usr/bin/chromedriver")


def start_driver(profile: Path, width: int, height: int, flags: tuple = ()) -> webdriver.Chrome:
    browser, driver = chromium()
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (
        "--headless=new", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={profile}", f"--window-size={width},{height}",
        "--lang=en-GB", "--no-first-run", "--disable-background-networking", "--disable-component-update", *flags,
    ):
        options.add_argument(flag)
    if os.geteuid() == 0:
        # Chromium's sandbox does not run as root. The pages are ours.
        options.add_argument("--no-sandbox")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options, webdriver.ChromeService(driver))


class Person:
    def __init__(self, driver: webdriver.Chrome, page: str, name: str):
        self.driver, self.page, self.name = driver, page, name
        self.said = []

    # Looking

    def until(self, look, what: str):
        """Waits until `look()` is true and returns what it gave."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                if found := look():
                    return found
            except (StaleElementReferenceException, WebDriverException, IndexError) as error:
                if "invalid session" in str(error) or "disconnected" in str(error):
                    raise
            if time.monotonic() > deadline:
                self.shot(f"failed-{self.name}")
                raise AssertionError(f"{self.name} does not see: {what}\n{self.driver.find_element(By.TAG_NAME, 'body').text[:2_000]}")
            time.sleep(0.05)

    def all(self, selector: str) -> list:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str):
        """The first visible element, waited for."""
        return self.until(lambda: next((element for element in self.all(selector) if element.is_displayed()), None), selector)

    def sees(self, selector: str) -> bool:
        return any(element.is_displayed() for element in self.all(selector))

    def sees_not(self, selector: str):
        self.until(lambda: not self.sees(selector), f"no {selector}")

    def js(self, script: str, *values):
        return self.driver.execute_script(script, *values)

    def bubbles(self) -> list[str]:
        """The texts of the messages on the screen, in their order."""
        return self.js("return [...document.querySelectorAll('.bubble .text')].map((text) => text.textContent)")

    def sees_message(self, text: str):
        self.until(lambda: text in self.bubbles(), f"the message {text!r}")

    def tick(self, text: str) -> str:
        """The word of the tick at a message."""
        return self.js(
            """for (const row of document.querySelectorAll('.row')) {
                 if (row.querySelector('.text')?.textContent === arguments[0]) return row.querySelector('.tick')?.getAttribute('aria-label') ?? '';
               } return null;""", text)

    def sees_tick(self, text: str, tick: str):
        self.until(lambda: self.tick(text) == tick, f"the tick {tick!r} at {text!r}")

    def row(self, chat: str) -> str:
        """A line of the list of chats, as text; empty without one."""
        return self.js(
            """const link = [...document.querySelectorAll('a.chat')].find((link) => link.querySelector('.chat-name').textContent === arguments[0]);
               return link?.innerText ?? '';""", chat)

    def sees_row(self, chat: str, *texts: str):
        self.until(lambda: self.row(chat) and all(text in self.row(chat) for text in texts), f"{chat} in the list with {texts}")

    def unread(self, chat: str) -> int:
        return self.js(
            """const link = [...document.querySelectorAll('a.chat')].find((link) => link.querySelector('.chat-name').textContent === arguments[0]);
               return Number(link?.querySelector('.unread')?.textContent ?? 0);""", chat)

    def events(self) -> list[str]:
        return self.js("return [...document.querySelectorAll('.event')].map((event) => event.textContent)")

    def sees_event(self, text: str):
        self.until(lambda: any(text in event for event in self.events()), f"the event {text!r}")

    def shot(self, name: str):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.driver.save_screenshot(str(SCREENSHOTS / f"{name}.png"))

    def complaints(self) -> list[str]:
        """Errors in the console, those aside that the network makes when a gateway is away."""
        self.said += self.driver.get_log("browser")
        return [
            entry["message"] for entry in self.said
            if entry["level"] == "SEVERE" and not any(word in entry["message"] for word in ("WebSocket", "ERR_CONNECTION", "net::"))
        ]

    # Doing

    def go(self):
        self.driver.get(self.page)

    def sign_in(self):
        self.one("input[name=user]").send_keys(self.name, Keys.ENTER)
        self.one(".side-name")

    def click(self, selector: str):
        self.until(lambda: (self.one(selector).click(), True)[1], f"a click on {selector}")

    def fill(self, selector: str, *keys: str):
        """Types into a field; news from the server may draw it anew in just that moment."""
        self.until(lambda: (self.one(selector).send_keys(*keys), True)[1], f"typing into {selector}")

    def press(self, label: str):
        """The button with that name."""
        self.until(
            lambda: next((button for button in self.all("button") if button.is_displayed() and label in (button.get_attribute("aria-label") or button.text)), None),
            f"the button {label!r}").click()

    def keys(self, *keys: str):
        chain = ActionChains(self.driver)
        chain.send_keys(*keys)
        chain.perform()

    def chord(self, modifier: str, key: str):
        ActionChains(self.driver).key_down(modifier).send_keys(key).key_up(modifier).perform()

    def open(self, chat: str):
        """From the list, or as a new chat."""
        if self.row(chat):
            self.until(
                lambda: (next(link for link in self.all("a.chat") if link.find_element(By.CSS_SELECTOR, ".chat-name").text == chat).click(), True)[1],
                f"a click on {chat}")
        else:
            self.press("New chat")
            self.one("dialog input[name=name]").send_keys(chat, Keys.ENTER)
        self.until(lambda: self.one(".head-name").text == chat, f"the chat {chat}")

    def write(self, text: str):
        self.one("textarea.input").send_keys(text, Keys.ENTER)
        self.sees_message(text)

    def new_group(self, title: str, *members: str):
        self.press("New chat")
        self.press("New group")
        self.one("dialog input[name=title]").send_keys(title)
        self.one("dialog input[name=users]").send_keys(" ".join(members), Keys.ENTER)
        self.until(lambda: self.one(".head-name").text == title, f"the group {title}")
        self.sees_not("dialog")

    def about(self):
        """Opens what stands behind the head of a chat."""
        self.click(".head-who")
        self.one("dialog")

    def close_dialog(self):
        self.keys(Keys.ESCAPE)
        self.sees_not("dialog")

"""A real Chromium without a window, driven over its debugging pipe: no driver, no port, no dependency.

The protocol (Chrome DevTools Protocol) is JSON messages with a NUL byte after each, on file descriptors 3 and
4 of the browser. A `Page` collects what matters to a test: console messages, exceptions, requests, failures.
"""

from __future__ import annotations

import base64
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
HOW_TO_INSTALL = (
    "no Chromium: `apt-get install chromium` on Debian and Ubuntu, `brew install --cask chromium` on macOS, "
    "or set CHROMIUM to its path"
)
_PATIENCE_S = 100.0  # a busy machine draws a report with many charts slowly
DESKTOP = (1280, 900)
# The browser wants its pipes as 3 and 4; the second has a number above 3, for it was opened later.
_WITH_PIPES = """import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
PHONE = (390, 844)
WCAG_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
AXE = """axe.run(document, {resultTypes: ['violations'], runOnly: %s})
  .then(r => r.violations.map(v => [v.id, v.help, v.nodes.slice(0, 3).map(n => n.html.slice(0, 160) + ' '
    + n.any.concat(n.all).map(c => c.message).join(' '))]))"""


def chromium_path() -> str | None:
    """Find the browser: the variable CHROMIUM, else a known name on the path."""
    named = os.environ.get("CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


class Chromium:
    """One browser process; `page()` opens pages in it."""

    def __init__(self, path: str, profile: Path) -> None:
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        arguments = [
            path, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--no-first-run", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", "--disable-extensions", "--disable-default-apps", "--metrics-recording-only",
            "--hide-scrollbars",
            "--host-resolver-rules=MAP evil.example 127.0.0.1", "--force-color-profile=srgb",
            "--remote-debugging-pipe",
            f"--user-data-dir={profile}", "about:blank",
        ]  # fmt: skip
        self._process = subprocess.Popen(
            [sys.executable, "-c", _WITH_PIPES, str(to_browser), str(from_browser), *arguments],
            pass_fds=(to_browser, from_browser),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._next = 0
        self._lock = threading.Lock()
        self._answers: dict[int, queue.Queue[dict[str, Any]]] = {}
        self._listeners: dict[str, Callable[[str, dict[str, Any]], None]] = {}
        self._reader = threading.Thread(target=self._listen, name="chromium", daemon=True)
        self._reader.start()

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        answer: queue.Queue[dict[str, Any]] = queue.Queue(1)
        with self._lock:
            self._next += 1
            number = self._next
            self._answers[number] = answer
            message = {"id": number, "method": method, "params": params}
            if session:
                message["sessionId"] = session
            os.write(self._write, json.dumps(message).encode() + b"\0")
        found = answer.get(timeout=_PATIENCE_S)
        if "error" in found:
            raise RuntimeError(f"{method}: {found['error']}")
        return found.get("result", {})

    def listen(self, session: str, listener: Callable[[str, dict[str, Any]], None]) -> None:
        """Call a function with every event of a session."""
        self._listeners[session] = listener

    @contextmanager
    def page(
        self, *, size: tuple[int, int] = DESKTOP, dark: bool = False, script: bool = True, touch: bool = False
    ) -> Iterator[Page]:
        """Open a page of a size, in light or dark, with or without JavaScript."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        page.prepare(size, dark=dark, script=script, touch=touch)
        try:
            yield page
        finally:
            self.call("Target.disposeBrowserContext", browserContextId=context)

    def close(self) -> None:
        """End the browser."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._write)
        self._reader.join(5)
        os.close(self._read)

    def _listen(self) -> None:
        rest = b""
        while chunk := os.read(self._read, 1 << 16):
            *messages, rest = (rest + chunk).split(b"\0")
            for message in map(json.loads, messages):
                if "id" in message:
                    self._answers.pop(message["id"]).put(message)
                elif (listener := self._listeners.get(message.get("sessionId", ""))) is not None:
                    listener(message["method"], message["params"])


class Page:
    """One tab, with a record of what it did."""

    def __init__(self, browser: Chromium, session: str) -> None:
        self._browser = browser
        self._session = session
        self._loaded = threading.Event()
        self.problems: list[str] = []  # console errors and warnings, exceptions, violations of the policy
        self.requests: list[str] = []
        browser.listen(session, self._event)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command to this page."""
        return self._browser.call(method, self._session, **params)

    def prepare(self, size: tuple[int, int], *, dark: bool, script: bool, touch: bool) -> None:
        """Turn on what is listened to, and set how the page is shown."""
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.show(size=size, dark=dark, touch=touch)
        if not script:
            self.call("Emulation.setScriptExecutionDisabled", value=True)

    def show(self, *, size: tuple[int, int] = DESKTOP, dark: bool = False, touch: bool = False) -> None:
        """Show the page in a size, in light or dark, as another screen would."""
        width, height = size
        shape = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": touch}
        self.call("Emulation.setDeviceMetricsOverride", **shape)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, address: str) -> None:
        """Go to an address and wait until it has loaded."""
        self._loaded.clear()
        answer = self.call("Page.navigate", url=address)
        if "errorText" in answer:
            raise RuntimeError(f"{address}: {answer['errorText']}")
        self.wait_loaded()

    def wait_loaded(self) -> None:
        """Wait for the load event of a navigation that was begun."""
        if not self._loaded.wait(_PATIENCE_S):
            raise TimeoutError("the page did not load")

    def expect_load(self, act: Callable[[], object]) -> None:
        """Do something that leads to another page, and wait for that page."""
        self._loaded.clear()
        act()
        self.wait_loaded()

    def evaluate(self, expression: str) -> Any:
        """Evaluate JavaScript, promises awaited, and give its value."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def press(self, key: str) -> None:
        """Press and release a key."""
        text = {"text": key} if len(key) == 1 else {}
        codes = {"Enter": 13, "Tab": 9, " ": 32}
        text |= {"text": "\r"} if key == "Enter" else {}
        code = {"windowsVirtualKeyCode": codes[key]} if key in codes else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text, **code)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, **code)

    def screenshot(self, path: Path, *, whole: bool = True) -> None:
        """Save what the page looks like, all of it or the visible part."""
        image = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(image["data"]))

    def screenshot_bytes(self) -> bytes:
        """Give the visible part as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def _event(self, method: str, params: dict[str, Any]) -> None:
        match method:
            case "Page.loadEventFired":
                self._loaded.set()
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            case "Runtime.exceptionThrown":
                self.problems.append(str(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if params["type"] in {"error", "warning", "assert"}:
                self.problems.append(str(params["args"]))
            case "Log.entryAdded" if params["entry"]["level"] in {"error", "warning"}:
                self.problems.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")


@contextmanager
def chromium(path: str) -> Iterator[Chromium]:
    """Start a browser with an empty profile and end it again."""
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        browser = Chromium(path, Path(profile))
        try:
            yield browser
        finally:
            browser.close()

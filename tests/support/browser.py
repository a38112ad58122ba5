"""A report's page in headless Chromium, opened from a file with the network off."""

import json
import shutil
from pathlib import Path
from typing import Any

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
DESKTOP, PHONE = (1280, 900), (390, 844)


CONTRAST = """
const parse = (c) => c.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
  .reduce((sum, v, k) => sum + v * [.2126, .7152, .0722][k], 0);
const behind = (e) => { for (; e; e = e.parentElement) {
  const c = parse(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c; } };
return [...document.querySelectorAll('body *:not(svg *)')].filter(e => e.getClientRects().length
  && !e.closest('script, style')
  && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())).map(e => {
  const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
  return [(a + .05) / (b + .05), e.textContent.slice(0, 40)]; }).filter(([ratio]) => ratio < 4.5);
"""
"""Script that returns texts which stand out too little from what is behind them."""


class Page:
    """The page as a reader has it."""

    def __init__(self, browser: Any, path: Path) -> None:
        self.browser, self.path = browser, path

    def open(self, size: tuple[int, int] = DESKTOP, *, dark: bool = False) -> None:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        mobile = size == PHONE
        screen = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": mobile}
        offline = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        for command, arguments in (
            ("Network.enable", {}),
            ("Network.emulateNetworkConditions", offline),
            ("Emulation.setEmulatedMedia", {"features": [scheme]}),
            ("Emulation.setDeviceMetricsOverride", screen),
            ("Emulation.setTouchEmulationEnabled", {"enabled": mobile}),
        ):
            self.browser.execute_cdp_cmd(command, arguments)
        self.browser.get(self.path.as_uri())
        self.browser.execute_async_script(
            "const done = arguments[0], root = document.documentElement;"
            "const look = () => 'ready' in root.dataset ? done() : requestAnimationFrame(look); look();"
        )

    def run(self, script: str, *arguments: object) -> Any:
        return self.browser.execute_script(script, *arguments)

    def texts(self, selector: str) -> list[str]:
        found: list[str] = self.run(
            "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)", selector
        )
        return found

    def point(self, k: int) -> tuple[float, float]:
        """Return where the k-th network of the front is on the screen."""
        x, y = self.run(
            "document.getElementById('points').scrollIntoView({block: 'center', behavior: 'instant'});"
            "const at = document.querySelectorAll('#front-plot .trace')[2].querySelectorAll('.point')[arguments[0]]"
            ".getBoundingClientRect(); return [at.x + at.width / 2, at.y + at.height / 2];",
            k,
        )
        return x, y

    def mouse(self, k: int, *, click: bool = False) -> None:
        x, y = self.point(k)
        where = {"x": x, "y": y, "button": "left", "clickCount": 1}
        for kinds in (["mouseMoved"], ["mousePressed", "mouseReleased"] if click else []):
            for kind in kinds:
                self.browser.execute_cdp_cmd("Input.dispatchMouseEvent", {**where, "type": kind, "buttons": 0})
            self.settle()  # what a hover draws must not come between pressing and releasing

    def tap(self, k: int) -> None:
        x, y = self.point(k)
        self.browser.execute_cdp_cmd("Input.synthesizeTapGesture", {"x": round(x), "y": round(y)})
        self.settle()

    def keys(self, *names: str) -> None:
        for name in names:
            code = {"Tab": 9, "Enter": 13, "Escape": 27, "End": 35, "Home": 36, "Left": 37, "Right": 39, "Down": 40}[
                name
            ]
            key = f"Arrow{name}" if name in ("Left", "Right", "Down") else name
            pressed = {"key": key, "code": key, "windowsVirtualKeyCode": code}
            text = {"text": "\r"} if name == "Enter" else {}
            self.browser.execute_cdp_cmd("Input.dispatchKeyEvent", {**pressed, **text, "type": "keyDown"})
            self.browser.execute_cdp_cmd("Input.dispatchKeyEvent", {**pressed, "type": "keyUp"})
        self.settle()

    def settle(self) -> None:
        """Wait until what was begun is drawn; a hover of plotly's comes up to a tenth of a second later."""
        self.browser.execute_async_script("setTimeout(() => requestAnimationFrame(arguments[0]), 150)")

    def tab_to(self, selector: str) -> None:
        """Go to an element by the Tab key alone."""
        for _ in range(60):
            if self.run("return document.activeElement.matches(arguments[0])", selector):
                return
            self.keys_quickly("Tab")
        raise AssertionError(f"Tab never came to {selector}")

    def keys_quickly(self, name: str) -> None:
        for kind in ("keyDown", "keyUp"):
            arguments = {"type": kind, "key": name, "code": name, "windowsVirtualKeyCode": 9}
            self.browser.execute_cdp_cmd("Input.dispatchKeyEvent", arguments)

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.browser.get_log("browser")]

    def requests(self) -> list[str]:
        """Return what was asked for since the last call."""
        told = [json.loads(entry["message"])["message"] for entry in self.browser.get_log("performance")]
        return [m["params"]["request"]["url"] for m in told if m["method"] == "Network.requestWillBeSent"]

    def click(self, selector: str, k: int = 0) -> None:
        """Click the k-th of some elements with the mouse."""
        self.press(
            *self.run(
                "const element = document.querySelectorAll(arguments[0])[arguments[1]];"
                "element.scrollIntoView({block: 'center', behavior: 'instant'});"
                "const at = element.getBoundingClientRect(); return [at.x + at.width / 2, at.y + at.height / 2]",
                selector,
                k,
            )
        )

    def click_drawn(self, plot: str, x: float, y: float) -> None:
        """Point at a place of a plot, told in its units, and click there."""
        x, y = self.run(
            "const plot = document.getElementById(arguments[0]);"
            "plot.scrollIntoView({block: 'center', behavior: 'instant'});"
            "const at = plot.getBoundingClientRect(), {xaxis, yaxis} = plot._fullLayout;"
            "return [at.x + xaxis._offset + xaxis.d2p(arguments[1]), at.y + yaxis._offset + yaxis.d2p(arguments[2])]",
            plot,
            x,
            y,
        )
        self.press(x, y)

    def press(self, x: float, y: float) -> None:
        """Click at a place of the screen."""
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            where = {"x": x, "y": y, "button": "left", "clickCount": 1, "type": kind}
            self.browser.execute_cdp_cmd("Input.dispatchMouseEvent", where)
            self.settle()

    def choose(self, selector: str, value: str) -> None:
        """Choose an option of a select element."""
        self.run(
            "const e = document.querySelector(arguments[0]); e.value = arguments[1];"
            "e.dispatchEvent(new Event('change'))",
            selector,
            value,
        )
        self.settle()

    def drawn(self, plot: str, field: str = "y") -> list[Any]:
        """Return a field of each trace of a plot."""
        found: list[Any] = self.run(
            "return document.getElementById(arguments[0]).data.map(t => Array.isArray(t[arguments[1]])"
            " || ArrayBuffer.isView(t[arguments[1]]) ? Array.from(t[arguments[1]]) : t[arguments[1]])",
            plot,
            field,
        )
        return found

    def saved(self, name: str) -> bytes:
        """Return the content of a file that the page downloads."""
        path: Path = self.browser.downloads / name
        for _ in range(100):
            if path.is_file():
                return path.read_bytes()
            self.browser.execute_async_script("setTimeout(arguments[0], 50)")
        raise AssertionError(f"{name} was not downloaded")

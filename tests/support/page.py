"""One tab of the test browser: look, click, type, wait, and what it complained about."""

import asyncio
import base64
import contextlib
from pathlib import Path
from typing import Any

from tests.support.cdp import DevTools
from tests.support.conversation import BrowserError, Event
from tests.support.tab import WAIT_TIMEOUT_S, Device, Message, PageError, Route, Tab

__all__ = ["Device", "Message", "Page", "PageError", "Route"]

_KEYS = {
    "Enter": ("Enter", 13, "\r"),
    "Tab": ("Tab", 9, ""),
    "Escape": ("Escape", 27, ""),
    "Space": ("Space", 32, " "),
    "Backspace": ("Backspace", 8, ""),
    "ArrowDown": ("ArrowDown", 40, ""),
    "ArrowUp": ("ArrowUp", 38, ""),
}


class Page(Tab):
    """A tab. Attributes grow while it lives: ``messages``, and ``emitted`` (see :meth:`prepare`)."""

    def __init__(self, tools: DevTools, session: str, target: str) -> None:
        super().__init__()
        self._tools = tools
        self._session = session
        self._target = target
        self._routes: dict[str, Route] = {}
        self._loaded = asyncio.Event()
        self._jobs: set[asyncio.Task[Any]] = set()
        tools.subscribe(session, self._on_event)

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send any DevTools command to this tab."""
        return await self._tools.call(method, self._session, **params)

    async def prepare(
        self, *, device: Device | None, routes: dict[str, Route], script: str
    ) -> None:
        """Set the tab up before its first document. Used by ``Chromium.open_page``."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.call(f"{domain}.enable")
        await self.call("Runtime.addBinding", name="telemedEmit")
        if device is not None:
            await self.set_device(device)
        if script:
            await self.call("Page.addScriptToEvaluateOnNewDocument", source=script)
        if routes:
            self._routes = routes
            origins = {"/".join(url.split("/", 3)[:3]) for url in routes}
            await self.call(
                "Fetch.enable", patterns=[{"urlPattern": f"{origin}/*"} for origin in origins]
            )

    async def set_device(self, device: Device) -> None:
        """Pretend this screen from now on."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=device.width,
            height=device.height,
            deviceScaleFactor=device.scale,
            mobile=device.mobile,
        )
        await self.call("Emulation.setTouchEmulationEnabled", enabled=device.mobile)

    # ---- going places

    async def navigate(self, url: str, timeout_s: float = WAIT_TIMEOUT_S) -> None:
        """Go to a URL and wait for its load event. A change of #fragment alone loads nothing."""
        self._loaded.clear()
        answer = await self.call("Page.navigate", url=url)
        if answer.get("errorText"):
            raise PageError(f"{url.split('#', maxsplit=1)[0]}: {answer['errorText']}")
        if "loaderId" in answer:
            await self._wait_loaded(timeout_s)

    async def reload(self, timeout_s: float = WAIT_TIMEOUT_S) -> None:
        """Reload as the person would, and wait for the load event."""
        self._loaded.clear()
        await self.call("Page.reload")
        await self._wait_loaded(timeout_s)

    async def set_offline(self, offline: bool) -> None:
        """Take the network from the page's requests, or give it back.

        Covers HTTP and WebSockets of this tab, not WebRTC; for that cut the emulated link.
        """
        await self.call(
            "Network.emulateNetworkConditions",
            offline=offline,
            latency=0,
            downloadThroughput=-1,
            uploadThroughput=-1,
        )

    async def close(self) -> None:
        """Close the tab, as the person would: the page's unload handlers run."""
        await self._tools.call("Target.closeTarget", targetId=self._target)

    # ---- looking

    async def evaluate(self, expression: str, timeout_s: float = 60.0) -> Any:
        """Value of a JavaScript expression (promises are awaited). Raises PageError."""
        answer = await self._tools.call(
            "Runtime.evaluate",
            self._session,
            timeout_s,
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        if "exceptionDetails" in answer:
            raise PageError(_describe(answer["exceptionDetails"]))
        return answer["result"].get("value")

    async def screenshot(self, path: Path, *, full_page: bool = False) -> None:
        """Write a PNG of the window, or of the whole page."""
        answer = await self.call(
            "Page.captureScreenshot", format="png", captureBeyondViewport=full_page
        )
        await asyncio.to_thread(path.write_bytes, base64.b64decode(answer["data"]))

    # ---- acting

    async def _press_at(self, x: float, y: float) -> None:
        await self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        for kind in ("mousePressed", "mouseReleased"):
            await self.call(
                "Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, x=x, y=y
            )

    async def _insert(self, text: str) -> None:
        await self.call("Input.insertText", text=text)

    async def press(self, key: str) -> None:
        """Press and release one of the named keys (Enter, Tab, Escape, Space, ...)."""
        code, number, text = _KEYS[key]
        common = {"key": text if key == "Space" else key, "code": code}
        common_numbers = {"windowsVirtualKeyCode": number}
        down: dict[str, Any] = {**common, **common_numbers}
        if text:
            down["text"] = text
        await self.call("Input.dispatchKeyEvent", type="keyDown", **down)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **common, **common_numbers)

    # ---- events

    def _on_event(self, method: str, params: Event) -> None:
        if method == "Page.loadEventFired":
            self._loaded.set()
        elif method == "Runtime.consoleAPICalled":
            words = [
                str(arg.get("value", arg.get("description", arg.get("type"))))
                for arg in params["args"]
            ]
            self.messages.append(Message(params["type"], " ".join(words)))
        elif method == "Runtime.exceptionThrown":
            self.messages.append(Message("error", _describe(params["exceptionDetails"])))
        elif method == "Log.entryAdded":
            entry = params["entry"]
            text = f"{entry['text']} {entry.get('url', '')}".strip()
            self.messages.append(Message(entry["level"], text))
        elif method == "Runtime.bindingCalled" and params["name"] == "telemedEmit":
            self.emitted.put_nowait(params["payload"])
        elif method == "Fetch.requestPaused":
            job = asyncio.get_running_loop().create_task(self._answer(params))
            self._jobs.add(job)
            job.add_done_callback(self._jobs.discard)

    async def _answer(self, params: Event) -> None:
        route = self._routes.get(params["request"]["url"].split("#")[0])
        if route is None:
            route = Route(b"", status=404)
        # The tab may close while the answer is on its way; nobody misses it then.
        with contextlib.suppress(BrowserError):
            await self.call(
                "Fetch.fulfillRequest",
                requestId=params["requestId"],
                responseCode=route.status,
                responseHeaders=[{"name": "content-type", "value": route.content_type}],
                body=base64.b64encode(route.body).decode(),
            )

    async def _wait_loaded(self, timeout_s: float) -> None:
        try:
            await asyncio.wait_for(self._loaded.wait(), timeout_s)
        except TimeoutError as error:
            raise PageError(f"the page did not load within {timeout_s:.0f} s") from error


def _describe(details: dict[str, Any]) -> str:
    thrown = details.get("exception", {})
    return str(thrown.get("description") or thrown.get("value") or details.get("text"))[:2000]

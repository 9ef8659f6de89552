"""One tab of Firefox, over WebDriver BiDi."""

import asyncio
import base64
import contextlib
import json
from pathlib import Path
from typing import Any

from tests.support.bidi import Bidi
from tests.support.conversation import BrowserError, Event
from tests.support.tab import WAIT_TIMEOUT_S, Device, Message, PageError, Route, Tab

_BINDING = """emit => {
  Object.defineProperty(window, 'telemedEmit', {value: text => emit(String(text)), configurable: true});
  %s
}"""
# What is thrown is caught in the page: of a rejected promise Firefox gives no word.
_ASK = """(async () => {
  try { return JSON.stringify({value: await (%s)}); }
  catch (error) { return JSON.stringify({problem: String(error)}); }
})()"""
_KEYS = {
    "Enter": "\ue007",
    "Tab": "\ue004",
    "Escape": "\ue00c",
    "Space": " ",
    "Backspace": "\ue003",
    "ArrowDown": "\ue015",
    "ArrowUp": "\ue013",
}


class FirefoxTab(Tab):
    """A tab; made by ``Firefox.open_page``."""

    def __init__(self, bidi: Bidi, context: str) -> None:
        super().__init__()
        self._bidi = bidi
        self._context = context
        self._routes: dict[str, Route] = {}
        self._jobs: set[asyncio.Task[Any]] = set()
        bidi.subscribe(self._on_event)

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send any BiDi command about this tab."""
        return await self._bidi.call(method, context=self._context, **params)

    async def prepare(
        self, *, device: Device | None, routes: dict[str, Route], script: str
    ) -> None:
        """Set the tab up before its first document. Used by ``Firefox.open_page``."""
        await self._bidi.call(
            "script.addPreloadScript",
            functionDeclaration=_BINDING % script,
            arguments=[{"type": "channel", "value": {"channel": f"emit {self._context}"}}],
            contexts=[self._context],
        )
        if device is not None:
            await self.set_device(device)
        if routes:
            self._routes = routes
            await self._bidi.call(
                "network.addIntercept",
                phases=["beforeRequestSent"],
                contexts=[self._context],
            )

    async def set_device(self, device: Device) -> None:
        """Pretend this screen from now on. Touch cannot be pretended here."""
        await self.call(
            "browsingContext.setViewport",
            viewport={"width": device.width, "height": device.height},
            devicePixelRatio=device.scale,
        )

    # ---- going places

    async def navigate(self, url: str, timeout_s: float = WAIT_TIMEOUT_S) -> None:
        """See ``Tab``."""
        try:
            async with asyncio.timeout(timeout_s):
                await self.call("browsingContext.navigate", url=url, wait="complete")
        except BrowserError as error:
            raise PageError(f"{url.split('#', maxsplit=1)[0]}: {error}") from error

    async def reload(self, timeout_s: float = WAIT_TIMEOUT_S) -> None:
        """See ``Tab``."""
        async with asyncio.timeout(timeout_s):
            await self.call("browsingContext.reload", wait="complete")

    async def close(self) -> None:
        """See ``Tab``."""
        await self.call("browsingContext.close")

    async def front(self) -> None:
        """Bring it to the front, as a person choosing the tab."""
        await self.call("browsingContext.activate")

    # ---- looking

    async def evaluate(self, expression: str, timeout_s: float = 60.0) -> Any:
        """See ``Tab``."""
        answer = await self._bidi.call(
            "script.evaluate",
            timeout_s,
            expression=_ASK % expression,
            target={"context": self._context},
            awaitPromise=True,
            userActivation=True,
        )
        if answer["type"] == "exception":  # a mistake in the expression itself
            raise PageError(str(answer["exceptionDetails"]["text"])[:2000])
        said = json.loads(answer["result"]["value"])
        if "problem" in said:
            raise PageError(said["problem"][:2000])
        return said.get("value")

    async def screenshot(self, path: Path, *, full_page: bool = False) -> None:
        """See ``Tab``."""
        answer = await self.call(
            "browsingContext.captureScreenshot", origin="document" if full_page else "viewport"
        )
        await asyncio.to_thread(path.write_bytes, base64.b64decode(answer["data"]))

    # ---- acting

    async def _press_at(self, x: float, y: float) -> None:
        actions = [
            {"type": "pointerMove", "x": round(x), "y": round(y)},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        await self.call(
            "input.performActions", actions=[{"type": "pointer", "id": "mouse", "actions": actions}]
        )

    async def _insert(self, text: str) -> None:
        actions = [
            {"type": kind, "value": letter} for letter in text for kind in ("keyDown", "keyUp")
        ]
        await self.call(
            "input.performActions", actions=[{"type": "key", "id": "keys", "actions": actions}]
        )

    async def press(self, key: str) -> None:
        """Press and release one of the named keys (Enter, Tab, Escape, Space, ...)."""
        await self._insert(_KEYS[key])

    # ---- events

    def _on_event(self, method: str, params: Event) -> None:
        source = params.get("source", {})
        if self._context not in (params.get("context"), source.get("context")):
            return
        if method == "log.entryAdded":
            self.messages.append(Message(params["level"], str(params.get("text"))))
        elif method == "script.message":
            self.emitted.put_nowait(str(params["data"]["value"]))
        elif method == "network.beforeRequestSent" and params.get("isBlocked"):
            job = asyncio.get_running_loop().create_task(self._answer(params["request"]))
            self._jobs.add(job)
            job.add_done_callback(self._jobs.discard)

    async def _answer(self, request: dict[str, Any]) -> None:
        url = request["url"].split("#")[0]
        number = request["request"]
        # The tab may close while the answer is on its way; nobody misses it then.
        with contextlib.suppress(BrowserError):
            if not any(url.startswith("/".join(known.split("/", 3)[:3])) for known in self._routes):
                await self._bidi.call("network.continueRequest", request=number)
                return
            route = self._routes.get(url, Route(b"", status=404))
            header = {"type": "string", "value": route.content_type}
            await self._bidi.call(
                "network.provideResponse",
                request=number,
                statusCode=route.status,
                reasonPhrase="OK",
                headers=[{"name": "content-type", "value": header}],
                body={"type": "base64", "value": base64.b64encode(route.body).decode()},
            )

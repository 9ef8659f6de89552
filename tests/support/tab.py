"""One tab of a test browser, whichever it is: look, click, type, wait, and what it complained about.

What differs between the browsers' debugging protocols is in :mod:`.page` (Chromium) and
:mod:`.firefox` (Firefox).
"""

import asyncio
import json
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.conversation import BrowserError

WAIT_TIMEOUT_S = 20.0
_POLL_S = 0.05


class PageError(Exception):
    """JavaScript failed, an element is missing or covered, or a condition never came true."""


@dataclass(frozen=True)
class Device:
    """A screen: CSS pixels, pixels of the device per CSS pixel, touch or mouse."""

    width: int
    height: int
    scale: float = 1.0
    mobile: bool = False


@dataclass(frozen=True)
class Route:
    """An answer given to a URL without any network."""

    body: bytes
    content_type: str = "text/html; charset=utf-8"
    status: int = 200


@dataclass(frozen=True)
class Message:
    """Something the page or the browser about the page said; ``level`` as in the console."""

    level: str
    text: str


_FIND_POINT = """(selector => {
  const e = document.querySelector(selector);
  if (!e) return {problem: 'no such element'};
  e.scrollIntoView({block: 'center', inline: 'center', behavior: 'instant'});
  const r = e.getBoundingClientRect();
  if (!r.width || !r.height) return {problem: 'the element has no size'};
  if (e.disabled) return {problem: 'the element is disabled'};
  const x = r.left + r.width / 2, y = r.top + r.height / 2;
  const hit = document.elementFromPoint(x, y);
  if (!hit) return {problem: 'the element is outside the window'};
  if (hit !== e && !e.contains(hit) && !(hit.closest('label') && hit.closest('label').control === e))
    return {problem: 'covered by ' + hit.tagName.toLowerCase() + (hit.id ? '#' + hit.id : '')};
  return {x, y};
})(%s)"""


class Tab(ABC):
    """A tab. Attributes grow while it lives: ``messages``, and ``emitted``."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.emitted: asyncio.Queue[str] = asyncio.Queue()
        """What the page handed over with ``telemedEmit(text)``."""

    @property
    def problems(self) -> list[str]:
        """Exceptions and errors so far: scripts, failed loads, policy (CSP) violations."""
        return [message.text for message in self.messages if message.level == "error"]

    # ---- what each browser does in its own way

    @abstractmethod
    async def evaluate(self, expression: str, timeout_s: float = 60.0) -> Any:
        """Value of a JavaScript expression (promises are awaited). Raises PageError."""

    @abstractmethod
    async def navigate(self, url: str, timeout_s: float = WAIT_TIMEOUT_S) -> None:
        """Go to a URL and wait for its load event. A change of #fragment alone loads nothing."""

    @abstractmethod
    async def reload(self, timeout_s: float = WAIT_TIMEOUT_S) -> None:
        """Reload as the person would, and wait for the load event."""

    @abstractmethod
    async def screenshot(self, path: Path, *, full_page: bool = False) -> None:
        """Write a PNG of the window, or of the whole page."""

    @abstractmethod
    async def close(self) -> None:
        """Close the tab, as the person would: the page's unload handlers run."""

    @abstractmethod
    async def _press_at(self, x: float, y: float) -> None: ...

    @abstractmethod
    async def _insert(self, text: str) -> None: ...

    # ---- looking

    async def wait_for(self, condition: str, timeout_s: float = WAIT_TIMEOUT_S) -> Any:
        """Wait until an expression is truthy, also across a reload; return its value."""
        deadline = time.monotonic() + timeout_s
        last = ""
        while time.monotonic() < deadline:
            try:
                value = await self.evaluate(condition)
            except PageError as error:
                last = str(error)
            except BrowserError as error:
                # The document went away under the question (a navigation); ask the next one.
                if "context" not in str(error) and "navigated" not in str(error):
                    raise
                last = str(error)
            else:
                if value:
                    return value
                last = f"value is {value!r}"
            await asyncio.sleep(_POLL_S)
        said = "; ".join(self.problems[-3:])
        raise PageError(f"not true within {timeout_s:.0f} s: {condition} ({last}) {said}")

    async def wait_visible(self, selector: str, timeout_s: float = WAIT_TIMEOUT_S) -> None:
        """Wait until an element is there and drawn."""
        await self.wait_for(
            f"document.querySelector({json.dumps(selector)})?.checkVisibility() === true", timeout_s
        )

    async def text(self, selector: str = "body") -> str:
        """Return the visible text of an element."""
        found = await self.evaluate(f"document.querySelector({json.dumps(selector)})?.innerText")
        if found is None:
            raise PageError(f"no such element: {selector}")
        return str(found)

    # ---- acting

    async def click(self, selector: str, timeout_s: float = WAIT_TIMEOUT_S) -> None:
        """Click the middle of an element with the mouse, once it is there, enabled and uncovered."""
        deadline = time.monotonic() + timeout_s
        while True:
            point = await self.evaluate(_FIND_POINT % json.dumps(selector))
            if "problem" not in point:
                break
            if time.monotonic() > deadline:
                raise PageError(f"cannot click {selector}: {point['problem']}")
            await asyncio.sleep(_POLL_S)
        await self._press_at(point["x"], point["y"])

    async def type(self, selector: str, text: str, *, clear: bool = True) -> None:
        """Click into a field and type; the page sees real input events."""
        await self.click(selector)
        await self.evaluate(f"document.querySelector({json.dumps(selector)}).focus()")
        if clear:
            await self.evaluate(f"document.querySelector({json.dumps(selector)}).select?.()")
        await self._insert(text)

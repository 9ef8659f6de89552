"""A real headless Chromium for tests and the tour, driven over its debugging pipe.

::

    async with running_chromium(BrowserOptions()) as browser:
        page = await browser.open_page("http://127.0.0.1:8080/", device=PHONE)
        await page.type("#name", "Mfano")
        await page.click("button[type=submit]")
        await page.wait_for("document.querySelector('#waiting') !== null")
        assert page.problems == []

Every browser has a fresh profile in a temporary folder and a session (process group) of its own, which
is killed at exit. With ``namespace`` it lives in that network namespace and sees no other network.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.cdp import DevTools
from tests.support.conversation import BrowserError
from tests.support.page import Device, Page, Route

START_TIMEOUT_S = 60.0
PHONE = Device(width=390, height=844, scale=2.0, mobile=True)
"""A middling phone held upright."""

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-crash-reporter",
    "--disable-dev-shm-usage",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
    "--password-store=basic",
    "--use-mock-keychain",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--remote-debugging-pipe",
)


@dataclass(frozen=True, kw_only=True)
class BrowserOptions:
    """How to start the browser.

    Attributes:
        namespace: Network namespace to live in (needs root); None = this one.
        camera_file: y4m that plays as the camera, in a loop; None = Chromium's own test picture.
        microphone_file: wav that plays as the microphone, in a loop; None = Chromium's beeps.
        hide_local_addresses: Put mDNS names into ICE candidates, as browsers do by default. Off, the
            candidates carry plain addresses, which a namespace without multicast needs.
        secure_origins: Origins such as ``http://10.0.0.1:8000`` to treat like https, so that
            cameras and WebCrypto work there. Loopback needs no mention.
        extra: Further command-line flags.
    """

    namespace: str | None = None
    camera_file: Path | None = None
    microphone_file: Path | None = None
    hide_local_addresses: bool = True
    secure_origins: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()


class ChromiumMissing(BrowserError):
    """There is no Chromium on this machine."""

    def __init__(self) -> None:
        super().__init__("no Chromium found: install Debian's 'chromium' package")


def find_chromium() -> str:
    """Return the program's path. Raises ChromiumMissing."""
    for name in ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome"):
        path = shutil.which(name)
        if path is not None:
            return path
    raise ChromiumMissing


class Chromium:
    """A running browser; made by :func:`running_chromium`."""

    def __init__(self, tools: DevTools, process: asyncio.subprocess.Process) -> None:
        self._tools = tools
        self._process = process
        self._pages: list[Page] = []
        self._contexts: dict[Page, str] = {}  # of private tabs

    @property
    def pid(self) -> int:
        """The session leader's process number (``ip netns exec`` replaces itself by the browser)."""
        return self._process.pid

    async def version(self) -> str:
        """Such as ``Chrome/156.0.1.2``."""
        return str((await self._tools.call("Browser.getVersion"))["product"])

    async def open_page(
        self,
        url: str,
        *,
        device: Device | None = None,
        routes: dict[str, Route] | None = None,
        script: str = "",
        private: bool = False,
        beside: Page | None = None,
    ) -> Page:
        """Open a tab, wait until it has loaded, and return it.

        Args:
            url: Where to go; ``about:blank`` for nowhere yet.
            device: Screen to pretend; None = a desktop window.
            routes: Answers to exact URLs, given without any network (https URLs are then secure
                origins); other URLs of the same origins get 404.
            script: JavaScript run in every document of this tab before its own.
            private: In a profile of its own: no cookies or storage shared with other tabs.
            beside: In the profile of that tab, private or not.
        """
        profile = self._contexts.get(beside, "") if beside is not None else ""
        if private:
            made = await self._tools.call("Target.createBrowserContext")
            profile = made["browserContextId"]
        context: dict[str, Any] = {"browserContextId": profile} if profile else {}
        target = await self._tools.call("Target.createTarget", url="about:blank", **context)
        attached = await self._tools.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        page = Page(self._tools, attached["sessionId"], target["targetId"])
        await page.prepare(device=device, routes=routes or {}, script=script)
        if url != "about:blank":
            await page.navigate(url)
        self._pages.append(page)
        if profile:
            self._contexts[page] = profile
        return page


def _arguments(options: BrowserOptions, profile: Path) -> list[str]:
    features = ["MediaRouter", "Translate", "OptimizationHints"]
    if not options.hide_local_addresses:
        features.append("WebRtcHideLocalIpsWithMdns")
    arguments = [*_FLAGS, f"--user-data-dir={profile}", f"--disable-features={','.join(features)}"]
    if options.camera_file is not None:
        arguments.append(f"--use-file-for-fake-video-capture={options.camera_file}")
    if options.microphone_file is not None:
        arguments.append(f"--use-file-for-fake-audio-capture={options.microphone_file}")
    if options.secure_origins:
        arguments.append(
            f"--unsafely-treat-insecure-origin-as-secure={','.join(options.secure_origins)}"
        )
    return [*arguments, *options.extra, "about:blank"]


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


async def _spawn(
    options: BrowserOptions, profile: Path, command_fd: int, reply_fd: int
) -> asyncio.subprocess.Process:
    program = find_chromium()
    # Chromium reads commands from descriptor 3 and writes replies to 4; bash puts our pipes there
    # (dash cannot name descriptors above 9).
    move = f'exec 3<&{command_fd} 4>&{reply_fd} {command_fd}<&- {reply_fd}>&-; exec "$@"'
    enter = ["ip", "netns", "exec", options.namespace] if options.namespace else []
    environment = {**os.environ, "HOME": str(profile)}
    environment.pop("DBUS_SESSION_BUS_ADDRESS", None)
    with (profile / "stderr.log").open("wb") as log:
        return await asyncio.create_subprocess_exec(
            *enter,
            "bash",
            "-c",
            move,
            "bash",
            program,
            *_arguments(options, profile),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=log,
            pass_fds=(command_fd, reply_fd),
            env=environment,
            start_new_session=True,
        )


async def _first_answer(
    tools: DevTools, process: asyncio.subprocess.Process, profile: Path
) -> None:
    try:
        await tools.call("Browser.getVersion", timeout_s=START_TIMEOUT_S)
    except BrowserError as error:
        said = (profile / "stderr.log").read_text(errors="replace")[-2000:]
        raise BrowserError(
            f"Chromium did not start (exit code {process.returncode}): {said}"
        ) from error


@asynccontextmanager
async def running_chromium(options: BrowserOptions | None = None) -> AsyncIterator[Chromium]:
    """Start a browser, hand it out, and kill it with all its children at exit.

    Raises:
        ChromiumMissing: There is none on this machine.
        BrowserError: It did not start; the text says what it printed.
    """
    options = options or BrowserOptions()
    find_chromium()
    profile = Path(tempfile.mkdtemp(prefix="telemed-chromium-"))
    command_read, command_write = os.pipe()
    reply_read, reply_write = os.pipe()
    process: asyncio.subprocess.Process | None = None
    tools: DevTools | None = None
    try:
        try:
            process = await _spawn(options, profile, command_read, reply_write)
        finally:
            os.close(command_read)
            os.close(reply_write)
            tools = await DevTools.over(reply_read, command_write)
        await _first_answer(tools, process, profile)
        yield Chromium(tools, process)
    finally:
        if tools is not None:
            await tools.close()
        if process is not None:
            _kill_group(process.pid)
            await process.wait()
        shutil.rmtree(profile, ignore_errors=True)

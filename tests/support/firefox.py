"""A real headless Firefox for tests, driven over WebDriver BiDi; the same tab as Chromium's.

::

    async with running_firefox(BrowserOptions()) as browser:
        page = await browser.open_page("http://127.0.0.1:8080/", device=PHONE)
        await page.click("#continue")

Every browser has a fresh profile in a temporary folder and a session (process group) of its own, which
is killed at exit. Camera and microphone are Firefox's own fakes (a picture that changes its colour, a
tone); nobody is asked. Everything but loopback and what a test routes goes to a proxy that does not
exist, so the browser has no network of its own. With ``namespace`` it lives in that network namespace.
Without a sound card Firefox runs no clock for sound at all, so each browser has a sound server of its
own with a speaker that nobody hears.
"""

import asyncio
import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.support.bidi import Bidi
from tests.support.chromium import START_TIMEOUT_S, BrowserOptions, _kill_group
from tests.support.conversation import BrowserError
from tests.support.devices.private_pulse import PrivatePulse
from tests.support.firefox_tab import FirefoxTab
from tests.support.tab import Device, Route, Tab

_NOBODY = 9  # the discard port: nothing listens there
_PREFERENCES: Mapping[str, bool | int | str] = {
    "remote.prefs.recommended": True,  # no updates, first-run pages, session restore, add-on checks
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": _NOBODY,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": _NOBODY,
    "network.dns.disablePrefetch": True,
    "network.connectivity-service.enabled": False,
    "network.captive-portal-service.enabled": False,
    "app.update.auto": False,
    "app.normandy.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.safebrowsing.downloads.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "datareporting.healthreport.uploadEnabled": False,
    "toolkit.telemetry.enabled": False,
    "toolkit.telemetry.unified": False,
    "extensions.getAddons.cache.enabled": False,
    "media.gmp-manager.updateEnabled": False,
    "media.gmp-provider.enabled": False,
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "intl.accept_languages": "en-GB",
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
    "media.autoplay.blocking_policy": 0,
    "media.peerconnection.ice.proxy_only_if_behind_proxy": False,
    "media.peerconnection.ice.loopback": True,
    "dom.min_background_timeout_value": 4,
    "dom.timeout.enable_budget_timer_throttling": False,
    "dom.ipc.processPrelaunch.enabled": False,
    "browser.tabs.unloadOnLowMemory": False,
    "devtools.console.stdout.content": False,
}


class FirefoxMissing(BrowserError):
    """There is no Firefox on this machine."""

    def __init__(self) -> None:
        super().__init__("no Firefox found: install Debian's 'firefox-esr' package")


def find_firefox() -> str:
    """Return the program's path. Raises FirefoxMissing."""
    for name in ("firefox-esr", "firefox"):
        path = shutil.which(name)
        if path is not None:
            return path
    raise FirefoxMissing


class Firefox:
    """A running browser; made by :func:`running_firefox`."""

    kind = "firefox"

    def __init__(
        self, bidi: Bidi, process: asyncio.subprocess.Process, session: dict[str, Any]
    ) -> None:
        self._bidi = bidi
        self._process = process
        self._session = session
        self._contexts: dict[Tab, str] = {}  # of private tabs

    @property
    def pid(self) -> int:
        """The session leader's process number."""
        return self._process.pid

    async def version(self) -> str:
        """Such as ``Firefox/153.7``."""
        return f"Firefox/{self._session['capabilities']['browserVersion']}"

    async def open_page(
        self,
        url: str,
        *,
        device: Device | None = None,
        routes: dict[str, Route] | None = None,
        script: str = "",
        private: bool = False,
        beside: Tab | None = None,
    ) -> FirefoxTab:
        """Open a tab, wait until it has loaded, and return it. See ``Chromium.open_page``."""
        profile = self._contexts.get(beside, "") if beside is not None else ""
        if private:
            profile = (await self._bidi.call("browser.createUserContext"))["userContext"]
        where = {"userContext": profile} if profile else {}
        made = await self._bidi.call("browsingContext.create", type="tab", **where)
        tab = FirefoxTab(self._bidi, made["context"])
        await tab.prepare(device=device, routes=routes or {}, script=script)
        if url != "about:blank":
            await tab.navigate(url)
        if profile:
            self._contexts[tab] = profile
        return tab


def _preferences(options: BrowserOptions, extra: Mapping[str, bool | int | str]) -> str:
    chosen = {**_PREFERENCES, **extra}
    if not options.hide_local_addresses:
        chosen["media.peerconnection.ice.obfuscate_host_addresses"] = False
    return "".join(
        f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in chosen.items()
    )


async def _spawn(
    options: BrowserOptions, profile: Path, sound: PrivatePulse
) -> asyncio.subprocess.Process:
    enter = ["ip", "netns", "exec", options.namespace] if options.namespace else []
    environment = {
        **os.environ,
        **sound.environment,
        "HOME": str(profile),
        "MOZ_HEADLESS": "1",
        "MOZ_CRASHREPORTER_DISABLE": "1",
        "MOZ_DISABLE_CONTENT_SANDBOX": "1",
    }
    for name in ("DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY"):
        environment.pop(name, None)
    with (profile / "stderr.log").open("wb") as log:
        return await asyncio.create_subprocess_exec(
            *enter,
            *(find_firefox(), "--headless", "--no-remote", "--profile", str(profile)),
            *("--remote-debugging-port", "0", *options.extra, "about:blank"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=log,
            env=environment,
            start_new_session=True,
        )


async def _port(profile: Path, process: asyncio.subprocess.Process) -> int:
    found = profile / "WebDriverBiDiServer.json"
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            while process.returncode is None:
                with contextlib.suppress(FileNotFoundError, ValueError, KeyError):
                    return int(json.loads(found.read_text())["ws_port"])
                await asyncio.sleep(0.05)
    except TimeoutError:
        pass
    said = (profile / "stderr.log").read_text(errors="replace")[-2000:]
    raise BrowserError(f"Firefox did not start (exit code {process.returncode}): {said}")


@asynccontextmanager
async def running_firefox(
    options: BrowserOptions | None = None,
    preferences: Mapping[str, bool | int | str] | None = None,
) -> AsyncIterator[Firefox]:
    """Start a browser, hand it out, and kill it with all its children at exit.

    Args:
        options: Namespace, whether local addresses are hidden, further flags. Camera and microphone
            files are Chromium's; Firefox plays its own fakes.
        preferences: Changed from the harness's own, by their names in about:config.

    Raises:
        FirefoxMissing: There is none on this machine.
        BrowserError: It did not start; the text says what it printed.
    """
    options = options or BrowserOptions()
    find_firefox()
    profile = Path(tempfile.mkdtemp(prefix="telemed-firefox-"))
    (profile / "user.js").write_text(_preferences(options, preferences or {}))
    (profile / "sound").mkdir()
    sound = await asyncio.to_thread(PrivatePulse, profile / "sound")
    process: asyncio.subprocess.Process | None = None
    bidi: Bidi | None = None
    try:
        process = await _spawn(options, profile, sound)
        bidi = await Bidi.at(await _port(profile, process), options.namespace)
        session = await bidi.call("session.new", capabilities={})
        await bidi.call(
            "session.subscribe",
            events=["log.entryAdded", "script.message", "network.beforeRequestSent"],
        )
        yield Firefox(bidi, process, session)
    finally:
        if bidi is not None:
            await bidi.close()
        if process is not None:
            _kill_group(process.pid)
            await process.wait()
        await asyncio.to_thread(sound.close)
        await asyncio.to_thread(shutil.rmtree, profile, ignore_errors=True)

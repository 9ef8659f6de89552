"""The self-check within a session: its link, its memory, what starts it, preview and level."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
import msgspec
import truststore

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.findings import Finding, Group, Verdict
from telemed_desk.devices.fixes import SettingsPage
from telemed_desk.devices.history import CheckHistory, PastCheck
from telemed_desk.devices.limits_camera import USUAL_DAYS
from telemed_desk.devices.metered import is_metered
from telemed_desk.devices.probe.figures import LinkFigures
from telemed_desk.devices.settings_pages import open_page
from telemed_desk.devices.site import place_text
from telemed_desk.devices.trend import MONTH_MS, TRENDED, WEEK_MS, trend_finding
from telemed_desk.media import control
from telemed_desk.media.control import IceServerSpec
from telemed_desk.sync.server_client import ServerClient
from telemed_desk.vault import Vault
from telemed_desk.workflow.check_plan import (
    AUTO_FRESH_MS,
    BEFORE_VISIT_MS,
    START_WITHOUT_VERDICT,
    TRUSTED_MS,
    CheckMode,
)
from telemed_desk.workflow.check_timing import CheckTiming
from telemed_desk.workflow.core_thread import CoreThread
from telemed_desk.workflow.device_checks import MediaChecks
from telemed_desk.workflow.devices_seen import DevicesSeen
from telemed_desk.workflow.guided import Guided, GuidedState, SoundWhat
from telemed_desk.workflow.it_report import report_of
from telemed_desk.workflow.link_checks import Link, LinkChecks
from telemed_desk.workflow.link_speed import LinkSpeed
from telemed_desk.workflow.media_hub import MediaHub
from telemed_desk.workflow.relay_watch import RelayWatch, RelayWord
from telemed_desk.workflow.self_check import ALL_GROUPS, CheckPorts, SelfCheck, SelfCheckState
from telemed_desk.workflow.watched import Watched
from telemed_protocol.errors import KnownError
from telemed_protocol.talk import IceServer

VERDICT_SETTING = "self_check.verdict"
CAMERA_SETTING = "devices.camera"
ISSUER_SETTING = "self_check.issuer"
HISTORY_SHOWN = 14


class Checking:
    """Public methods are called on the GUI thread and return at once."""

    def __init__(
        self,
        core: CoreThread,
        vault: Vault,
        client: ServerClient,
        hub: MediaHub,
        *,
        now_ms: Callable[[], int],
        in_call: Callable[[], bool],
        servers: Callable[[], Sequence[IceServer]] = tuple,
        folder: Path | None = None,
        on_relay: Callable[[RelayWord], None] = lambda _word: None,
    ) -> None:
        self._core = core
        self._vault = vault
        self._client = client
        self._hub = hub
        self._now_ms = now_ms
        self._servers = servers
        self._in_call = in_call
        self._http: httpx.AsyncClient | None = None
        self._folder = folder
        self._history: CheckHistory | None = None
        self._by_phone = False
        self._timing = CheckTiming()
        self._waiting: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self.state: Watched[SelfCheckState] = Watched(core.post, SelfCheckState())
        self.past: Watched[tuple[PastCheck, ...]] = Watched(core.post, ())
        self.guided: Watched[GuidedState] = Watched(core.post, GuidedState())
        self.devices: Watched[DevicesSeen] = Watched(core.post, DevicesSeen())
        self.own_picture: Watched[str] = Watched(core.post, "")
        self.own_level: Watched[float] = Watched(core.post, -96.0)
        media = MediaChecks(hub, self._usual_sharpness)
        links = LinkChecks(self._link, media)
        self._links = links
        self._check = SelfCheck(
            CheckPorts(
                devices=media.devices,
                network=links.run,
                sent_bytes=lambda: links.moved_bytes,
                now_ms=now_ms,
                in_call=in_call,
                on_state=self.state.set,
                on_verdict=self._remember,
                metered=is_metered,
                spawn=core.spawn,
            )
        )

        self._relays = RelayWatch(
            media, self._relay_specs, self._is_idle, on_relay, burst=self._burst
        )
        self._guided = Guided(hub.send, self.guided.set, self._check.take)

    @property
    def start_rung(self) -> Rung:
        """Where the next call starts: what the last check promised; any thread.

        A verdict of yesterday promises nothing. A call that is started in spite of a bad one begins
        with the voice, unless the doctor said to use the telephone.
        """
        if self._by_phone:
            return Rung.PHONE
        verdict = self.state.value.verdict
        if verdict is None or self._now_ms() - verdict.at_ms > TRUSTED_MS:
            return START_WITHOUT_VERDICT
        return max(verdict.rung, Rung.AUDIO_PHOTOS)

    def start(self, mode: CheckMode, groups: frozenset[Group] = ALL_GROUPS) -> None:
        """Run the check, or only some cards of it; refused in a call."""
        self._core.call(lambda: self._start(mode, groups))

    def start_if_stale(self) -> None:
        """Check quickly, unless the last verdict is fresh: at sign-in."""
        self._core.call(lambda: self._start_if_older(AUTO_FRESH_MS))

    def visit_ahead(self, booked_ms: int | None) -> None:
        """Tell when the next visit is: it is checked for shortly before. Cheap; once a second."""
        state = self.state.value
        checked_ms = state.verdict.at_ms if state.verdict else None
        if self._timing.visit_is_due(
            booked_ms, self._now_ms(), checked_ms=checked_ms, running=state.running
        ):
            self._core.call(lambda: self._start_if_older(BEFORE_VISIT_MS))

    def stop(self) -> None:
        """Stop it."""
        self._core.call(self._check.stop)

    def preview(self, *, on: bool) -> None:
        """Open camera and microphone to look at them, or close them and forget what was tried."""

        def show() -> None:
            if not on:
                self._guided.leave()
            self._hub.send(control.Preview(on=on))

        self._core.call(show)

    def use_phone(self) -> None:
        """Begin the next visits by telephone, until the next check says otherwise."""
        self._by_phone = True

    def choose_device(self, group: Group, spec: str) -> None:
        """Use another camera, microphone or speaker; it is checked once it is in use."""
        self._core.call(lambda: self._choose(group, spec))

    def open_settings(self, page: SettingsPage, done: Callable[[bool], None]) -> None:
        """Open a page of the system's settings; ``done`` hears whether there is one."""

        async def open_it() -> bool:
            return await asyncio.to_thread(open_page, page)

        self._core.run(open_it(), done)

    def sound_trial(self, what: SoundWhat) -> None:
        """Record five seconds, play them back, or play the sweep."""
        self._core.call(lambda: self._guided.sound(what))

    def heard_sweep(self, *, heard: bool) -> None:
        """Say whether the sweep was heard."""
        self._core.call(lambda: self._guided.heard(heard=heard))

    def look_for_chart(self, *, on: bool) -> None:
        """Look for the colour chart, or stop."""
        self._core.call(lambda: self._guided.chart(on=on))

    def report(self) -> dict[str, object]:
        """Return the report for IT on the last check."""
        state = self.state.value
        at_ms = state.verdict.at_ms if state.verdict else self._now_ms()
        seconds = (at_ms - state.started_ms) / 1000 if state.started_ms else 0.0
        return report_of(state, seconds=seconds, at_ms=at_ms, history=self.past.value)

    # ---- core thread ---------------------------------------------------------------------------

    def _start(self, mode: CheckMode, groups: frozenset[Group] = ALL_GROUPS) -> None:
        self._check.start(mode, groups)

    def _start_if_older(self, age_ms: int) -> None:
        verdict = self._check.state.verdict
        if verdict is None or not 0 <= self._now_ms() - verdict.at_ms < age_ms:
            self._start(CheckMode.QUICK)

    def _look_again_at_the_link(self, done: SelfCheckState) -> None:
        """Measure once more, after the other PC of the site that had the link just now."""
        wait_s = self._timing.again_in_s(done.findings)
        if wait_s is None:
            return

        async def later() -> None:
            await asyncio.sleep(wait_s)
            if self._is_idle():
                self._start(CheckMode.QUICK, frozenset({Group.NETWORK}))

        self._stop_waiting()
        self._waiting = self._core.spawn(later())

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()

    def call_wins(self) -> None:
        """A call begins."""
        self._stop_waiting()
        self._check.stop(by_call=True)
        self._guided.leave()
        self._relays.call_wins()

    def _is_idle(self) -> bool:
        return not self._in_call() and not self._check.state.running

    def _relay_specs(self) -> list[IceServerSpec]:
        return [IceServerSpec(s.urls, s.username, s.credential) for s in self._servers()]

    async def _burst(self) -> LinkFigures | None:
        try:
            link = await self._link()
        except KnownError:
            return None  # whoever watches the line says that
        servers = list(link.ice_servers)
        speed = LinkSpeed(link.client, link.base_url, link.token, self._hub, servers)
        return await speed.voice() if link.token else None

    def _choose(self, group: Group, spec: str) -> None:
        # The cards of these three are called as the devices are. Sounds are remembered by
        # :mod:`.sounds`, which sees what is in use.
        self._hub.use(msgspec.structs.replace(self._hub.devices, **{group.value: spec}))
        if group is Group.CAMERA:
            self._vault.set_setting(CAMERA_SETTING, spec.encode())

    def _changed(self, groups: set[Group]) -> None:
        """Devices were plugged in, unplugged or chosen: only they are checked again."""
        known = self._check.state.verdict is not None or self._check.state.running
        if groups and known and not self._in_call():
            self._start(CheckMode.QUICK, frozenset(groups))

    def recall(self) -> None:
        """Begin the watch; show what was before, and use the camera that was chosen."""
        self._watching = self._core.spawn(self._relays.run())
        self._recall_camera()
        for said in (self._hub.cameras, self._hub.sound):
            if said is not None:
                self.on_media(said)
        stored = self._vault.setting(VERDICT_SETTING)
        if stored is not None:
            verdict = msgspec.msgpack.decode(stored, type=Verdict)
            self._check.state = SelfCheckState(verdict=verdict)
            self.state.set(self._check.state)
        if self._folder is not None:
            self._history = CheckHistory(self._folder)
            self.past.set(tuple(self._history.last(HISTORY_SHOWN)))

    def _usual_sharpness(self) -> dict[str, float]:
        """Return each camera's own median of 30 days (C9), by its spec, where enough is known."""
        history, usual = self._history, {}
        if history is None:
            return {}
        since_ms = self._now_ms() - MONTH_MS
        for camera in self.devices.value.cameras:
            name = history.hashed(camera.spec)
            own = history.usual("C9", since_ms=since_ms, camera=name, least_days=USUAL_DAYS)
            if own is not None:
                usual[camera.spec] = own
        return usual

    def on_media(self, message: control.FromMedia) -> None:
        """Own picture and level."""
        if isinstance(message, control.VideoStream) and message.stream == "local":
            self.own_picture.set(message.memory)
        elif isinstance(message, control.Level):
            self.own_level.set(message.microphone_dbfs)
        elif isinstance(message, control.Cameras | control.SoundDevices):
            before, seen = self.devices.value, self.devices.value.with_news(message)
            self.devices.set(seen)
            self._changed(seen.other_than(before))
        else:
            self._guided.hear(message)

    def _recall_camera(self) -> None:
        stored = self._vault.setting(CAMERA_SETTING)
        # What the command line names for this run comes first.
        if stored is not None and self._hub.devices.camera == control.Devices().camera:
            self._hub.use(msgspec.structs.replace(self._hub.devices, camera=stored.decode()))

    async def aclose(self) -> None:
        """Stop, and close the connections."""
        if self._watching is not None:
            self._watching.cancel()
        self._stop_waiting()
        self._check.stop()
        await self._check.wait()
        if self._http is not None:
            await self._http.aclose()

    async def _link(self) -> Link:
        if self._http is None:
            context = self._client.ssl_context
            self._http = httpx.AsyncClient(
                verify=context if context is not None else False,
                trust_env=not self._client.is_local,
            )
        token = await self._client.token()
        context = self._client.ssl_context
        return Link(
            self._http,
            self._client.origin,
            token,
            self._relay_specs(),
            usual_issuer=(self._vault.setting(ISSUER_SETTING) or b"").decode(),
            own_authority=context is not None and not isinstance(context, truststore.SSLContext),
        )

    def _remember(self, done: SelfCheckState) -> Finding | None:
        """Keep a verdict, and compare its figures with the week before."""
        verdict = done.verdict
        if verdict is None:
            return None
        self._by_phone = False
        self._look_again_at_the_link(done)
        self._vault.set_setting(VERDICT_SETTING, msgspec.msgpack.encode(verdict))
        if self._links.issuer:
            self._vault.set_setting(ISSUER_SETTING, self._links.issuer.encode())
        history = self._history
        if history is None or done.groups != ALL_GROUPS:
            return None  # a part that was looked at again is no check of its own
        site = history.hashed(place_text())
        camera = history.hashed(self.devices.value.in_use(Group.CAMERA))
        since_ms = verdict.at_ms - WEEK_MS
        before = {check: history.values(check, since_ms=since_ms, site=site) for check in TRENDED}
        past = PastCheck(
            verdict.at_ms, done.mode.value, verdict.rung, verdict.decided_by, site, camera,
            {f.check: float(f.value) for f in done.findings if f.value is not None},
        )  # fmt: skip
        history.add(past)
        self.past.set(tuple(history.last(HISTORY_SHOWN)))
        return trend_finding(done.findings, before)

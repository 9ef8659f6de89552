"""The self-check within a session: its link, its memory of the last verdict, preview and level."""

from collections.abc import Callable

import httpx
import msgspec

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.findings import Verdict
from telemed_desk.media import control
from telemed_desk.sync.server_client import ServerClient
from telemed_desk.vault import Vault
from telemed_desk.workflow.core_thread import CoreThread
from telemed_desk.workflow.media_hub import MediaHub
from telemed_desk.workflow.self_check import Link, SelfCheck, SelfCheckState
from telemed_desk.workflow.watched import Watched

VERDICT_SETTING = "self_check.verdict"


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
    ) -> None:
        self._core = core
        self._vault = vault
        self._client = client
        self._hub = hub
        self._http: httpx.AsyncClient | None = None
        self.state: Watched[SelfCheckState] = Watched(core.post, SelfCheckState())
        self.own_picture: Watched[str] = Watched(core.post, "")
        self.own_level: Watched[float] = Watched(core.post, -96.0)
        self._check = SelfCheck(
            hub,
            self._link,
            now_ms=now_ms,
            in_call=in_call,
            on_state=self.state.set,
            on_verdict=self._remember,
        )

    @property
    def start_rung(self) -> Rung:
        """Where the next call starts: what the last check promised; any thread."""
        verdict = self.state.value.verdict
        return verdict.rung if verdict is not None else Rung.VIDEO

    def start(self, *, quick: bool) -> None:
        """Run the check; refused in a call."""
        self._core.call(lambda: self._check.start(quick=quick))

    def stop(self) -> None:
        """Stop it."""
        self._core.call(self._check.stop)

    def preview(self, *, on: bool) -> None:
        """Open camera and microphone to look at them, or close them."""
        self._core.call(lambda: self._hub.send(control.Preview(on=on)))

    # ---- core thread ---------------------------------------------------------------------------

    def call_wins(self) -> None:
        """A call begins."""
        self._check.stop()

    def recall(self) -> None:
        """Show the verdict of before."""
        stored = self._vault.setting(VERDICT_SETTING)
        if stored is not None:
            verdict = msgspec.msgpack.decode(stored, type=Verdict)
            self._check.state = SelfCheckState(verdict=verdict)
            self.state.set(self._check.state)

    def on_media(self, message: control.FromMedia) -> None:
        """Own picture and level."""
        if isinstance(message, control.VideoStream) and message.stream == "local":
            self.own_picture.set(message.memory)
        elif isinstance(message, control.Level):
            self.own_level.set(message.microphone_dbfs)

    async def aclose(self) -> None:
        """Stop, and close the connections."""
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
        return Link(self._http, self._client.origin, await self._client.token())

    def _remember(self, verdict: Verdict) -> None:
        self._vault.set_setting(VERDICT_SETTING, msgspec.msgpack.encode(verdict))

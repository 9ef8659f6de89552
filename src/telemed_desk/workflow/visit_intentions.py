"""What the doctor does to a running call, said on the GUI thread and done on the core thread."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from telemed_desk.clinical.ladder import Rung
from telemed_desk.workflow.visit import Visit


class VisitIntentions(ABC):
    """Part of the session; without a visit nothing happens."""

    @abstractmethod
    def _with_visit(self, action: Callable[[Visit], None]) -> None: ...

    def mute(self, *, microphone: bool, camera: bool) -> None:
        """Stop or go on sending sound or picture."""
        self._with_visit(lambda v: v.mute(microphone=microphone, camera=camera))

    def use_clinical_sound(self, *, on: bool) -> None:
        """Send cough, breath and stethoscope as they sound, or a voice without noise."""
        self._with_visit(lambda v: v.use_clinical_sound(on=on))

    def choose_rung(self, rung: Rung) -> None:
        """Neither send nor ask for more than this rung; HD video = as good as the link allows."""
        self._with_visit(lambda v: v.choose(rung))

    def share_screen(self, *, on: bool) -> None:
        """Show this PC's screen to everybody in the call, or stop."""
        self._with_visit(lambda v: v.share_screen(on=on))

    def take_photo(self) -> None:
        """Ask the patient for a photo."""
        self._with_visit(lambda v: v.take_photo())

"""A desk that joined a colleague's call: what it wants holds over every connection of that call."""

from telemed_desk.clinical.ladder import Rung
from telemed_desk.media import control
from telemed_desk.workflow.joining import JoinedState, Joining, JoiningPorts
from telemed_protocol import talk
from telemed_protocol.joinlink import JoinLink

LINK = JoinLink(bytes(16), bytes(16)).url("https://clinic.example")


class Around:
    """What is said to the media process; what is said to the other desk goes nowhere."""

    def __init__(self) -> None:
        self.media: list[control.ToMedia] = []
        self.states: list[JoinedState] = []
        ports = JoiningPorts(
            self.media.append, lambda _s, _w: None, lambda work: work.close(), lambda: 0
        )
        self.joining = Joining(LINK, "Dr Mfano", ports, self.states.append, start_rung=Rung.VIDEO)

    def offered(self, call: str) -> None:
        self.joining._told(talk.Offer(call, 0, "sdp"))

    def chosen(self) -> list[int]:
        return [m.rung for m in self.media if isinstance(m, control.ChooseRung)]


def test_speaking_into_a_muted_microphone_is_shown_and_levels_alone_are_no_news() -> None:
    desk = Around()
    for speaking in (False, False, True, True, False):
        desk.joining.on_media(control.Level(-20.0, -90.0, speaking))
    assert [s.speaking_while_muted for s in desk.states] == [True, False]


def test_a_choice_is_said_again_to_every_new_connection_and_only_then() -> None:
    desk = Around()
    desk.offered("one")
    assert desk.chosen() == []
    desk.joining.choose(Rung.LOW_VIDEO)
    assert desk.chosen() == [Rung.LOW_VIDEO]
    assert desk.states[-1].chosen is Rung.LOW_VIDEO
    desk.offered("one")  # another path of the same call
    assert desk.chosen() == [Rung.LOW_VIDEO]
    desk.offered("two")
    assert desk.chosen() == [Rung.LOW_VIDEO, Rung.LOW_VIDEO]
    kinds = [type(m) for m in desk.media]
    last_start = len(kinds) - 1 - kinds[::-1].index(control.StartCall)
    assert control.ChooseRung in kinds[last_start:]  # a call that ended took the choice with it
    desk.joining.choose(Rung.HD_VIDEO)
    desk.offered("three")
    assert desk.chosen()[-1] == Rung.HD_VIDEO
    assert len(desk.chosen()) == 3

"""Whatever comes over the data channel, each reader takes what is its own and leaves the rest."""

import json
import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telemed_desk.clinical.ladder import Rung
from telemed_desk.media.engine.peer_hint import rung_asked
from telemed_desk.media.others_screen import screen_told
from telemed_desk.media.photo_giving import PhotoGiving
from telemed_desk.media.photos import PhotoInbox

many = settings(
    max_examples=int(os.environ.get("TELEMED_SEEDS", "300")),
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
odd = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from([10**400, "1", "", "photo", "NaN", "\x00", "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
KEYS = ("t", "video", "max_kbps", "scale", "fps", "why", "on", "id", "size", "sha256", "at", "upto")
KINDS = ("send", "screen", "hello", "photo-request", "photo-begin", "photo-end", "photo-credit")
almost = st.builds(
    lambda kind, rest: json.dumps(rest | {"t": kind}),
    st.sampled_from(KINDS) | odd,
    st.dictionaries(st.sampled_from(KEYS), odd, max_size=6),
)
messages = st.one_of(almost, st.text(max_size=60), st.binary(max_size=60))


@many
@given(messages)
def test_every_reader_of_the_channel_survives_every_message(message: str | bytes) -> None:
    assert rung_asked(message) in (None, *Rung)
    assert screen_told(message) in (None, True, False)
    inbox = PhotoInbox()
    inbox.ask("photo")
    inbox.take(message)
    sent: list[str | bytes] = []

    def send(out: str | bytes) -> bool:
        sent.append(out)
        return True

    PhotoGiving(send, lambda _photo: None, lambda: 0.0).on_data(message)
    assert not [out for out in sent if isinstance(out, bytes)]  # nothing was asked of a camera


def test_depth_and_length_are_bounded() -> None:
    for message in ("[" * 100_000, '{"t":"send","x":' + "[" * 900, "9" * 5_000):
        assert rung_asked(message) is None
        assert screen_told(message) is None
        PhotoInbox().take(message)

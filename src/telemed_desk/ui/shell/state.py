"""The one value behind rail, top bar and status line. Plain Python."""

from dataclasses import dataclass

from telemed_desk.clinical.ladder import Rung
from telemed_desk.ui import words
from telemed_desk.ui.text import t, tn
from telemed_desk.workflow.status import DeskStatus

Screen = str
TODAY: Screen = "today"
SYNC: Screen = "sync"
SELF_CHECK: Screen = "self_check"
PAGES: tuple[Screen, ...] = (TODAY, SYNC, SELF_CHECK)
"""Screens of the rail that exist, in order; Ctrl+1 is the first."""
RECORD: Screen = "record"
FRAMED: tuple[Screen, ...] = (*PAGES, RECORD)
"""Screens with rail and top bar round them."""
STEADY_RTT_MS = 300.0
SLOW_RTT_MS = 800.0


@dataclass(frozen=True, slots=True)
class StatusState:
    """What the status line says. ``*_strong`` is the part in heavier type.

    ``sync_help`` stands before ``sync``, in red, when sending needs a person.
    """

    link_rung: Rung = Rung.NO_LINK
    link_strong: str = ""
    link_more: str = ""
    saved: str = ""
    saved_tone: str = ""
    sync: str = ""
    sync_help: str = ""
    lock: str = ""
    mode: str = ""
    version: str = ""
    clinician: str = ""
    clinician_more: str = ""
    initials: str = ""
    clinic: str = ""
    sync_badge: int = 0


@dataclass(frozen=True, slots=True)
class CallLink:
    """What the status line says of a running call."""

    rung: Rung
    more: str = ""
    word: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """Who works here, and where; fixed between unlock and lock."""

    name: str = ""
    role: str = ""
    initials: str = ""
    clinic: str = ""
    practice: bool = False
    version: str = ""
    lock_minutes: int = 5


def status_state(
    status: DeskStatus, person: Person, now_ms: int, call: CallLink | None = None
) -> StatusState:
    """Put the facts into words: link, this PC and sync are three statements, never merged."""
    rung, strong, more = _with_relay(status)
    if call is not None:
        rung = call.rung
        strong = t("status.call", rung=call.word or words.rung_word(call.rung))
        more = call.more
    saved, tone = _with_space(status, *_saved(status, now_ms, in_call=call is not None))
    return StatusState(
        link_rung=rung,
        link_strong=strong,
        link_more=more,
        saved=saved,
        saved_tone=tone,
        sync=_sync(status),
        sync_help=t("status.sync.help") if status.held is not None else "",
        lock=t("status.lock_paused") if call else tn("status.lock", person.lock_minutes),
        mode=t("status.practice") if person.practice else "",
        version=t("status.version", version=person.version) if person.version else "",
        clinician=person.name,
        clinician_more=person.role,
        initials=person.initials,
        clinic=person.clinic,
        sync_badge=1 if status.held is not None else 0,
    )


def _link(status: DeskStatus) -> tuple[Rung, str, str]:
    if status.link == "connecting":
        return Rung.NO_LINK, t("status.link.connecting"), ""
    if status.link == "offline":
        since = status.link_since_ms
        more = t("status.link.since", time=words.clock(since)) if since else ""
        return Rung.NO_LINK, t("status.link.none"), more
    rtt = status.rtt_ms
    if rtt is None:
        return Rung.VIDEO, t("status.link.there"), ""
    more = t("status.link.rtt", n=round(rtt))
    if status.relay == "no-udp":
        more = f"{more} · {t('status.relay.no_udp')}"
    if rtt <= STEADY_RTT_MS:
        return Rung.HD_VIDEO, t("status.link.good"), more
    if rtt <= SLOW_RTT_MS:
        return Rung.LOW_VIDEO, t("status.link.slow"), more
    return Rung.AUDIO_PHOTOS, t("status.link.weak"), more


def _with_relay(status: DeskStatus) -> tuple[Rung, str, str]:
    """Return what is said of the link, unless a call would not find its relay."""
    rung, strong, more = _link(status)
    if status.link == "online" and status.relay == "away":
        return min(rung, Rung.AUDIO_PHOTOS), t("status.relay.away"), more
    if status.link == "online" and status.relay == "gaps":
        return min(rung, Rung.LOW_VIDEO), t("status.relay.gaps"), more
    return rung, strong, more


def _saved(status: DeskStatus, now_ms: int, *, in_call: bool) -> tuple[str, str]:
    if status.save_problem:
        return t("status.saved.problem"), "danger"
    if status.unsaved:
        return t("status.saved.writing"), ""
    if in_call and status.saved_ms is not None:
        return t("status.saved.ago", ago=words.ago(now_ms - status.saved_ms)), ""
    return t("status.saved.all"), ""


def _with_space(status: DeskStatus, saved: str, tone: str) -> tuple[str, str]:
    """Say beside what is saved that the disk takes less, or soon will."""
    space = status.space
    if space is None or space.level == "plenty":
        return saved, tone
    said = t(f"status.space.{space.level}", free=words.size(space.free_bytes))
    stopped = space.level != "low"
    return f"{saved} · {said}", tone or ("warn" if stopped else "")


def _sync(status: DeskStatus) -> str:
    if status.held is not None:
        return tn("status.sync.held", status.waiting_to_sync)
    if not status.waiting_to_sync:
        if status.last_contact_ms is None:
            return t("status.sync.none_yet")
        return t("status.sync.all", time=words.clock(status.last_contact_ms))
    parts = [tn("status.sync.waiting", status.waiting_to_sync)]
    if status.waiting_bytes:
        parts.append(words.size(status.waiting_bytes))
    if status.sync is not None and status.sync.paused:
        parts.append(t("status.sync.paused"))
    return " · ".join(parts)

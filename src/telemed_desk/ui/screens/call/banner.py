"""The one banner of the call screen: what matters most of all that could be said."""

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.problems import PROBLEMS
from telemed_desk.ui import words
from telemed_desk.ui.screens.call.state import BannerTone
from telemed_desk.ui.text import t
from telemed_desk.workflow.visit import VisitState

Said = tuple[BannerTone, str, str]
"""Tone, title, words."""


def banner(visit: VisitState) -> Said:
    """Return what matters most; empty when nothing does."""
    for look in (_of_the_call, _of_devices, _of_the_screen, _of_the_rung, _of_photos):
        said = look(visit)
        if said is not None:
            return said
    return "info", "", ""


def _of_the_call(visit: VisitState) -> Said | None:
    if visit.phase == "restarting":
        return "warn", t("call.banner.restarting"), t("call.banner.restarting.words")
    if visit.phase == "patient-away":
        name = visit.waiting.patient.given_name
        at = words.clock(visit.lost_ms) if visit.lost_ms is not None else ""
        return "warn", t("call.banner.left", name=name, time=at), t("call.banner.left.words")
    return None


def _of_devices(visit: VisitState) -> Said | None:
    known = (PROBLEMS.get(device.code) for device in visit.devices.values())
    problem = next((problem for problem in known if problem is not None), None)
    if problem is None and not visit.sound.headphones:
        problem = PROBLEMS.get(visit.sound.problem)
    return None if problem is None else ("warn", problem.sentence, problem.next_step)


def _of_the_screen(visit: VisitState) -> Said | None:
    if visit.phase == "ended":
        return None
    if visit.screen.code:
        return "warn", t("call.share.failed"), t("call.share.failed.words")
    if visit.screen.on:
        return "warn", t("call.share.banner"), t("call.share.banner.words")
    return None


def _of_the_rung(visit: VisitState) -> Said | None:
    if visit.phase != "connected" or visit.rung > Rung.AUDIO_PHOTOS:
        return None
    voice = visit.rung is Rung.AUDIO_PHOTOS
    key = "call.banner.voice" if voice else "call.banner.phone"
    name = visit.waiting.patient.given_name
    if voice and visit.reason == "choice":
        return "info", t("call.banner.chosen"), t("call.banner.chosen.words", name=name)
    return "warn" if voice else "danger", t(key), t(f"{key}.words", name=name)


def _of_photos(visit: VisitState) -> Said | None:
    if visit.photo_problem is not None:
        return "warn", visit.photo_problem.sentence, visit.photo_problem.next_step
    if visit.problem != "photo-consent":
        return None
    return "info", t("call.photo.consent", name=visit.waiting.patient.given_name), ""

"""Turns facts of a visit into the words of the call screen. Plain functions."""

from telemed_desk.clinical.call_record import CallSummary
from telemed_desk.clinical.ladder import Rung
from telemed_desk.clinical.people import Patient
from telemed_desk.ui import words
from telemed_desk.ui.path import Leg, LegTone, Node, PathState
from telemed_desk.ui.screens.call.state import Controls, Header, Link, Stage
from telemed_desk.ui.text import has_text, t, tn
from telemed_desk.vault import SpaceLeft
from telemed_desk.workflow.visit import VisitState

SOON_MS = 5 * words.MINUTE_MS
"""The next patient's time turns amber this long before."""
WEAK_RTT_MS = 400.0
FAILING_RTT_MS = 1200.0
WEAK_LOSS = 0.04
FAILING_LOSS = 0.2


def header(visit: VisitState, now_ms: int, next_ms: int | None) -> Header:
    """Say who it is."""
    waiting = visit.waiting
    patient, consultation = waiting.patient, waiting.consultation
    consent, consent_tone = t("call.consent.none"), "warn"
    if waiting.consent_care or consultation.consent_ms is not None:
        photos = waiting.consent_photos or consultation.consent_photos
        consent = t("call.consent.photos" if photos else "call.consent.video")
        if consultation.consent_ms is not None:
            consent = f"{consent}, {words.clock(consultation.consent_ms)}"
        consent_tone = "ok"
    started = visit.connected_ms or visit.started_ms
    return Header(
        name=words.patient_name(patient),
        given_name=patient.given_name,
        facts=words.patient_line(patient, words.local(now_ms).year),
        programme=consultation.programme,
        programme_name=t(f"programme.{consultation.programme.value}"),
        allergies=_allergies(patient),
        allergies_tone="danger" if patient.allergies else "warn",
        identity=t("call.identity.ok" if waiting.identity_ok else "call.identity.no"),
        identity_tone="ok" if waiting.identity_ok else "warn",
        consent=consent,
        consent_tone="ok" if consent_tone == "ok" else "warn",
        timer=words.stopwatch(now_ms - started),
        next_patient=t("call.next", time=words.clock(next_ms)) if next_ms else "",
        next_soon=next_ms is not None and next_ms - now_ms <= SOON_MS,
        phone=patient.phone,
    )


def _allergies(patient: Patient) -> str:
    """Say which; that there are none is said by nothing, so not while they may still come."""
    names = ", ".join(patient.allergies)
    if patient.incomplete:
        return t("call.allergy.more", names=names) if names else t("call.allergy.unread")
    return t("call.allergy", names=names) if names else ""


def stage(visit: VisitState, *, show_local: bool) -> Stage:
    """Say what lies on the picture."""
    name = visit.waiting.patient.given_name
    stale, said = "", ""
    lost = words.clock_s(visit.lost_ms) if visit.lost_ms is not None else ""
    if visit.phase == "calling":
        said = t("call.stage.calling", name=name)
    elif visit.phase in {"reconnecting", "restarting"}:
        stale = t("call.stage.frozen", time=lost)
        said = t("call.stage.reconnecting", name=name)
    elif visit.phase == "patient-away":
        stale = t("call.stage.not_live", time=lost)
        said = t("call.stage.left", name=name)
    elif visit.phase == "ended":
        said = t("call.stage.ended")
    elif not visit.patient_camera:
        said = t("call.stage.no_camera", name=name)
    voice_only = visit.phase == "connected" and visit.rung <= Rung.AUDIO_PHOTOS
    if visit.phase == "connected" and visit.stats is not None and visit.stats.picture_stands:
        stale = t("call.stage.stands")
    return Stage(
        remote_memory="" if visit.phase == "ended" else visit.remote_memory,
        local_memory="" if visit.phase == "ended" or visit.camera_off else visit.local_memory,
        screen_memory="" if visit.phase == "ended" else visit.others_screen,
        label=words.patient_name(visit.waiting.patient),
        stale=t("call.stage.last_picture") if voice_only else stale,
        words=said,
        progress=_photo_progress(visit),
        voice_only=voice_only,
        voice_words=_voice_quality(visit) if voice_only else "",
        show_local=show_local and visit.phase != "ended",
    )


def _photo_progress(visit: VisitState) -> str:
    progress = visit.photo_progress
    if progress is None:
        return ""
    if progress.problem:
        key = f"call.photo.problem.{progress.problem}"
        return t(key if has_text(key) else "call.photo.problem.other")
    if progress.size:
        return t(
            "call.photo.arriving", got=words.size(progress.received), of=words.size(progress.size)
        )
    return t("call.photo.asked")


def _voice_quality(visit: VisitState) -> str:
    concealed = visit.stats.concealed_ratio if visit.stats is not None else None
    if concealed is None:
        return t("call.voice.unknown")
    if concealed < 0.02:
        return t("call.voice.clear")
    return t("call.voice.gaps" if concealed < 0.1 else "call.voice.poor")


def controls(visit: VisitState, space: SpaceLeft | None = None) -> Controls:
    """Say what the buttons do now, with so much room on the disk."""
    off = visit.phase == "connected" and visit.rung <= Rung.AUDIO_PHOTOS and not visit.camera_off
    by_choice = off and visit.reason == "choice"
    reason = ""
    if not visit.waiting.consultation.consent_photos and not visit.waiting.consent_photos:
        reason = t("call.photo.consent", name=visit.waiting.patient.given_name)
    elif visit.phase != "connected":
        reason = t("call.photo.no_call")
    elif visit.photo_progress is not None and not visit.photo_progress.problem:
        reason = t("call.photo.busy")
    elif space is not None and space.level in {"no-photos", "notes-only"}:
        reason = t("call.photo.no_room")
    return Controls(
        muted=visit.microphone_muted,
        speaking_while_muted=visit.speaking_while_muted and visit.microphone_muted,
        camera_off=visit.camera_off,
        camera_by_link=off and not by_choice,
        camera_by_choice=by_choice,
        clinical_sound=visit.clinical_sound,
        clinical_tip=_clinical_tip(visit),
        sharing=visit.screen.on,
        photo_label=t("call.photo.ask" if off else "call.photo.take"),
        photo_enabled=not reason,
        photo_reason=reason,
    )


def _clinical_tip(visit: VisitState) -> str:
    """Say what the switch does, and once it is on, what is still done to the sound."""
    if not visit.clinical_sound:
        return t("call.clinical.tip")
    echo = visit.sound.cancels_echo and not visit.sound.headphones
    return t("call.clinical.tip.echo" if echo else "call.clinical.tip.on")


def link(visit: VisitState, now_ms: int) -> Link:
    """Name the limit in one sentence, with its figure."""
    name = visit.waiting.patient.given_name
    rung = visit.rung if visit.phase == "connected" else Rung.NO_LINK
    stats = visit.stats
    nodes = (Node(t("node.this_pc"), "monitor"), Node(name, "smartphone"))
    if visit.phase != "connected":
        sentence = _summary(visit.summary) or t(f"call.link.{visit.phase}", name=name)
        word = t(f"call.phase.{visit.phase}")
        return Link(rung, word, sentence, visit.chosen, PathState(nodes, (Leg("", "none"),)))
    since = now_ms - (visit.connected_ms or now_ms)
    sentence = t("call.link.steady", span=words.ago(since)) if since >= 0 else ""
    sentence = _limited_by(visit) or sentence
    leg, tone = _leg(visit)
    if stats is not None and "relay" in stats.path:
        leg = " · ".join(part for part in (leg, t("call.link.relay")) if part)
    return Link(
        rung, words.rung_word(rung), sentence, visit.chosen, PathState(nodes, (Leg(leg, tone),))
    )


def _limited_by(visit: VisitState) -> str:
    """Say what keeps the call from the highest rung; empty when nothing does."""
    stats = visit.stats
    if stats is None:
        return ""
    if visit.reason == "choice":
        return t("call.link.choice", choice=t(f"call.choice.{int(visit.chosen)}"))
    name = visit.waiting.patient.given_name
    said = {key: t(f"call.link.{key}", name=name) for key in ("processor", "other-side")}
    if visit.reason == "loss":
        return t("call.link.loss", n=_percent(_loss(visit)))
    if visit.reason == "rate" and stats.estimate_bps is not None:
        key = "call.link.rate" if visit.rung >= Rung.LOW_VIDEO else "call.link.rate_low"
        return t(key, rate=words.rate(stats.estimate_bps))
    if visit.reason == "delay" and stats.rtt_ms is not None:
        return t("call.link.delay", delay=t("unit.ms", n=round(stats.rtt_ms)))
    return said.get(visit.reason, "")


def _summary(summary: CallSummary | None) -> str:
    """Say what the call was like, once it is over."""
    if summary is None or not summary.seconds:
        return ""
    parts = [
        t("call.summary.part", rung=words.rung_word(rung), n=round(100 * s / summary.seconds))
        for rung, s in sorted(summary.by_rung.items(), reverse=True)
    ]
    said = [t("call.summary", span=words.stopwatch(1000 * summary.seconds), parts=", ".join(parts))]
    if summary.interruptions:
        said.append(tn("call.summary.cuts", summary.interruptions))
    if summary.frozen_ms >= 1000:
        said.append(t("call.summary.frozen", span=words.stopwatch(summary.frozen_ms)))
    return " ".join(said)


def _loss(visit: VisitState) -> float | None:
    if visit.stats is None:
        return None
    known = [
        ratio
        for ratio in (visit.stats.send_loss_ratio, visit.stats.receive_loss_ratio)
        if ratio is not None
    ]
    return max(known) if known else None


def _percent(ratio: float | None) -> str:
    return "?" if ratio is None else f"{ratio * 100:.1f}".removesuffix(".0")


def figures(visit: VisitState) -> str:
    """Return delay and loss in words, for the link and the status line."""
    parts = []
    if visit.stats is not None and visit.stats.rtt_ms is not None:
        parts.append(t("unit.ms", n=round(visit.stats.rtt_ms)))
    loss = _loss(visit)
    if loss is not None:
        parts.append(t("call.loss", n=_percent(loss)) if loss > 0 else t("call.loss.none"))
    return " · ".join(parts)


def _leg(visit: VisitState) -> tuple[str, LegTone]:
    loss = _loss(visit) or 0.0
    rtt = visit.stats.rtt_ms if visit.stats is not None else None
    delay = rtt or 0.0
    tone: LegTone = "ok"
    # A rung that was chosen says nothing of the way.
    rung = Rung.HD_VIDEO if visit.reason == "choice" else visit.rung
    if delay > FAILING_RTT_MS or loss > FAILING_LOSS or rung <= Rung.AUDIO_PHOTOS:
        tone = "danger"
    elif delay > WEAK_RTT_MS or loss > WEAK_LOSS or rung is Rung.LOW_VIDEO:
        tone = "warn"
    return figures(visit), tone

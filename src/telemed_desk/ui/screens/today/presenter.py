"""Today: who waits, who comes next, and what may be done about each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from telemed_desk.clinical.consultations import ConsultationState
from telemed_desk.clinical.ladder import Rung
from telemed_desk.clinical.queue import LONG_WAIT_MINUTES, Waiting, in_order
from telemed_desk.ui import words
from telemed_desk.ui.screens.today.lanes import Booked, lanes_of
from telemed_desk.ui.screens.today.lost import lost_banner, taken_words
from telemed_desk.ui.screens.today.ports import (
    ClaimPort,
    LinkResult,
    PatientLink,
    TodayPort,
    Ways,
)
from telemed_desk.ui.screens.today.state import (
    Action,
    LinkDialog,
    NextRow,
    State,
    VerdictChip,
    WaitingRow,
)
from telemed_desk.ui.text import t, tn
from telemed_desk.workflow.claiming import Holder, LostVisit

__all__ = [
    "Booked",
    "ClaimPort",
    "LinkResult",
    "PatientLink",
    "TodayPort",
    "TodayPresenter",
    "Ways",
]
CHECK_AGE_MS = 12 * words.HOUR_MS
"""An older self-check says nothing about today."""
FIRST_HOUR, LAST_HOUR = 8, 17


class TodayPresenter:
    """Decides what Today shows. GUI thread.

    Args:
        port: The workflow's session.
        ways: Navigation.
        now_ms: Wall clock.
        show: Gets every new state.
        practice: Fictional clinic.
        claims: Takes visits; None = visits are taken by calling alone.
    """

    def __init__(
        self,
        port: TodayPort,
        ways: Ways,
        now_ms: Callable[[], int],
        show: Callable[[State], None],
        *,
        practice: bool = False,
        claims: ClaimPort | None = None,
    ) -> None:
        self._port = port
        self._claims = claims
        self._holders: Mapping[bytes, Holder] = {}
        self._lost: tuple[LostVisit, ...] = ()
        self._ways = ways
        self._now_ms = now_ms
        self._show = show
        self._waiting: tuple[Waiting, ...] = ()
        self._unknown = 0
        self._as_of_ms = 0
        self._day: tuple[Booked, ...] = ()
        self._offline_since_ms: int | None = None
        self._checked: tuple[Rung, str, int] | None = None
        self.state = State(practice=practice)
        self.tick()

    def _set(self, **changes: object) -> None:
        changed = replace(self.state, **changes)  # type: ignore[arg-type]  # names checked by replace
        if changed != self.state:
            self.state = changed
            self._show(changed)

    # ---- facts in ------------------------------------------------------------------------------

    def room(self, waiting: Sequence[Waiting], *, unknown: int = 0, as_of_ms: int = 0) -> None:
        """The waiting room as the server last told it."""
        self._waiting = tuple(in_order(waiting))
        self._unknown = unknown
        self._as_of_ms = as_of_ms or self._now_ms()
        if self.state.starting and self.state.starting not in {w.seat for w in self._waiting}:
            self._set(starting="")
        self.tick()

    def day(
        self,
        booked: Sequence[Booked],
        holders: Mapping[bytes, Holder] | None = None,
        lost: Sequence[LostVisit] = (),
    ) -> None:
        """Today's consultations, whatever their state; who has them, and which were lost to whom."""
        self._holders, self._lost = holders or {}, tuple(lost)
        self._day = tuple(sorted(booked, key=lambda b: b.consultation.booked_ms))
        self.tick()

    def offline(self, since_ms: int | None) -> None:
        """The link went, or (None) is there."""
        self._offline_since_ms = since_ms
        self.tick()

    def checked(self, rung: Rung, word: str, at_ms: int) -> None:
        """The self-check came to a verdict."""
        self._checked = (rung, word, at_ms)
        self.tick()

    def recovered(self, characters: int) -> None:
        """After a crash: how much unsaved writing was found again."""
        if characters:
            self._set(
                recovered_title=tn("today.recovered", characters),
                recovered_words=t("today.recovered.words"),
            )

    def tick(self) -> None:
        """At least every 20 s: spans of time go on."""
        now = self._now_ms()
        at = words.local(now)
        rows = tuple(self._row(waiting, now) for waiting in self._waiting)
        coming = self._next_rows(now)
        booked = [r for r in coming if not r.unfinished]
        first = booked[0] if booked else None
        since = self._offline_since_ms
        self._set(
            date=words.long_date(now),
            summary=self._summary(now, len(rows), len(booked)),
            verdict=self._verdict(now),
            waiting=rows,
            unknown=tn("today.unknown", self._unknown) if self._unknown else "",
            as_of=t("as_of", time=words.clock(self._as_of_ms)) if since is not None else "",
            empty_words=t("today.empty.next", name=first.name, time=first.time)
            if first
            else t("today.empty.none"),
            next_entity=first.entity if first else b"",
            lanes=lanes_of(self._day, now),
            now_min=at.hour * 60 + at.minute,
            hours=self._hours(at.hour),
            next_rows=coming,
            missed=self._missed(),
            lost=lost_banner(self._lost),
            offline_title=t("today.offline", time=words.clock(since)) if since is not None else "",
            offline_words=t("today.offline.words") if since is not None else "",
        )

    # ---- intentions ----------------------------------------------------------------------------

    def act(self, seat: str, kind: str) -> None:
        """A row's button: start the visit."""
        row = next((r for r in self.state.waiting if r.seat == seat), None)
        allowed = row is not None and any(a.kind == kind and a.enabled for a in row.actions)
        if kind in {"start", "audio"} and allowed and not self.state.starting:
            self._set(starting=seat)
            self._port.start_visit(seat)

    def start_first(self) -> None:
        """Start with whoever is first and can be called (Ctrl+N); never with somebody else's."""
        for row in self.state.waiting:
            if row.taken:
                continue
            for action in row.actions:
                if action.enabled and action.kind in {"start", "audio"}:
                    self.act(row.seat, action.kind)
                    return

    def started(self) -> None:
        """The visit opened, or could not."""
        self._set(starting="")

    def unflag(self, seat: str, reason: str) -> None:
        """Take the urgent flag off, with a reason."""
        if reason.strip():
            self._port.clear_urgent(seat, reason.strip())

    def open_link(self, consultation: bytes) -> None:
        """Show the patient's link with its QR code."""
        name = next(
            (
                words.patient_name(b.patient)
                for b in self._day
                if b.consultation.entity == consultation
            ),
            "",
        )
        self._set(link=LinkDialog(name))
        self._port.link_for(consultation, self._linked)

    def _linked(self, result: LinkResult) -> None:
        shown = self.state.link
        if shown is None:
            return
        if result.link is not None:
            valid = t("today.link.valid", time=words.clock(result.link.expires_ms))
            self._set(link=replace(shown, url=result.link.url, valid=valid, working=False))
        elif result.problem is not None:
            problem = result.problem
            self._set(
                link=replace(
                    shown, working=False, sentence=problem.sentence, next_step=problem.next_step
                )
            )

    def close_link(self) -> None:
        """The dialog was closed: the link is forgotten here."""
        self._set(link=None)

    def dismiss_recovered(self) -> None:
        """The banner was read."""
        self._set(recovered_title="", recovered_words="")

    def open_note(self, consultation: bytes) -> None:
        """Finish a note."""
        self._ways.open_note(consultation)

    def open_record(self, patient: bytes, consultation: bytes) -> None:
        """Read a record."""
        self._ways.open_record(patient, consultation)

    def phone(self, consultation: bytes) -> None:
        """Hold a visit by telephone; works without a link."""
        row = next((r for r in self.state.next_rows if r.entity == consultation), None)
        if row is not None and row.may_phone and self._claims is not None:
            self._claims.take_by_phone(consultation)

    def read_lost(self) -> None:
        """It was read that somebody else had the visit first."""
        if self._lost and self._claims is not None:
            self._claims.was_read(self._lost[0])

    def open_lost(self) -> None:
        """Read the visit that was lost: what was written here stands in it."""
        shown = self.state.lost
        if shown is not None:
            self._ways.open_record(shown.patient, shown.consultation)

    def take_over(self) -> None:
        """Take the visit that was lost after all."""
        if self._lost and self._claims is not None:
            self._claims.take_over(self._lost[0])

    def open_self_check(self) -> None:
        """Go to the self-check."""
        self._ways.open_self_check()

    # ---- words ---------------------------------------------------------------------------------

    def _row(self, waiting: Waiting, now: int) -> WaitingRow:
        patient, visit = waiting.patient, waiting.consultation
        minutes = waiting.minutes_waited(self._as_of_ms if self._offline_since_ms else now)
        warning = ""
        if waiting.identity_ok is False:
            warning = t("today.identity")
        elif taken := self._taken(visit.entity):
            warning = taken
        elif not waiting.present:
            warning = t("today.away")
        facts = words.patient_line(patient, words.local(now).year)
        if patient.remarks:
            facts = f"{facts} · {patient.remarks}"
        if waiting.helper:
            facts = f"{facts} · {t('today.helper')}"
        return WaitingRow(
            seat=waiting.seat,
            name=words.patient_name(patient),
            chip=t("today.booked", time=words.clock(visit.booked_ms)),
            facts=facts,
            waited=t("unit.min", n=minutes),
            long_wait=minutes >= LONG_WAIT_MINUTES,
            arrived=t("today.arrived", time=words.clock(waiting.arrived_ms)),
            programme=visit.programme,
            programme_name=t(f"programme.{visit.programme.value}"),
            rung=waiting.rung,
            rung_word=words.rung_word(waiting.rung)
            if waiting.rung is not None
            else t("today.testing" if waiting.identity_ok else "today.answering"),
            actions=self._actions(waiting),
            urgent_reason=waiting.urgent_reason
            if waiting.urgent_reason != "worse"
            else t("today.worse"),
            warning=warning,
            taken=bool(self._taken(visit.entity)),
        )

    def _actions(self, waiting: Waiting) -> tuple[Action, ...]:
        extra = (Action("unflag", t("today.unflag"), ""),) if waiting.is_urgent else ()
        reason = ""
        if self._offline_since_ms is not None:
            reason = t("today.reason.offline")
        elif waiting.identity_ok is None:
            reason = t("today.reason.answering", name=waiting.patient.given_name)
        elif waiting.identity_ok is False:
            reason = t("today.reason.identity")
        elif waiting.rung is None:
            reason = t("today.reason.testing", name=waiting.patient.given_name)
        low = waiting.rung is not None and waiting.rung <= Rung.AUDIO_PHOTOS
        word = t("today.audio" if low else "today.start")
        if self._taken(waiting.consultation.entity):
            word = t("today.take_over")
        start = Action(
            "audio" if low else "start",
            word,
            "mic" if low else "video",
            primary=waiting.is_urgent,
            enabled=not reason,
            reason=reason,
        )
        return (*extra, start)

    def _next_rows(self, now: int) -> tuple[NextRow, ...]:
        seated = {w.consultation.entity for w in self._waiting}
        rows = []
        for booked in self._day:
            visit = booked.consultation
            unfinished = visit.state in {ConsultationState.WRITING, ConsultationState.IN_CALL}
            if visit.entity in seated or not (
                unfinished or visit.state in {ConsultationState.BOOKED, ConsultationState.WAITING}
            ):
                continue
            taken = self._taken(visit.entity)
            free = visit.state in {ConsultationState.BOOKED, ConsultationState.WAITING}
            reason = t("today.unfinished") if unfinished else visit.reason
            rows.append(
                NextRow(
                    entity=visit.entity,
                    time=words.clock(visit.booked_ms),
                    name=words.patient_name(booked.patient),
                    reason=taken or reason,
                    programme=visit.programme,
                    programme_name=t(f"programme.short.{visit.programme.value}"),
                    way=t("today.way", way=t(f"way.{visit.way.value}"), n=visit.minutes),
                    late=not unfinished and visit.booked_ms < now,
                    unfinished=unfinished,
                    patient=visit.patient,
                    taken=taken,
                    may_phone=free and not taken and self._claims is not None,
                )
            )
        return tuple(sorted(rows, key=lambda r: (not r.unfinished, r.time)))

    def _taken(self, consultation: bytes) -> str:
        """Who has a visit, where that is somebody else."""
        holder = self._holders.get(consultation)
        return "" if holder is None or holder.mine else taken_words(holder)

    def _hours(self, hour: int) -> tuple[int, int]:
        starts = [words.local(b.consultation.booked_ms).hour for b in self._day]
        return min([FIRST_HOUR, hour, *starts]), max(
            [LAST_HOUR, hour + 1, *(s + 1 for s in starts)]
        )

    def _summary(self, now: int, waiting: int, booked: int) -> str:
        parts = [words.clock(now)]
        parts.append(tn("today.waiting", waiting) if waiting else t("today.waiting.none"))
        parts.append(tn("today.more", booked) if booked else t("today.more.none"))
        return f"{parts[0]} · {parts[1]}, {parts[2]}"

    def _missed(self) -> str:
        missed = [b for b in self._day if b.consultation.state is ConsultationState.NOT_JOINED]
        if not missed:
            return ""
        last = missed[-1]
        return t(
            "today.missed",
            name=words.patient_name(last.patient),
            time=words.clock(last.consultation.booked_ms),
        )

    def _verdict(self, now: int) -> VerdictChip:
        if self._checked is None or now - self._checked[2] > CHECK_AGE_MS:
            return VerdictChip(None, t("today.unchecked"), "")
        rung, word, at_ms = self._checked
        return VerdictChip(rung, word, t("today.checked", time=words.clock(at_ms)))

"""The words of the versions screen."""

from typing import Protocol

from telemed_desk.clinical import differences
from telemed_desk.clinical.notes import Section
from telemed_desk.ui import words
from telemed_desk.ui.screens.versions.state import HistoryEntry, SectionView, Tone, VersionCard
from telemed_desk.ui.text import t, tn
from telemed_desk.workflow.note_choosing import ChoosingState, Version

COUNTED = 2


class Taken(Protocol):
    """What was decided for a section."""

    @property
    def text(self) -> str:
        """The text that was taken."""
        ...


def name(state: ChoosingState) -> str:
    """Return whose note it is."""
    patient = state.patient
    full = f"{patient.given_name} {patient.family_name}".strip() if patient is not None else ""
    return full or t("versions.patient.unknown")


def facts(state: ChoosingState) -> str:
    """Return the patient's number, and how many versions there ever were."""
    number = state.patient.number if state.patient is not None else ""
    count = tn("versions.count", len(state.history))
    return f"{number} · {count}" if number else count


def who(version: Version) -> str:
    """Return whose version it is."""
    if version.mine:
        return t("versions.yours")
    return version.author or t("versions.unknown")


def where(version: Version) -> str:
    """Return on which PC and when."""
    place = t("versions.this_pc") if version.here else version.place or t("versions.other_pc")
    return f"{place}, {words.long_date(version.at_ms)} {words.clock(version.at_ms)}"


def headline(
    state: ChoosingState, sections: tuple[SectionView, ...], *, nothing: bool
) -> tuple[str, str, Tone]:
    """Return what the matter is, what follows, and how loud."""
    if state.signed_ms is not None:
        if len(state.versions) == 1:
            return t("versions.signed"), t("versions.signed.words"), "ok"
        return t("versions.late"), t("versions.late.words"), "info"
    if nothing:
        return t("versions.nothing"), t("versions.nothing.words"), "ok"
    differing = [t(f"section.{v.section.value}") for v in sections if v.differs]
    where_ = t("versions.several") if len(differing) > 1 else differing[0]
    if len(state.versions) == 1:
        return t("versions.by_hand", where=where_), t("versions.by_hand.words"), "warn"
    if len(state.versions) == COUNTED:
        return t("versions.two", where=where_), t("versions.words"), "warn"
    return t("versions.many", n=len(state.versions), where=where_), t("versions.words"), "warn"


def news(shown: ChoosingState, newest: ChoosingState) -> tuple[str, str]:
    """Return what has arrived since, and that nothing was overwritten."""
    if newest.signed_ms is not None and shown.signed_ms is None:
        return t("versions.news.signed"), t("versions.news.signed.words")
    known = {version.revision for version in shown.versions}
    fresh = [version for version in newest.versions if version.revision not in known]
    if not fresh:
        return t("versions.news.gone"), t("versions.news.words")
    newest_one = fresh[-1]
    key = "versions.news.one" if len(newest.versions) == 1 else "versions.news"
    return t(key, who=who(newest_one), where=where(newest_one)), t("versions.news.words")


def cards(
    versions: tuple[Version, ...], section: Section, taken: Taken | None
) -> tuple[VersionCard, ...]:
    """Return the different texts of a section, each with those who wrote it and with its marks."""
    authors: dict[str, list[Version]] = {}
    for version in versions:
        authors.setdefault(version.text.section(section), []).append(version)
    found = []
    for key, (text, wrote) in enumerate(authors.items()):
        others = [other for other in authors if other != text]
        names = t("versions.and").join(dict.fromkeys(who(version) for version in wrote))
        mine = any(version.mine for version in wrote)
        found.append(
            VersionCard(
                key=key,
                who=names,
                where=" · ".join(where(version) for version in wrote),
                pieces=differences.pieces_of(text, others),
                use=t("versions.use.mine") if mine else t("versions.use", who=names),
                chosen=taken is not None and taken.text == text,
                signed=_signed(wrote, versions),
            )
        )
    return tuple(found)


def _signed(wrote: list[Version], versions: tuple[Version, ...]) -> str:
    if not any(version.signed for version in versions):
        return ""
    signed = any(version.signed for version in wrote)
    return t("versions.chip.signed") if signed else t("versions.chip.unsigned")


def is_grave(found: tuple[VersionCard, ...]) -> bool:
    """Whether the difference may change what is given, where, or whether at all."""
    return any(differences.is_grave(card.pieces) for card in found)


def history(state: ChoosingState) -> tuple[HistoryEntry, ...]:
    """Return every version that there ever was, newest first."""
    total = len(state.history)
    standing = len(state.versions) > 1
    return tuple(
        HistoryEntry(
            title=t("versions.history.title", n=total - i, who=who(v), where=where(v)),
            state=_standing(v, several=standing),
            sections=tuple((s, v.text.section(s)) for s in Section),
        )
        for i, v in enumerate(reversed(state.history))
    )


def _standing(version: Version, *, several: bool) -> str:
    if version.signed:
        return t("versions.chip.signed")
    if not version.stands:
        return ""
    return t("versions.history.stands") if several else t("versions.history.now")

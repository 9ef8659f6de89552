"""Times, spans, sizes and rates in the words of the catalogue. Plain Python; local time zone."""

from datetime import UTC, datetime

from telemed_desk.clinical.ladder import Rung
from telemed_desk.clinical.people import Patient, Sex
from telemed_desk.ui.text import t

KILO = 1000
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


def local(ms: int) -> datetime:
    """Return Unix milliseconds as local time."""
    return datetime.fromtimestamp(ms / 1000, tz=UTC).astimezone()


def clock(ms: int) -> str:
    """Return ``09:24``."""
    return local(ms).strftime("%H:%M")


def clock_s(ms: int) -> str:
    """Return ``09:24:07``."""
    return local(ms).strftime("%H:%M:%S")


def long_date(ms: int) -> str:
    """Return ``Monday 23 November``."""
    at = local(ms)
    return t(
        "date.long", weekday=t(f"weekday.{at.weekday()}"), day=at.day, month=t(f"month.{at.month}")
    )


def day(ms: int) -> str:
    """Return ``23 November 2026``."""
    at = local(ms)
    return t("date.day", day=at.day, month=t(f"month.{at.month}"), year=at.year)


def stopwatch(span_ms: int) -> str:
    """Return ``12:48``, or ``1:02:48`` from an hour on."""
    seconds = max(0, span_ms) // 1000
    hours, rest = divmod(seconds, 3600)
    if hours:
        return f"{hours}:{rest // 60:02d}:{rest % 60:02d}"
    return f"{rest // 60}:{rest % 60:02d}"


def ago(span_ms: int) -> str:
    """Return ``2 s ago``, ``5 min ago`` or ``3 h ago``."""
    span_ms = max(0, span_ms)
    if span_ms < MINUTE_MS:
        return t("ago.s", n=span_ms // 1000)
    if span_ms < HOUR_MS:
        return t("ago.min", n=span_ms // MINUTE_MS)
    return t("ago.h", n=span_ms // HOUR_MS)


def six_digits(number: str) -> str:
    """Return ``482 913``: two groups are compared faster than six digits in a row."""
    return f"{number[:3]} {number[3:]}".strip()


def size(count: float) -> str:
    """Return bytes as ``14 kB`` or ``4.6 MB``."""
    if count >= KILO * KILO:
        return t("size.mb", n=f"{count / KILO / KILO:.1f}")
    return t("size.kb", n=max(1, round(count / KILO)) if count else 0)


def rate(bits_per_s: float) -> str:
    """Return ``48 kb/s`` or ``4.6 Mb/s``."""
    if bits_per_s >= KILO * KILO:
        return t("rate.mb", n=f"{bits_per_s / KILO / KILO:.1f}")
    return t("rate.kb", n=round(bits_per_s / KILO))


def rung_word(rung: Rung) -> str:
    """Return a rung's name."""
    return t(f"rung.{int(rung)}")


def patient_name(patient: Patient | None) -> str:
    """Return both names; where none has arrived yet, say that."""
    return (patient.name if patient is not None else "") or t("search.unknown_patient")


def patient_line(patient: Patient, year: int) -> str:
    """Return ``67 y F · TD-004127 · Kikuyu, Swahili``."""
    sex = "" if patient.sex is Sex.UNKNOWN else f" {patient.sex.value}"
    age = t("patient.age", n=patient.age_on(year)) if patient.year_of_birth else ""
    parts = [(age + sex).strip(), patient.number]
    if patient.languages:
        parts.append(
            ", ".join(
                t(f"language.{code}") if len(code) == 2 else code for code in patient.languages
            )
        )
    return " · ".join(part for part in parts if part)

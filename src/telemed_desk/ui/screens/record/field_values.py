"""A patient's fields as they read, as they are typed, and as they are recorded. Plain functions."""

from typing import Any

from telemed_desk.clinical.entries import compared
from telemed_desk.clinical.people import Sex
from telemed_desk.ui.text import catalogue, has_text, t

FIRST_YEAR = 1900
MOST_CHARACTERS = 400


def read_of(name: str, value: Any) -> str:
    """Return a field's value as it reads; an unknown year or sex is nothing."""
    if name == "sex":
        return "" if value == Sex.UNKNOWN else t(f"record.sex.{value}")
    if name == "languages":
        return ", ".join(
            t(f"language.{code}") if has_text(f"language.{code}") else code for code in value
        )
    return str(value) if value else ""


def typed_of(name: str, value: Any) -> str:
    """Return a field's value as it is typed."""
    return str(value) if name == "sex" else read_of(name, value)


def stored_of(name: str, value: Any) -> Any:
    """Return a field's value as it is recorded."""
    if name == "languages":
        return list(value)
    return str(value) if name == "sex" else value


def value_of(name: str, typed: str, year: int) -> Any:
    """Return what was typed as it is recorded; None when it cannot be that."""
    text = " ".join(typed.split())[:MOST_CHARACTERS]
    if name == "year_of_birth":
        if not text:
            return 0
        fits = (
            text.isascii() and text.isdigit() and len(text) <= 4 and FIRST_YEAR <= int(text) <= year
        )
        return int(text) if fits else None
    if name == "languages":
        codes = {
            compared(said): key.removeprefix("language.")
            for key, said in catalogue().items()
            if key.startswith("language.")
        }
        parts = [part for part in (piece.strip() for piece in text.split(",")) if part]
        return [codes.get(compared(part), part) for part in parts]
    return text

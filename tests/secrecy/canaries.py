"""A thousand made-up words, numbers and pictures, the same for the desk that writes them and the search.

Every word is unlike any other and unlike anything that software writes by itself.
"""

import random
from dataclasses import dataclass, field
from typing import Final

SEED: Final = "canaries"
PATIENTS: Final = 100
NOTES: Final = 56
PHOTOS: Final = 40
_LETTERS: Final = "bcdfghjklmnpqrstvwxz"
_MARKED: Final = "łđøéß"


@dataclass(frozen=True)
class PlantedPatient:
    """Fields of one fictional patient."""

    given: str
    family: str
    number: str
    phone: str
    remarks: str
    allergy: str
    reason: str


@dataclass(frozen=True)
class Canaries:
    """Everything that is planted, and by what name it is reported."""

    passphrase: str
    later_passphrase: str
    wrong_passphrase: str
    export_passphrase: str
    pin: str
    search: str
    typed: str
    setting: str
    patients: tuple[PlantedPatient, ...]
    notes: tuple[tuple[str, str, str, str], ...]
    photos: tuple[bytes, ...]
    previews: tuple[bytes, ...]
    names: dict[str, bytes] = field(default_factory=dict)


def made() -> Canaries:
    """Make them: the same each time."""
    rng = random.Random(SEED)
    names: dict[str, bytes] = {}

    def word(name: str) -> str:
        letters = [rng.choice(_LETTERS) for _ in range(14)]
        if len(names) % 5 == 0:
            letters[6] = rng.choice(_MARKED)
        names[name] = "".join(letters).encode()
        return names[name].decode()

    def phone(n: int) -> str:
        # The range kept for stories has a thousand numbers; an extension makes them tell apart.
        text = f"+254700000{rng.randrange(1000):03}w{rng.randrange(10**7):07}"
        names[f"phone {n}"] = text.encode()
        return text

    def picture(name: str) -> bytes:
        core = rng.randbytes(24)
        names[name] = core
        return b"\xff\xd8" + rng.randbytes(1500) + core + rng.randbytes(1500) + b"\xff\xd9"

    patients = tuple(
        PlantedPatient(
            word(f"given {n}"), word(f"family {n}"), word(f"number {n}"), phone(n),
            word(f"remarks {n}"), word(f"allergy {n}"), word(f"reason {n}"),
        )
        for n in range(PATIENTS)
    )  # fmt: skip
    notes = tuple(
        (word(f"S {n}"), word(f"O {n}"), word(f"A {n}"), word(f"P {n}")) for n in range(NOTES)
    )
    phrases = [
        f"{word(f'passphrase {n}')} {rng.choice(_LETTERS)}-{rng.randrange(10**6)}" for n in range(4)
    ]
    return Canaries(
        *phrases,
        pin="739164",
        search=word("search"),
        typed=word("typed"),
        setting=word("setting"),
        patients=patients,
        notes=notes,
        photos=tuple(picture(f"photo {n}") for n in range(PHOTOS)),
        previews=tuple(picture(f"preview {n}") for n in range(PHOTOS)),
        names=names,
    )

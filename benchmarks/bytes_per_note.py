"""How many bytes a note costs on the wire, with and without the dictionary; and how to train one.

``python -m benchmarks.bytes_per_note`` measures with notes whose sentences the dictionary has never
seen. ``--train FILE`` writes a new dictionary: a new number in the format, never a replacement.
"""

import argparse
import json
import random
import time
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from benchmarks.notes_text import HELD_OUT, TRAINING, Pool, note
from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.op import (
    OP_VERSION,
    READER_VERSION,
    Op,
    OpId,
    encode_op,
    encode_ops,
    pack_payload,
)
from telemed_protocol.segment import (
    COMPRESSION_DICTIONARY,
    COMPRESSION_ZSTD,
    GENESIS_HASH,
    SegmentHeader,
    seal_segment,
)

DICTIONARY_BYTES = 16 * 1024
NOTES = 2_000


def facts(rng: random.Random, pool: Pool, device: bytes, number: int) -> list[Op]:
    """One visit's note, with ids as random as real ones."""
    consultation, entity, actor = (rng.randbytes(16) for _ in range(3))
    at_ms = 1_790_000_000_000 + number * 420_000
    payload: dict[str, object] = {"consultation": consultation, **note(rng, pool), "at_ms": at_ms}
    parents = (OpId(device, number - 1),) if rng.random() < 0.5 else ()
    return [_op(device, number, at_ms, actor, "note.revise", entity, parents, payload)]


def other_facts(rng: random.Random, device: bytes, number: int) -> list[Op]:
    """What else travels: bookings, states, patients."""
    consultation, patient, actor = (rng.randbytes(16) for _ in range(3))
    at_ms = 1_790_000_000_000 + number * 420_000
    booking: dict[str, object] = {
        "patient": patient,
        "programme": rng.choice(("home", "pall", "derm", "onco", "mind", "rout", "spec")),
        "way": rng.choice(("video", "voice", "phone", "case")),
        "booked_ms": at_ms,
        "minutes": 20,
        "clinician": actor,
        "reason": "",
    }
    state: dict[str, object] = {
        "state": rng.choice(("booked", "waiting", "in-call", "writing", "signed", "cancelled")),
        "at_ms": at_ms,
    }
    person: dict[str, object] = {
        "given_name": rng.choice(("Amina", "Juma", "Neema", "Baraka", "Grace", "Hassan")),
        "family_name": rng.choice(("Mfano", "Kielelezo", "Jaribio")),
        "number": "",
        "year_of_birth": rng.randint(1940, 2025),
        "sex": rng.choice("FMOU"),
        "phone": f"+254 700 000 {rng.randint(0, 999):03}",
        "languages": ["sw", "en"],
        "remarks": "",
        "allergies": [],
    }
    return [
        _op(device, number, at_ms, actor, "consult.book", consultation, (), booking),
        _op(device, number + 1, at_ms, actor, "consult.state", consultation, (), state),
        _op(device, number + 2, at_ms, actor, "patient.set", patient, (), person),
    ]


def _op(
    device: bytes,
    number: int,
    at_ms: int,
    actor: bytes,
    *what: Any,
) -> Op:
    kind, entity, parents, payload = what
    packed = pack_payload(payload)
    return Op(
        *(OP_VERSION, device, number, at_ms << 16, actor, kind, READER_VERSION, entity, parents),
        packed,
    )


def train(target: Path) -> None:
    """Train on batches of one to four ops: where a dictionary matters most."""
    rng = random.Random(20261123)
    samples = []
    for _ in range(6_000):
        device, number = rng.randbytes(16), rng.randint(2, 9_000)
        ops = facts(rng, TRAINING, device, number)
        if rng.random() < 0.3:
            ops = other_facts(rng, device, number)[: rng.randint(1, 3)]
        samples.append(encode_ops(tuple(ops)))
    trained = zstandard.train_dictionary(DICTIONARY_BYTES, samples, level=19)
    target.write_bytes(trained.as_bytes())
    print(f"{target}: {len(trained.as_bytes())} bytes from {len(samples)} samples")


def sealed_bytes(ops: list[Op], per_segment: int, compression: int) -> tuple[float, float]:
    """Return bytes per op on the wire, and seconds of sealing per segment."""
    identity = DeviceIdentity(ops[0].device, b"s" * 32, b"r" * 32)
    size, n = 0, 0
    began = time.perf_counter()
    for start in range(0, len(ops), per_segment):
        n += 1
        batch = tuple(ops[start : start + per_segment])
        header = SegmentHeader(
            *(b"c" * 16, identity.device, 1, n, bytes(range(32)), 0, compression, len(batch), 0),
            *(n, GENESIS_HASH),
        )
        size += len(seal_segment(header, batch, b"k" * 32, identity).wire)
    return size / len(ops), (time.perf_counter() - began) / n


def _as_json(op: Op) -> str:
    fields = {
        name: msgspec.to_builtins(value) for name, value in msgspec.structs.asdict(op).items()
    }
    return json.dumps(
        {**fields, "payload": msgspec.to_builtins(msgspec.msgpack.decode(op.payload))}
    )


def measure() -> None:
    """Print the table."""
    rng = random.Random(4711)
    device = rng.randbytes(16)
    actor = rng.randbytes(16)  # one clinician writes them all, as on one PC
    ops = [
        msgspec.structs.replace(facts(rng, HELD_OUT, device, n)[0], actor=actor)
        for n in range(2, NOTES + 2)
    ]
    text = sum(
        len(part.encode())
        for op in ops
        for name, part in msgspec.msgpack.decode(op.payload).items()
        if name in "SOAP"
    )
    plain = sum(len(encode_op(op)) for op in ops) / len(ops)
    as_json = sum(len(_as_json(op)) for op in ops)
    print(f"{NOTES} held-out notes, {text / len(ops):.0f} B of text each")
    print(f"JSON {as_json / len(ops):.0f}, msgpack {plain:.0f} B per note\n")
    changes = [other_facts(rng, device, n)[1] for n in range(2, 500)]
    alone = [
        sealed_bytes(changes, 1, which)[0] for which in (COMPRESSION_ZSTD, COMPRESSION_DICTIONARY)
    ]
    print(f"a queue change alone: {alone[0]:.0f} B without, {alone[1]:.0f} B with dictionary\n")
    print("notes per segment | zstd alone | with dictionary | saved | seal, ms")
    for per_segment in (1, 5, 20, 50):
        without, _ = sealed_bytes(ops, per_segment, COMPRESSION_ZSTD)
        with_it, seconds = sealed_bytes(ops, per_segment, COMPRESSION_DICTIONARY)
        print(
            f"{per_segment:17} | {without:10.0f} | {with_it:15.0f} | "
            f"{1 - with_it / without:5.0%} | {seconds * 1000:.1f}"
        )


def main() -> None:
    """Measure, or train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", type=Path, help="write a dictionary to this file and stop")
    options = parser.parse_args()
    if options.train is not None:
        train(options.train)
    else:
        measure()


if __name__ == "__main__":
    main()

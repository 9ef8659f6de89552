"""What another side writes as SDP or candidate is answered, refused with a known error, or left out.

It comes through the sealed signalling, so from who holds the link; that is no reason to trust its form.
``signalling_corpus/`` keeps what once got past the refusal; more by ``TELEMED_SEEDS``.
"""

import asyncio
import os
import random
from pathlib import Path

from telemed_desk.media.engine.contract import CallFailure
from telemed_desk.media.engine.negotiation import Negotiation
from tests.media.engine.engine_calls import two_ends, until

CORPUS = Path(__file__).parent / "signalling_corpus"
OFFERS = sorted(CORPUS.glob("offer-*.sdp"))
CANDIDATES = sorted(CORPUS.glob("candidate-*.txt"))
GOOD = CORPUS / "offer-as-it-should-be.sdp"
SEEDS = int(os.environ.get("TELEMED_SEEDS", "150"))
WORDS = ("", "0", "-1", "99999999999", "x", "audio", "\x00", "é", "9 " * 40)
LIMIT_S = 60.0


def lines_of(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def written(lines: list[str]) -> str:
    return "\r\n".join(lines) + "\r\n"


def mutated(rng: random.Random, lines: list[str]) -> list[str]:
    """Some lines changed as a careless or a hostile program might."""
    lines = list(lines)
    for _ in range(rng.randrange(1, 5)):
        n = rng.randrange(len(lines))
        words = lines[n].split(" ")
        match rng.randrange(7):
            case 0 if len(lines) > 1:
                del lines[n]
            case 1:
                lines.insert(n, rng.choice(lines))
            case 2:
                words[rng.randrange(len(words))] = rng.choice(WORDS)
                lines[n] = " ".join(words)
            case 3:
                lines[n] = lines[n][: rng.randrange(len(lines[n]) + 1)]
            case 4:
                lines[n] = lines[n].split(":", 1)[0] + ":" + rng.choice(WORDS)
            case 5:
                other = rng.randrange(len(lines))
                lines[n], lines[other] = lines[other], lines[n]
            case _:
                digit = rng.choice("0123456789abc=: /")
                lines[n] = lines[n].replace(digit, rng.choice(("", "7", "::", "/ ")), 1)
    return lines


async def taken(sdp: str) -> bool:
    """Whether a fresh connection answers this offer; anything but a refusal gets out of here."""
    negotiation = Negotiation([], relay_only=False, transport=lambda: None, start_rung=4)
    async with asyncio.timeout(LIMIT_S):
        try:
            return "m=audio" in await negotiation.answer(sdp, lambda: None)
        except CallFailure:
            return False
        finally:
            await negotiation.close()


async def test_kept_offers_are_refused_and_leave_a_connection_that_can_be_closed() -> None:
    assert len(OFFERS) > 10
    answered = [path for path in OFFERS if await taken(written(lines_of(path)))]
    assert GOOD in answered
    assert len(answered) < len(OFFERS) / 2


async def test_changed_offers_are_answered_or_refused_and_nothing_else() -> None:
    good, answered = lines_of(GOOD), 0
    for seed in range(SEEDS):
        answered += await taken(written(mutated(random.Random(seed), good)))
    assert 0 < answered < SEEDS


async def test_a_running_call_outlives_offers_answers_and_candidates_of_nonsense() -> None:
    async with two_ends() as (a, b):
        await until(lambda: min(len(a.sink.counters), len(b.sink.counters)) > 5, "pictures")
        good = lines_of(GOOD)
        for seed in range(SEEDS // 5):
            rng = random.Random(seed)
            for side, take in ((a, a.call.accept_answer), (b, b.call.accept_offer)):
                try:
                    await take(written(mutated(rng, good)))
                except CallFailure:
                    assert side.heard.phase == "connected"
            kept = lines_of(rng.choice(CANDIDATES))
            for side in (a, b):
                for line in (*kept, *mutated(rng, kept)):
                    await side.call.add_candidate(line, rng.choice(("0", "9", None)), seed % 3)
        for path in CANDIDATES:
            await b.call.add_candidate(path.read_text(encoding="utf-8").strip(), "0", 0)
        before = len(a.sink.counters), len(b.sink.counters)
        await until(lambda: len(a.sink.counters) > before[0] + 10, "pictures to A")
        await until(lambda: len(b.sink.counters) > before[1] + 10, "pictures to B")
        assert b.call.send_data("still here")
        await until(lambda: "still here" in a.heard.messages, "data")
        assert not {"failed", "ended"} & {phase for phase, _ in (*a.heard.phases, *b.heard.phases)}

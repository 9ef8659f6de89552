import pytest

from telemed_desk.vault import judge_passphrase
from telemed_desk.vault.passphrase import TriesGuard
from telemed_desk.vault.problems import RecoveryCodeTypo, TooManyTries
from telemed_desk.vault.recovery import from_text, new_secret, to_text


@pytest.mark.parametrize(
    ("passphrase", "ok"),
    [
        ("quiet lamp orbit thistle", True),
        ("k9#Vq!tz2", False),  # nine characters
        ("password123456", False),
        ("aaaaaaaaaaaaaaaaaaaa", False),
        ("", False),
        ("taa ya utulivu juu ya mlima " * 6, True),  # more than zxcvbn takes
    ],
)
def test_only_long_and_hard_to_guess_passphrases_pass(passphrase: str, ok: bool) -> None:
    assert judge_passphrase(passphrase).ok is ok


def test_own_names_do_not_make_a_passphrase_strong() -> None:
    strangers = judge_passphrase("Kielelezo Jaribio")
    own = judge_passphrase("Kielelezo Jaribio", ("Dr Kielelezo Jaribio",))
    assert own.score < strangers.score


def test_after_five_misses_each_further_try_waits_longer() -> None:
    now_s = 0.0
    guard = TriesGuard(lambda: now_s)
    for _ in range(4):
        guard.missed(b"a")
    guard.check(b"a")
    waits = []
    for _ in range(5):
        guard.missed(b"a")
        with pytest.raises(TooManyTries) as caught:
            guard.check(b"a")
        waits.append(caught.value.wait_s)
        now_s += caught.value.wait_s
        guard.check(b"a")
    assert waits == [30, 60, 120, 240, 300]
    guard.check(b"b")  # somebody else is not held up
    guard.hit(b"a")
    guard.missed(b"a")
    guard.check(b"a")


def test_recovery_code_survives_the_way_people_type() -> None:
    secret = bytes(range(20))
    text = to_text(secret)
    assert text == "TMR-000G-40R4-0M30-E209-185G-R38E-1W81-24GK-QSNZ"
    assert from_text(text.lower().replace("-", " ").replace("0", "o").replace("1", "l")) == secret
    assert len(new_secret()) == 20


def test_every_single_typo_in_a_recovery_code_is_caught_or_harmless() -> None:
    text = to_text(bytes(range(20)))
    for i, old in enumerate(text):
        if i < 4 or old == "-":
            continue
        wrong = text[:i] + ("7" if old != "7" else "9") + text[i + 1 :]
        with pytest.raises(RecoveryCodeTypo):
            from_text(wrong)
    for wrong in (text[:-1], text + "0", "TMD" + text[3:], ""):
        with pytest.raises(RecoveryCodeTypo):
            from_text(wrong)

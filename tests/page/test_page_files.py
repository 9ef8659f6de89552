"""The page's files by themselves: size, what old browsers cannot read, colours, both languages."""

import json
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from telemed_protocol.ids import from_base64url, to_base64url
from telemed_protocol.joinlink import JoinLink
from tests.support.chromium import Chromium
from tests.support.page import Route

PAGE = Path(str(resources.files("telemed_server"))) / "page"
TOKENS = Path(__file__).parents[2] / "resources" / "tokens.json"


def _files() -> Iterator[Path]:
    return (path for path in sorted(PAGE.rglob("*")) if path.is_file())


def _scripts() -> list[Path]:
    return [path for path in _files() if path.suffix == ".js"]


# What iOS 14 or the first Chromes of Android 8 cannot read, and what the policy forbids.
_FORBIDDEN = {
    "optional chaining": r"\?\.(?!\d)",
    "nullish": r"\?\?",
    "private field": r"this\.#|^\s*#\w+\s*[=;(]",
    "class field": r"^  (static )?\w+ = ",
    "top-level await": r"^(const .* = )?await ",
    "BigInt": r"\b\d+n\b",
    "replaceAll": r"\.replaceAll\(",
    "at()": r"\.at\(",
    "replaceChildren": r"replaceChildren",
    "randomUUID": r"randomUUID",
    "markup from strings": r"innerHTML|outerHTML|insertAdjacentHTML|document\.write",
    "code from strings": r"\beval\(|new Function",
    "other hosts": r"https?://(?!www\.w3\.org/2000/svg)",
    "lasting storage": r"localStorage|indexedDB|document\.cookie",
    "log": r"console\.",
}


@pytest.mark.parametrize("name", sorted(_FORBIDDEN))
def test_scripts_avoid(name: str) -> None:
    pattern = re.compile(_FORBIDDEN[name], re.MULTILINE)
    found = {
        path.name: hit.group()
        for path in _scripts()
        if (hit := pattern.search(re.sub(r"//.*", "", path.read_text())))
    }
    if name == "other hosts":  # comments are stripped at "//", so look at whole lines
        found = {p.name: "" for p in _scripts() if pattern.search(p.read_text())}
    assert found == {}


def test_the_index_has_nothing_inline_and_loads_every_module_at_once() -> None:
    index = (PAGE / "index.html").read_text()
    assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*src=)|https?://", index)
    named = set(re.findall(r'"/page/([\w/-]+\.js)"', index))
    assert named == {path.relative_to(PAGE).as_posix() for path in _scripts()}


def test_colours_are_those_of_the_tokens() -> None:
    text = (PAGE / "tokens.css").read_text()
    wanted = json.loads(TOKENS.read_text())["color"]
    light, dark = text.split("@media (prefers-color-scheme: dark)")
    for theme, part in (("light", light), ("dark", dark)):
        values = dict(re.findall(r"--([a-z0-9-]+): (#[0-9A-F]{6});", part))
        names = {re.sub(r"-(\w)", lambda m: m.group(1).upper(), name): name for name in values}
        assert {name: wanted[theme][name] for name in names} == {
            name: values[css] for name, css in names.items()
        }
    used = set(re.findall(r"var\(--([a-z0-9-]+)\)", (PAGE / "page.css").read_text()))
    assert used <= set(re.findall(r"--([a-z0-9-]+):", light))
    assert not re.search(r"#[0-9A-Fa-f]{3,6}\b(?![^{]*\{)", (PAGE / "page.css").read_text())


def test_both_languages_say_the_same_things() -> None:
    text = (PAGE / "strings.js").read_text()
    pairs = re.findall(r'(\w+): \[\s*"((?:[^"\\]|\\.)*)",\s*"((?:[^"\\]|\\.)*)",?\s*\]', text)
    assert len(pairs) == len(re.findall(r"^  \w+: \[", text, re.MULTILINE)) > 90
    for key, english, kiswahili in pairs:
        assert english != kiswahili, key
        assert set(re.findall(r"\{\w+\}", english)) == set(re.findall(r"\{\w+\}", kiswahili)), key
        assert "!" not in english + kiswahili, key
    other = "".join(path.read_text() for path in _scripts() if path.name != "strings.js")
    unused = [key for key, _, _ in pairs if f'"{key}"' not in other + text.split("};")[1]]
    assert unused == []


@pytest.mark.asyncio(loop_scope="package")
async def test_boxes_are_the_desk_s_in_both_directions(browser: Chromium) -> None:
    link = JoinLink(bytes(range(16)), bytes(range(16, 32)))
    origin = "https://clinic.example"
    routes = {
        f"{origin}/": Route(b"<!doctype html>"),
        f"{origin}/page/crypto.js": Route((PAGE / "crypto.js").read_bytes(), "text/javascript"),
    }
    jti, secret = link.url("").removeprefix("/j/").split("#1.")
    make = f"import('/page/crypto.js').then(async c => {{ const l = new c.JoinLink('{jti}', '{secret}');"
    page = await browser.open_page(f"{origin}/", routes=routes)
    box = await page.evaluate(make + "return l.seal('to-desk', 'habari ☎') })")
    assert link.open("to-desk", from_base64url(box)).decode() == "habari ☎"
    sealed = to_base64url(link.seal("card", "karibu ☎".encode()))
    assert await page.evaluate(make + f"return l.open('card', '{sealed}') }})") == "karibu ☎"
    for direction, altered in (("to-page", sealed), ("card", sealed[:-4] + "AAAA")):
        said = await page.evaluate(
            make + f"return l.open('{direction}', '{altered}').catch(() => 'refused') }})"
        )
        assert said == "refused"


@pytest.mark.asyncio(loop_scope="package")
async def test_swahili_time_counts_from_six(browser: Chromium) -> None:
    origin = "https://clinic.example"
    routes = {
        f"{origin}/": Route(b"<!doctype html>"),
        f"{origin}/page/strings.js": Route((PAGE / "strings.js").read_bytes(), "text/javascript"),
    }
    page = await browser.open_page(f"{origin}/", routes=routes)
    said = await page.evaluate(
        """import('/page/strings.js').then(s => [
          s.clock('en', 9, 40), s.clock('sw', 9, 40), s.clock('sw', 13, 5), s.clock('sw', 18, 0),
          s.clock('sw', 0, 30), s.clock('sw', 6, 0),
          s.when('sw', '2026-11-23T09:40', new Date('2026-11-23T01:00')),
          s.when('en', '2026-11-30T10:40', new Date('2026-11-23T01:00')),
          s.when('en', String(+new Date('2026-11-23T14:05')), new Date('2026-11-23T01:00')),
          s.when('en', 'after lunch', new Date()), s.clinician('sw', 'Dr Achieng Odera')])"""
    )
    assert said == [
        "09:40",
        "3:40 asubuhi (09:40)",
        "7:05 mchana (13:05)",
        "12:00 jioni (18:00)",
        "6:30 usiku (00:30)",
        "12:00 asubuhi (06:00)",
        "leo saa 3:40 asubuhi (09:40)",
        "Monday 30 November at 10:40",
        "today at 14:05",
        "after lunch",
        "Dkt. Achieng Odera",
    ]

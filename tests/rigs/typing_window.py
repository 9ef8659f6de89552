"""The whole desk with its window, offscreen, and somebody who types into a note until it is killed.

``python -m tests.rigs.typing_window FOLDER``: the program's own ``run_desk``; keys go to the widgets
that a person's would. Prints ``shown <n>`` for the text that stood in the note when it was opened,
``key <unix ms> <n>`` for every key, and ``saved <n>`` whenever the window says that it is saved.
"""

import itertools
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit, QWidget

from telemed_desk import desk as program
from telemed_desk.clinical.notes import Section
from telemed_desk.workflow import practice_data

ALPHABET: Final = "abcdefghij"
STROKE_MS: Final = 40
_seen: list[program.Desk] = []


class SeenDesk(program.Desk):
    """The desk, and a way to find its widgets."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _seen.append(self)


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


class Typist:
    """Unlocks, opens the note, types; one small step at each tick."""

    def __init__(self) -> None:
        self._step: Callable[[], None] = self._unlock
        self._saved = -1
        self._patience = 0
        self._count = itertools.count()
        self._timer = QTimer()
        self._timer.setInterval(STROKE_MS)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def _tick(self) -> None:
        self._step()

    def _unlock(self) -> None:
        if not _seen:
            return
        field = _seen[0].locked.unlock_view.passphrase.edit
        if not (field.isVisible() and field.isEnabled()):
            return
        field.clear()
        self._patience = 250
        QTest.keyClicks(field, practice_data.PASSPHRASE)
        QTest.keyClick(field, Qt.Key.Key_Return)
        self._step = self._open_note

    def _open_note(self) -> None:
        desk = _seen[0]
        if desk.open_screens is None or desk.session is None:
            self._patience -= 1
            if not self._patience:
                self._step = self._unlock  # typed before the screen took it
            return
        consultations = desk.session.vault.open_consultations()
        if consultations:
            desk.open_screens.open_note(min(c.entity for c, _ in consultations))
            self._step = self._begin

    def _begin(self) -> None:
        field = self._field()
        note = _seen[0].session and _seen[0].session.note.value
        if field is not None and note:
            field.moveCursor(field.textCursor().MoveOperation.End)
            self._count = itertools.count(len(field.toPlainText()))
            text = field.toPlainText()
            say("shown", len(text), text == _text(len(text)))
            self._step = self._type

    def _type(self) -> None:
        field = self._field()
        if field is None:
            return
        number = next(self._count)
        now_ms = time.time_ns() // 1_000_000
        QTest.keyClicks(field, ALPHABET[number % len(ALPHABET)])
        say("key", now_ms, number + 1)
        session = _seen[0].session
        note = session.note.value if session is not None else None
        if note is not None and note.saved_ms is not None and not note.unsaved:
            saved = len(note.text.section(Section.SUBJECTIVE))
            if saved != self._saved:
                self._saved = saved
                say("saved", saved)

    def _field(self) -> "QPlainTextEdit | QTextEdit | None":
        screens = _seen[0].open_screens
        if screens is None:
            return None
        field: QWidget = screens.call_view.editor.fields[Section.SUBJECTIVE]
        assert isinstance(field, QPlainTextEdit | QTextEdit)
        return field if field.isVisible() else None


def _text(length: int) -> str:
    return (ALPHABET * (length // len(ALPHABET) + 1))[:length]


def main() -> int:
    program.Desk = SeenDesk  # type: ignore[misc]
    program.make_application()
    typist = Typist()
    code = program.run_desk(
        data=Path(sys.argv[1]),
        server_url="http://localhost:9",  # nobody listens there: a desk without a server
        devices=("pattern:640x360@15", "tone:440", "null"),
    )
    del typist
    return code


if __name__ == "__main__":
    sys.exit(main())

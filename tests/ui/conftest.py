"""Windows offscreen, dressed once; a warning of Qt's own fails the test that caused it."""

import os
from collections.abc import Iterator

os.environ["QT_QPA_PLATFORM"] = "offscreen"

import pytest
from PySide6.QtCore import QEvent, QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication

from telemed_desk.ui.theme.theme import theme

HARMLESS = ("This plugin does not support",)


@pytest.fixture(autouse=True)
def dressed(qapp: QApplication) -> Iterator[None]:
    if theme().choice != "light" or not qapp.styleSheet():
        theme().apply("light")
    yield
    # Windows that a test leaves behind are dressed again at every change of theme.
    for window in qapp.topLevelWidgets():
        window.close()
        window.deleteLater()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


@pytest.fixture(autouse=True)
def no_qt_warnings() -> Iterator[None]:
    heard: list[str] = []

    def hear(kind: QtMsgType, _context: object, text: str) -> None:
        if kind is not QtMsgType.QtDebugMsg and not text.startswith(HARMLESS):
            heard.append(text)

    before = qInstallMessageHandler(hear)
    yield
    qInstallMessageHandler(before)
    assert heard == []

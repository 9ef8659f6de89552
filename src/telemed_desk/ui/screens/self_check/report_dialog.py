"""Shows the report for IT before it leaves the screen; copies it, or saves it as PDF and JSON."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from PySide6.QtCore import QStandardPaths
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QPlainTextEdit, QWidget

from telemed_desk.ui.screens.self_check.report_pdf import write_pdf
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.theme.theme import font
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.dialogs import Dialog
from telemed_desk.workflow.it_report import in_words

AskPath = Callable[[QWidget, str], str]


def ask_path(parent: QWidget, proposed: str) -> str:
    """Ask where the PDF goes; empty = nowhere."""
    path, _filter = QFileDialog.getSaveFileName(
        parent, t("check.report.save"), proposed, t("check.report.filter")
    )
    return path


class ReportDialog(Dialog):
    """The whole report in words, with nothing in it that tells who or where.

    Args:
        parent: The window.
        report: As :func:`telemed_desk.workflow.it_report.report_of` makes it.
        say: Tells the person how it went.
        ask: Asks where to save.
    """

    def __init__(
        self,
        parent: QWidget | None,
        report: Mapping[str, object],
        say: Callable[[str, bool], None],
        ask: AskPath = ask_path,
    ) -> None:
        super().__init__(
            parent, t("check.report.title"), t("check.report.words"), t("check.report.close")
        )
        self._report = report
        self._say = say
        self._ask = ask
        self.text = QPlainTextEdit(in_words(report))
        self.text.setReadOnly(True)
        self.text.setAccessibleName(t("check.report.title"))
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.WidgetWidth)
        # The style sheet sets a widget's font; columns need one of equal widths.
        self.text.document().setDefaultFont(font("caption", mono=True))
        self.setMinimumSize(*sizes.REPORT)
        self.add(self.text)
        self.copy = Button(t("check.report.copy"), icon="copy")
        self.save = Button(t("check.report.save"), "primary", icon="download")
        self.copy.clicked.connect(self.copy_text)
        self.save.clicked.connect(self.save_files)
        self.add_action(self.copy)
        self.add_action(self.save)

    def copy_text(self) -> None:
        """Put the words on the clipboard."""
        copy_report(self._report)
        self._say(t("check.report.copied"), False)

    def save_files(self) -> None:
        """Write the PDF where the person says, and the JSON beside it."""
        folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
        proposed = str(Path(folder) / t("check.report.file"))
        chosen = self._ask(self, proposed)
        if not chosen:
            return
        pdf = Path(chosen).with_suffix(".pdf")
        try:
            write_pdf(pdf, self._report)
            pdf.with_suffix(".json").write_text(json.dumps(self._report, indent=1), "utf-8")
        except OSError:
            self._say(t("check.report.not_saved"), True)
            return
        self._say(t("check.report.saved"), False)
        self.accept()


def copy_report(report: Mapping[str, object]) -> None:
    """Put the report's words on the clipboard."""
    QGuiApplication.clipboard().setText(in_words(report))

"""The export's dialog: clear words first, then form, seal and place."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from telemed_desk.ui.screens.record.export import State
from telemed_desk.ui.text import t
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.cards import Banner
from telemed_desk.ui.widgets.dialogs import Dialog
from telemed_desk.ui.widgets.fields import Field, PassphraseField
from telemed_desk.ui.widgets.labels import Text
from telemed_desk.ui.widgets.layouts import row
from telemed_desk.ui.widgets.segmented import SegmentedControl


def ask_path(parent: QWidget, proposed: str) -> str:
    """Ask where the file goes; empty = nowhere."""
    path, _filter = QFileDialog.getSaveFileName(
        parent, t("export.write"), proposed, t("export.filter")
    )
    return path


class ExportDialog(Dialog):
    """Emits what is typed, and forgets it when it closes."""

    form_chosen = Signal(str)
    kind_chosen = Signal(str)
    typed = Signal()
    wanted = Signal(str, str)

    def __init__(self, parent: QWidget | None, state: State) -> None:
        super().__init__(parent, t("export.title"), state.words, t("button.cancel"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.form = SegmentedControl(
            t("export.format"),
            (("pdf", t("export.format.pdf")), ("fhir", t("export.format.fhir"))),
        )
        self.kind = SegmentedControl(
            t("export.for"),
            (
                ("passphrase", t("export.for.passphrase")),
                ("recipient", t("export.for.recipient")),
            ),
        )
        self.form.chosen.connect(self.form_chosen)
        self.kind.chosen.connect(self.kind_chosen)
        self.passphrase = PassphraseField(
            t("export.passphrase"), t("button.show"), t("button.hide")
        )
        self.passphrase.set_hint(t("export.hint"))
        self.again = PassphraseField(t("export.again"), t("button.show"), t("button.hide"))
        self.recipient = Field(t("export.recipient"))
        for field in (self.passphrase, self.again, self.recipient):
            field.changed.connect(lambda _text: self.typed.emit())
        self.passphrase.submitted.connect(self.again.edit.setFocus)
        self.again.submitted.connect(self._submit)
        self.recipient.submitted.connect(self._submit)
        self.problem = Banner("danger")
        self.busy = Text(t("export.working"), "body", "second")
        self.write = Button(t("export.write"), "primary", icon="download")
        self.write.clicked.connect(self._submit)
        self.add(row(self.form, None))
        self.add(row(self.kind, None))
        for part in (self.passphrase, self.again, self.recipient, self.problem, self.busy):
            self.add(part)
        self.add_action(self.write)
        self._state = state
        self.show_state(state)

    def show_state(self, state: State) -> None:
        """Show it."""
        self._state = state
        self.form.choose(state.form)
        self.kind.choose("recipient" if state.by_recipient else "passphrase")
        for field in (self.passphrase, self.again):
            field.setVisible(not state.by_recipient)
        self.recipient.setVisible(state.by_recipient)
        shown = self.recipient if state.by_recipient else self.passphrase
        shown.set_error(state.error)
        self.again.set_error(state.again_error)
        self.problem.show_words(state.problem, state.problem_words)
        self.busy.setVisible(state.working)
        self.write.setEnabled(not state.working)

    def _submit(self) -> None:
        if self._state.by_recipient:
            self.wanted.emit(self.recipient.text, "")
        else:
            self.wanted.emit(self.passphrase.text, self.again.text)

    def done(self, result: int) -> None:
        """Forget what was typed."""
        for field in (self.passphrase, self.again, self.recipient):
            field.forget()
        super().done(result)

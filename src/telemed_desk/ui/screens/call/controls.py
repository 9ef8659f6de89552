"""The row of buttons under the picture, and what stands there once the call has ended."""

from PySide6.QtCore import Signal

from telemed_desk.ui.screens.call.state import Controls, State
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.widgets.buttons import Button, CallButton
from telemed_desk.ui.widgets.cards import Card
from telemed_desk.ui.widgets.labels import Text
from telemed_desk.ui.widgets.layouts import row


class CallControls(Card):
    """Emits what was pressed; shows a :class:`Controls`."""

    mute = Signal()
    camera = Signal()
    photo = Signal()
    clinical = Signal()
    share = Signal()
    add_person = Signal()
    phone = Signal()
    end = Signal()
    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(t("call.controls"))
        self.mute_button = CallButton(t("call.mute"), "mic")
        self.camera_button = CallButton(t("call.camera"), "video")
        self.photo_button = CallButton(t("call.photo.take"), "camera", "accent")
        self.clinical_button = CallButton(t("call.clinical"), "stethoscope")
        self.clinical_button.setCheckable(True)
        self.share_button = CallButton(t("call.share"), "screen-share")
        self.share_button.setCheckable(True)
        self.phone_button = CallButton(t("call.to_phone"), "phone")
        self.phone_button.setToolTip(t("call.tip", name=t("call.to_phone"), key="F10"))
        self.add_button = CallButton(t("call.people.add"), "user-plus")
        self.add_button.setToolTip(t("call.tip", name=t("call.people.invite"), key="F7"))
        self.end_button = CallButton(t("call.end"), "phone-off", "danger")
        self.end_button.setToolTip(t("call.tip", name=t("call.end"), key="Ctrl+Shift+E"))
        self.back_button = Button(t("call.back"), "primary", scale="large")
        self.ended_words = Text("", "body", "second")
        self.ended_words.setWordWrap(True)
        box = row(gap=sizes.XS, pad=(sizes.M, sizes.S, sizes.M, sizes.S))
        wired = (
            (self.mute_button, self.mute),
            (self.camera_button, self.camera),
            (self.photo_button, self.photo),
            (self.clinical_button, self.clinical),
            (self.share_button, self.share),
            (self.add_button, self.add_person),
            (self.phone_button, self.phone),
        )
        for button, signal in wired:
            button.clicked.connect(signal)
            box.addWidget(button)
        self.end_button.clicked.connect(self.end)
        self.back_button.clicked.connect(self.left)
        self.live_buttons = (*(button for button, _ in wired), self.end_button)
        box.addWidget(self.ended_words, 1)
        box.addStretch(0)
        box.addWidget(self.back_button)
        box.addWidget(self.end_button)
        self.add(box)

    def show_state(self, state: State) -> None:
        """Show it."""
        controls = state.controls
        for button in self.live_buttons:
            button.setVisible(state.live)
        self.back_button.setVisible(not state.live)
        self.ended_words.setVisible(not state.live)
        self.ended_words.setText(f"{state.link.sentence}\n{t('call.ended')}")
        self._show_devices(controls)
        self.photo_button.setEnabled(controls.photo_enabled)
        tip = controls.photo_reason or t("call.tip", name=controls.photo_label, key="F8")
        self.photo_button.show_as(controls.photo_label, "camera", "accent", tip)
        on = controls.clinical_sound
        self.clinical_button.setChecked(on)
        self.clinical_button.show_as(
            t("call.clinical.on" if on else "call.clinical"),
            "stethoscope",
            "accent" if on else "plain",
            controls.clinical_tip,
        )
        said = t("call.share.stop" if controls.sharing else "call.share")
        self.share_button.setChecked(controls.sharing)
        self.share_button.show_as(
            said,
            "screen-share",
            "accent" if controls.sharing else "plain",
            t("call.tip", name=said, key="Ctrl+Shift+S"),
        )

    def _show_devices(self, controls: Controls) -> None:
        if controls.speaking_while_muted:
            muted = t("call.speaking")
        else:
            muted = t("call.unmute" if controls.muted else "call.mute")
        tip = t("call.tip", name=t("call.unmute" if controls.muted else "call.mute"), key="F2")
        self.mute_button.show_as(
            muted, "mic-off" if controls.muted else "mic", "off" if controls.muted else "plain", tip
        )
        off = controls.camera_off or controls.camera_by_link or controls.camera_by_choice
        said = t("call.camera")
        if controls.camera_off:
            said = t("call.camera.off")
        elif controls.camera_by_link:
            said = t("call.camera.by_link")
        elif controls.camera_by_choice:
            said = t("call.camera.by_choice")
        tip = t("call.tip", name=said, key="F3")
        self.camera_button.show_as(
            said, "video-off" if off else "video", "off" if off else "plain", tip
        )

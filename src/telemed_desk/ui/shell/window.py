"""The main window: rail, top bar, page, status line. In a call only page and status line."""

from collections.abc import Callable, Iterable
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent, QResizeEvent
from PySide6.QtWidgets import QMainWindow, QStackedWidget, QWidget

from telemed_desk.ui.screens.search.view import SearchField
from telemed_desk.ui.shell.rail import Rail
from telemed_desk.ui.shell.state import FRAMED, PAGES, Screen, StatusState
from telemed_desk.ui.shell.status_line import StatusLine
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.theme.theme import theme
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.chip import Chip
from telemed_desk.ui.widgets.focus_ring import FocusRing
from telemed_desk.ui.widgets.keys import on_key
from telemed_desk.ui.widgets.labels import Avatar, Text
from telemed_desk.ui.widgets.layouts import column, panel, row
from telemed_desk.ui.widgets.toast import Toast


class TopBar(QWidget):
    """Search, where we are, practice mode in plain words, theme, and who works here."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("topbar", "true")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(t("topbar.name"))
        self.setFixedHeight(sizes.TOP_BAR)
        self.search = SearchField()
        self._clinic = Text("", "strong")
        self._practice = Chip()
        self._name = Text("", "strong")
        self._more = Text("", "caption")
        self._avatar = Avatar("")
        self.pin = Button("", "neutral", icon="key-round", name=t("topbar.pin"))
        self._theme = Button("", "neutral", icon="contrast", name=t("topbar.theme"))
        self._theme.clicked.connect(self._flip)
        who = column(None, self._name, self._more, None, gap=0)
        pad = (sizes.XL, 0, sizes.XL, sizes.HAIR)
        self.setLayout(
            row(
                self.search,
                self._clinic,
                self._practice,
                None,
                self.pin,
                self._theme,
                self._avatar,
                who,
                gap=sizes.L,
                pad=pad,
            )
        )

    def show_state(self, state: StatusState) -> None:
        """Show who and where."""
        self._clinic.setText(state.clinic)
        self._practice.show_as(state.mode, "warn", "flag")
        self._name.setText(state.clinician)
        self._more.setText(state.clinician_more)
        self._more.setVisible(bool(state.clinician_more))
        self._avatar.set_initials(state.initials)
        self._avatar.setVisible(bool(state.initials))

    def _flip(self) -> None:
        theme().apply("light" if theme().name == "dark" else "dark")


class Shell(QMainWindow):
    """Holds the screens. GUI thread.

    Screens without rail and top bar: unlock, set-up (no status line either) and the call.
    """

    page_chosen = Signal(str)
    lock_asked = Signal()
    pin_asked = Signal()
    closing = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle(t("app.name"))
        self.setMinimumSize(*sizes.WINDOW_LEAST)
        self.resize(*sizes.WINDOW)
        self.rail = Rail()
        self.top_bar = TopBar()
        self.status_line = StatusLine()
        self.stack = QStackedWidget()
        self.stack.setProperty("page", "true")
        right = column(self.top_bar, gap=0)
        right.addWidget(self.stack, 1)
        middle = row(self.rail, gap=0)
        middle.addLayout(right, 1)
        whole = column(gap=0)
        whole.addLayout(middle, 1)
        whole.addWidget(self.status_line)
        self.setCentralWidget(panel(whole, page="true"))
        self._screens: dict[Screen, QWidget] = {}
        self.current: Screen = ""
        self.may_close: Callable[[], bool] = lambda: True
        self.toast = Toast(self, t("button.undo"))
        self.ring = FocusRing(self)
        self.rail.chosen.connect(self.page_chosen)
        self.rail.lock.connect(self.lock_asked)
        self.rail.pin.connect(self.pin_asked)
        self.top_bar.pin.clicked.connect(self.pin_asked)
        self.status_line.link_pressed.connect(lambda: self._press("self_check"))
        self.status_line.sync_pressed.connect(lambda: self._press("sync"))
        self._shortcuts()

    def _shortcuts(self) -> None:
        for number, page in enumerate(PAGES, start=1):
            on_key(self, f"Ctrl+{number}", partial(self._press, page))
        on_key(self, "Ctrl+L", self.lock_asked.emit)
        on_key(self, "Ctrl+K", self._find)
        on_key(self, "F6", lambda: self.next_panel(1))
        on_key(self, "Shift+F6", lambda: self.next_panel(-1))

    def add_screen(self, screen: Screen, view: QWidget) -> None:
        """Register a screen, replacing an earlier one of that name."""
        old = self._screens.get(screen)
        if old is not None:
            self.stack.removeWidget(old)
            old.deleteLater()
        self._screens[screen] = view
        self.stack.addWidget(view)

    def drop(self, *screens: Screen) -> None:
        """Take screens away with everything that they show."""
        for screen in screens:
            view = self._screens.pop(screen, None)
            if view is not None:
                self.stack.removeWidget(view)
                view.deleteLater()

    def open(self, screen: Screen) -> None:
        """Show a screen, with the parts round it that belong to it."""
        view = self._screens[screen]
        self.current = screen
        framed = screen in FRAMED
        self.rail.setVisible(framed)
        self.top_bar.setVisible(framed)
        self.status_line.setVisible(framed or screen in {"call", "joined", "versions"})
        self.rail.select(screen)
        self.stack.setCurrentWidget(view)
        focus_first = getattr(view, "focus_first", None)
        if callable(focus_first):
            focus_first()

    def show_state(self, state: StatusState) -> None:
        """Show what rail, top bar and status line say."""
        self.status_line.show_state(state)
        self.top_bar.show_state(state)
        self.rail.buttons["sync"].set_badge(state.sync_badge)

    def say(self, words: str, *, warn: bool = False) -> None:
        """Show a toast."""
        self.toast.say(words, warn=warn)

    def next_panel(self, step: int) -> None:
        """Move the keyboard to the next or previous panel: rail, the screen's panels, status line."""
        panels = [widget for widget in self._panels() if widget.isVisibleTo(self)]
        focus = self.focusWidget()
        at = next(
            (
                i
                for i, p in enumerate(panels)
                if focus is not None and (p is focus or p.isAncestorOf(focus))
            ),
            -1 if step > 0 else 0,
        )
        for offset in range(1, len(panels) + 1):
            target = first_focus(panels[(at + step * offset) % len(panels)])
            if target is not None:
                target.setFocus(Qt.FocusReason.ShortcutFocusReason)
                return

    def _panels(self) -> list[QWidget]:
        view = self._screens.get(self.current)
        own: Iterable[QWidget] = getattr(view, "panels", None) or ([view] if view else [])
        return [self.rail, *own, self.status_line]

    def _find(self) -> None:
        if self.current in FRAMED:
            self.top_bar.search.selectAll()
            self.top_bar.search.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _press(self, page: Screen) -> None:
        if self.current in FRAMED:
            self.page_chosen.emit(page)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Narrow windows get a narrow rail."""
        super().resizeEvent(event)
        self.rail.set_narrow(narrow=self.width() < sizes.NARROW_BELOW)
        self.toast.place()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Let the desk close in order; not in the middle of a call."""
        if not self.may_close():
            event.ignore()
            return
        self.closing.emit()
        super().closeEvent(event)


def first_focus(panel_widget: QWidget) -> QWidget | None:
    """Return the first widget in a panel that takes the keyboard."""
    if _takes_focus(panel_widget):
        return panel_widget
    for child in panel_widget.findChildren(QWidget):
        if _takes_focus(child) and child.isVisibleTo(panel_widget):
            return child
    return None


def _takes_focus(widget: QWidget) -> bool:
    return bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus) and widget.isEnabled()

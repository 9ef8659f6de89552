"""The one style sheet. ``@name`` is a colour of ``tokens.json``."""

QSS = """
* { font-family: "@family"; font-size: 13px; color: @ink; }
QMainWindow, QDialog, QWidget[page="true"] { background: @bg; }
QWidget[surface="true"] { background: @surface; }
QWidget[sunken="true"] { background: @sunken; }
QWidget[stage="true"] { background: @stage; border-radius: 8px; }
QWidget[stage="true"] QLabel { color: @onStage; background: transparent; }
QWidget[stage="true"] QLabel[tone="quiet"] { color: @onStage2; }
QWidget[rail="true"] { background: @rail; }
QWidget[rail="true"] QLabel { color: @onRailOn; background: transparent; }
QWidget[rail="true"] QLabel[tone="quiet"] { color: @onRail; }
QWidget[topbar="true"] { background: @surface; border-bottom: 1px solid @line; }
QWidget[statusline="true"] { background: @surface; border-top: 1px solid @line; }
QWidget[header="true"] { border-bottom: 1px solid @line; background: transparent; }
QWidget[footer="true"] { border-top: 1px solid @line; background: transparent; }
QWidget[side="true"] { background: @surface; border-left: 1px solid @line; }
QFrame[card="true"] { background: @surface; border: 1px solid @line; border-radius: 8px; }
QFrame[box="true"] { background: @surface; border: 1px solid @lineStrong; border-radius: 8px; }
QFrame[version="open"] {
  background: @surface;
  border: 1px solid @lineStrong;
  border-radius: 8px;
  margin: 1px;
}
QFrame[version="picked"] {
  background: @surface;
  border: 2px solid @accent;
  border-radius: 8px;
}
QFrame[well="true"] { background: @sunken; border: none; border-radius: 6px; }
QFrame[raised="true"] { background: @raised; border: 1px solid @line; border-radius: 8px; }
QFrame[verdict="ok"] {
  background: @surface;
  border: 1px solid @line;
  border-left: 4px solid @okFill;
  border-radius: 8px;
}
QFrame[verdict="warn"] {
  background: @surface;
  border: 1px solid @line;
  border-left: 4px solid @warnFill;
  border-radius: 8px;
}
QFrame[verdict="danger"] {
  background: @surface;
  border: 1px solid @line;
  border-left: 4px solid @dangerFill;
  border-radius: 8px;
}
QFrame[verdict="info"] {
  background: @surface;
  border: 1px solid @line;
  border-left: 4px solid @info;
  border-radius: 8px;
}
QFrame[verdict="none"] {
  background: @surface;
  border: 1px solid @line;
  border-left: 4px solid @lineStrong;
  border-radius: 8px;
}
QFrame[banner="info"] {
  background: @infoTint;
  border: none;
  border-left: 3px solid @info;
  border-radius: 6px;
}
QFrame[banner="ok"] {
  background: @okTint;
  border: none;
  border-left: 3px solid @okFill;
  border-radius: 6px;
}
QFrame[banner="warn"] {
  background: @warnTint;
  border: none;
  border-left: 3px solid @warnFill;
  border-radius: 6px;
}
QFrame[banner="danger"] {
  background: @dangerTint;
  border: none;
  border-left: 3px solid @dangerFill;
  border-radius: 6px;
}
QFrame[line="true"] { background: @line; border: none; }
QWidget[railline="true"] { background: @railLine; }
QWidget[row="plain"] { border-bottom: 1px solid @line; background: transparent; }
QWidget[row="last"] { border: none; background: transparent; }
QWidget[row="chosen"] { background: @selection; border-bottom: 1px solid @line; }
QWidget[row="urgent"] {
  background: @dangerTint;
  border-bottom: 1px solid @line;
  border-left: 3px solid @dangerFill;
}

QLabel { background: transparent; border: none; }
QLabel[role="micro"] { font-size: 11px; font-weight: 500; color: @ink3; }
QLabel[role="caption"] { font-size: 12px; color: @ink2; }
QLabel[role="label"] { font-size: 12px; font-weight: 500; color: @ink2; }
QLabel[role="medium"] { font-weight: 500; }
QLabel[role="strong"] { font-weight: 600; }
QLabel[role="title"] { font-size: 15px; font-weight: 600; }
QLabel[role="number"] { font-size: 15px; font-weight: 600; }
QLabel[role="lead"] { font-size: 15px; color: @ink2; }
QLabel[role="heading"] { font-size: 20px; font-weight: 600; }
QLabel[role="date"] { font-size: 20px; }
QLabel[role="question"] { font-size: 26px; font-weight: 600; }
QLabel[role="verdict"] { font-size: 28px; font-weight: 600; }
QLabel[role="clock"] { font-size: 56px; }
QLabel[role="section"] { font-size: 15px; font-weight: 600; color: @accentInk; }
QLabel[role="code"] { font-family: "@mono"; font-size: 20px; font-weight: 500; }
QLabel[role="mono"] { font-family: "@mono"; font-size: 12px; }
QLabel[tone="second"] { color: @ink2; }
QLabel[tone="third"] { color: @ink3; }
QLabel[tone="ok"] { color: @ok; }
QLabel[tone="warn"] { color: @warn; }
QLabel[tone="danger"] { color: @danger; }
QLabel[tone="info"] { color: @info; }
QLabel[tone="accent"] { color: @accentInk; }

QLineEdit, QComboBox {
  border: 1px solid @lineStrong;
  border-radius: 6px;
  background: @surface;
  padding: 0 9px;
  min-height: 30px;
  selection-background-color: @selection;
  selection-color: @ink;
  placeholder-text-color: @ink3;
}
QPlainTextEdit {
  border: 1px solid @lineStrong;
  border-radius: 6px;
  background: @surface;
  padding: 3px 5px;
  selection-background-color: @selection;
  selection-color: @ink;
  placeholder-text-color: @ink3;
}
QLineEdit[big="true"] { min-height: 38px; font-size: 15px; }
QLineEdit[state="error"] { border: 2px solid @danger; padding: 0 8px; min-height: 28px; }
QLineEdit[big="true"][state="error"] { min-height: 36px; }
QLineEdit:disabled { background: @sunken; border-color: @line; color: @inkDisabled; }
QLineEdit:read-only, QPlainTextEdit:read-only { background: @sunken; border-color: @line; }
QCheckBox { spacing: 8px; min-height: 26px; }
QCheckBox::indicator {
  width: 14px;
  height: 14px;
  border: 1px solid @lineStrong;
  border-radius: 4px;
  background: @surface;
}
QCheckBox::indicator:checked {
  background: @accent;
  border-color: @accent;
  image: url("@checkIcon");
}

QScrollArea { background: transparent; border: none; }
QScrollArea > QWidget > QWidget[scrolled="true"] { background: transparent; }
QScrollBar:vertical { background: transparent; width: 10px; margin: 2px; }
QScrollBar::handle:vertical { background: @lineStrong; border-radius: 3px; min-height: 24px; }
QScrollBar:horizontal { background: transparent; height: 10px; margin: 2px; }
QScrollBar::handle:horizontal { background: @lineStrong; border-radius: 3px; min-width: 24px; }
QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page {
  background: transparent;
  border: none;
  width: 0;
  height: 0;
}
QProgressBar {
  border: none;
  border-radius: 4px;
  background: @sunken;
  max-height: 8px;
  min-height: 8px;
}
QProgressBar::chunk { background: @accent; border-radius: 4px; }
QToolTip {
  background: @raised;
  color: @ink;
  border: 1px solid @line;
  padding: 4px 8px;
  font-size: 12px;
}
QMenu { background: @raised; border: 1px solid @line; padding: 4px; }
QMenu::item { padding: 6px 24px 6px 12px; border-radius: 4px; }
QMenu::item:selected { background: @hover; color: @ink; }
QSplitter::handle { background: @line; }
"""

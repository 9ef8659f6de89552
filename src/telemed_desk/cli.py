"""``telemed-desk``: the window, checks and care of the records, practice mode, a headless peer."""

import argparse
import os
import sys
from pathlib import Path

from telemed_desk import logs
from telemed_desk.clinical.record_copy import RecordCopy


def default_data() -> Path:
    """Return where this user's vault lives: never a folder that is synced to a cloud."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
        return Path(base) / "TeleMed Desk"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "TeleMed Desk"
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "telemed-desk" / "clinic"


def _devices(parser: argparse.ArgumentParser) -> None:
    specs = "default, none, id:<id>, file:<path>"
    parser.add_argument("--camera", default="default", help=f"{specs}, pattern")
    parser.add_argument("--microphone", default="default", help=f"{specs}, tone")
    parser.add_argument("--speaker", default="default", help=f"{specs}, null")


def _draw_record(copy: RecordCopy) -> bytes:
    """Draw a record as a PDF: Qt is loaded for that alone."""
    from telemed_desk.ui.record_pdf import record_pdf_without_window

    return record_pdf_without_window(copy)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="telemed-desk", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    run = commands.add_parser("run", help="open the window (also without any command)")
    check = commands.add_parser("selfcheck", help="test this PC and its link, without a window")
    commands.add_parser("practice", help="a fictional clinic on this PC", add_help=False)
    commands.add_parser("peer", help="a headless call endpoint on standard input", add_help=False)
    commands.add_parser("vault", help="check, back up, restore, export", add_help=False)
    for with_data in (parser, run):
        with_data.add_argument("--data", type=Path, default=default_data())
        with_data.add_argument("--server", default="", help="https address, for the first set-up")
        _devices(with_data)
    _devices(check)
    check.add_argument("--server", default="", help="address of the clinic's server")
    check.add_argument("--data", type=Path, default=default_data())
    far = check.add_mutually_exclusive_group()
    far.add_argument("--quick", action="store_true", help="at most 6 s and 0.5 MB")
    far.add_argument("--thorough", action="store_true", help="up to 60 s and 60 MB")
    check.add_argument("--json", action="store_true", help="print the whole report as JSON")
    options, rest = parser.parse_known_args(arguments)
    # Imported where needed: each command starts only what it uses.
    if options.command == "practice":
        from telemed_desk import practice

        return practice.main(rest)
    if options.command == "peer":
        from telemed_desk.media import peer

        return peer.main(rest)
    if options.command == "vault":
        from telemed_desk.vault.commands import main as run_vault

        return run_vault(rest, default_data(), _draw_record)
    if rest:
        parser.error(f"not understood: {' '.join(rest)}")
    if options.command == "selfcheck":
        logs.configure(None, to_stderr=True)
        from telemed_desk.workflow.self_check_command import run as run_self_check

        return run_self_check(options)
    from telemed_desk.practice import has_display

    if not has_display() and "QT_QPA_PLATFORM" not in os.environ:
        print("No display was found, so there is no window to show.", file=sys.stderr)
        print(
            "Start it on the PC's own screen; telemed-desk selfcheck works here.", file=sys.stderr
        )
        return 2
    from telemed_desk.desk import run_desk

    return run_desk(
        data=options.data,
        server_url=options.server,
        devices=(options.camera, options.microphone, options.speaker),
    )


if __name__ == "__main__":
    raise SystemExit(main())

"""``telemed-server``: serve, code, check, backup, restore, migrate, move-store."""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from telemed_protocol.errors import KnownError
from telemed_protocol.room import LEASE_S
from telemed_server import __version__
from telemed_server.address import ENVIRONMENT, StoreAddress, store_address
from telemed_server.errors import BadSetting
from telemed_server.settings import Settings

if TYPE_CHECKING:
    from telemed_server.checking import CheckReport
    from telemed_server.keeper import MoveReport

MIN_SECRET_BYTES = 16


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="telemed-server",
        description="The small server of TeleMed Desk: waiting room, sealed records, patient page.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    _add_serve(commands.add_parser("serve", help="run the server"))
    code = commands.add_parser("code", help="make a code that founds a clinic")
    code.add_argument("--count", type=int, default=1, help="how many (default 1)")
    backup = commands.add_parser("backup", help="copy the database; the server may run")
    backup.add_argument("--to", type=Path, required=True, help="new file")
    check = commands.add_parser("check", help="verify the database; the server may run")
    migrate = commands.add_parser("migrate", help="give an older PostgreSQL this version's tables")
    move = commands.add_parser(
        "move-store", help="move a stopped server's folder (--data) into PostgreSQL (--store)"
    )
    restore = commands.add_parser("restore", help="fill an empty PostgreSQL from a backup")
    restore.add_argument("--from", type=Path, required=True, dest="source", help="backup file")
    for command in (code, backup, check, migrate, move, restore):
        _add_place(command)
    return parser


def _add_place(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data", type=Path, help="the server's folder, with its SQLite file")
    command.add_argument(
        "--store",
        default="",
        metavar="URL",
        help=f"postgresql://user@host/database instead; also from the environment, {ENVIRONMENT}",
    )
    command.add_argument("--store-password-file", type=Path, help="the database user's password")


def _add_serve(serve: argparse.ArgumentParser) -> None:
    _add_place(serve)
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on")
    serve.add_argument("--port", type=int, default=8740, help="0 picks a free one")
    serve.add_argument(
        "--origin",
        action="append",
        default=[],
        help="https://name under which it is reached; the first is the main one",
    )
    serve.add_argument("--behind-proxy", action="store_true", help="trust X-Forwarded-For")
    serve.add_argument("--tls-cert", type=Path)
    serve.add_argument("--tls-key", type=Path)
    serve.add_argument("--stun-url", action="append", default=[])
    serve.add_argument("--turn-url", action="append", default=[])
    serve.add_argument("--turn-secret-file", type=Path, help="coturn's static-auth-secret")
    serve.add_argument(
        "--probe-listen",
        default="",
        metavar="HOST:PORT",
        help="UDP, for measuring links; 'off' for none (default: as --host and --port)",
    )
    serve.add_argument(
        "--probe-address", default="", metavar="NAME:PORT", help="how desks reach it, if otherwise"
    )
    serve.add_argument("--probe-max-kbps", type=int, default=30_000)
    serve.add_argument(
        "--attachment-quota-mb", type=int, default=20 * 1024, help="photos kept for one clinic"
    )
    serve.add_argument("--page-dir", type=Path, help="another copy of the patient page")
    serve.add_argument(
        "--limit", action="append", default=[], metavar="NAME=RATE", help="such as join=10/minute"
    )
    serve.add_argument("--lease-seconds", type=float, default=LEASE_S)
    serve.add_argument("--ready-fd", type=int, default=1, help="where the ready line goes")
    serve.add_argument(
        "--stop-with-stdin", action="store_true", help="stop when standard input ends"
    )


def _settings(args: argparse.Namespace) -> Settings:
    if (args.tls_cert is None) != (args.tls_key is None):
        raise BadSetting("--tls-cert and --tls-key belong together")
    secret = b""
    if args.turn_secret_file is not None:
        try:
            secret = args.turn_secret_file.read_bytes().strip()
        except OSError as error:
            raise BadSetting("--turn-secret-file cannot be read") from error
        if len(secret) < MIN_SECRET_BYTES:
            raise BadSetting("the relay's secret is too short")
    limits = dict(text.partition("=")[::2] for text in args.limit)
    if args.lease_seconds <= 0:
        raise BadSetting("--lease-seconds must be above 0")
    values = {
        "data": args.data,
        "store": _store(args),
        "host": args.host,
        "origins": tuple(origin.rstrip("/") for origin in args.origin),
        "stun_urls": tuple(args.stun_url),
        "turn_urls": tuple(args.turn_url),
        "turn_secret": secret,
        "limits": limits,
        "lease_s": args.lease_seconds,
        "behind_proxy": args.behind_proxy,
        "probe_listen": args.probe_listen,
        "probe_address": args.probe_address,
        "probe_max_bps": 1000 * args.probe_max_kbps,
        "attachment_quota_bytes": args.attachment_quota_mb * 1024**2,
        "tls": args.tls_cert is not None,
    }
    if args.page_dir is not None:
        values["page"] = args.page_dir
    return Settings(**values)


def _store(args: argparse.Namespace) -> StoreAddress | None:
    return store_address(args.store, os.environ, args.store_password_file)


def _place(args: argparse.Namespace) -> Path | StoreAddress:
    place: Path | StoreAddress | None = _store(args) or args.data
    if place is None:
        raise BadSetting("--data or --store says where the records are")
    return place


def _shared_store(args: argparse.Namespace) -> StoreAddress:
    store = _store(args)
    if store is None:
        raise BadSetting("this command needs --store")
    return store


def _run(args: argparse.Namespace) -> int:
    # Imported late: 'code' should not wait for the web server's modules.
    if args.command == "serve":
        from telemed_server.serving import serve

        serve(
            _settings(args),
            args.port,
            tls_cert=args.tls_cert,
            tls_key=args.tls_key,
            ready_fd=args.ready_fd,
            stop_with_stdin=args.stop_with_stdin,
        )
        return 0
    from telemed_server import keeper

    report: CheckReport | MoveReport
    match args.command:
        case "code":
            for text in keeper.make_codes(_place(args), max(1, args.count), time.time()):
                print(text)
            return 0
        case "migrate":
            keeper.bring_tables_along(_place(args))
            return 0
        case "backup":
            report = keeper.backup(_place(args), args.to)
        case "move-store":
            if args.data is None:
                raise BadSetting("--data names the folder to move")
            report = keeper.move_store(args.data, _shared_store(args))
        case "restore":
            report = keeper.restore(args.source, _shared_store(args))
        case _:
            report = keeper.check(_place(args))
    print(json.dumps(msgspec.to_builtins(report)))
    return 0 if report.ok else 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    args = _parser().parse_args(argv)
    os.umask(0o077)  # keys are not in these files, but who came when is
    try:
        return _run(args)
    except KnownError as error:
        print(f"{error.code}: {error.sentence} {error.detail}".strip(), file=sys.stderr)
        print(error.next_step, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())

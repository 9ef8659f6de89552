"""Draws the report for IT as a PDF."""

from collections.abc import Mapping
from html import escape
from pathlib import Path

from PySide6.QtGui import QFont, QPageSize, QPdfWriter, QTextDocument

from telemed_desk.ui.text import t

RESOLUTION = 300
_COLUMNS = ("check", "title", "outcome", "value", "limit")


def report_html(report: Mapping[str, object]) -> str:
    """Return the report as simple HTML: verdict, circumstances, a table, what to do."""
    facts = [
        (t("check.report.at"), f"{report['at']} · TeleMed Desk {report['version']}"),
        (t("check.report.system"), _system(report)),
        (t("check.report.mode"), f"{report['mode']}, {report['seconds']} s"),
        (t("check.report.by"), ", ".join(_listed(report, "decided_by")) or "-"),
    ]
    rows = "".join(_row(found) for found in _findings(report))
    heads = "".join(f"<th align='left'>{escape(t(f'check.column.{c}'))}</th>" for c in _COLUMNS)
    told = "".join(f"<p><b>{escape(name)}:</b> {escape(text)}</p>" for name, text in facts)
    return (
        f"<h1>{escape(t('check.report.title'))}</h1><h2>{escape(str(report['sentence']))}</h2>{told}"
        f"<table width='100%' cellpadding='3'><tr>{heads}</tr>{rows}</table>"
        f"<p>{escape(t('check.report.foot'))}</p>"
    )


def write_pdf(path: Path, report: Mapping[str, object]) -> None:
    """Write the report to a file.

    Raises:
        OSError: The file cannot be written.
    """
    document = QTextDocument()
    document.setDefaultFont(QFont(document.defaultFont().family(), 9))
    document.setHtml(report_html(report))
    # Qt's writer does not say why it failed: whether the file can be written is asked first.
    with path.open("wb"):
        pass
    writer = QPdfWriter(str(path))
    writer.setPageSize(QPageSize(QPageSize.PageSizeId.A4))
    writer.setResolution(RESOLUTION)
    writer.setTitle(t("check.report.title"))
    writer.setCreator("TeleMed Desk")
    document.print_(writer)


def _row(found: Mapping[str, object]) -> str:
    unit = str(found["unit"])
    cells = (
        found["check"],
        found["title"],
        found["outcome"],
        "" if found["value"] is None else f"{found['value']} {unit}",
        "" if found["limit"] is None else f"{found['limit']} {unit}",
    )
    line = "".join(f"<td>{escape(str(cell).strip())}</td>" for cell in cells)
    if not found["cause"]:
        return f"<tr>{line}</tr>"
    why = escape(f"{found['cause']} {found['action']}".strip())
    return f"<tr>{line}</tr><tr><td></td><td colspan='4'><i>{why}</i></td></tr>"


def _system(report: Mapping[str, object]) -> str:
    system = report["system"]
    return " ".join(str(part) for part in system.values()) if isinstance(system, dict) else ""


def _listed(report: Mapping[str, object], name: str) -> list[str]:
    value = report[name]
    return [str(part) for part in value] if isinstance(value, list) else []


def _findings(report: Mapping[str, object]) -> list[dict[str, object]]:
    value = report["findings"]
    return value if isinstance(value, list) else []

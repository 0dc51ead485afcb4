"""What is in RPMs, for people and programs."""

from paack.helpers.report.budget import parse_budget
from paack.helpers.report.page import write_page
from paack.helpers.report.reader import built_rpms, read_reports
from paack.helpers.report.text import report_json, report_lines

__all__ = [
    "built_rpms",
    "parse_budget",
    "read_reports",
    "report_json",
    "report_lines",
    "write_page",
]

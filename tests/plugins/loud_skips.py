"""Says loudly which tests did not run for want of something, and where CI=true lets that fail the run.

A skip whose reason starts with "needs " says that this machine lacks something ("needs /usr/bin/chromium"):
a person may go without, a green build may not.
"""

import os
from collections.abc import Iterator

import pytest


class LoudSkips:
    """Collects the skips for want of something, from tests and from whole modules."""

    def __init__(self, *, fails: bool) -> None:
        self.fails = fails
        self.lacking: list[tuple[str, str]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.skipped and isinstance(report.longrepr, tuple):
            reason = report.longrepr[2].removeprefix("Skipped: ")
            if reason.startswith("needs "):
                self.lacking.append((report.nodeid, reason))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Iterator[None]:
        quiet = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
        if self.lacking and self.fails and quiet:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return (yield)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.lacking:
            return
        terminalreporter.section("NOT TESTED HERE", sep="!", red=True, bold=True)
        for where, reason in self.lacking:
            terminalreporter.line(f"{where}: {reason}", red=True)
        if self.fails:
            terminalreporter.line("CI=true: what a build did not test, it did not pass.", red=True, bold=True)


def pytest_configure(config: pytest.Config) -> None:
    """Registers the collector; `CI` is read once, here."""
    config.pluginmanager.register(LoudSkips(fails=os.environ.get("CI") == "true"), "loud-skips")

"""`imbridge check` as whoever sets a deployment up meets it: one line for each thing that is wrong, with its remedy."""

import sqlite3
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from bridge.audit import Entry, Stage
from bridge.check import Level, service
from bridge.clock import now_ms
from bridge.config import load
from bridge.database.audit import AuditLog
from bridge.database.engine import Database
from bridge.invocation import Actor, Invocation, Place, Trigger
from bridge.playground.workspace import Workspace
from bridge.slack.manifest import SCOPES
from tests.crash.processes import free_port, lasting
from tests.scenarios.processes import Ran, of_slack, ran, slack
from tests.unit.playground.stage import TOM, grant

KEYS = {
    "LEANCLOUD_APP_ID": "checked-app",
    "LEANCLOUD_APP_KEY": "checked-app-key",
    "LEANCLOUD_MASTER_KEY": "checked-master-key",
}
RULES = """
slack: {team: T0TEAM0001}
access:
  roles: {support: {groups: [S0TEAM0001]}}
  rules: [{name: everyone-reads, run: reads}]
"""


@dataclass(frozen=True)
class Setup:
    """A deployment in which nothing is wrong."""

    folder: Path
    workspace: Workspace
    service: str
    given: Mapping[str, str]

    async def check(self, settings: str = RULES, **changes: str) -> Ran:
        """What `imbridge check` says, once these variables are others; it must have changed nothing."""
        (self.folder / "app.yaml").write_text(settings)
        before = sorted(self.folder.rglob("*"))
        told = await ran(self.folder, {**self.given, **changes}, "check")
        assert sorted(self.folder.rglob("*")) == before
        assert told.err == ""
        assert not any(secret in told.out for secret in ("checked-master-key", "checked-app-key", "xoxb-p"))
        return told


@pytest.fixture
async def setup(tmp_path: Path) -> AsyncIterator[Setup]:
    server, folder = tmp_path / "server", tmp_path / "bridge"
    server.mkdir()
    folder.mkdir()
    async with (
        slack() as workspace,
        lasting(["realtime", "--port", "0"], server, KEYS) as service,
    ):
        grant(workspace, *SCOPES, "usergroups:read")
        given = {**KEYS, **of_slack(workspace), "LEANCLOUD_API_SERVER": service}
        yield Setup(folder, workspace, service, given)


def lines(told: Ran, level: str) -> list[str]:
    return [line.removeprefix(level).strip() for line in told.out.splitlines() if line.startswith(level)]


async def test_where_nothing_is_wrong_it_says_what_it_looked_at_and_ends_with_0(setup: Setup) -> None:
    told = await setup.check()
    assert told.code == 0, told
    assert lines(told, "wrong") == lines(told, "warning") == []
    assert lines(told, "ok") == [
        "app.yaml:3 access: 1 rules, and their examples come out",
        "configuration: every setting is known and can be meant",
        "database: sqlite:///var/imbridge.db: SQLite, tables none yet: the first start makes them",
        "SLACK_BOT_TOKEN: Slack takes it: imbridge in Cartoon Messaging (T0TEAM0001)",
        f"SLACK_BOT_TOKEN: has the {len(SCOPES) + 1} scopes that are needed",
        "SLACK_SIGNING_SECRET: cannot be tried from here: Slack's first request shows whether it is right",
        (
            "app.yaml realtime.plan: business: compare with the console, for calls are paced by it and the service"
            " does not tell"
        ),
        f"messaging service: {setup.service} answers the master key",
    ]


async def test_every_problem_is_said_at_once(setup: Setup) -> None:
    broken = """slack: {comand: /im}
realtime: {plan: busines}
schedules:
  - {name: party, when: "0 10 * * 6", tz: Mars/Olympus, channel: C1, run: stats}
  - {name: party, when: "61 10 * * sat", tz: UTC, channel: C1, run: stats}
lists: {vip: nowhere.csv}
access: open
"""
    port = free_port()
    told = await setup.check(
        broken,
        SLACK_BOT_TOKEN="not-the-token",
        LEANCLOUD_API_SERVER=f"http://127.0.0.1:{port}",
        IMBRIDGE_DATABASE_URL=f"postgresql://u:pl4nted@127.0.0.1:{free_port()}/x",
        LEANCLOUD_HOOK_KEY_FILE="no-such-file",
    )
    assert told.code == 1
    wrong = "\n".join(lines(told, "wrong"))
    for each in (
        "app.yaml:1 slack.comand: unknown key 'comand'; did you mean 'command'?",
        "app.yaml:2 realtime.plan",
        "app.yaml:4 schedules[0].when: Weekdays are named",
        "app.yaml:4 schedules[0].tz: 'Mars/Olympus' is no IANA time zone",
        "app.yaml:5 schedules[1].when",
        "app.yaml:5 schedules[1].name: 'party' is there twice",
        "app.yaml:6 lists.vip: there is no file nowhere.csv",
        "LEANCLOUD_HOOK_KEY_FILE: no-such-file cannot be read",
        "SLACK_BOT_TOKEN: Slack refuses it (invalid_auth)",
        f"LEANCLOUD_API_SERVER: http://127.0.0.1:{port} gave no answer",
        "IMBRIDGE_DATABASE_URL: postgresql://u:***@127.0.0.1",
    ):
        assert each in wrong
    assert "pl4nted" not in told.out
    assert [each.partition(": ")[0] for each in lines(told, "warning")] == ["app.yaml:7 access"]


async def test_a_wrong_master_key_is_told_apart_from_a_wrong_address(setup: Setup) -> None:
    told = await setup.check(LEANCLOUD_MASTER_KEY="another-key")
    assert told.code == 1
    (wrong,) = lines(told, "wrong")
    assert wrong.startswith(
        "LEANCLOUD_MASTER_KEY: the service does not take it together with LEANCLOUD_APP_ID"
    )
    assert "another-key" not in told.out


async def test_a_token_of_another_workspace_and_missing_scopes_are_named(setup: Setup) -> None:
    grant(setup.workspace, "commands", "users:read", "channels:history")
    told = await setup.check(RULES.replace("T0TEAM0001", "T0OTHER001"))
    assert told.code == 1
    assert [each.partition(" for ")[0] for each in lines(told, "wrong")] == [
        (
            "app.yaml:2 slack.team: T0OTHER001 is not the token's workspace, which is T0TEAM0001"
            " (Cartoon Messaging): one must change"
        ),
        "SLACK_BOT_TOKEN: lacks the scope chat:write,",
        "SLACK_BOT_TOKEN: lacks the scope usergroups:read,",
    ]
    needed = {"commands", "chat:write", "users:read"}
    warnings = [each.partition(" for ")[0] for each in lines(told, "warning")]
    assert warnings == [
        *(f"SLACK_BOT_TOKEN: lacks the scope {each}," for each in SCOPES if each not in needed),
        "SLACK_BOT_TOKEN: has scopes that nothing here uses: channels:history; take them out of the app",
    ]


async def test_socket_mode_is_tried_with_its_own_token(setup: Setup) -> None:
    good = await setup.check(SLACK_APP_TOKEN=setup.workspace.app.app_token)
    assert good.code == 0
    assert "SLACK_APP_TOKEN: Slack opens connections of Socket Mode for it" in lines(good, "ok")
    swapped = await setup.check(SLACK_APP_TOKEN=setup.workspace.app.bot_token)
    assert swapped.code == 1
    assert "SLACK_APP_TOKEN: Slack refuses it (not_allowed_token_type): it begins with xapp-" in swapped.out


@pytest.mark.parametrize(
    ("ahead_ms", "level"),
    [(0, None), (10_000, Level.WARNING), (-10_000, Level.WARNING), (120_000, Level.WRONG)],
)
async def test_a_clock_that_is_wrong_is_told_by_the_services_own(
    ahead_ms: int, level: Level | None, setup: Setup
) -> None:
    (setup.folder / "app.yaml").write_text(RULES)
    settings = load(setup.folder / "app.yaml", setup.given)
    found = await service(settings, lambda: now_ms() + ahead_ms)
    told = [each for each in found if each.place == "this machine's clock"]
    assert [each.level for each in told] == ([level] if level else [])
    assert all(("ahead of" if ahead_ms > 0 else "behind") in each.words for each in told)


async def test_what_is_missing_is_named_without_asking_anybody(tmp_path: Path) -> None:
    told = await ran(tmp_path, {"LEANCLOUD_API_SERVER": "https://im.example"}, "check")
    assert told.code == 1
    assert [each.partition(": ")[0] for each in lines(told, "wrong")] == [
        "SLACK_BOT_TOKEN",
        "SLACK_SIGNING_SECRET",
        "LEANCLOUD_APP_ID",
        "LEANCLOUD_MASTER_KEY",
    ]


async def test_schedules_that_can_not_run_or_never_will_are_named(setup: Setup) -> None:
    schedules = """
schedules:
  - {name: typo, when: "0 10 * * sat", tz: UTC, channel: C1, run: brodcast news hi}
  - {name: past, when: 2020-01-01T10:00, tz: UTC, channel: C1, run: stats}
"""
    told = await setup.check(RULES + schedules)
    assert told.code == 1
    (wrong,) = lines(told, "wrong")
    assert wrong.startswith("app.yaml:8 schedules[0].run: is no command line: ")
    assert "Did you mean broadcast" in wrong
    assert lines(told, "warning") == [
        "app.yaml:9 schedules[1].when: past never fires again: its time has passed"
    ]


async def test_the_audit_is_read_where_there_is_one_and_a_row_that_was_changed_is_found(setup: Setup) -> None:
    (setup.folder / "app.yaml").write_text(RULES)
    early = await ran(setup.folder, setup.given, "check", "--audit")
    assert lines(early, "warning") == ["audit: cannot be read before the first start of this version"]
    file = setup.folder / "var" / "imbridge.db"
    database = await Database.open(f"sqlite:///{file}")
    log = AuditLog(database, "a-chain")
    asked = Invocation("1", "1", Actor(TOM), Place("T1", "C1"), Trigger.SLASH, 1, "stats")
    await log.first(Entry.of(asked, Stage.ASKED, 1))
    await log.finish()
    await database.close()
    whole = await ran(setup.folder, setup.given, "check", "--audit")
    assert whole.code == 0, whole
    assert any(each.startswith("audit: ") for each in lines(whole, "ok")), whole
    with sqlite3.connect(file) as connection:
        # Whoever owns the file can take the guards away too.
        for (guard,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            connection.execute(f"DROP TRIGGER {guard}")
        assert connection.execute("UPDATE imbridge_audit SET actor = 'somebody else'").rowcount == 1
    broken = await ran(setup.folder, setup.given, "check", "--audit")
    assert broken.code == 1
    assert all(each.startswith("audit: ") for each in lines(broken, "wrong"))

"""A broken app.yaml stops the start and lists every problem with its place."""

from pathlib import Path

import pytest

from bridge.config import AppSettings, load, serve_problems
from bridge.errors import BadConfiguration


def written(folder: Path, text: str) -> Path:
    path = folder / "app.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str, environment: dict[str, str] | None = None) -> list[str]:
    path = written(folder, text)
    with pytest.raises(BadConfiguration) as caught:
        load(path, environment or {})
    return [str(each).removeprefix(f"{folder}/") for each in caught.value.problems]


def test_nothing_at_all_is_a_good_configuration(tmp_path: Path) -> None:
    settings = load(written(tmp_path, ""), {})
    assert settings.embedded
    assert settings.slack.command == "/im"
    assert settings.access is None


def test_the_example_of_the_design_is_read_as_it_stands(tmp_path: Path) -> None:
    text = """
slack:
  command: /im
  team: T0123
  locale: zh-CN
realtime:
  plan: business
  sender: "Mammy Two Shoes"
  aliases: {news: 5eccba570d3a42c5fd4e25c3}
  text: typed
schedules:
  - name: saturday-party
    when: "0 10 * * sat"
    tz: Asia/Shanghai
    channel: C0123
    grace: 10m
    run: broadcast news 周六有晚会！
  - name: new-year
    when: 2026-12-31T23:55
    tz: Asia/Shanghai
    channel: C0123
    run: broadcast news 新年快乐！
access: open
safety_window: 60s
lists: {}
retention: {bodies: 90d}
"""
    settings = load(written(tmp_path, text), {})
    assert settings.schedules[0].grace == 600_000
    assert settings.schedules[1].when == "2026-12-31T23:55"
    assert settings.retention.bodies == 90 * 86_400_000


def test_every_problem_is_listed_with_file_line_and_key(tmp_path: Path) -> None:
    text = """slack:
  comand: /im
realtime:
  plan: busines
schedules:
  - name: party
    when: "0 10 * * 6"
    tz: Asia/Shanghai
    channel: C0123
    run: broadcast news hi
  - name: party
    when: "61 10 * * sat"
    tz: Mars/Olympus
    channel: C0123
    run: broadcast news hi
grace: 10m
"""
    found = problems(tmp_path, text)
    assert any(
        each.startswith("app.yaml:2 slack.comand: unknown key 'comand'; did you mean 'command'?")
        for each in found
    )
    assert any(each.startswith("app.yaml:4 realtime.plan") for each in found)
    assert any(
        each.startswith("app.yaml:13 schedules[1].tz: 'Mars/Olympus' is no IANA time zone") for each in found
    )
    assert any(each.startswith("app.yaml:16 grace: unknown key 'grace'") for each in found)


def test_a_bad_cron_and_a_name_twice_are_named_with_their_schedule(tmp_path: Path) -> None:
    text = """schedules:
  - {name: party, when: "0 10 * * 6", tz: UTC, channel: C1, run: stats}
  - {name: party, when: "0 10 * * sat", tz: UTC, channel: C1, run: stats}
"""
    found = problems(tmp_path, text)
    assert any("app.yaml:2 schedules[0].when: Weekdays are named" in each for each in found)
    assert any("app.yaml:3 schedules[1].name: 'party' is there twice" in each for each in found)


def test_a_secret_in_the_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    found = problems(tmp_path, "slack:\n  bot_token: xoxb-secret\nrealtime:\n  master_key: hush\n")
    assert [each.partition(":")[2] for each in found] == [
        "2 slack.bot_token: belongs in the environment, as SLACK_BOT_TOKEN: this file holds no secrets",
        "4 realtime.master_key: belongs in the environment, as LEANCLOUD_MASTER_KEY: this file holds no secrets",
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("slack: [", "app.yaml:1"),
        ("- a\n- b\n", "app.yaml"),
        ("slack: 3\n", "app.yaml:1 slack"),
        ("lists: {vip: 3}\n", "app.yaml:1 lists.vip"),
        ("safety_window: soon\n", "app.yaml:1 safety_window"),
    ],
)
def test_what_is_no_settings_file_is_said_so(tmp_path: Path, text: str, place: str) -> None:
    assert any(each.startswith(place) for each in problems(tmp_path, text))


def test_a_named_file_that_is_missing_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match="there is no such file"):
        load(tmp_path / "other.yaml", {})


def test_a_bad_variable_is_named_by_its_name(tmp_path: Path) -> None:
    assert any(each.startswith("PORT: ") for each in problems(tmp_path, "", {"PORT": "many"}))


def test_serving_names_every_missing_secret(tmp_path: Path) -> None:
    settings = load(written(tmp_path, ""), {"LEANCLOUD_API_SERVER": "https://im.example"})
    names = {problem.place for problem in serve_problems(settings)}
    assert names == {"SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "LEANCLOUD_APP_ID", "LEANCLOUD_MASTER_KEY"}


def test_secrets_show_in_no_representation() -> None:
    settings = AppSettings.model_validate(
        {"slack": {"bot_token": "xoxb-secret"}, "realtime": {"master_key": "hush"}}
    )
    assert "xoxb" not in repr(settings)
    assert "hush" not in repr(settings)
    assert "hush" not in settings.model_dump_json()


def test_the_apps_own_addresses_are_read_and_their_key_comes_from_the_environment(tmp_path: Path) -> None:
    text = """
realtime:
  hooks: {webhook: "https://app.example/im?t=1", functions: "http://127.0.0.1:3000", fail_closed: true}
retention: {history: 180d}
"""
    settings = load(written(tmp_path, text), {"LEANCLOUD_HOOK_KEY": "a-hook-key"})
    hooks = settings.realtime.hooks
    assert (hooks.webhook, hooks.functions) == ("https://app.example/im?t=1", "http://127.0.0.1:3000")
    assert (hooks.push, hooks.fail_closed) == (None, True)
    assert hooks.key is not None
    assert hooks.key.get_secret_value() == "a-hook-key"
    assert "a-hook-key" not in repr(settings)
    assert settings.retention.history == 180 * 86_400_000


def test_an_address_that_leads_nowhere_or_holds_a_secret_stops_the_start(tmp_path: Path) -> None:
    text = """
realtime:
  hooks:
    webhook: app.example/im
    functions: ftp://app.example
    push: https://me:secret@push.example
    key: a-hook-key
"""
    assert problems(tmp_path, text) == [
        "app.yaml:7 realtime.hooks.key: belongs in the environment, as LEANCLOUD_HOOK_KEY: this file holds no secrets",
        "app.yaml:4 realtime.hooks.webhook: an address begins with http:// or https:// and a host",
        "app.yaml:5 realtime.hooks.functions: an address begins with http:// or https:// and a host",
        "app.yaml:6 realtime.hooks.push: an address holds no user or password",
    ]

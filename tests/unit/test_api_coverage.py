"""The page on the API's coverage says what the code does, and leaves no documented call out."""

import ast
from pathlib import Path

import handlers
from tests import api_coverage

ROOT = Path(__file__).parents[2]
CALLERS = [
    *sorted((ROOT / "handlers").glob("*.py")),
    ROOT / "bridge/delivery.py",
    ROOT / "bridge/conversations.py",
]
"""The modules through which commands reach the client."""
CLIENT = {"realtime", "_realtime", "_service"}
PAGED = {
    "iterate_history": "history",
    "iterate_subscribers": "subscribers",
    "iterate_subscriptions": "subscriptions",
}


def test_the_page_is_up_to_date() -> None:
    assert api_coverage.PAGE.read_text(encoding="utf-8") == api_coverage.page(), (
        "python -m tests.api_coverage"
    )


def test_every_documented_call_has_a_command_or_a_reason_to_have_none() -> None:
    methods = {api_coverage.method_of(row) for row in api_coverage.rows()}
    assert methods == api_coverage.COMMANDS.keys() | api_coverage.WITHOUT_COMMAND.keys()
    assert not api_coverage.COMMANDS.keys() & api_coverage.WITHOUT_COMMAND.keys()


def test_every_documented_call_is_answered_by_our_server() -> None:
    assert [row[0] for row in api_coverage.rows() if api_coverage.server_module(row) is None] == []


def test_the_commands_are_those_that_there_are() -> None:
    named = {name for names in api_coverage.COMMANDS.values() for name in names}
    assert named <= {command.name for command in handlers.COMMANDS}


def test_the_methods_with_a_command_are_those_that_commands_call() -> None:
    called = {
        PAGED.get(node.attr, node.attr)
        for path in CALLERS
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr in CLIENT
    }
    assert called - {"pacer"} == set(api_coverage.COMMANDS)

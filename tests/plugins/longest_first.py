"""Begins with the files that take longest, so that at the end no worker waits for another."""

import pytest

LONGEST = (
    "tests/contract/test_moving.py",
    "tests/browser/test_demo.py",
    "tests/scenarios/test_secrets.py",
    "tests/contract/test_fuzz.py",
    "tests/browser/test_surfaces.py",
    "tests/scenarios/test_terminal.py",
    "tests/browser/test_playground.py",
    "tests/scenarios/test_check.py",
    "tests/contract/test_where.py",
    "tests/scenarios/test_bad_input.py",
    "tests/scenarios/test_progress.py",
    "tests/scenarios/test_slack_door.py",
    "tests/contract/bridge/test_schedules.py",
    "tests/contract/test_moving_faults.py",
    "tests/contract/test_socket_input.py",
    "tests/crash/test_bridge_kills.py",
    "tests/crash/test_replicas.py",
)
"""Each takes half a minute or more; the longest first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put them first, each file's tests in their own order."""
    order = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda each: order.get(each.nodeid.partition("::")[0], len(LONGEST)))

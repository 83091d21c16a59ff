"""What somebody is to the workspace, as users.info tells it."""

from typing import Any

import pytest

from bridge.invocation import Standing
from bridge.slack.people import standing

HOME = "T1"


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({"team_id": HOME, "is_restricted": False, "is_ultra_restricted": False}, Standing.MEMBER),
        ({"team_id": HOME, "is_restricted": True}, Standing.GUEST),
        ({"team_id": HOME, "is_restricted": True, "is_ultra_restricted": True}, Standing.GUEST),
        ({"team_id": HOME, "is_ultra_restricted": True}, Standing.GUEST),
        ({"team_id": "T2", "is_restricted": False}, Standing.FOREIGN),
        ({"team_id": "T2", "is_restricted": True}, Standing.FOREIGN),
        ({"team_id": HOME, "is_stranger": True}, Standing.FOREIGN),
        ({"team_id": HOME, "deleted": True}, Standing.GONE),
        ({"team_id": "T2", "deleted": True}, Standing.GONE),
        ({"team_id": "E1", "enterprise_user": {"teams": ["T2", HOME]}}, Standing.MEMBER),
        ({"team_id": "T2", "enterprise_user": {"teams": ["T2"]}}, Standing.FOREIGN),
        ({"team_id": "E1", "enterprise_user": {"teams": [HOME]}, "is_restricted": True}, Standing.GUEST),
    ],
)
def test_a_user_is_a_member_only_where_nothing_says_otherwise(
    user: dict[str, Any], expected: Standing
) -> None:
    assert standing(user, HOME) is expected

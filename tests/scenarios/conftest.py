"""Gives dialogues their office."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.scenarios.office import Office, opened


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """The usual office: a fresh service, access open to everyone, announcements sent by `boss`."""
    async with opened(tmp_path) as office:
        yield office

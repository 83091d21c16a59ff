"""The order in which files are begun names files that there are."""

from pathlib import Path

from tests.plugins.longest_first import LONGEST

ROOT = Path(__file__).parents[2]


def test_every_file_that_is_put_first_is_there() -> None:
    assert [name for name in LONGEST if not (ROOT / name).exists()] == []

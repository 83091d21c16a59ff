"""The embedded server's keys are made once and kept to their owner."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bridge.errors import BadConfiguration
from bridge.keys import FILE, kept


def test_keys_are_made_once(tmp_path: Path) -> None:
    first = kept(tmp_path / "var")
    assert kept(tmp_path / "var") == first
    assert len({first.app_id, first.app_key, first.master_key}) == 3


def test_only_their_owner_can_read_them(tmp_path: Path) -> None:
    kept(tmp_path)
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_two_that_start_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len({each.master_key for each in pool.map(lambda _: kept(tmp_path), range(8))}) == 1


def test_a_damaged_file_is_named_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{", encoding="utf-8")
    with pytest.raises(BadConfiguration, match=FILE):
        kept(tmp_path)
    assert (tmp_path / FILE).read_text(encoding="utf-8") == "{"


def test_keys_show_in_no_representation(tmp_path: Path) -> None:
    keys = kept(tmp_path)
    assert keys.master_key not in repr(keys)

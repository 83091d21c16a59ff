"""Message ids: their shape and their order."""

import re

from hypothesis import given
from hypothesis import strategies as st

from bridge.server.ids import MessageIds


@given(times=st.lists(st.integers(1_500_000_000_000, 1_500_000_000_003), min_size=1, max_size=50))
def test_ids_are_22_url_safe_characters_that_sort_as_they_were_made(times: list[int]) -> None:
    ids = MessageIds()
    made = [ids.new(at) for at in times]
    assert all(re.fullmatch(r"[A-Z][A-Za-z0-9_-]{21}", one) for one in made)
    assert sorted(made, key=str.encode) == made
    assert len(set(made)) == len(made)


def test_an_id_sorts_by_its_time_whichever_process_made_it() -> None:
    earlier, later = MessageIds().new(1_500_000_000_000), MessageIds().new(1_500_000_000_001)
    assert earlier < later


def test_what_follows_the_time_cannot_be_guessed() -> None:
    tails = {MessageIds().new(1_500_000_000_000)[10:] for _ in range(1000)}
    assert len(tails) == 1000

"""Whatever is typed gets an answer, and never a fault of ours; `make lines` types a hundred thousand."""

import asyncio
import os
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import handlers
from bridge.commands import Registry
from tests.scenarios.office import OPS, PEOPLE, Setup, opened

LINES = int(os.environ.get("LINES_TYPED", "200"))
TOGETHER = 100
"""Lines that one office hears."""
FAULT = "Something went wrong in imbridge itself."
REGISTRY = Registry.of(handlers.COMMANDS)

WORDS = st.one_of(
    st.sampled_from(sorted({word for name in REGISTRY.commands for word in name.split()})),
    st.sampled_from(sorted({f"--{word}" for each in REGISTRY.commands.values() for word in each.options})),
    st.sampled_from(
        [
            "News",
            "Lobby",
            "tom",
            "tom,jerry",
            "2h",
            "2026-12-31T23:55",
            "0 10 * * sat",
            "-1",
            "1e9",
            "=",
            "a=b",
        ]
    ),
    st.sampled_from(
        ['"', "“", "’", "--", "—", "{", '{"a":1}', "[]", "null", "\0", "\u202e", "𝕏", "：", "，", "　"]
    ),
    st.integers().map(str),
    st.text(max_size=12),
)
TYPED = st.one_of(
    st.lists(WORDS, max_size=9).map(" ".join),
    st.text(max_size=60),
    st.sampled_from(sorted({example for each in REGISTRY.commands.values() for example in each.examples})),
)


async def typed(lines: list[str]) -> list[str]:
    """What is answered to each line."""
    with tempfile.TemporaryDirectory() as folder:
        async with opened(Path(folder), Setup()) as office:
            await office.says("mia", "#ops", "/im conv create News --system")
            await office.says("mia", "#ops", "/im conv create Lobby --member tom")
            answers = []
            for line in lines:
                outcome = await office.workspace.command(PEOPLE["mia"], OPS, f"/im {line}")
                assert outcome.error is None, (line, outcome.error)
                answers.append(outcome.text)
                if "Frozen" in outcome.text:
                    await office.workspace.command(PEOPLE["ben"], OPS, "/im unfreeze")
            return answers


@settings(
    max_examples=max(1, LINES // TOGETHER),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
    # The faulty line is named: there is nothing to find by typing fewer others.
    phases=(Phase.generate,),
)
@given(st.lists(TYPED, min_size=TOGETHER, max_size=TOGETHER))
def test_no_line_that_anybody_could_type_is_our_fault(lines: list[str]) -> None:
    answers = asyncio.run(typed(lines))
    faulty = [line for line, answer in zip(lines, answers, strict=True) if FAULT in answer]
    assert faulty == []

"""What Prometheus is told by a bridge at work, and that its page names every figure."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.scenarios.processes import of_slack, serve, slack

PAGE = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
APP = "realtime: {plan: business}\naccess: open\n"


@pytest.fixture
async def scraped(tmp_path: Path) -> AsyncIterator[str]:
    """The figures of `imbridge serve` on the embedded server."""
    (tmp_path / "app.yaml").write_text(APP)
    async with slack() as workspace, serve(tmp_path, of_slack(workspace)) as serving:
        async with httpx.AsyncClient(base_url=serving.url) as http:
            ready = await http.get("/readyz")
            answered = await http.get("/metrics")
        assert ready.status_code == answered.status_code == 200
        yield answered.text


def families(text: str) -> set[str]:
    """The names by which queries ask; a counter's has `_total` already."""
    return set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))


async def test_the_page_names_exactly_the_figures_that_there_are(scraped: str) -> None:
    told = set(re.findall(r"`((?:imbridge|process)_[a-z_]+)`", PAGE))
    found = {name for name in families(scraped) if not name.endswith("_created")}
    assert found == told


async def test_a_bridge_at_rest_says_so(scraped: str) -> None:
    lines = set(scraped.splitlines())
    for line in (
        'imbridge_deliveries{state="unknown"} 0.0',
        "imbridge_frozen 0.0",
        "imbridge_sessions 0.0",
        "imbridge_database_readable 1.0",
        'imbridge_quota_left{family="broadcasts",period="day"} 30.0',
    ):
        assert line in lines
    assert not any(line.startswith('imbridge_quota_left{family="messages",period="day"') for line in lines)

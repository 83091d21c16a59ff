"""Dialogues in two languages: everyone is answered in their own, and what all can read in the asker's."""

import pytest

from bridge.playground.model import User
from tests.scenarios.office import PEOPLE, Office


@pytest.fixture
def bilingual(office: Office) -> Office:
    """Mia reads English, Ben Chinese."""
    office.workspace.add_user(User(PEOPLE["ben"], "ben", locale="zh-CN"))
    return office


async def test_an_announcement_is_confirmed_in_the_language_of_whoever_sent_it(bilingual: Office) -> None:
    await bilingual.says("mia", "#ops", "/im conv create News --system")
    await bilingual.heard("Created the system conversation News.")
    await bilingual.says("ben", "#ops", "/im broadcast News 周六有晚会！")
    await bilingual.heard("已发送：“周六有晚会！”", "全体用户（通过“News”）")
    await bilingual.says("mia", "#ops", "/im broadcast News 周六有晚会！")
    await bilingual.heard("Sent: “周六有晚会！”", "everyone, as News")


async def test_a_refusal_reaches_each_in_their_language(bilingual: Office) -> None:
    await bilingual.says("mia", "#ops", "/im conv create Lobby")
    await bilingual.says("ben", "#ops", "/im broadcast Lobby 你好")
    await bilingual.heard("Lobby 是普通对话，这里需要系统对话。", "conv list --kind system", to_all=False)
    await bilingual.says("mia", "#ops", "/im broadcast Lobby 你好")
    await bilingual.heard("Lobby is a normal conversation; this needs a system conversation.", to_all=False)


async def test_help_and_did_you_mean_speak_chinese_too(bilingual: Office) -> None:
    await bilingual.says("ben", "#ops", "/im help broadcast")
    await bilingual.heard(
        "broadcast：给应用的全体用户发送消息。", "离线用户在此之前上线仍会收到", to_all=False
    )
    await bilingual.says("mia", "#ops", "/im help broadcast")
    await bilingual.heard("broadcast: Send a message to every user of the app.", to_all=False)
    await bilingual.says("ben", "#ops", "/im brodcast News 你好")
    await bilingual.heard("没有 brodcast 这个命令。", "你想输入的是 broadcast 吗？", to_all=False)

"""The world of the demo: a small game's community in the messaging service, and the team that runs it in Slack."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from bridge.playground.model import Channel, Message, Team, User
from bridge.playground.phones import Player
from bridge.playground.state import State
from bridge.realtime.client import RealtimeClient
from bridge.realtime.content import (
    Attachment,
    Audio,
    Content,
    Custom,
    File,
    Image,
    Location,
    Text,
)
from bridge.realtime.history import HistoryRange, InConversation
from bridge.realtime.models import Conversation, Kind, NewConversation

GAME = "https://harbor.example/art/"
"""Where the game keeps its pictures; the page has them itself, so that nothing is fetched from anywhere."""
NEWS_SENDER = "harbor-news"
KEY = "playground"
"""The attribute that marks what was made here, so that it is made once."""
DONE = "playground_done"

PLAYERS = (Player("xiaoyu", "小鱼"), Player("tom", "Tom"), Player("mary", "Mary"))
EVERYONE = tuple(player.client_id for player in PLAYERS)

TEAM = Team(name="港湾物语 Cosy Harbor", domain="cosy-harbor")
ANNOUNCEMENTS, SUPPORT, OPS, TOWN_HALL = "C0ANNOUNCE", "C0SUPPORT0", "C0OPS00000", "C0TOWNHALL"
LIN, SAM = "U0LINXIA00", "U0SAM00000"

Line: TypeAlias = tuple[str, Content]
"""Who says what."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A conversation and how it began; `alias` is the word that stands for it in commands."""

    alias: str
    new: NewConversation
    lines: tuple[Line, ...]
    subscribers: tuple[str, ...] = ()


SCENES = (
    Scene(
        "crew",
        NewConversation("月光钓鱼队 Moonlight Crew", members=EVERYONE, creator="mary"),
        (
            ("mary", Text("今晚退潮，去灯塔那边钓夜光鱿鱼吧！")),
            ("tom", Text("I'm in. Where do we meet?")),
            ("mary", Location(30.7261, 122.4528, "灯塔码头 · Lighthouse pier")),
            ("xiaoyu", Image(Attachment(f"{GAME}catch.svg", {"name": "catch.svg"}), "昨晚的收获")),
            ("tom", Custom({"_lctype": 1, "_lctext": "Tom 送出了 3 份面包虫", "item": "bait", "count": 3})),
        ),
    ),
    Scene(
        "support",
        NewConversation("港湾客服 Support", members=("xiaoyu", "support"), creator="support"),
        (
            ("xiaoyu", Text("你好，我昨天钓到的金色鲷鱼不见了……")),
            ("support", Text("别着急，我们马上查一下。能发一张背包截图吗？")),
            ("xiaoyu", Image(Attachment(f"{GAME}bag.svg", {"name": "bag.svg"}))),
            ("support", Text("找到了：它游进了鱼缸的第二页。已经帮你放回背包啦。")),
            ("support", File(Attachment(f"{GAME}guide.txt", {"name": "鱼缸使用指南.txt", "size": 652}))),
        ),
    ),
    Scene(
        "pier",
        NewConversation("码头闲聊 Pier Chat", kind=Kind.TRANSIENT, creator="harbor-news"),
        (
            ("tom", Text("Anyone up for night fishing?")),
            ("mary", Text("带上灯笼，码头见。")),
            ("xiaoyu", Text("等我五分钟，南瓜还没收完！")),
            (
                "tom",
                Audio(Attachment(f"{GAME}bell.wav", {"name": "bell.wav", "duration": 2}), "The harbor bell"),
            ),
        ),
    ),
    Scene(
        "news",
        NewConversation("港湾日报 Harbor News", kind=Kind.SYSTEM, creator="harbor-news"),
        (
            (
                NEWS_SENDER,
                Text(
                    "欢迎来到港湾物语！今天的潮汐很温柔。\nWelcome to Cosy Harbor. The tide is gentle today."
                ),
            ),
            (
                NEWS_SENDER,
                Image(
                    Attachment(f"{GAME}lanterns.svg", {"name": "lanterns.svg"}),
                    "灯笼节海报来了 · The Lantern Festival poster is here",
                ),
            ),
        ),
        subscribers=EVERYONE,
    ),
)


async def seed(realtime: RealtimeClient) -> dict[str, str]:
    """Make the game's conversations where they are not there yet; returns their aliases, word → id.

    Interrupted, it goes on where it stopped: what was said already is not said again.
    """
    return {scene.alias: await _play(realtime, scene) for scene in SCENES}


async def _play(realtime: RealtimeClient, scene: Scene) -> str:
    there = await realtime.find_conversations({KEY: scene.alias}, kind=scene.new.kind, limit=1)
    conversation = there[0] if there else await _open(realtime, scene)
    if conversation.attributes.get(DONE):
        return conversation.id
    for client in scene.subscribers:
        await realtime.subscribe(conversation, client)
    said = await realtime.history(InConversation(conversation), HistoryRange(limit=len(scene.lines)))
    for sender, content in scene.lines[len(said) :]:
        if scene.new.kind is Kind.SYSTEM:
            await realtime.broadcast(conversation, sender, content)
        else:
            await realtime.send(conversation, sender, content)
    await realtime.update_conversation(conversation, {DONE: True})
    return conversation.id


async def _open(realtime: RealtimeClient, scene: Scene) -> Conversation:
    new = scene.new
    marked = NewConversation(
        new.name, new.kind, new.members, creator=new.creator, attributes={KEY: scene.alias}
    )
    return await realtime.create_conversation(marked)


def furnish(workspace: State) -> None:
    """The team's people and channels, with what they said this morning."""
    team, bot = workspace.team.id, workspace.app.user_id
    for person in (
        User(LIN, "linxia", "林夏", team),
        User(SAM, "sam", "Sam Okafor", team, "en-GB", "Europe/London", 0, is_admin=True),
    ):
        workspace.add_user(person)
    members = frozenset({LIN, SAM, bot})
    channels = (
        (ANNOUNCEMENTS, "announcements"),
        (SUPPORT, "support"),
        (OPS, "ops"),
        (TOWN_HALL, "town-hall"),
    )
    for channel_id, name in channels:
        workspace.add_channel(Channel(channel_id, name, members=members))
    workspace.direct(LIN, SAM)
    for channel_id, user, text in _said(workspace.direct(LIN, SAM).id):
        workspace.post(Message(channel_id, workspace.new_ts(), user, text))


def _said(direct: str) -> Sequence[tuple[str, str, str]]:
    return (
        (ANNOUNCEMENTS, LIN, "周六的灯笼晚会定了：19:00，码头广场。等会儿给所有玩家发公告。"),
        (ANNOUNCEMENTS, SAM, "Great. I'll watch the phones on the right while you send it."),
        (SUPPORT, LIN, "小鱼的金色鲷鱼找回来了，对话在 `support`。"),
        (SUPPORT, SAM, "`/im history support` shows what was said, `/im send support` answers."),
        (OPS, SAM, "Servers are quiet this morning. `/im stats` for the figures."),
        (TOWN_HALL, LIN, "这里发的公告要另一个人批准，批准后倒数 15 秒，谁都可以停止。"),
        (
            TOWN_HALL,
            SAM,
            "Propose one with `/im broadcast news ...`, and I'll approve it. `/im freeze` stops everything.",
        ),
        (direct, SAM, "Ping me here if the schedule surprises you :)"),
    )


def settings(now: int, channel: str = ANNOUNCEMENTS) -> dict[str, Any]:
    """What app.yaml would say for this world; `now` is UTC ms. One schedule fires about 40 seconds from then."""
    zone = "Asia/Shanghai"
    fires = datetime.fromtimestamp(now / 1000, UTC) + timedelta(seconds=40)
    return {
        "slack": {"command": "/im", "locale": "zh-CN"},
        "realtime": {
            "sender": NEWS_SENDER,
            # A day of play is more than thirty broadcasts; ten a minute still shows what a limit looks like.
            "plan": {"broadcasts_per_day": None},
        },
        "access": {
            "roles": {"crew": {"users": [LIN, SAM]}},
            "rules": [
                {
                    "name": "town-hall",
                    "in": TOWN_HALL,
                    "run": "reaches people",
                    "approve": {"role": "crew", "within": "1h"},
                },
                {"name": "everything-elsewhere", "run": "everything"},
            ],
        },
        "safety_window": "15s",
        "people": {LIN: "xiaoyu", SAM: "tom"},
        "schedules": [
            {
                "name": "morning-tide",
                "when": fires.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M:%S"),
                "tz": zone,
                "channel": channel,
                "run": "broadcast news 早潮来了：钓鱼大赛马上开始！ The morning tide is in: the fishing derby begins!",
            }
        ],
    }

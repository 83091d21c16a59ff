"""What an app does with LeanCloud's own Python SDK, run by its interpreter: prints what it saw as one JSON object.

Reads `LEANCLOUD_API_SERVER` as the SDK does, and the app's id and keys from its arguments.
"""

import json
import sys
import time
import urllib.request
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import leancloud
from leancloud import Conversation, LeanCloudError, Message, Query

Seen: TypeAlias = dict[str, Any]

TYPED = {"_lctype": -1, "_lctext": "周六有晚会！", "_lcattrs": {"delivery": "d1"}}


def conversations() -> Seen:
    seen: Seen = {}
    normal = Conversation("Tom & Jerry", is_unique=True)
    normal.add_member("Tom")
    normal.add_member("Jerry")
    normal.set("topic", "cheese")
    normal.save()
    seen["id"] = normal.id

    same = Conversation("again", is_unique=True)
    same.add_member("Jerry")
    same.add_member("Tom")
    same.save()
    seen["unique is the same"] = same.id == normal.id

    read = Conversation.query.get(normal.id)
    seen["read"] = [read.name, sorted(read.members), read.is_unique, bool(read.is_system), read.get("topic")]
    read.add_member("Spike")
    read.set("topic", "milk")
    read.save()
    again = Conversation.query.get(normal.id)
    seen["changed"] = [sorted(again.members), again.get("topic"), again.last_message_read_at]

    system = Conversation("news", is_system=True)
    system.save()
    room = Conversation("room", is_transient=True)
    room.save(fetch_when_save=True)
    seen["kinds"] = [
        Conversation.query.get(system.id).is_system,
        Conversation.query.get(room.id).is_transient,
        room.get("name"),
    ]
    # The SDK takes local time without a zone.
    tomorrow = datetime.now() + timedelta(days=1)  # noqa: DTZ005
    seen["found"] = {
        "member": [one.name for one in Conversation.query.equal_to("m", "Spike").find()],
        "name": Conversation.query.equal_to("name", "news").first().id == system.id,
        "system": [one.name for one in Conversation.query.equal_to("sys", True).find()],
        "starts": [one.name for one in Conversation.query.startswith("name", "Tom &").find()],
        "all": [one.name for one in Conversation.query.ascending("name").limit(2).skip(1).find()],
        "newer": Conversation.query.greater_than("createdAt", tomorrow).count(),
        "count": Conversation.query.count(),
        "scan": sorted(one.get("name") for one in Conversation.query.scan(batch_size=2)),
        "both": Query.or_(
            Conversation.query.contains_all("m", ["Tom", "Spike"]), Conversation.query.equal_to("tr", True)
        ).count(),
    }
    room.destroy()
    leancloud.Object.destroy_all([system])
    seen["left"] = [one.name for one in Conversation.query.find()]
    try:
        Conversation.query.equal_to("name", "room").first()
    except LeanCloudError as problem:
        seen["missing"] = problem.code
    seen["read when gone"] = Conversation.query.get(room.id).name
    return seen


def messages() -> Seen:
    seen: Seen = {}
    group = Conversation("group")
    group.add_member("Tom")
    group.save()
    news = Conversation("news", is_system=True)
    news.save()

    group.send("Tom", "plain")
    group.send("Tom", TYPED)
    group.send("Jerry", "with push", push_data={"alert": "ring"})
    group.send("Tom", "gone at once", transient=True)
    news.send("news", "only for you", to_clients=["Tom", "Jerry"])
    news.send("news", json.dumps(TYPED), to_clients=["Tom"])
    till = int((time.time() + 3600) * 1000)
    news.broadcast("news", "for everybody", valid_till=till, push_data={"alert": "hear"})

    history = Message.find_by_conversation(group.id)
    seen["newest first"] = [one.data if one.data[0] != "{" else json.loads(one.data) for one in history]
    seen["row"] = [history[-1].from_client, history[-1].to, history[-1].is_conversation, history[-1].bin]
    seen["now"] = abs(history[0].timestamp - time.time()) < 60
    seen["limit"] = [one.data for one in Message.find_by_conversation(group.id, limit="1")]
    oldest = Message.find_by_conversation(group.id, limit=1, reversed=True)
    seen["oldest first"] = [one.data for one in oldest]
    newest = datetime.fromtimestamp(history[0].timestamp)  # noqa: DTZ006
    before = Message.find_by_conversation(
        group.id, before_time=newest, before_message_id=history[0].message_id
    )
    seen["before"] = [one.message_id for one in before] == [one.message_id for one in history[1:]]
    of_tom = [one.data for one in Message.find_by_client("Tom")]
    seen["of Tom"] = [json.loads(data)["_lctext"] if data[0] == "{" else data for data in of_tom]
    seen["in all"] = len(Message.find_all(limit=100))

    refused: Seen = {}
    calls: dict[str, Callable[[], object]] = {
        "unknown": lambda: Conversation.create_without_data("0" * 24).send("Tom", "x"),
        "too long": lambda: group.send("Tom", "x" * 6000),
        "too many": lambda: news.send("news", "x", to_clients=[f"c{number}" for number in range(21)]),
        "not a system conversation": lambda: group.broadcast("Tom", "x"),
    }
    for name, call in calls.items():
        try:
            call()
        except LeanCloudError as problem:
            refused[name] = problem.code
    seen["refused"] = refused
    return seen


def files() -> Seen:
    content = bytes(range(256)) * 20
    uploaded = leancloud.File("photo.png", content, mime_type="image/png")
    uploaded.save()
    with urllib.request.urlopen(uploaded.url) as response:  # noqa: S310 - the server's own address
        served = [response.read() == content, response.headers["content-type"]]
    read = leancloud.File.create_without_data(uploaded.id)
    read.fetch()
    linked = leancloud.File.create_with_url("cheese", "https://elsewhere.example/cheese.png")
    linked.save()
    names = sorted(one.name for one in leancloud.File.query.find())
    read.destroy()
    left = leancloud.File.query.count()
    return {
        "served": served,
        "read": [read.name, read.url == uploaded.url, read.mime_type, read.metadata["size"]],
        "names": names,
        "left": left,
    }


app_id, app_key, master_key, part = sys.argv[1:]
leancloud.init(app_id, app_key=app_key, master_key=master_key)
what = {"conversations": conversations, "messages": messages, "files": files}[part]
sys.stdout.write(json.dumps(what()))

"""The Web API's methods that speak: chat.* and the upload of files."""

from typing import Any

from bridge.playground.content import UPDATE_CHARACTERS, Content, read_content
from bridge.playground.lookup_methods import known_channel, need
from bridge.playground.model import Channel, Json, Message, SlackError
from bridge.playground.state import State


def chat_post_message(state: State, args: Json) -> Json:
    """A new message in a channel, or to a user in the direct message with the bot."""
    (reference,) = need(args, "channel")
    channel = _place(state, reference)
    content = read_content(args)
    if content.empty:
        raise SlackError("no_text")
    message = state.post(bot_message(state, channel.id, content, thread_ts=_thread(state, channel, args)))
    answer: Json = {"channel": channel.id, "ts": message.ts, "message": message_json(state, message)}
    if content.truncated:
        answer["response_metadata"] = {"warnings": ["message_truncated"]}
    return answer


def chat_post_ephemeral(state: State, args: Json) -> Json:
    """A message that one member of a channel sees."""
    reference, user = need(args, "channel", "user")
    channel = _place(state, reference, public_without_membership=False)
    if user not in state.users:
        raise SlackError("user_not_found")
    if user not in channel.members:
        raise SlackError("user_not_in_channel")
    content = read_content(args)
    if content.empty:
        raise SlackError("no_text")
    thread_ts = _thread(state, channel, args)
    message = state.post(bot_message(state, channel.id, content, thread_ts=thread_ts, ephemeral_to=user))
    return {"message_ts": message.ts}


def chat_update(state: State, args: Json) -> Json:
    """Another version of a message of the bot; blocks are kept only where no text is given."""
    reference, ts = need(args, "channel", "ts")
    channel = known_channel(state, reference)
    if channel.archived:
        raise SlackError("is_inactive")
    message = _own_message(state, channel, ts, "cant_update_message")
    window = state.team.edit_window_ms
    if window is not None and state.now() - int(float(ts) * 1000) > window:
        raise SlackError("edit_window_closed")
    content = read_content(args)
    if content.text is not None and len(content.text) > UPDATE_CHARACTERS:
        raise SlackError("msg_too_long")
    if content.text is None and content.blocks is None and content.attachments is None:
        raise SlackError("no_text")
    changes: Json = {"text": content.text if content.text is not None else message.text}
    if content.blocks is not None or content.text is not None:
        changes["blocks"] = content.blocks or ()
    if content.attachments is not None:
        changes["attachments"] = content.attachments
    if content.metadata is not None:
        changes["metadata"] = content.metadata or None
    if not (changes["text"] or changes.get("blocks", message.blocks) or changes.get("attachments")):
        raise SlackError("no_text")
    message = state.change(message, edited=not content.blocks, **changes)
    return {"channel": channel.id, "ts": ts, "text": message.text, "message": message_json(state, message)}


def chat_delete(state: State, args: Json) -> Json:
    """Take a message of the bot away."""
    reference, ts = need(args, "channel", "ts")
    channel = known_channel(state, reference)
    state.delete(_own_message(state, channel, ts, "cant_delete_message"))
    return {"channel": channel.id, "ts": ts}


def files_get_upload_url_external(state: State, args: Json) -> Json:
    """An address for a file's bytes."""
    filename, length = need(args, "filename", "length")
    if not length.isdigit() or int(length) == 0:
        raise SlackError("invalid_arguments", ["must be greater than 0 [json-pointer:/length]"])
    file = state.add_file(filename, int(length), state.app.user_id)
    url = f"{state.base_url}/files/upload/v1/{file['id']}-{file['secret']}"
    return {"upload_url": url, "file_id": file["id"]}


def files_complete_upload_external(state: State, args: Json) -> Json:
    """Share uploaded files, in a channel where one is named."""
    files = args.get("files")
    if not isinstance(files, list) or not files:
        raise SlackError("invalid_arguments", ["missing required field: files"])
    rows = [_uploaded(state, each) for each in files]
    if args.get("channel_id"):
        channel = known_channel(state, str(args["channel_id"]))
        if state.app.user_id not in channel.members:
            raise SlackError("not_in_channel")
        content = Content(str(args.get("initial_comment") or ""), None, None, None)
        thread_ts = _thread(state, channel, args)
        for row in rows:
            state.files[row["id"]]["channels"].append(channel.id)
        state.post(bot_message(state, channel.id, content, thread_ts=thread_ts, files=tuple(rows)))
    return {"files": rows}


def bot_message(state: State, channel: str, content: Content, **more: Any) -> Message:
    """A message of the bot, not posted yet."""
    return Message(
        channel,
        state.new_ts(),
        state.app.user_id,
        content.text or "",
        content.blocks or (),
        content.attachments or (),
        metadata=content.metadata or None,
        **more,
    )


def message_json(state: State, message: Message) -> Json:
    """A message as Slack describes it to the app."""
    answer: Json = {
        "type": "message",
        "user": message.user,
        "text": message.text,
        "ts": message.ts,
        "team": state.team.id,
    }
    if message.user == state.app.user_id:
        answer |= {"bot_id": state.app.bot_id, "app_id": state.app.id}
    for name in ("blocks", "attachments", "files"):
        if value := getattr(message, name):
            answer[name] = list(value)
    if message.thread_ts:
        answer["thread_ts"] = message.thread_ts
    if message.metadata:
        answer["metadata"] = message.metadata
    if message.edited:
        answer["edited"] = {"user": message.user, "ts": message.ts}
    return answer


def _place(state: State, reference: str, *, public_without_membership: bool = True) -> Channel:
    """Where the bot may post: Slack's rules of membership, `chat:write.public` and archived channels."""
    if reference in state.users:
        channel = state.direct(state.app.user_id, reference)
    else:
        by_name = [
            each.id
            for each in state.channels.values()
            if each.kind == "public" and each.name == reference.lstrip("#")
        ]
        channel = known_channel(state, by_name[0] if by_name else reference)
    if channel.archived:
        raise SlackError("is_archived")
    anywhere = public_without_membership and "chat:write.public" in state.app.scopes
    if state.app.user_id not in channel.members and not anywhere:
        raise SlackError("not_in_channel")
    return channel


def _thread(state: State, channel: Channel, args: Json) -> str | None:
    thread_ts = args.get("thread_ts")
    if not thread_ts:
        return None
    parent = state.messages.get((channel.id, str(thread_ts)))
    if parent is None:
        raise SlackError("thread_not_found")
    if parent.ephemeral_to:
        raise SlackError("cannot_reply_to_message")
    return str(thread_ts)


def _own_message(state: State, channel: Channel, ts: str, error: str) -> Message:
    message = state.messages.get((channel.id, ts))
    if message is None or message.ephemeral_to:
        raise SlackError("message_not_found")
    if message.user != state.app.user_id:
        raise SlackError(error)
    return message


def _uploaded(state: State, reference: Any) -> Json:
    file = state.files.get(str(reference.get("id"))) if isinstance(reference, dict) else None
    if file is None or file["content"] is None:
        raise SlackError("file_not_found")
    file["title"] = reference.get("title") or file["title"]
    return {name: file[name] for name in ("id", "name", "title", "size")}

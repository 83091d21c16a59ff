"""The Web API's methods that only look things up or join: auth, conversations, users and user groups."""

from base64 import b64decode, b64encode
from typing import Any

from bridge.playground.model import Channel, Json, SlackError, User, UserGroup
from bridge.playground.state import State


def need(args: Json, *names: str) -> tuple[str, ...]:
    """Required arguments as text. Raises `invalid_arguments` naming each that is absent."""
    missing = [f"missing required field: {name}" for name in names if args.get(name) in (None, "")]
    if missing:
        raise SlackError("invalid_arguments", missing)
    return tuple(str(args[name]) for name in names)


def is_true(value: Any) -> bool:
    """A flag as JSON or a form writes it."""
    return value in (True, "true", "1", 1)


def known_channel(state: State, reference: str) -> Channel:
    """A channel that the bot may know of, by id. Raises `channel_not_found` for a private one it is not in."""
    channel = state.channels.get(reference)
    if channel is None or (channel.kind != "public" and state.app.user_id not in channel.members):
        raise SlackError("channel_not_found")
    return channel


def needs_scope(state: State, scope: str) -> None:
    """Raises `missing_scope` as Slack words it."""
    if scope not in state.app.scopes:
        raise SlackError("missing_scope", needed=scope, provided=",".join(sorted(state.app.scopes)))


def page(args: Json, rows: list[Any]) -> tuple[list[Any], Json]:
    """One page of rows by Slack's cursor, and the metadata that leads to the next."""
    limit = int(args.get("limit") or 100)
    if not 1 <= limit <= 1000:
        raise SlackError("invalid_limit")
    try:
        start = int(b64decode(args["cursor"]).decode().removeprefix("next:")) if args.get("cursor") else 0
    except ValueError:
        raise SlackError("invalid_cursor") from None
    end = start + limit
    cursor = b64encode(f"next:{end}".encode()).decode() if end < len(rows) else ""
    return rows[start:end], {"next_cursor": cursor}


def auth_test(state: State, args: Json) -> Json:
    """Who the token belongs to."""
    return {
        "url": f"https://{state.team.domain}.slack.com/",
        "team": state.team.name,
        "user": state.app.name,
        "team_id": state.team.id,
        "user_id": state.app.user_id,
        "bot_id": state.app.bot_id,
        "is_enterprise_install": False,
    }


_READ_SCOPE = {"public": "channels:read", "private": "groups:read", "direct": "im:read"}
_TYPES = {"public_channel": "public", "private_channel": "private", "im": "direct"}


def conversations_info(state: State, args: Json) -> Json:
    """One conversation."""
    (reference,) = need(args, "channel")
    channel = known_channel(state, reference)
    needs_scope(state, _READ_SCOPE[channel.kind])
    answer = channel_json(state, channel)
    if is_true(args.get("include_num_members")):
        answer["num_members"] = len(channel.members)
    return {"channel": answer}


def conversations_list(state: State, args: Json) -> Json:
    """The conversations of the asked types: public ones, and others that the bot is in."""
    asked = str(args.get("types") or "public_channel").split(",")
    if any(each not in {*_TYPES, "mpim"} for each in asked):
        raise SlackError("invalid_types")
    kinds = {_TYPES[each] for each in asked if each in _TYPES}
    for kind in sorted(kinds):
        needs_scope(state, _READ_SCOPE[kind])
    rows = [
        channel_json(state, channel)
        for channel in state.channels.values()
        if channel.kind in kinds
        and (channel.kind == "public" or state.app.user_id in channel.members)
        and not (channel.archived and is_true(args.get("exclude_archived")))
    ]
    rows, metadata = page(args, rows)
    return {"channels": rows, "response_metadata": metadata}


def conversations_members(state: State, args: Json) -> Json:
    """Who is in a conversation."""
    (reference,) = need(args, "channel")
    channel = known_channel(state, reference)
    needs_scope(state, _READ_SCOPE[channel.kind])
    rows, metadata = page(args, sorted(channel.members))
    return {"members": rows, "response_metadata": metadata}


def conversations_join(state: State, args: Json) -> Json:
    """Bring the bot into a public channel."""
    (reference,) = need(args, "channel")
    channel = known_channel(state, reference)
    if channel.kind != "public":
        raise SlackError("method_not_supported_for_channel_type")
    if channel.archived:
        raise SlackError("is_archived")
    if state.app.user_id in channel.members:
        answer = channel_json(state, channel)
        return {
            "channel": answer,
            "warning": "already_in_channel",
            "response_metadata": {"warnings": ["already_in_channel"]},
        }
    return {"channel": channel_json(state, state.join(channel.id, state.app.user_id))}


def users_info(state: State, args: Json) -> Json:
    """One user, with the locale when asked."""
    (reference,) = need(args, "user")
    user = state.users.get(reference)
    if user is None:
        raise SlackError("user_not_found")
    return {"user": user_json(state, user, locale=is_true(args.get("include_locale")))}


def users_list(state: State, args: Json) -> Json:
    """All users, page by page."""
    with_locale = is_true(args.get("include_locale"))
    rows, metadata = page(args, [user_json(state, user, locale=with_locale) for user in state.users.values()])
    return {"members": rows, "cache_ts": state.now() // 1000, "response_metadata": metadata}


def usergroups_list(state: State, args: Json) -> Json:
    """All user groups, with their users when asked."""
    with_users = is_true(args.get("include_users"))
    return {"usergroups": [_group_json(state, group, with_users) for group in state.groups.values()]}


def usergroups_users_list(state: State, args: Json) -> Json:
    """The users of one group."""
    (reference,) = need(args, "usergroup")
    group = state.groups.get(reference)
    if group is None:
        raise SlackError("no_such_subteam")
    return {"users": list(group.users)}


def channel_json(state: State, channel: Channel) -> Json:
    """A conversation as Slack describes it to the bot."""
    answer: Json = {
        "id": channel.id,
        "is_channel": channel.kind == "public",
        "is_group": channel.kind == "private",
        "is_im": channel.kind == "direct",
        "is_mpim": False,
        "is_private": channel.kind != "public",
        "is_archived": channel.archived,
        "is_shared": channel.shared,
        "is_ext_shared": channel.shared,
        "is_org_shared": False,
        "context_team_id": state.team.id,
    }
    if channel.kind == "direct":
        others = sorted(channel.members - {state.app.user_id})
        return {**answer, "user": others[0] if others else state.app.user_id}
    return {
        **answer,
        "name": channel.name,
        "name_normalized": channel.name,
        "is_general": channel.name == "general",
        "is_member": state.app.user_id in channel.members,
        "num_members": len(channel.members),
    }


def user_json(state: State, user: User, *, locale: bool) -> Json:
    """A user as Slack describes one to the bot."""
    profile = {"real_name": user.real_name, "display_name": user.name, "team": user.team_id}
    if user.email and "users:read.email" in state.app.scopes:
        profile["email"] = user.email
    answer: Json = {
        "id": user.id,
        "team_id": user.team_id,
        "name": user.name,
        "deleted": user.deleted,
        "real_name": user.real_name,
        "tz": user.tz,
        "tz_label": user.tz,
        "tz_offset": user.tz_offset,
        "profile": profile,
        "is_admin": user.is_admin,
        "is_owner": False,
        "is_primary_owner": False,
        "is_restricted": user.is_restricted,
        "is_ultra_restricted": user.is_ultra_restricted,
        "is_bot": user.is_bot,
        "is_app_user": False,
        "updated": 0,
    }
    if user.team_id != state.team.id:
        answer["is_stranger"] = True
    if locale:
        answer["locale"] = user.locale
    return answer


def _group_json(state: State, group: UserGroup, with_users: bool) -> Json:
    answer: Json = {
        "id": group.id,
        "team_id": state.team.id,
        "is_usergroup": True,
        "name": group.name,
        "handle": group.handle,
        "date_delete": 0,
        "user_count": len(group.users),
    }
    return {**answer, "users": list(group.users)} if with_users else answer

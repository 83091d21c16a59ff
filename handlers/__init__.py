"""What the commands do; each handler knows its noun and nothing of Slack, HTTP or the database."""

from handlers import (
    announcements,
    approvals,
    audit,
    broadcasts,
    clients,
    conversations,
    deliveries,
    freezing,
    history,
    members,
    messages,
    mutes,
    operations,
    quota,
    schedules,
    subscribers,
)

COMMANDS = (
    *operations.COMMANDS,
    *conversations.COMMANDS,
    *members.COMMANDS,
    *mutes.COMMANDS,
    *messages.COMMANDS,
    *announcements.COMMANDS,
    *broadcasts.COMMANDS,
    *history.COMMANDS,
    *subscribers.COMMANDS,
    *clients.COMMANDS,
    *schedules.COMMANDS,
    *deliveries.COMMANDS,
    *approvals.COMMANDS,
    *audit.COMMANDS,
    *freezing.COMMANDS,
    *quota.COMMANDS,
)

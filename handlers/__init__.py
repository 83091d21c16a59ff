"""What the commands do; each handler knows its noun and nothing of Slack, HTTP or the database."""

from handlers import announcements, conversations, deliveries, history, members, messages, operations

COMMANDS = (
    *operations.COMMANDS,
    *conversations.COMMANDS,
    *members.COMMANDS,
    *messages.COMMANDS,
    *announcements.COMMANDS,
    *history.COMMANDS,
    *deliveries.COMMANDS,
)

"""What forms call the arguments of commands, for people who have not read the grammar."""

from collections.abc import Mapping

from bridge.commands import Parameter
from bridge.phrases import Phrase, phrase

LABELS: Mapping[str, Phrase] = {
    "about": phrase("Command"),
    "actor": phrase("Person"),
    "after": phrase("After"),
    "all": phrase("Everything"),
    "answer": phrase("Answer"),
    "at": phrase("Time of the message"),
    "attr": phrase("Attributes"),
    "audio": phrase("Address of the audio"),
    "before": phrase("Before"),
    "client": phrase("User"),
    "conv": phrase("Conversation"),
    "creator": phrase("Creator"),
    "csv": phrase("As a CSV file"),
    "delivery": phrase("Delivery"),
    "file": phrase("Address of the file"),
    "from": phrase("Sender"),
    "id": phrase("User"),
    "ids": phrase("Users"),
    "image": phrase("Address of the image"),
    "instant": phrase("Missed fire"),
    "json": phrase("Message as JSON"),
    "kind": phrase("Kind"),
    "limit": phrase("How many at most"),
    "location": phrase("Latitude and longitude"),
    "member": phrase("Members"),
    "mention": phrase("Mentions"),
    "msgid": phrase("Message id"),
    "name": phrase("Name"),
    "proposal": phrase("Proposal"),
    "push": phrase("Offline push"),
    "raw": phrase("Plain string"),
    "reason": phrase("Reason"),
    "reversed": phrase("Oldest first"),
    "run": phrase("Command"),
    "since": phrase("Not before"),
    "skip": phrase("Leave out the first"),
    "state": phrase("State"),
    "system": phrase("System conversation"),
    "text": phrase("Text of the message"),
    "to": phrase("Recipients"),
    "to-file": phrase("CSV file of recipients"),
    "to-list": phrase("List of recipients"),
    "transient": phrase("Only while online"),
    "tz": phrase("Time zone"),
    "unique": phrase("Only once"),
    "unset": phrase("Attributes to take away"),
    "until": phrase("Not after"),
    "valid-till": phrase("Valid for"),
    "video": phrase("Address of the video"),
    "when": phrase("When"),
    "where": phrase("Query as JSON"),
}
"""By the word that is typed for it."""

CONTENTS: Mapping[str, Phrase] = {
    "image": phrase("Image"),
    "audio": phrase("Audio"),
    "video": phrase("Video"),
    "file": phrase("File"),
    "location": phrase("Location"),
    "json": phrase("JSON"),
}
"""What a message can be beside text, by the word that carries it."""

LASTING: Mapping[str, Phrase] = {
    "1h": phrase("1 hour"),
    "6h": phrase("6 hours"),
    "12h": phrase("12 hours"),
    "1d": phrase("1 day"),
    "3d": phrase("3 days"),
    "7d": phrase("7 days"),
    "30d": phrase("30 days"),
}
"""Durations ahead, as they are typed."""

WEEKDAYS: Mapping[str, Phrase] = {
    "mon": phrase("Monday"),
    "tue": phrase("Tuesday"),
    "wed": phrase("Wednesday"),
    "thu": phrase("Thursday"),
    "fri": phrase("Friday"),
    "sat": phrase("Saturday"),
    "sun": phrase("Sunday"),
}
"""As cron names them."""


def label_of(known: Parameter) -> Phrase:
    """What a form calls it; where nothing is set, the word itself."""
    return LABELS.get(known.word) or phrase("{word}", word=known.word)

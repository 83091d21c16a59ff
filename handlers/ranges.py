"""Numbers that must lie within bounds."""

from bridge.errors import NotUnderstood
from bridge.phrases import Code, phrase


def refuse_outside(option: str, number: int, least: int, most: int) -> None:
    """NotUnderstood: the number is outside; says what would be inside."""
    if not least <= number <= most:
        raise NotUnderstood(
            phrase("{option} goes from {least} to {most}.", option=Code(option), least=least, most=most),
            code="bad_value",
        )

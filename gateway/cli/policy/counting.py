"""Numbers with their nouns."""

__all__ = ["counted"]


def counted(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"

"""What counts as a word, in queries and in titles."""

import unicodedata


def split_words(text: str) -> list[str]:
    """Letters, digits and their marks only, so that none can be syntax anywhere; all else separates."""
    composed = unicodedata.normalize("NFC", text)
    spaced = "".join(c if unicodedata.category(c)[0] in "LNM" else " " for c in composed)
    return [word for word in spaced.split() if any(c.isalnum() for c in word)]

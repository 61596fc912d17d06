"""The words of a text, in queries and in titles."""

import unicodedata


def split_words(text: str) -> list[str]:
    """Return the words: letters, digits and combining marks. All other characters separate words.

    A word thus contains no character that has a meaning in the syntax of a database's search.
    """
    composed = unicodedata.normalize("NFC", text)
    separated = "".join(c if unicodedata.category(c)[0] in "LNM" else " " for c in composed)
    return [word for word in separated.split() if any(c.isalnum() for c in word)]


def split_chunks(text: str) -> list[list[str]]:
    """Return the words of each part of the text that whitespace separates: `spider-man 2` has the parts
    ["spider", "man"] and ["2"].
    """
    chunks = (split_words(chunk) for chunk in text.split())
    return [words for words in chunks if words]

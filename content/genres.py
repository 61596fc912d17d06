"""The normalized form of a genre's name."""

import re
import unicodedata

_NOT_WORD = re.compile(r"[\W_]+")


def normalize(name: str) -> str:
    """Return the form in which spellings are compared: `Sci-Fi`, `SCIFI` and `sci fi` are all `scifi`.

    The name is decomposed (Unicode NFKD) and case-folded. Accents, spaces and punctuation are removed.
    """
    decomposed = unicodedata.normalize("NFKD", name)
    without_accents = "".join(c for c in decomposed if not unicodedata.combining(c))
    return _NOT_WORD.sub("", without_accents.casefold())

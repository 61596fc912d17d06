"""One name for each genre, whatever an import or a phone calls it."""

import re
import unicodedata

_NOT_WORD = re.compile(r"[\W_]+")


def normalize(name: str) -> str:
    """The form in which spellings are compared: `Sci-Fi`, `SCIFI` and `sci fi` are all `scifi`.

    Compatibility-decomposed (Unicode NFKD) without accents, case-folded, letters and digits only.
    """
    decomposed = unicodedata.normalize("NFKD", name)
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    return _NOT_WORD.sub("", bare.casefold())

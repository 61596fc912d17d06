"""The Redis keys of content, all in the cache Redis."""

from core.redis.keys import Key
from core.units import DAY, MINUTE

CARD = Key("card:{<item>}", "string", "content", "one per item", 7 * DAY, is_derived=True)
# Facts are stored by position, and during a deployment old and new processes read them at the same time. A field
# may be added at the end, with a default. Any other change of the fields needs a new number in the key.
FACTS = Key("facts:1:{<item>}", "string", "content", "one per item", 7 * DAY, is_derived=True)
TITLE_ITEMS = Key("title-items:<title>", "string", "content", "one per title", 5 * MINUTE, is_derived=True)

"""The Redis keys of the catalogue, on CACHE_URL."""

from core.redis.keys import Key
from core.units import DAY, MINUTE

CARD = Key("card:{<item>}", "string", "content", "one per item", 7 * DAY)
# Facts are positional: another layout is another key, so that old and new processes can run side by side.
FACTS = Key("facts:1:{<item>}", "string", "content", "one per item", 7 * DAY)
TITLE_ITEMS = Key("title-items:<title>", "string", "content", "one per title", 5 * MINUTE)

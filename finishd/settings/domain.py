"""Settings of the apps: activity store, events, feeds, and the users that sign in."""

from core.environment.reader import check_below
from finishd.settings.environment import read

# Activity store
# An account with more followers uses pull delivery. Below 80 % of this number it returns to push delivery.
FANOUT_PUSH_LIMIT = read.count("FANOUT_PUSH_LIMIT", default=10_000, maximum=1_000_000_000)
ACTIVITY_STORE = read.choice("ACTIVITY_STORE", ("orm", "firestore"), default="orm")
# Firestore, in the project below. Google's library reads FIRESTORE_EMULATOR_HOST.
FIRESTORE_DATABASE = read.text("FIRESTORE_DATABASE", default="(default)")
FIRESTORE_TIMEOUT = read.seconds("FIRESTORE_TIMEOUT", default=1.5, maximum=300)  # of one attempt
# Of a store call with all retries
FIRESTORE_DEADLINE = read.seconds("FIRESTORE_DEADLINE", default=4.0, maximum=300)
check_below(("FIRESTORE_TIMEOUT", FIRESTORE_TIMEOUT), ("FIRESTORE_DEADLINE", FIRESTORE_DEADLINE))

# Users
FIREBASE_PROJECT_ID = read.text("FIREBASE_PROJECT_ID")
FIREBASE_KEYS_FILE = read.text("FIREBASE_KEYS_FILE")  # a JWKS file, for development only
# Not from the environment: these keys decide which tokens are valid.
FIREBASE_KEYS_URL = (
    "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com"
)

# Events
ANALYTICS_MAX_SHARDS = 64  # readers look for so many streams; with fewer, old events would stay unread
# Streams for new events
ANALYTICS_SHARDS = read.count("ANALYTICS_SHARDS", default=4, maximum=ANALYTICS_MAX_SHARDS)
# Unread, in all streams
ANALYTICS_STREAM_EVENTS = read.count(
    "ANALYTICS_STREAM_EVENTS", default=1_000_000, minimum=1_000, maximum=1_000_000_000
)
# For dedup keys of 48 hours
ANALYTICS_MARKS_MB = read.count("ANALYTICS_MARKS_MB", default=256, maximum=1_000_000)
# One write per viewer in this time
HISTORY_FLUSH_SECONDS = read.whole_seconds("HISTORY_FLUSH_SECONDS", default=600, maximum=24 * 3600)

# Feeds
FEED_TRACE_PERCENT = read.percentage("FEED_TRACE_PERCENT", default=1)  # sessions whose builds keep a trace
# With older indexes, not ready
INDEX_STALE_SECONDS = read.whole_seconds("INDEX_STALE_SECONDS", default=2 * 3600, maximum=30 * 24 * 3600)

"""Settings of the apps: activity store, events, feeds, and the users that sign in."""

from django.core.exceptions import ImproperlyConfigured

from finishd.settings.environment import env

# Activity store
# An account with more followers uses pull delivery. Below 80 % of this number it returns to push delivery.
FANOUT_PUSH_LIMIT = env.int("FANOUT_PUSH_LIMIT", default=10_000)
ACTIVITY_STORE = env.str("ACTIVITY_STORE", default="orm")
# Firestore, in the project below. Google's library reads FIRESTORE_EMULATOR_HOST.
FIRESTORE_DATABASE = env.str("FIRESTORE_DATABASE", default="(default)")
FIRESTORE_TIMEOUT = env.float("FIRESTORE_TIMEOUT", default=1.5)  # seconds, of one attempt
FIRESTORE_DEADLINE = env.float("FIRESTORE_DEADLINE", default=4.0)  # seconds, of a store call with all retries

# Users
FIREBASE_PROJECT_ID = env.str("FIREBASE_PROJECT_ID", default="")
FIREBASE_KEYS_FILE = env.str("FIREBASE_KEYS_FILE", default="")  # a JWKS file, for development only
# Not from the environment: these keys decide which tokens are valid.
FIREBASE_KEYS_URL = (
    "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com"
)

# Events
ANALYTICS_MAX_SHARDS = 64  # readers look for so many streams; with fewer, old events would stay unread
ANALYTICS_SHARDS = env.int("ANALYTICS_SHARDS", default=4)  # streams for new events
if not 1 <= ANALYTICS_SHARDS <= ANALYTICS_MAX_SHARDS:
    raise ImproperlyConfigured(f"ANALYTICS_SHARDS must be a number from 1 to {ANALYTICS_MAX_SHARDS}.")
ANALYTICS_STREAM_EVENTS = env.int("ANALYTICS_STREAM_EVENTS", default=1_000_000)  # unread, in all streams
ANALYTICS_MARKS_MB = env.int("ANALYTICS_MARKS_MB", default=256)  # for dedup keys of 48 hours
HISTORY_FLUSH_SECONDS = env.int("HISTORY_FLUSH_SECONDS", default=600)  # one write per viewer in this time

# Feeds
FEED_TRACE_PERCENT = env.int("FEED_TRACE_PERCENT", default=1)  # sessions whose builds keep a trace
INDEX_STALE_SECONDS = env.int("INDEX_STALE_SECONDS", default=2 * 3600)  # with older indexes, not ready

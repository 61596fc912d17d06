"""Settings for tests that fetch the keys of tokens from FINISHD_TEST_KEYS_URL. The server has no such variable."""

import os

from finishd.settings import *

FIREBASE_KEYS_URL = os.environ["FINISHD_TEST_KEYS_URL"]

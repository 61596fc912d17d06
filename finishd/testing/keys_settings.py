"""The settings with another endpoint for keys. Only tests may choose it by an environment variable."""

import os

from finishd.settings import *

FIREBASE_KEYS_URL = os.environ["FINISHD_TEST_KEYS_URL"]

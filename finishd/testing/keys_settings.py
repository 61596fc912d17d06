"""The settings with another endpoint of keys, which the environment may name in tests only."""

import os

from finishd.settings import *

FIREBASE_KEYS_URL = os.environ["FINISHD_TEST_KEYS_URL"]

"""The environment that the other settings read.

Variables of the process win over `.env` beside manage.py, and `.env` over `$FINISHD_DATA/run.env`. `make run` writes
the last one, so that commands in a second terminal use the same servers.
"""

from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent.parent
env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")
FINISHD_DATA = Path(env.str("FINISHD_DATA", default=str(BASE_DIR / ".data"))).resolve()
environ.Env.read_env(FINISHD_DATA / "run.env")

DEBUG = env.bool("DEBUG", default=False)

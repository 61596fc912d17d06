"""What gunicorn reads by itself when it is started here: its own lines have the form of all others.

Its access log stays off: `finishd.observing` writes a line for each request, with the route instead of the path.
"""

import os

from finishd import logs

logconfig_dict = logs.config(logs.form_of(os.environ), os.environ.get("LOG_LEVEL", "INFO"))

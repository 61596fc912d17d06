class RejectedRow(Exception):
    """This row cannot go in; the message is the reason, for the report."""


class UnusableFile(Exception):
    """This file cannot be imported at all; the message is one line that names it."""

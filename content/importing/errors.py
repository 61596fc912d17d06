class RejectedRow(Exception):
    """A row that cannot be imported. The message is the reason that goes into the report."""


class UnusableFile(Exception):
    """A file that cannot be imported at all. The message is one line."""

"""What follows a restore from a backup: `manage.py after_restore`."""

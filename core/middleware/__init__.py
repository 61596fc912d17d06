"""HTTP middleware of the foundation. `settings.MIDDLEWARE` gives the order."""

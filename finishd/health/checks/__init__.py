"""What readiness checks. Each check returns what it measured, or raises NotReady, or the error of a dependency."""

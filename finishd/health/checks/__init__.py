"""The checks of readiness. Each returns what it measured, or raises NotReady or the error of a dependency."""

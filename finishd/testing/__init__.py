"""What the tests stand on: real servers of their own (`services`, a pytest plugin)."""

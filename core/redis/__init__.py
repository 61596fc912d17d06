"""Redis: clients, key declarations, scripts, deferred reads and versioned values."""

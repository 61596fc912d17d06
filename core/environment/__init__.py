"""The environment's variables, read with bounds. `finishd/settings/` reads every setting through `Reader`."""

"""Measurements: what things cost, as figures and as ratios to a floor of the same run."""

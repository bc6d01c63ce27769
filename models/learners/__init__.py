"""What learns from encoded rows: the additive part, the trees, their blend and calibration."""

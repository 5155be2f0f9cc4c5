"""Temperature schedules, one file each."""

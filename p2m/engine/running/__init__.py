"""Carrying steps out: tasks, workers, slots, and the loop that schedules them."""

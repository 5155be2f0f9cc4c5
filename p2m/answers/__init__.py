"""Answers as people write them, and as p2m does: labels, numbers, spans and records in one spelling.

What teachers, tables, prompts and curation have in common, so that it stands below all of them.
"""

"""Flows: their files, their checks, and the run of the five stages in one process."""

"""Errors of workers; importing them imports no Ray."""

from __future__ import annotations


class WorkersError(OSError):
    """There is no Ray to work on, it has too few cores or ended, or workers fail as fast as they are replaced."""


class WorkersStoppedError(Exception):
    """Workers that were asked to stop gave up the answer they were asked for."""

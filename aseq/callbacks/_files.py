"""Where callbacks read and write files: a lane of their own, so that a slow disk never holds the loop."""

from __future__ import annotations

from aseq.compute import Lane

__all__ = ["FILES"]

FILES = Lane("callback files", 4)
"""Threads for the file work of callbacks."""

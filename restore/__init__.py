"""Putting configuration back safely."""

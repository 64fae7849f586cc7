"""Putting configuration back: backup sets, import, plan and apply. Nothing is stored here yet."""

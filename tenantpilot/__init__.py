"""Wiring of the product: settings, addresses, console, health, and the launcher. Imported by no other app."""

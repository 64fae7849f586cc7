"""The types of configuration objects: one declaration each, one file per family."""

"""The life of background work. Knows nothing of Microsoft Graph."""

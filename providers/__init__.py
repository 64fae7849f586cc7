"""Connections to providers and the client for Microsoft Graph."""

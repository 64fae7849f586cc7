"""Start-up checks: the walls stand."""

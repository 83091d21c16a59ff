"""A self-hosted messaging server that speaks the LeanCloud API: REST 1.1 and 1.2, and the WebSocket protocol."""

"""The WebSocket side of the server: frames, sessions and what clients do over them."""

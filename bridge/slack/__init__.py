"""Slack's edge: translates requests into invocations and replies into messages, and decides nothing."""

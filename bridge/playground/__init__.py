"""A strict stand-in for Slack's platform, and the local page that shows it beside the users' phones."""

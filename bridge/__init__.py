"""imbridge: run your app's in-app messaging from Slack."""

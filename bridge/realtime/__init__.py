"""The client of LeanCloud's Realtime Messaging REST API 1.2, through which the whole product acts."""

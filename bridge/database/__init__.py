"""The bridge's own database: deliveries, schedules and who is alive."""

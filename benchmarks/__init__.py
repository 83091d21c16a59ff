"""What the product costs, measured beside what it stands on: `python -m benchmarks`, or `make bench`."""

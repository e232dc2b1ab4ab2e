"""Everything that can break, broken on purpose, while people talk: `python -m tests.chaos`, or `make chaos`."""

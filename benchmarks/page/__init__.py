"""The room in a browser: what it loads, how soon it can be used, and how smoothly it runs."""

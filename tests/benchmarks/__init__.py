"""The harness of `make bench`: comparisons, and the installation and framing of its peers."""

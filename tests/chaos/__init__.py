"""Everything that can break, broken on purpose, while people talk: `python -m tests.chaos`, or `make chaos`."""

import sys
from pathlib import Path

# The reference client lives in the repository as a package of its own; pytest finds it by pyproject.toml.
_client = str(Path(__file__).resolve().parents[2] / "client" / "src")
if _client not in sys.path:
    sys.path.append(_client)

"""What the pages leave open in what they show."""

from typing import Any

SESSION = "room001"


ANYTHING = "…"


def masked(real: Any, shown: Any) -> Any:
    """What really came, with `…` wherever that is what is shown."""
    if isinstance(real, dict) and isinstance(shown, dict):
        return {name: masked(value, shown.get(name)) for name, value in real.items()}
    return ANYTHING if shown == ANYTHING and isinstance(real, str | int) else real

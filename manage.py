#!/usr/bin/env python
"""Django's command line for doqchat: `manage.py help` lists the commands."""

import os
import sys
from pathlib import Path

SHORT_NAMES = {
    "up": "doqchat_up",
    "web": "doqchat_web",
    "llmworker": "doqchat_llmworker",
    "llm_dead": "doqchat_dead",
    "chat_smoke": "doqchat_smoke",
    "inspect_session": "doqchat_inspect",
}
"""Short names of doqchat's commands, available only in this project."""


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line

    from chat.management.terminal import print_anything

    print_anything()
    sys.path.append(str(Path(__file__).parent / "client" / "src"))  # where requirements.txt alone was installed
    execute_from_command_line([*sys.argv[:1], *(SHORT_NAMES.get(name, name) for name in sys.argv[1:2]), *sys.argv[2:]])


if __name__ == "__main__":
    main()

#!/usr/bin/env python
"""Django's command line for doqchat: `manage.py help` lists the commands."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line

    from chat.management.terminal import print_anything

    print_anything()
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()

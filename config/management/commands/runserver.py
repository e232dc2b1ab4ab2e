"""`manage.py runserver`: daphne's, which serves sockets too.

daphne as an installed app would be imported by every other command as well, which takes a third of its start.
"""

from daphne.management.commands.runserver import Command

__all__ = ["Command"]

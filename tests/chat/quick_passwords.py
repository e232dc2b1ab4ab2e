"""The project's settings, with passwords that are hashed 500 times faster: tests log in a hundred times."""

from django.contrib.auth.hashers import PBKDF2PasswordHasher

from config.settings import *  # noqa: F403


class QuickHasher(PBKDF2PasswordHasher):
    iterations = 2_000


PASSWORD_HASHERS = ["tests.chat.quick_passwords.QuickHasher"]

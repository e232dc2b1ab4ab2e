"""The admin. Importing it registers its pages, which Django does with the module `admin` of each app."""

from chat.admin import audit, credentials, sessions, statistics, webhooks  # noqa: F401 - importing them registers them

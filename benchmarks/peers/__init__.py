"""The servers that doqchat is compared with."""

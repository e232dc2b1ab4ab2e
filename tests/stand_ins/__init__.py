"""Servers that stand in for model providers: real HTTP on loopback, with scripted behaviour."""

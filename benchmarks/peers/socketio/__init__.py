"""Socket.IO with the redis-streams adapter: its server, the installation of its packages, and its clients."""

"""Programs that make what ships as package data. Never imported by the daemon."""

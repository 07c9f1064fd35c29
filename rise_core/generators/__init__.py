"""Problem generators of reasoning-gym, by name: those of the library and two of this project."""

"""The .cfg configuration language and the typed configuration (floor 0, pure): manual 5."""

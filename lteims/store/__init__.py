"""The persistent state (floor 2)."""

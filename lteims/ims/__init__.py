"""The IMS functions by their names of TS 23.228 (floor 3), and what an operator can do."""

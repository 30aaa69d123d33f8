"""The persistent state (floor 2): registrations, sequence numbers, pending messages, as values under kind and key.

state.py says what a store does, memory.py and sqlite.py are two that do it; file.py is the file on the disk.
"""

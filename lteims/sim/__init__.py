"""Simulated peers for labs and CI (floor 4); nothing in ims/ knows it."""

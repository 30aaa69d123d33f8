"""The only asyncio I/O (floor 2): drivers of the pure packages."""

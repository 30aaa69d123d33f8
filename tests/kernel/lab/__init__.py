"""The kernel lab: User Mode Linux boots the machine's own files and runs tests/kernel where the host lacks SCTP or ESP.

Called by `make lab` (python -m tests.kernel.lab) and by tests/kernel/conftest.py, which brings the results into
`make test`.
"""

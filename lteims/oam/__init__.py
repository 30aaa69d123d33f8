"""The faces towards the operator (floor 4): log file, monitor, remote API, metrics."""

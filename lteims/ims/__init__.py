"""The IMS functions by their names of TS 23.228 (floor 3): P-CSCF, I-CSCF, S-CSCF, HSS, calls, and what an operator can do."""

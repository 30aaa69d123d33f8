"""AKA algorithms, sequence numbers and SIP Digest (floor 1, pure).

Specifications: TS 35.206, 35.231, 34.108, 33.102; RFC 2617, 3310, 4169, 8760. ims/ asks algorithm.py for vectors,
sqn.py for numbers and digest.py for responses; sim/ answers with usim.py.
"""

"""Diameter without I/O (floor 1): codec and peer machine (RFC 6733), Cx (TS 29.229) and Rx (TS 29.214) as values.

net/diameter.py is the driver; ims/ asks with the requests of cx.py and rx.py and gets their answers.
"""

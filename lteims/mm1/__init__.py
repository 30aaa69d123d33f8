"""MM1, the reference point between an MMS client and the MMSC (floor 1, pure): OMA MMS encapsulation 1.0 to 1.3.

wsp.py reads and writes the octets (WAP-230), content_type.py, multipart.py and fields.py what is made of them, pdu.py
the messages; push.py is the notification's envelope over SMS, address.py and compose.py serve what starts here.
"""

"""SGsAP, the protocol between an MME and a VLR (TS 29.118): messages and the machines of the VLR, without any I/O.

message.py has the messages, which decoder.py reads, association.py the machine of each phone and reset.py that of each
MME; net/sgsap.py is the driver, ims/sgs.py joins them with short messages, and sim/mme.py speaks the other side.
"""

"""Short messages as octets and machines (floor 1, pure): TS 23.038, 23.040, 24.011.

ims/ipsmgw.py and sim/ are the users: TPDUs in tpdu.py, long texts in text.py, RPDUs in rp.py and CP messages in
cp.py; smr.py and smc.py are the machines of the relay and of the connection layer.
"""

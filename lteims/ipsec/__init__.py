"""IPsec as phones use it (floor 1, pure): TS 33.203, RFC 3329, RFC 4303, NETLINK_XFRM messages.

Security associations are values (sa.py); net/xfrm.py has them in the kernel, net/esp.py in this process. ims/ decides.
"""

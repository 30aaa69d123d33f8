"""SIP messages, URIs, headers and transactions (floor 1, pure): RFC 3261 and friends."""

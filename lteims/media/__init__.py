"""SDP, RTP and RTCP (floor 1, pure): RFC 4566/8866, 3264, 3550."""

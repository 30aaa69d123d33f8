"""AKA algorithms (Milenage, TUAK, XOR), SQN handling and SIP digest (floor 1, pure): TS 35.206, 35.231, 34.108, 33.102, RFC 2617/3310/4169."""

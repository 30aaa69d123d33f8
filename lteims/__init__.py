"""lteims: an LTE IMS server (P-CSCF, I-CSCF, S-CSCF, HSS, IP-SM-GW, MMSC) in one process for labs and test benches."""

__version__ = "0.1.0"

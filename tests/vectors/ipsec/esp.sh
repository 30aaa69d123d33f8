#!/bin/sh
# Makes the packets of esp.py with the openssl command alone: nothing of the code that they judge. Usage: sh esp.sh
# Keys as TS 33.203 annex I gives them for CK = 00 01 .. 0f and IK = 10 11 .. 1f, written out by hand.
ck=000102030405060708090a0b0c0d0e0f
ik=101112131415161718191a1b1c1d1e1f
des1=0101020204040707                   # 00 01 02 03 04 05 06 07 with the parity made odd
des2=08080b0b0d0d0e0e                   # 08 09 0a 0b 0c 0d 0e 0f with the parity made odd
header=3b9aca0100000001                 # SPI 1000000001, sequence number 1
udp=1b581bbc00140000                    # ports 7000 and 7100, length 20, no checksum
payload=${udp}524547495354455220736970  # "REGISTER sip"
iv=f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff

bytes() { printf '%s' "$1" | xxd -r -p; }
hex() { xxd -p | tr -d '\n'; }
# Trailers: padding, pad length, next header 17; 20 octets and 2 fill up to 4, 8 and 16
t4=01020211; t8=01020211; t16=0102030405060708090a0a11
encrypt() {
    case $1 in
    aes-cbc) printf '%s' "$iv"; bytes $payload$t16 | openssl enc -aes-128-cbc -K $ck -iv $iv -nopad | hex ;;
    des-ede3-cbc) printf '%.16s' "$iv"
        bytes $payload$t8 | openssl enc -des-ede3-cbc -K $des1$des2$des1 -iv "$(printf '%.16s' $iv)" -nopad | hex ;;
    des-cbc) printf '%.16s' "$iv"
        bytes $payload$t8 | openssl enc -provider legacy -provider default -des-cbc -K $des1 \
            -iv "$(printf '%.16s' $iv)" -nopad | hex ;;
    null) printf '%s' $payload$t4 ;;
    esac
}
code() { # hash, key, octets of the code
    openssl dgst "-$1" -mac HMAC -macopt "hexkey:$2" -binary | head -c "$3" | hex
}
icv() {
    case $1 in
    hmac-md5-96) code md5 $ik 12 ;;
    hmac-sha-1-96) code sha1 ${ik}00000000 12 ;;
    hmac-sha-256-128) code sha256 ${ik}00000000000000000000000000000000 16 ;;
    null) ;;
    esac
}
salt() { printf "$1" | openssl dgst -sha256 -mac HMAC -macopt hexkey:$ck$ik -binary | tail -c 4 | hex; }

for ealg in aes-cbc des-ede3-cbc des-cbc null; do
    body=$(encrypt $ealg)
    for aalg in hmac-md5-96 hmac-sha-1-96 hmac-sha-256-128 null; do
        echo "$aalg $ealg $header $body $(bytes "$header$body" | icv $aalg)"
    done
done
gmac_salt=$(salt '\130AES_GMAC_SALT\000\015')
gcm_salt=$(salt '\131AES_GCM_SALT\000\014')
iv8=$(printf '%.16s' $iv)
echo "aes-gmac null salt $gmac_salt $header $iv8 $payload$t4 $(bytes "$header$iv8$payload$t4" |
    openssl mac -cipher AES-128-GCM -macopt hexkey:$ik -macopt "hexiv:$gmac_salt$iv8" GMAC | tr A-F a-f)"
# The first counter block is 1 and serves the ICV; the payload begins with 2 (NIST SP 800-38D 7.1).
body=$(bytes $payload$t4 | openssl enc -aes-128-ctr -K $ck -iv "$gcm_salt${iv8}00000002" | hex)
h=$(bytes 00000000000000000000000000000000 | openssl enc -aes-128-ecb -K $ck -nopad | hex)
mask=$(bytes "$gcm_salt${iv8}00000001" | openssl enc -aes-128-ecb -K $ck -nopad | hex)
# GHASH (SP 800-38D 6.4) over the 8 octets in front, the 24 octets of text, and both lengths in bits.
tag=$(python3 - "$h" "$mask" "${header}0000000000000000${body}0000000000000000" 0000000000000040 00000000000000c0 <<'PY'
import sys
h, mask = (int(text, 16) for text in sys.argv[1:3])
data = bytes.fromhex("".join(sys.argv[3:]))
y = 0
for at in range(0, len(data), 16):
    x, z, v = y ^ int.from_bytes(data[at:at + 16], "big"), 0, h
    for bit in range(127, -1, -1):
        z ^= v if x >> bit & 1 else 0
        v = v >> 1 ^ (0xE1 << 120 if v & 1 else 0)
    y = z
print(f"{y ^ mask:032x}")
PY
)
echo "null aes-gcm salt $gcm_salt $header $iv8 $body $tag"

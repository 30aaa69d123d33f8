# lteims as an image: `make image`, then
#   docker run --rm -it --network host -v "$PWD/config:/config" lteims
# Behind a proxy with a root certificate of its own: make image EXTRA_CA=/path/to/root.pem
FROM debian:trixie-slim

ARG EXTRA_CA=""
ENV DEBIAN_FRONTEND=noninteractive PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# The certificate comes before ca-certificates is installed: that package's own set-up then takes it in.
RUN if [ -n "$EXTRA_CA" ]; then \
        mkdir -p /usr/local/share/ca-certificates && printf '%s\n' "$EXTRA_CA" >/usr/local/share/ca-certificates/extra.crt; \
    fi \
    && apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends ca-certificates python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/lteims
COPY requirements.txt .
RUN python3 -m venv /opt/venv \
    && PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
       /opt/venv/bin/pip install --quiet --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY lteims lteims
RUN /opt/venv/bin/pip install --quiet --no-cache-dir --disable-pip-version-check --no-build-isolation --no-deps .

COPY config /config
VOLUME /config
# SIP (UDP and TCP), the remote API; RTP lies in port_min..port_max: --network host saves mapping ten thousand ports.
EXPOSE 5060/udp 5060/tcp 9003/tcp
STOPSIGNAL SIGTERM
ENTRYPOINT ["/opt/venv/bin/lteims"]
CMD ["/config/ims.cfg"]

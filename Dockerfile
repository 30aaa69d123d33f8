# lteims as an image: `make image`, then
#   docker run --rm -it --network host -v "$PWD/config:/config" lteims
# Behind a proxy with a root certificate of its own: make image EXTRA_CA=/path/to/root.pem
FROM debian:trixie-slim AS base

ARG EXTRA_CA=""
ENV DEBIAN_FRONTEND=noninteractive PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# The certificate comes before ca-certificates is installed: that package's own set-up then takes it in.
RUN if [ -n "$EXTRA_CA" ]; then \
        mkdir -p /usr/local/share/ca-certificates && printf '%s\n' "$EXTRA_CA" >/usr/local/share/ca-certificates/extra.crt; \
    fi \
    && apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends ca-certificates python3 \
    && rm -rf /var/lib/apt/lists/*

# Compiled here; what compiles stays here.
FROM base AS build
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends gcc libc6-dev libpython3-dev python3-venv
WORKDIR /opt/lteims
COPY requirements.txt requirements-build.txt ./
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_QUIET=1
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/pip install --require-hashes -r requirements.txt \
    && /opt/venv/bin/pip install --require-hashes --target /opt/compiler -r requirements-build.txt
COPY pyproject.toml setup.py README.md LICENSE ./
COPY lteims lteims
RUN PYTHONPATH=/opt/compiler LTEIMS_PURE=0 /opt/venv/bin/pip install --no-build-isolation --no-deps .

FROM base
COPY --from=build /opt/venv /opt/venv
COPY config /config
VOLUME /config
# SIP (UDP and TCP), the remote API; RTP lies in port_min..port_max: --network host saves mapping ten thousand ports.
EXPOSE 5060/udp 5060/tcp 9003/tcp
STOPSIGNAL SIGTERM
ENTRYPOINT ["/opt/venv/bin/lteims"]
CMD ["/config/ims.cfg"]

# lteims as an image: `make image`, then `make up`, or for a server on the host's own network
#   docker run -it --network host -e SIP_ADDR=192.168.4.1 -v "$PWD/config:/config" lteims
# Behind a proxy with a root certificate of its own: make image EXTRA_CA=/path/to/root.pem
# BASE is Debian stable slim with Python 3.13; one image for ever: make image BASE=debian:trixie-slim@sha256:...
ARG BASE=debian:trixie-slim

# What runs, but for the program itself.
FROM $BASE AS run
LABEL org.opencontainers.image.title="lteims"
RUN export DEBIAN_FRONTEND=noninteractive \
    && apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends python3 tini \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/*.log /var/log/apt \
    && useradd --system --uid 5060 --user-group --home-dir /var/lib/lteims --shell /usr/sbin/nologin lteims \
    && install -d -o lteims -g lteims /var/lib/lteims /var/log/lteims

# What compiles stays here.
FROM run AS build
ARG EXTRA_CA=""
ENV DEBIAN_FRONTEND=noninteractive PIP_CERT=/etc/ssl/certs/ca-certificates.crt PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 PIP_QUIET=1 PIP_ROOT_USER_ACTION=ignore
# The certificate comes before ca-certificates is installed: that package's own set-up then takes it in.
RUN if [ -n "$EXTRA_CA" ]; then \
        mkdir -p /usr/local/share/ca-certificates && printf '%s\n' "$EXTRA_CA" >/usr/local/share/ca-certificates/extra.crt; \
    fi \
    && apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends \
        binutils ca-certificates gcc libc6-dev libpython3-dev python3-venv
WORKDIR /opt/build
COPY requirements.txt requirements-build.txt ./
RUN python3 -m venv /opt/venv \
    && /opt/venv/bin/pip install --require-hashes -r requirements.txt \
    && /opt/venv/bin/pip install --require-hashes --target /opt/compiler -r requirements-build.txt
COPY pyproject.toml setup.py README.md LICENSE ./
COPY lteims lteims
RUN PYTHONPATH=/opt/compiler LTEIMS_PURE=0 /opt/venv/bin/pip install --no-build-isolation --no-deps .
# Only what runs goes on: no installers, no tests, no C sources and headers, no symbols.
RUN cd /opt/venv/lib/python3.*/site-packages \
    && /opt/venv/bin/pip uninstall -y setuptools pip \
    && rm -rf /opt/venv/bin/pip* /opt/venv/bin/[Aa]ctivate* /opt/venv/include \
        pycparser* pyroute2/plan9 setuptools* _distutils_hack distutils-precedence.pth \
    && find . -type d \( -name tests -o -name test \) -prune -exec rm -rf {} + \
    && find . -type f \( -name '*.c' -o -name '*.h' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.pyi' \) -delete \
    && find . -name '*.so*' -type f -exec strip --strip-unneeded {} + \
    && find . -name __pycache__ -prune -exec rm -rf {} + \
    && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash .

FROM run
LABEL org.opencontainers.image.description="An open LTE IMS server for labs, in one process" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="0.1.0"
COPY --from=build /opt/venv /opt/venv
COPY docker/entrypoint docker/health /usr/local/bin/
COPY config/*.cfg config/*.sdp /config/
COPY docs/scenarios /usr/share/lteims/scenarios
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /var/lib/lteims
VOLUME /config /var/lib/lteims
# SIP, the remote API, metrics, MMS; RTP lies in port_min..port_max: a network of their own, or the host's, saves mapping them.
EXPOSE 5060/udp 5060/tcp 9003/tcp 9464/tcp 1111/tcp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 CMD ["health"]
ENTRYPOINT ["entrypoint"]

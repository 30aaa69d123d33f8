#!/bin/sh
# debian_slim.sh IMAGE: an image like Debian's own slim ones, for machines that cannot pull: debootstrap without what is
# left out there too, documents, translations and package lists.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
debootstrap --variant=minbase trixie "$work/root" >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; exit 1; }
cd "$work/root"
mkdir -p etc/dpkg/dpkg.cfg.d
for folder in doc groff info lintian locale man; do
    echo "path-exclude /usr/share/$folder/*"
done >etc/dpkg/dpkg.cfg.d/docker
echo "path-include /usr/share/doc/*/copyright" >>etc/dpkg/dpkg.cfg.d/docker
find usr/share/doc -type f ! -name copyright -delete
rm -rf usr/share/locale/* usr/share/man/* usr/share/info/* var/lib/apt/lists/* var/cache/apt/* var/log/*.log
tar -c . | docker import - "$1" >/dev/null

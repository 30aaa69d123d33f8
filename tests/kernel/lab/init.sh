#!/bin/sh
# Process 1 of the kernel lab (uml.py starts it): `init.sh COMMAND...` with LAB_* in the environment. It lays writable
# file systems over the read-only ones of the host, loads the modules, runs COMMAND, writes its exit code and powers off.
export PATH="${LAB_PYTHON%/*}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
export HOME=/tmp/home MODPROBE_OPTIONS="-d /run/kernel"

mount -t proc proc /proc
mount -t sysfs sys /sys
grep -q ' /dev devtmpfs' /proc/mounts || mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts -o ptmxmode=666 pts /dev/pts
for path in /dev/shm /tmp /run; do
    mount -t tmpfs tmpfs "$path"
done
[ -L /var/run ] || mount -t tmpfs tmpfs /var/run
mkdir -p "$HOME" /run/netns /run/lock

# A checkout, or an interpreter, below /tmp or /run is out of sight now: show it again.
IFS=:
for path in $LAB_VISIBLE; do
    case $path in
        /tmp/* | /run/*) [ -e "$path" ] || { mkdir -p "$path" && mount -t hostfs -o "ro,$path" none "$path"; } ;;
    esac
done
unset IFS
mount -t hostfs -o "$LAB_FOLDER" none "$LAB_FOLDER"

# The host's /lib/modules knows nothing of this kernel and stays as it is: modprobe looks below /run/kernel.
mkdir -p /run/kernel/lib/modules
ln -s "$LAB_MODULES/$(uname -r)" "/run/kernel/lib/modules/$(uname -r)"
printf '#!/bin/sh\nexec %s -d /run/kernel "$@"\n' "$(command -v modprobe)" >/run/kernel/modprobe
chmod 755 /run/kernel/modprobe
echo /run/kernel/modprobe >/proc/sys/kernel/modprobe
for module in sctp esp4 esp6 xfrm_user tun; do
    modprobe "$module" || echo "the kernel lab: no module $module for $(uname -r) in $LAB_MODULES"
done
hostname lab
ip link set lo up

cd "$LAB_CHECKOUT" || exit 1
"$@" </dev/null
echo $? >"$LAB_FOLDER/code"
sync
echo 0 >/proc/sys/kernel/printk # the farewell is of no interest; a panic's last words before this line are
exec "$LAB_PYTHON" -I -S -c 'import ctypes; ctypes.CDLL(None).reboot(0x4321fedc)' # RB_POWER_OFF

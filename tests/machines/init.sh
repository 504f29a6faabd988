#!/bin/busybox sh
# First program of a small machine: makes something like a container, enters it once for each file of /sessions, and
# prints what came of it.
/bin/busybox mkdir -p /proc /sys /dev /c /out
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t devtmpfs dev /dev
if [ -e /policy ]; then
  mount -t sysfs sysfs /sys
  mount -t selinuxfs selinuxfs /sys/fs/selinux
  dd if=/policy of=/sys/fs/selinux/load bs=1M 2>/dev/null # in one write
  echo 1 >/sys/fs/selinux/enforce
fi
if [ -e /profiles ]; then
  mount -t sysfs sysfs /sys
  mount -t securityfs securityfs /sys/kernel/security
  dd if=/profiles of=/sys/kernel/security/apparmor/.load bs=1M 2>/dev/null # in one write
fi
cat >/container <<'END'
read -r pid _ </proc/self/stat
mount -t tmpfs tmpfs /c
mkdir -p /c/bin /c/proc /c/dev/pts /c/tmp
chmod 1777 /c/tmp
cp /bin/busybox /c/bin
chroot /c /bin/busybox --install -s /bin
mount -t proc proc /c/proc
mknod -m 666 /c/dev/null c 1 3
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts /c/dev/pts
echo "$pid" >/started
exec chroot /c /bin/sleep 1000000
END
mkfifo /started /lease
unshare -m -u -p -f sh /container &
read -r pid </started
exec 9<>/lease
for session in /sessions/*; do
  name=${session##*/}
  (exec 9>&- && cd "/proc/$pid" &&
    { [ ! -e /profiles ] || echo "changeprofile ${name%%_*}" >/proc/self/attr/current; } &&
    exec /shim enter n0nce 0 "$(wc -c <"$session")" /lease - "$pid" - - - <"$session" >"/out/$name" 2>&1)
  code=$?
  command=$(sed -n 's/.*"event":"start","pid":\([0-9]*\),.*/\1/p' "/out/$name")
  [ -z "$command" ] || [ -z "$(cat "/proc/$command/cmdline" 2>/dev/null)" ] || code="$code+"
  echo "<<<$name $code $(base64 -w0 "/out/$name")>>>"
done
poweroff -f

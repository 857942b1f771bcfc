#!/bin/busybox sh
# The first process of a virtual machine of the tests. Its root becomes the host's, read-only; what is written goes to memory in
# /run. The console is for the kernel and for complaints, the second serial port for the output of the command.
export PATH=/bin
for name in mount mkdir insmod stty switch_root poweroff; do busybox ln -s busybox /bin/$name; done
mkdir -p /proc /sys /dev /host
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
for module in /modules/*; do insmod "$module" || echo "cannot load $module"; done
if mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro host /host; then
  mount -t tmpfs -o mode=755 run /host/run
  for place in proc sys dev; do mount --move /$place /host/$place; done
  mkdir -p /host/dev/shm /host/dev/pts
  mount -t cgroup2 cgroup2 /host/sys/fs/cgroup
  stty -F /host/dev/ttyS1 raw -echo
  busybox cp /bin/busybox /command /host/run/
  exec switch_root /host /run/busybox sh -c '
    export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/run TMPDIR=/run CI=true
    export NODE_COMPILE_CACHE=/run/node
    cd /run
    sh /run/command </dev/null >/dev/ttyS1
    echo "exit status $?" >/dev/ttyS1
    /run/busybox poweroff -f'
fi
poweroff -f

#!/bin/bash
# Fetches Debian's kernel for the virtual machine of the tests (test/cgroup2/): the image and the few modules that it loads, out of
# the package, which is not installed. As any user; needs apt with its lists of packages, and xz.
set -euo pipefail
target=${XDG_CACHE_HOME:-$HOME/.cache}/tspull-test-kernel
package=$(apt-cache depends --important linux-image-amd64 | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)$/\1/p')
modules=(
  drivers/virtio drivers/block/virtio_blk.ko
  net/9p fs/9p fs/netfs fs/fscache fs/overlayfs
  fs/ext4 fs/jbd2 fs/mbcache.ko lib/crc16.ko crypto/crc32c_generic.ko
)
if [ "$(cat "$target/$package" 2>/dev/null)" = "${modules[*]}" ]; then
  echo "$target has $package already"
  exit
fi
mkdir -p "$(dirname "$target")"
download=$(mktemp -d "$target.XXXXXX")
trap 'rm -rf "$download"' EXIT
cd "$download"
apt-get -q -o APT::Sandbox::User="$(id -un)" download "$package"
mkdir tree
# Much of the 400 MB of the package is drivers.
dpkg-deb --fsys-tarfile ./*.deb | tar -x -C tree --wildcards './boot/vmlinuz-*' "${modules[@]/#/./lib/modules/*/kernel/}"

# The emulator takes the kernel as the ELF file in the image, too; unpacking that itself would take it several seconds. Where it
# lies is in the header (Documentation/x86/boot.rst: setup_sects, payload_offset, payload_length); its size follows it.
number() { od -An -t "u$3" -j "$2" -N "$3" "$1" | tr -d ' '; }
image=$(echo tree/boot/vmlinuz-*)
start=$((($(number "$image" 0x1f1 1) + 1) * 512 + $(number "$image" 0x248 4)))
length=$(($(number "$image" 0x24c 4) - 4))
dd if="$image" bs=1M iflag=skip_bytes,count_bytes skip="$start" count="$length" status=none | xz -dc >tree/boot/vmlinux
rm "$image"

echo "${modules[*]}" >"tree/$package"
rm -rf "$target"
mv tree "$target"
echo "$target has $package"

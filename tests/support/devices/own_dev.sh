#!/bin/sh
# Run a command with a /dev of its own, in the mount namespace that unshare(1) just made for it:
#   own_dev.sh FOLDER camera|no-camera COMMAND...
# The machine's /dev is only looked at. FOLDER holds v4l2double.so and the double's files.
set -eu
folder=$1
camera=$2
shift 2
mkdir -p "$folder/dev"
mount --rbind /dev "$folder/dev"
mount -t tmpfs -o mode=755 tmpfs /dev
for node in null zero full random urandom tty; do
    : > "/dev/$node"
    mount --bind "$folder/dev/$node" "/dev/$node"
done
mkdir /dev/shm
mount --bind "$folder/dev/shm" /dev/shm
if [ "$camera" = camera ]; then
    # Any character device will do: the double answers before the kernel is asked.
    : > /dev/video0
    mount --bind "$folder/dev/null" /dev/video0
fi
exec env V4L2_DOUBLE_FOLDER="$folder" LD_PRELOAD="$folder/v4l2double.so" "$@"

#!/bin/sh
# Run a command with cameras of its own, in the mount namespace that unshare(1) just made for it:
#   own_dev.sh FOLDER COMMAND...
# FOLDER holds v4l2double.so, the double's files, "nodes" and "classes". FOLDER/nodes becomes /dev: the
# test plugs a camera in by making a file there. FOLDER/classes becomes /sys/class/video4linux. The
# machine's own /dev and /sys are only looked at.
set -eu
folder=$1
shift
mkdir -p "$folder/dev" "$folder/class"
mount --rbind /dev "$folder/dev"
mount --bind "$folder/nodes" /dev
for node in null zero full random urandom tty; do
    mount --bind "$folder/dev/$node" "/dev/$node"
done
mount --bind "$folder/dev/shm" /dev/shm
mount --bind /sys/class "$folder/class"
mount -t tmpfs -o mode=755 tmpfs /sys/class
for kind in net power_supply thermal; do
    if [ -d "$folder/class/$kind" ]; then
        mkdir "/sys/class/$kind"
        mount --bind "$folder/class/$kind" "/sys/class/$kind"
    fi
done
mkdir /sys/class/video4linux
mount --bind "$folder/classes" /sys/class/video4linux
exec env V4L2_DOUBLE_FOLDER="$folder" LD_PRELOAD="$folder/v4l2double.so" "$@"

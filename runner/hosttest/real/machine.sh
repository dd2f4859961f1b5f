# Runs as process 1 of a machine: DIR NAME SHELL DOCKER CGROUP SHARE in its
# environment. It ends, and the machine with it, when its stdin ends.
set -eu
mount --make-rprivate /
cd "$DIR"
mkdir -p disk root
mount -o loop,noatime disk.img disk
mkdir -p disk/upper disk/work disk/docker disk/root disk/home disk/tmp
chmod 700 disk/root
chmod 1777 disk/tmp
mount -t overlay -o lowerdir=/,upperdir=disk/upper,workdir=disk/work overlay root
cd root
mount --bind ../disk/root root
mount --bind ../disk/home home
if ! [ -e etc/remoterun-test ]; then
	cp -a ../seed/. .
	ln -sfn "$SHELL_PROGRAM" bin/sh
	: > etc/remoterun-test
fi
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs -o mode=1777 shm dev/shm
mount -t tmpfs -o mode=755 run run
mount --bind ../disk/tmp tmp
mkdir -p var/lib/docker run/sshd run/lock
mount --bind ../disk/docker var/lib/docker
for p in $SHARE; do
	mkdir -p "./$p"
	mount --bind "$p" "./$p"
done
cat /proc/sys/kernel/random/uuid > run/boot_id
mount --bind run/boot_id proc/sys/kernel/random/boot_id
mkdir run/old
pivot_root . run/old
cd /
umount -l run/old
rmdir run/old
hostname "$NAME"
ip link set lo up
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
unset DIR NAME SHELL_PROGRAM SHARE
/usr/sbin/sshd -D -e > /var/log/sshd.log 2>&1 &
if [ "$DOCKER" = yes ]; then
	dockerd --cgroup-parent "$CGROUP" > /var/log/dockerd.log 2>&1 &
fi
unset DOCKER CGROUP
while read -r _; do :; done

#!/usr/bin/env bash
# Runs a command where the real control plane can run: own network, mounts and processes, which all end with it.
#
#     tests/cluster/enter.sh COMMAND [ARGUMENT…]
#
# 10.88.0.1/16 on the bridge cbr0 is the API server and the real node's pods; 10.244.0.0/16 is local to lo, so that
# fake servers can listen on the addresses of kwok's pods. Needs root and what tests/cluster/build.sh builds.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
export VOPS_CLUSTER_CACHE=${VOPS_CLUSTER_CACHE:-$root/.cache/cluster}

fail() {
  echo "cluster tests cannot run: $1" >&2
  exit 2
}

[ "$(id -u)" = 0 ] || fail "they need root, for namespaces and a kubelet; run them as root"
for part in etcd kube-apiserver kube-controller-manager kube-scheduler kubelet gpu-plugin kubectl kwok; do
  [ -x "$VOPS_CLUSTER_CACHE/bin/$part" ] || fail "$part is not built; run tests/cluster/build.sh"
done
for tool in unshare ip containerd ctr runc iptables busybox openssl; do
  command -v "$tool" >/dev/null || fail "$tool is not installed; run tests/cluster/build.sh"
done
[ -x /usr/lib/cni/bridge ] || fail "the CNI plugins are not installed; run tests/cluster/build.sh"
[ -x "$root/.venv/bin/python" ] || fail "there is no .venv; run make test once"
unshare --net --mount --pid --fork true 2>/dev/null || fail "this machine does not allow new namespaces"

VOPS_CLUSTER_STATE=$(mktemp -d "${TMPDIR:-/tmp}/vops-cluster.XXXXXX")
VOPS_CLUSTER_CGROUP=/$(basename "$VOPS_CLUSTER_STATE" | tr . -)
VOPS_CLUSTER_LOGS=${VOPS_CLUSTER_LOGS:-$VOPS_CLUSTER_CACHE/logs/$(basename "$VOPS_CLUSTER_STATE")}
export VOPS_CLUSTER_STATE VOPS_CLUSTER_CGROUP VOPS_CLUSTER_LOGS
export PATH=$VOPS_CLUSTER_CACHE/bin:$root/.venv/bin:/usr/sbin:/sbin:$PATH
mkdir -p "$VOPS_CLUSTER_LOGS"
# Several runs may go on at once; the logs of those that ended hours ago are of no use.
find "$VOPS_CLUSTER_CACHE/logs" -mindepth 1 -maxdepth 1 -mmin +240 -exec rm -rf {} + 2>/dev/null || true

clean_up() {
  for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/*; do
    [ -d "$hierarchy$VOPS_CLUSTER_CGROUP" ] || continue
    find "$hierarchy$VOPS_CLUSTER_CGROUP" -depth -type d -exec rmdir {} + 2>/dev/null || true
  done
  rm -rf "$VOPS_CLUSTER_STATE"
}
trap clean_up EXIT

inside() {
  # What kubelet, containerd and CNI keep at fixed paths stays in this mount namespace.
  for directory in /run /var/lib/cni /var/lib/kubelet /var/log/containers /var/log/pods; do
    mkdir -p "$directory"
    mount -t tmpfs tmpfs "$directory"
  done
  ip link set lo up
  ip route add local 10.244.0.0/16 dev lo
  ip link add cbr0 type bridge
  ip address add 10.88.0.1/16 dev cbr0
  ip link set cbr0 up
  ip route add default dev cbr0
  echo 1 >/proc/sys/net/ipv4/ip_forward
  "$@"
}
export -f inside

# The inner shell is process 1 of its namespace: when it ends, the kernel ends every server and container in it.
cd "$root"
status=0
unshare --net --mount --propagation private --pid --fork --kill-child --mount-proc \
  bash -c 'set -euo pipefail; inside "$@"' enter "$@" || status=$?
exit "$status"

#!/usr/bin/env bash
# Builds and installs the real Kubernetes parts that tests/cluster runs, once, into $VOPS_CLUSTER_CACHE.
#
# Needs Go, root (for Debian's packages) and the module proxy. A second run with the same pins does nothing.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cache=${VOPS_CLUSTER_CACHE:-$root/.cache/cluster}
bin=$cache/bin
mkdir -p "$bin"
pins=$(cat "$here"/parts/*/go.mod "$here"/parts/*/*/*.go "$0" | sha256sum | cut -c1-16)

if [ "$(cat "$cache/pins" 2>/dev/null || true)" != "$pins" ]; then
  rm -f "$cache/pins"
  export CGO_ENABLED=0 GOFLAGS=-buildvcs=false
  version=v1.36.3
  stamp=k8s.io/component-base/version
  ldflags="-s -w -X $stamp.gitVersion=$version -X $stamp.gitMajor=1 -X $stamp.gitMinor=36 -X $stamp.gitTreeState=clean"
  (cd "$here/parts/controlplane" && go build -ldflags "$ldflags" -o "$bin/" \
    k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kube-controller-manager \
    k8s.io/kubernetes/cmd/kube-scheduler k8s.io/kubernetes/cmd/kubelet k8s.io/kubernetes/cmd/kubectl)
  (cd "$here/parts/controlplane" && go build -ldflags "-s -w" -o "$bin/etcd" go.etcd.io/etcd/server/v3)
  (cd "$here/parts/controlplane" && go build -ldflags "-s -w" -o "$bin/" ./gpu-plugin)
  (cd "$here/parts/kwok" && go build -ldflags "-s -w" -o "$bin/" sigs.k8s.io/kwok/cmd/kwok)
  echo "$pins" > "$cache/pins"
fi

missing=()
for package in containerd runc containernetworking-plugins busybox-static iptables iproute2; do
  dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
fi
"$here/crds.sh"
echo "real cluster parts are in $bin" >&2

#!/usr/bin/env bash
# Process 1 of a node: it runs in mount, network, PID, UTS and IPC namespaces of its own, which `unshare` has made, so that
# nothing of it outlives it, and nothing of the machine is changed. It reaps what is orphaned in them.
#   process-one.sh STATE CGROUP NODE_ADDRESS HOSTS COMMAND...
# STATE: an empty folder. CGROUP: the name of the cgroup of all pods. HOSTS: host names of registries, with blanks between.
set -euo pipefail
state=$1 cgroup=$2 address=$3 registries=$4
shift 4

# kubelet and containerd see each other's mounts.
mount --make-rshared /
hostname node-1
# What is made in these two stays in the state.
for folder in /etc /var/lib; do
  mkdir -p "$state/upper$folder" "$state/work$folder"
  mount -t overlay overlay -o "lowerdir=$folder,upperdir=$state/upper$folder,workdir=$state/work$folder" "$folder" || {
    echo "nothing can be laid over $folder from $state; set TMPDIR to a folder of another file system" >&2
    exit 1
  }
done
# Folders whose paths are compiled in: those of the state lie over the machine's.
for folder in /run /var/log /var/lib/kubelet /var/lib/containerd /var/lib/cni /etc/cni /etc/containerd; do
  mkdir -p "$folder" "$state/over$folder"
  mount --bind "$state/over$folder" "$folder"
done
# The kubelet would set these for the whole machine; it finds them as it wants them, and writes nothing.
mkdir -p "$state/sysctl"
while read -r name value; do
  echo "$value" > "$state/sysctl/${name//\//.}"
  mount --bind "$state/sysctl/${name//\//.}" "/proc/sys/$name"
done <<'SYSCTLS'
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
SYSCTLS
printf '127.0.0.1 localhost %s\n%s node-1\n' "$registries" "$address" > "$state/hosts"
mount --bind "$state/hosts" /etc/hosts
# No name server: a wrong name fails at once.
printf 'nameserver 127.0.0.1\n' > "$state/resolv.conf"
rm -f /etc/resolv.conf
cp "$state/resolv.conf" /etc/resolv.conf

# The address of the node on a pair of its own, with a default route: without one ClusterIPs are unreachable before NAT.
ip link set lo up
ip link add node0 type veth peer name node0p
ip addr add "$address/24" dev node0
ip link set node0 up
ip link set node0p up
ip route add default dev node0
# Where a pod on AWS finds the instance metadata service, and the agent of EKS Pod Identity.
for one in 169.254.169.254 169.254.170.23; do ip addr add "$one/32" dev node0; done
echo 1 > /proc/sys/net/ipv4/ip_forward

# One cgroup for all pods: in each hierarchy of version 1, or in the one of version 2.
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
  mkdir -p "/sys/fs/cgroup/$cgroup"
  for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
    echo "+$controller" > /sys/fs/cgroup/cgroup.subtree_control 2>/dev/null || true
  done
  for controller in cpu memory pids; do
    grep -qw "$controller" "/sys/fs/cgroup/$cgroup/cgroup.controllers" || {
      echo "cgroups below the root get no controller $controller" >&2
      exit 1
    }
  done
else
  for hierarchy in /sys/fs/cgroup/*/; do mkdir -p "$hierarchy/$cgroup"; done
  for file in cpuset.cpus cpuset.mems; do cat "/sys/fs/cgroup/cpuset/$file" > "/sys/fs/cgroup/cpuset/$cgroup/$file"; done
fi

mkdir -p /etc/cni/net.d
cat > /etc/cni/net.d/10-bridge.conflist <<'JSON'
{
  "cniVersion": "1.0.0",
  "name": "pods",
  "plugins": [
    {
      "type": "bridge",
      "bridge": "cni0",
      "isDefaultGateway": true,
      "hairpinMode": true,
      "ipam": { "type": "host-local", "ranges": [[{ "subnet": "10.244.0.0/22" }]] }
    }
  ]
}
JSON
for host in $registries; do
  mkdir -p "/etc/containerd/certs.d/$host"
  printf 'server = "https://%s"\nca = "%s"\n' "$host" "$state/registry-ca.pem" > "/etc/containerd/certs.d/$host/hosts.toml"
done

"$@" &
command=$!
trap 'kill -TERM $command 2>/dev/null || true' TERM INT
code=0
wait "$command" || code=$?
while kill -0 "$command" 2>/dev/null; do wait "$command" && code=0 || code=$?; done
exit "$code"

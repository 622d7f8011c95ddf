#!/usr/bin/env bash
# A real, throw-away Slurm cluster on one machine: no systemd, no cgroups, no containers. Needs slurm-wlm and munge.
#
#   cluster.sh run [N]         a controller and N nodes (2); prints READY; ends with its standard input, or by a signal
#   cluster.sh start [N]       the same, but it stays until `stop`
#   cluster.sh stop            end everything and remove CLUSTER_DIR
#   cluster.sh env             lines for a shell that is to use it: eval "$(cluster.sh env)"
#   cluster.sh exec CMD ...    run CMD on the login node; this and those below not in loopback mode
#   cluster.sh on NODE CMD ... run CMD on a node
#   cluster.sh crash NODE      end a node at once: its slurmd, its jobs' processes, its network
#   cluster.sh boot NODE       start it again
#
# CLUSTER_DIR   where all its files are, at most 70 characters [TMPDIR/stilts-slurm-USERID]
# CLUSTER_MODE  nodes       root's default: nodes are namespaces with a process table, host name, address, loopback
#                           and /dev/shm of their own, node1, node2, ..., and no way out
#               loopback    else: slurmds on ports of 127.0.0.1, which need no privilege. Nodes are called 127.0.1.1,
#                           127.0.1.2, ..., so that a node's name is an address that works
# CLUSTER_GPUS  GPUs of each node [8]: claims, like its 64 processors and 1 TB of memory
#
# Partitions: main, and urgent, whose jobs preempt those of main (they are requeued). `cluster.sh on node2 pkill slurmd`
# leaves the jobs' processes of a node alone; the controller misses the node after 5 to 25 seconds.

# shellcheck disable=SC2016  # wrappers are written with expressions of their own
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin
self=$(readlink -f "$0")
dir=${CLUSTER_DIR:-${TMPDIR:-/tmp}/stilts-slurm-$UID}
mode=${CLUSTER_MODE:-} gpus=${CLUSTER_GPUS:-8}
export CLUSTER_DIR=$dir SLURM_CONF=$dir/slurm.conf
if [[ -f $dir/mode ]]; then mode=$(<"$dir/mode"); fi

die() {
  echo "cluster.sh: $*" >&2
  exit 1
}

# ---- files

configure() { # N
  local range="[1-$1]" port node
  if [[ $mode == nodes ]]; then
    node="NodeName=node$range NodeAddr=10.77.1.$range"
    printf 'SlurmctldHost=login(10.77.0.1)\n' >"$dir/slurm.conf"
    printf '127.0.0.1 localhost\n10.77.0.1 login\n' >"$dir/hosts"
    for i in $(seq "$1"); do echo "10.77.1.$i node$i"; done >>"$dir/hosts"
    # names are looked up in that file only: anything else fails at once, as on a node without internet
    { grep -v '^hosts:' /etc/nsswitch.conf || true; echo "hosts: files"; } >"$dir/nsswitch.conf"
  else
    port=$((10000 + $$ % 500 * 16)) # of its own, so that two clusters can run at once
    node="NodeName=127.0.1.$range NodeAddr=127.0.0.1 Port=[$((port + 1))-$((port + $1))]"
    printf 'SlurmctldHost=%s(127.0.0.1)\nSlurmctldPort=%s\n' "$(hostname -s)" "$port" >"$dir/slurm.conf"
    # bound to 127.0.0.1, not to every address of the machine
    printf 'CommunicationParameters=NoInAddrAny,NoCtldInAddrAny\n' >>"$dir/slurm.conf"
  fi
  # Slurm sets CUDA_VISIBLE_DEVICES for character devices only; ordinary files can be asked for and counted
  for i in $(seq 0 $((gpus - 1))); do mknod "$dir/gpu$i" c 1 3 2>/dev/null || touch "$dir/gpu$i"; done
  printf 'AutoDetect=off\nName=gpu Type=a100 File=%s\n' "$dir/gpu[0-$((gpus - 1))]" >"$dir/gres.conf"
  cat >>"$dir/slurm.conf" <<CONF
ClusterName=stilts
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
# a requeued job waits for this many seconds; 5 are the least, 120 the default
AuthInfo=socket=$dir/munge/socket,cred_expire=5
CredType=cred/munge
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool/%n
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd-%n.pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
# no sacct: a finished job stays in squeue for a day
AccountingStorageType=accounting_storage/none
MinJobAge=86400
MailProg=/bin/true
MpiDefault=none
# several jobs on a node; nodes claim more than the machine has
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=100
SlurmdParameters=config_overrides
GresTypes=gpu
# a cluster that reacts within seconds, where the defaults are up to five minutes
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
SlurmdTimeout=5
KillWait=5
ReturnToService=2
JobRequeue=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
$node CPUs=64 RealMemory=1000000 Gres=gpu:a100:$gpus State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE PriorityTier=1 GraceTime=5
PartitionName=urgent Nodes=ALL MaxTime=INFINITE PriorityTier=10 PreemptMode=OFF
CONF
}

wrap_clients() { # programs that talk to this cluster from anywhere on the machine, and from inside its jobs
  local name real here
  here=$(readlink /proc/self/ns/net)
  for name in sbatch srun salloc squeue scontrol scancel sinfo sacct; do
    real=$(command -v "$name") || continue
    {
      printf '#!/bin/bash\nexport SLURM_CONF=%q\n' "$SLURM_CONF"
      if [[ $mode == nodes ]]; then # from outside: through the login node's network and host name
        printf '[[ $(readlink /proc/self/ns/net) != %q ]] ||\n' "$here"
        printf '  exec nsenter -t "$(cat %q)" -n -u %q "$@"\n' "$dir/login.pid" "$real"
      fi
      printf 'exec %q "$@"\n' "$real"
    } >"$dir/bin/$name"
    chmod 755 "$dir/bin/$name"
  done
}

# ---- daemons

munge() { # --force: its folder may be in one that others cannot enter, as pytest's are
  munged --force --num-threads=2 --key-file="$dir/munge/key" --socket="$dir/munge/socket" --pid-file="$dir/munge/pid" \
    --log-file="$dir/munge/log" --seed-file="$dir/munge/seed"
}

new_namespaces() { # PLACE: process 1 of them starts it
  setsid unshare --fork --kill-child=KILL --pid --net --uts --ipc --mount "$self" __init "$1" \
    </dev/null >>"$dir/log/$1.txt" 2>&1 &
}

own_pid() { # its number outside, as /proc is still the outer one; written whole
  local pid
  read -r pid _ </proc/self/stat
  echo "$pid" >"$dir/$1.new"
  mv "$dir/$1.new" "$dir/$1.pid"
  mount -t proc proc /proc
}

wait_for() { # FILE
  for _ in $(seq 500); do
    if [[ -e $1 ]]; then return 0; fi
    sleep 0.02
  done
  return 1
}

reap() { # what process 1 has to do
  while :; do wait -n 2>/dev/null || sleep 1; done
}

login() { # process 1 of the cluster: when it ends, the kernel ends every daemon and job and removes every interface
  own_pid login
  hostname login
  ip link set lo up
  ip link add bridge type bridge
  ip addr add 10.77.0.1/16 dev bridge
  ip link set bridge up
  mount --bind "$dir/hosts" /etc/hosts
  mount --bind "$dir/nsswitch.conf" /etc/nsswitch.conf
  munge
  slurmctld -i
  for i in $(seq "$(<"$dir/nodes")"); do boot "node$i"; done
  touch "$dir/up"
  reap
}

boot() { # NODE; runs in the login's namespaces
  rm -f "$dir/$1.pid"
  new_namespaces "$1"
  wait_for "$dir/$1.pid"
  ip link add "at-$1" type veth peer name eth0 netns "$(<"$dir/$1.pid")"
  ip link set "at-$1" master bridge up
}

node() { # NODE: process 1 of a node
  own_pid "$1"
  hostname "$1"
  ip link set lo up
  mount -t tmpfs -o mode=1777 tmpfs /dev/shm
  mount -t tmpfs -o mode=1777 tmpfs "$dir/local" # a disk of its own; all else is shared, as on a cluster
  until ip addr add "10.77.1.${1#node}/16" dev eth0 2>/dev/null; do sleep 0.01; done
  ip link set eth0 up
  until [[ $(ip -o link show eth0) == *LOWER_UP* ]]; do sleep 0.01; done
  slurmd -D &
  reap # also where slurmd alone is killed
}

# ---- commands

start() { # N
  [[ ${#dir} -le 70 ]] || die "CLUSTER_DIR is too long for the paths of sockets: $dir"
  [[ ! -e $dir ]] || die "$dir is there already: cluster.sh stop"
  command -v slurmctld slurmd munged sbatch >/dev/null || die "Slurm is not installed: apt-get install slurm-wlm munge"
  if [[ -z $mode ]]; then
    mode=loopback
    # namespaces need root, its capabilities, and a kernel with bridges
    if unshare --fork --pid --net --uts --ipc --mount \
      sh -c 'mount -t proc proc /proc && ip link add probe type bridge' 2>/dev/null; then mode=nodes; fi
  fi
  umask 022
  mkdir -p "$dir"/{munge,log,state,spool,bin,local}
  echo "$mode" >"$dir/mode"
  echo "$1" >"$dir/nodes"
  (umask 077 && head -c 1024 /dev/urandom >"$dir/munge/key")
  configure "$1"
  wrap_clients
  if [[ $mode == nodes ]]; then
    new_namespaces login
    wait_for "$dir/up" || fail "the login node did not come up"
  else
    munge
    slurmctld -i
    for i in $(seq "$1"); do slurmd -N "127.0.1.$i"; done
  fi
  for _ in $(seq 200); do
    if [[ $("$dir/bin/sinfo" -h -N -p main -t idle -o %N 2>/dev/null | wc -l) -eq $1 ]]; then return 0; fi
    sleep 0.05
  done
  fail "the nodes did not come up"
}

fail() { # MESSAGE: with the logs' ends
  tail -n 5 "$dir"/log/* "$dir/munge/log" >&2 || true
  stop
  die "$1"
}

stop() {
  [[ -d $dir ]] || return 0
  local pid
  if [[ $mode == nodes ]]; then
    pid=$(cat "$dir/login.pid" 2>/dev/null) || pid=""
    # never a later process that has got the number
    if [[ $pid ]] && grep -qs -- "$self" "/proc/$pid/cmdline" && grep -zqsFx "CLUSTER_DIR=$dir" "/proc/$pid/environ"; then
      kill -9 "$pid"
      while grep -qs '^State:[[:space:]]*[^Z]' "/proc/$pid/status"; do sleep 0.02; done # a zombie is gone, too
    fi
  else # jobs first: they are no children of slurmd
    "$dir/bin/scancel" --full --quiet --user="$(id -un)" 2>/dev/null || true
    for _ in $(seq 100); do
      if [[ -z $("$dir/bin/squeue" -h 2>/dev/null) ]]; then break; fi
      sleep 0.1
    done
    "$dir/bin/scontrol" shutdown >/dev/null 2>&1 || true
    for _ in $(seq 100); do
      if ! compgen -G "$dir/slurm*.pid" >/dev/null; then break; fi
      sleep 0.1
    done
    if [[ -s $dir/munge/pid ]]; then kill "$(<"$dir/munge/pid")" 2>/dev/null || true; fi
  fi
  rm -rf "$dir"
}

enter() { # NODE CMD ...
  local place=$1 to=(-t "$(<"$dir/login.pid")")
  shift
  [[ $mode == nodes ]] || die "there are no namespaces in loopback mode"
  if [[ $place == login ]]; then exec nsenter "${to[@]}" -a --wd="$PWD" "$@"; fi
  exec nsenter "${to[@]}" -p -m nsenter -t "$(<"$dir/$place.pid")" -a --wd="$PWD" "$@"
}

command=${1:-help}
shift || true
case $command in
run)
  trap 'exit 0' TERM INT
  trap stop EXIT
  start "${1:-2}"
  echo READY
  while read -r _; do :; done
  ;;
start) start "${1:-2}" ;;
stop) stop ;;
env) printf 'export SLURM_CONF=%q PATH=%q:$PATH\n' "$SLURM_CONF" "$dir/bin" ;;
exec) enter login "$@" ;;
on) enter "$@" ;;
crash) nsenter -t "$(<"$dir/login.pid")" -p -m kill -9 "$(<"$dir/$1.pid")" ;;
boot) enter login "$self" __boot "$1" ;;
__init) if [[ $1 == login ]]; then login; else node "$1"; fi ;;
__boot) boot "$1" ;;
*) sed -n '2,/^$/s/^# \{0,1\}//p' "$self" ;;
esac

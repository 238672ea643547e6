#!/usr/bin/env bash
# A Slurm for tests on this machine: `cluster.sh up FOLDER` starts a controller and two nodes of one CPU and
# one GPU that is not there, `cluster.sh node FOLDER NAME` starts a node again, `cluster.sh down FOLDER` ends all.
# It needs root and Debian's packages slurm-wlm and munge. Nothing but FOLDER is written to.
set -euo pipefail
what=$1 dir=$2
export SLURM_CONF=$dir/slurm.conf
up() {
  mkdir -p "$dir/state"
  host=$(hostname -s)
  cat >"$SLURM_CONF" <<CONF
ClusterName=tests
SlurmctldHost=$host
SlurmctldPort=16817
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=cred_expire=5
SlurmctldPidFile=$dir/controller.pid
SlurmdPidFile=$dir/%n.pid
SlurmdSpoolDir=$dir/spool-%n
StateSaveLocation=$dir/state
SlurmctldLogFile=$dir/controller.log
SlurmdLogFile=$dir/%n.log
SlurmdTimeout=10
KillWait=5
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SchedulerType=sched/backfill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
NodeName=t[1-2] NodeHostname=$host NodeAddr=127.0.0.1 Port=[16901-16902] CPUs=1 RealMemory=4000 Gres=gpu:1
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
  echo 'Name=gpu File=/dev/null' >"$dir/gres.conf"
  mkdir -p /run/munge && chown munge:munge /run/munge
  munge -n 2>/dev/null | unmunge >/dev/null 2>&1 || service munge start
  slurmctld -f "$SLURM_CONF"
  for name in t1 t2; do slurmd -N $name -f "$SLURM_CONF"; done
  for _ in $(seq 60); do
    [ "$(sinfo -h -N -t idle -o %N 2>/dev/null | wc -l)" = 2 ] && exit 0
    sleep 1
  done
  exit 1
}
down() {
  for file in "$dir"/*.pid; do
    [ -f "$file" ] || continue
    pid=$(cat "$file")
    kill "$pid" 2>/dev/null || continue
    for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    kill -9 "$pid" 2>/dev/null || true
  done
}
case $what in
up) up ;;
node) slurmd -N "$3" -f "$SLURM_CONF" ;;
down) down ;;
esac

#!/usr/bin/env bash
# Brings Slurm up on this one Debian host (as root) and runs a sweep through it: the runs must be those of one process,
# also where Slurm takes fewer as one array, and stacks those of this machine's; a job that is killed must be the only one to fail,
# and one that is preempted must go on to the same result. Other jobs and processes are left alone.
#   apt-get install -y slurmctld slurmd munge && bash scripts/check_slurm.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${PYTHON:-$PWD/.venv/bin/python}
export PYTHONPATH=$PWD

if ! sinfo --noheader 2>/dev/null | grep -q .; then
    host=$(hostname)
    mkdir -p /etc/slurm /var/spool/slurmctld /var/spool/slurmd /run/munge
    chown munge: /run/munge
    grep -qw "$host" /etc/hosts || echo "127.0.0.1 $host" >>/etc/hosts
    cat >/etc/slurm/slurm.conf <<CONF
ClusterName=one
SlurmctldHost=$host
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
StateSaveLocation=/var/spool/slurmctld
SlurmdSpoolDir=/var/spool/slurmd
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
KillWait=5
MaxArraySize=3
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=main Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
    pgrep -x munged >/dev/null || su -s /bin/sh munge -c /usr/sbin/munged
    sleep 1
    slurmctld && slurmd
    for _ in $(seq 30); do sinfo --noheader 2>/dev/null | grep -q idle && break; sleep 1; done
fi
sinfo

work=$(mktemp -d)
cd "$work"
name=lepton-check-$$ # of this script's jobs alone
trap 'scancel --quiet --name="$name" || true' EXIT
sweep() { "$python" -m lepton train -m dataset=synthetic dataset.rows=20000 model=mlp_small trainer.max_epochs=60 "$@"; }
on_slurm() { sweep hydra/launcher=submitit_slurm "hydra.launcher.options.name=$name" "$@"; }
same() {
    "$python" - "$1" "$2" <<'CODE'
import sys
import pandas as pd
from lepton import load
one, two = (load(name).sort_values("run", ignore_index=True) for name in sys.argv[1:])
kept = ["run", "status", "score", *(c for c in one if c.startswith(("val/", "test/")))]
pd.testing.assert_frame_equal(one[kept], two[kept], check_exact=True)
print(f"{sys.argv[2]}: {len(two)} runs, all as in {sys.argv[1]}")
CODE
}
begun() { until compgen -G "runs/$1/*.part/spec.json" >/dev/null; do sleep 0.2; done; sleep 2; }

sweep 'seed=range(4)' study=alone hydra/launcher=basic
on_slurm 'seed=range(4)' study=slurm
same alone slurm
[[ ! -e runs/slurm/.submitit ]] # nothing is left of jobs that have ended

sweep 'seed=range(4)' study=together hydra/launcher=vectorized hydra.launcher.size=2 hydra.launcher.threads=1
on_slurm 'seed=range(4)' study=stacks hydra.launcher.size=2
same together stacks

on_slurm 'seed=range(4)' study=preempted hydra.launcher.at_once=1 &
begun preempted
scancel --signal=USR2 --name="$name" # what a preempted job is sent
wait $!
same alone preempted

on_slurm 'seed=range(3)' study=killed hydra.launcher.at_once=1 >killed.txt 2>&1 &
begun killed
scontrol listpids "$(squeue --name="$name" --noheader --format=%A | head -n 1)" | awk 'NR > 1 && $1 > 1 { print $1 }' | xargs kill -KILL
wait $! && code=0 || code=$?
[[ $code == 1 ]] && grep "1 of 3 runs failed" killed.txt
"$python" -m lepton sweep status killed
echo "Slurm: all as it should be"

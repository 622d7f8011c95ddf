# shellcheck shell=bash disable=SC2154
# One start of one run, inside a job: train.sbatch and target.sbatch source this file. It reads what their settings set.
# What a run is at is in its folder (status.json, slurm.jsonl); here the ranks are started and, if they saved and stopped
# before the end, the job is requeued.

run=${runs[${SLURM_ARRAY_TASK_ID:-0}]:?no run with this number: name one for each element of the array}
run_yaml=$folder/runs/$run/run.yaml
export PYTHONPATH="$stilts${PYTHONPATH:+:$PYTHONPATH}"
element() { "${python[@]}" -m stilts.slurm.element "$@"; }

go=0
element begin "$folder" "$run" --restarts "$restarts" --idle "$idle_restarts" || go=$?
if [ "$go" = 3 ]; then exit 0; fi # it is done already
if [ "$go" != 0 ]; then exit "$go"; fi

# Another launcher's variables would be taken for this job's.
unset RANK WORLD_SIZE LOCAL_RANK LOCAL_WORLD_SIZE MASTER_ADDR
MASTER_PORT=$(element port)
STILTS_RANKS=$SLURM_NTASKS # a rank that finds another number of ranks ends at once
export MASTER_PORT STILTS_RANKS
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-${SLURM_CPUS_PER_TASK:-1}}"
if [ -n "${SLURM_CPUS_PER_TASK:-}" ]; then export SRUN_CPUS_PER_TASK="$SLURM_CPUS_PER_TASK"; fi

if [ -n "$stage_to" ]; then
  srun --nodes="$SLURM_JOB_NUM_NODES" --ntasks-per-node=1 --ntasks="$SLURM_JOB_NUM_NODES" \
    "${python[@]}" -m stilts.slurm.stage "$folder" "$run" "$stage_to"
  export STILTS_FEATURES="$stage_to"
fi

code=0
mkdir -p "$folder/runs/$run/ranks"
options=(--kill-on-bad-exit=1 --mpi="$mpi" --output="$folder/runs/$run/ranks/%t.txt" --open-mode=append)
if [ "$gpus" = one ]; then options+=(--gpus-per-task=1); fi
srun "${options[@]}" "${python[@]}" "$stilts/train.py" "$run_yaml" || code=$?

end=0
element end "$folder" "$run" "$code" || end=$?
if [ "$end" = 75 ]; then
  trap '' TERM USR1 # Slurm ends a requeued job with TERM
  scontrol requeue "$SLURM_JOB_ID" || echo "not requeued: \`stilts submit\` sends the run again" >&2
fi
exit "$end"

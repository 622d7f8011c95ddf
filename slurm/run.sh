# shellcheck shell=bash disable=SC2154
# One start of one run, inside a job: train.sbatch and target.sbatch source this file. It reads what their settings set.
# What a run is at is in its folder (status.json, slurm.jsonl); here the ranks are started and, if they saved and stopped
# before the end, the job is requeued.

run=${runs[${SLURM_ARRAY_TASK_ID:-0}]:?no run with this number: name one for each element of the array}
here=$folder/runs/$run
nodes=$SLURM_JOB_NUM_NODES
ranks=${SLURM_NTASKS:-1}
if [ -z "${SLURM_NTASKS:-}" ] && [ "$nodes" -gt 1 ] || [ $((ranks % nodes)) != 0 ]; then
  echo "$ranks ranks on $nodes nodes; expected as many on each; give sbatch --ntasks-per-node" >&2
  exit 2
fi
per_node=$((ranks / nodes))
export PYTHONPATH="$stilts${PYTHONPATH:+:$PYTHONPATH}"
export SLURM_EXPORT_ENV=ALL # else srun hands nothing on where the site sets --export=NONE
if [ "${#python[@]}" = 1 ] && [[ ${python[0]} = */* ]]; then # its mpirun and ninja, without an activated environment
  PATH="$(cd "$(dirname "${python[0]}")" && pwd):$PATH"
fi
element() { "${python[@]}" -m stilts.slurm.element "$@"; }

go=0
element begin "$folder" "$run" --restarts "$restarts" --idle "$idle_restarts" || go=$?
if [ "$go" = 3 ]; then exit 0; fi # it is done already
if [ "$go" != 0 ]; then exit "$go"; fi
echo "run $run on $SLURM_JOB_NODELIST, restart ${SLURM_RESTART_COUNT:-0}: see $here/log.txt, launcher.txt and ranks/"

unset RANK WORLD_SIZE LOCAL_RANK LOCAL_WORLD_SIZE MASTER_ADDR # of another launcher
MASTER_PORT=$(element port) || { element end "$folder" "$run" 1; exit 1; }
STILTS_RANKS=$ranks # a rank that finds another number of ranks ends at once
export MASTER_PORT STILTS_RANKS OMP_NUM_THREADS="${OMP_NUM_THREADS:-${SLURM_CPUS_PER_TASK:-1}}"
# srun does not take it over from sbatch since Slurm 22.05
if [ -n "${SLURM_CPUS_PER_TASK:-}" ]; then export SRUN_CPUS_PER_TASK="$SLURM_CPUS_PER_TASK"; fi

if [ -n "$stage_to" ]; then
  srun --nodes="$nodes" --ntasks="$nodes" --ntasks-per-node=1 --mpi=none \
    "${python[@]}" -m stilts.slurm.stage "$folder" "$run" "$stage_to" || echo "not staged: sets are read where they are" >&2
  export STILTS_FEATURES="$stage_to"
fi

mkdir -p "$here/ranks"
logs=${here//%/%%}/ranks/%t.txt # a per cent sign is Slurm's own
command=("$stilts/train.py" "$here/run.yaml")
case $launcher in
  srun)
    start=(srun --nodes="$nodes" --ntasks="$ranks" --ntasks-per-node="$per_node" --mpi="$mpi" --kill-on-bad-exit=1
      --wait=0 --output="$logs" --open-mode=append)
    if [ "$gpus" = one ]; then start+=(--gpus-per-task=1); fi
    start+=("${python[@]}" "${command[@]}")
    ;;
  deepspeed) # its runner only looks at the names and counts of the hostfile
    scontrol show hostnames "$SLURM_JOB_NODELIST" | sed "s/\$/ slots=$per_node/" > "$here/hostfile"
    first=$(head -n 1 "$here/hostfile" | cut -d ' ' -f 1)
    start=("${python[@]}" -m deepspeed.launcher.runner --hostfile "$here/hostfile" --no_ssh_check --force_multi
      --no_local_rank --master_addr "$first" --master_port "$MASTER_PORT" --launcher "$reach")
    if [ "$reach" = slurm ]; then
      # options of the srun that it starts: as srun's variables, since it quotes nothing
      export SLURM_KILL_BAD_EXIT=1 SLURM_WAIT=0 SLURM_STDOUTMODE="$logs" SLURM_OPEN_MODE=append SLURM_MPI_TYPE="$mpi"
      start+=(--launcher_args "--nodes=$nodes --ntasks-per-node=$per_node")
    else
      # pdsh takes few variables over; the others from this file. An absolute name is read from where it is.
      export DS_ENV_FILE="$here/environment"
      for name in "${names[@]}" "${!SLURM_JOB@}" "${!SLURM_ARRAY@}" "${!SLURM_RESTART@}" "${!STILTS_@}"; do
        if [ -n "${!name+set}" ]; then printf '%s=%s\n' "$name" "${!name}"; fi
      done > "$DS_ENV_FILE"
    fi
    start+=("${command[@]}")
    ;;
  mpirun)
    start=(mpirun -n "$ranks" --map-by "ppr:$per_node:node" --bind-to none)
    if [ "$(id -u)" = 0 ]; then start+=(--allow-run-as-root); fi
    for name in PATH "${names[@]}" "${!STILTS_@}"; do start+=(-x "$name"); done
    start+=("${python[@]}" "${command[@]}")
    ;;
  *)
    echo "launcher is $launcher; expected srun, deepspeed or mpirun" >&2
    exit 2
    ;;
esac
"${start[@]}" >> "$here/launcher.txt" 2>&1 &
child=$!
# --signal=B:USR1 is for these two: mpirun hands USR1 on to all ranks, ranks behind pdsh are looked up in status.json
if [ "$launcher" = mpirun ]; then trap 'kill -USR1 "$child"' USR1; fi
if [ "$launcher-$reach" = deepspeed-pdsh ]; then trap 'element stop "$folder" "$run"' USR1; fi
code=0
wait "$child" || code=$?
while kill -0 "$child" 2> /dev/null; do # a trap ends `wait`, not the launcher
  code=0
  wait "$child" || code=$?
done

end=0
element end "$folder" "$run" "$code" || end=$?
if [ "$end" = 75 ]; then
  trap '' TERM USR1 # Slurm ends a requeued job with TERM
  job=$SLURM_JOB_ID
  # the last element of an array has the array's own id, which stands for all of them
  if [ -n "${SLURM_ARRAY_TASK_ID:-}" ]; then job=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID; fi
  scontrol requeue "$job" || echo "not requeued: \`stilts submit\` sends the run again" >&2
fi
exit "$end"

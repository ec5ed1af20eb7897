using System.Globalization;

namespace HeadKvLab.Evaluation.Runs;

/// <summary>
/// The batch script of a sweep on a Slurm cluster: a job array with a task for each shard, and a job that joins them when all have ended well. Tasks that
/// were preempted or lost their machine are queued again and go on where they were; what is done is never done twice.
/// </summary>
/// <param name="Sweep">The sweep file.</param>
/// <param name="Output">The results folder, on a file system all machines share.</param>
/// <param name="Shards">Tasks of the array.</param>
/// <param name="Root">Folder of the program's start script, on a file system all machines share.</param>
/// <param name="More">Further options of the sweep command.</param>
public sealed record SlurmScript(string Sweep, string Output, int Shards, string Root, string More = "")
{
    /// <summary>The script; <c>bash FILE [sbatch options]</c> submits it.</summary>
    public string Text()
    {
        var (name, log) = (Path.GetFileNameWithoutExtension(Sweep), Quote(Path.Combine(Output, "slurm-%A-%a.log")));
        return string.Create(CultureInfo.InvariantCulture, $$"""
            #!/bin/bash
            # Runs {{Sweep}} as {{Shards}} array tasks and joins their results into {{Output}}.
            #   bash {{Path.Combine(Output, "submit.sh")}} --partition=short --time=02:00:00 --cpus-per-task=8
            # Options are sbatch's and go to all jobs. Submit again after failures: finished samples are skipped.
            set -euo pipefail
            cd {{Quote(Root)}}
            ./lab build

            array=$(sbatch --parsable "$@" <<'TASK'
            #!/bin/bash
            #SBATCH --job-name=lab-{{name}}
            #SBATCH --array=1-{{Shards}}
            #SBATCH --requeue
            #SBATCH --open-mode=append
            #SBATCH --output={{log}}
            cd {{Quote(Root)}}
            exec ./lab sweep {{Quote(Sweep)}} --out {{Quote(Output)}} --shard "$SLURM_ARRAY_TASK_ID/{{Shards}}"{{More}}
            TASK
            )
            array=${array%%;*}

            merge=$(sbatch --parsable --dependency="afterok:$array" --kill-on-invalid-dep=yes "$@" <<'TASK'
            #!/bin/bash
            #SBATCH --job-name=lab-{{name}}-merge
            #SBATCH --output={{Quote(Path.Combine(Output, "slurm-merge.log"))}}
            cd {{Quote(Root)}}
            exec ./lab merge {{Quote(Output)}}
            TASK
            )
            echo "array $array, then merge ${merge%%;*}: results in {{Output}}"

            """).ReplaceLineEndings("\n");
    }

    internal static string Quote(string text) => text.AsSpan().IndexOfAnyExcept("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-%+=,") < 0 ? text : "'" + text.Replace("'", "'\\''", StringComparison.Ordinal) + "'";
}

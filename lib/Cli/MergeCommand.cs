using System.CommandLine;
using HeadKvLab.Evaluation.Reports;
using HeadKvLab.Evaluation.Runs;

namespace HeadKvLab.Cli;

/// <summary><c>lab merge</c>: joins the shards of a run.</summary>
internal static class MergeCommand
{
    internal static Command Create()
    {
        var folder = new Argument<string>("folder") { Description = "Results folder with shard-1-of-N to shard-N-of-N." };
        var partial = new Option<bool>("--partial") { Description = "Join what is there, even if shards or samples are missing." };
        var command = new Command("merge", """
            Joins the shards of a results folder into its rows.jsonl and writes the tables. The table of a run in shards is the
            table of the same run in one piece. The shards are left as they are; joining twice changes nothing.

            Example:  lab sweep data/sweeps/world.json --out results/w --shard 1/2
                      lab sweep data/sweeps/world.json --out results/w --shard 2/2
                      lab merge results/w
            """) { folder, partial };
        command.SetAction(parse =>
        {
            var path = parse.GetRequiredValue(folder);
            var (rows, card) = ShardMerge.Join(path, parse.GetValue(partial));
            ReportFiles.Write(path, rows, card);
            EvalDriver.Print(path, rows);
            if (rows.Count < card.Samples) Console.WriteLine($"{rows.Count} of {card.Samples} samples");
            return 0;
        });
        return command;
    }
}

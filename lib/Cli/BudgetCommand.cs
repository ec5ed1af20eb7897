using System.CommandLine;
using System.Text.Json;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Allocators;
using HeadKvLab.Compression.Scorers;
using HeadKvLab.Calibration;
using HeadKvLab.Tables;

namespace HeadKvLab.Cli;

/// <summary><c>lab budget</c>: what HeadKV gives each head.</summary>
internal static class BudgetCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var scores = new Option<string>("--scores") { Description = "Head-score file, {\"layer-head\": [scores], ...}.", Required = true };
        var kvSize = new Option<int>("--kv-size") { Description = "Nominal entries per head, window included.", Required = true };
        var beta = new Option<double>("--beta") { Description = "Pool divisor, above 1.", DefaultValueFactory = _ => HeadKv.PaperBeta };
        var window = Options.Window("Last tokens always kept.");
        var temperature = new Option<double>("--temperature") { Description = "Exponent of the normalised scores.", DefaultValueFactory = _ => 1 };
        var rule = Options.Rule(BudgetRule.AsPublished);
        var granularity = Options.Heads();
        var kvHeads = new Option<int?>("--kv-heads") { Description = "KV heads of a layer; needed for kv-head." };
        var length = new Option<int?>("--prompt-length") { Description = "Tokens of the prompt; without it no head is clipped." };
        var devices = Options.Counts<int>("--devices", "How unequal the heads' lengths make so many devices that share every layer's heads; several separated by commas.", "");
        var json = Options.Json("Print {\"capacities\": [[one row a layer]], \"total\": n}.");
        var command = new Command("budget", """
            Prints how many entries HeadKV gives each head, window excluded, one row a layer.

              p = floor(b' / beta), b' = KV size - window;  c = S * p * L * H + (b' - p), rounded half to even

            A higher beta means a smaller pool: beta without bound is SnapKV. The defaults repeat the published code (query heads,
            as-published). kv-head takes the mean of each group's capacities, rounded.

            --devices 2,4,8 adds how much longer the busiest device of each layer reads than with equal heads, and how much more the fullest holds:
            with neighbouring heads together, and with heads dealt out by their length.

            Example:  lab budget --scores heads.json --kv-size 128 --beta 1.005 --window 8 --json
            """) { scores, kvSize, beta, window, temperature, rule, granularity, kvHeads, length, devices, json };
        command.SetAction(parse =>
        {
            var budget = new Budget(parse.GetValue(kvSize), parse.GetValue(window),
                parse.Read(rule), parse.Read(granularity));
            parse.Note(budget.Granularity == Granularity.KvHead || budget.Rule == BudgetRule.EqualBytes, "query heads keep entries of their own, whatever the KV heads", kvHeads);
            var table = HeadScoreFile.Read(parse.GetValue(scores)!).Means();
            var allocator = new HeadKv(table, parse.GetValue(beta), parse.GetValue(temperature));
            var capacities = Allot(allocator, table, budget, parse.GetValue(kvHeads), parse.GetValue(length));
            Print(capacities, [.. parse.Read(devices).Select(count => Spread(capacities, budget.ObservationWindow, count))], parse.GetValue(json));
        });
        return command;
    }

    private static int[][] Allot(HeadKv allocator, HeadImportance table, Budget budget, int? kvHeads, int? length)
    {
        if (kvHeads is null && (budget.Granularity == Granularity.KvHead || budget.Rule == BudgetRule.EqualBytes))
            throw new LabException($"--granularity kv-head and equal-bytes need --kv-heads: a divisor of {table.Heads}, the file's query heads");
        if (kvHeads is { } given && (given < 1 || table.Heads % given != 0))
            throw new LabException($"--kv-heads {given}: {table.Heads} query heads cannot share as many; give a divisor of {table.Heads}");
        if (length is { } tokens && tokens <= budget.ObservationWindow)
            throw new LabException($"--prompt-length {tokens}: not longer than the window {budget.ObservationWindow}; such a prompt is never compressed");
        var method = new Method("HeadKV", new SnapKv(), allocator);
        var frame = BudgetFrame.Of(budget, table.Layers, kvHeads ?? table.Heads, table.Heads, length ?? int.MaxValue);
        return [.. PromptAllocation.OfModel(method, budget.Rule, frame).Chunk(frame.Heads)];
    }

    private static (HeadLoad Contiguous, HeadLoad ByLength) Spread(int[][] capacities, int window, int devices)
    {
        int[][] entries = [.. capacities.Select(layer => Array.ConvertAll(layer, capacity => capacity + window))];
        return (HeadSpread.Contiguous(entries, devices), HeadSpread.ByLength(entries, devices));
    }

    private static void Print(int[][] capacities, IReadOnlyList<(HeadLoad Contiguous, HeadLoad ByLength)> spreads, bool json)
    {
        var total = capacities.Sum(row => row.Sum(c => (long)c));
        if (json)
        {
            Console.WriteLine(spreads.Count == 0 ? JsonSerializer.Serialize(new { capacities, total })
                : JsonSerializer.Serialize(new { capacities, total, devices = spreads.Select(s => new { devices = s.Contiguous.Devices, contiguous = new { steps = s.Contiguous.Steps, memory = s.Contiguous.Memory }, byLength = new { steps = s.ByLength.Steps, memory = s.ByLength.Memory } }) }));
            return;
        }
        for (var layer = 0; layer < capacities.Length; layer++)
            Console.WriteLine($"layer {layer,3}: {string.Join(' ', capacities[layer].Select(c => c.ToString().PadLeft(5)))}");
        Console.WriteLine($"total {total}, window excluded");
        if (spreads.Count == 0) return;
        Console.WriteLine("\nbusiest and fullest device by an equal split, window included");
        Console.Write(Table.Of("", spreads, (new("devices") { Align = Alignment.Right }, s => s.Contiguous.Devices), (Ratio("neighbours: busiest"), s => s.Contiguous.Steps), (Ratio("fullest"), s => s.Contiguous.Memory),
            (Ratio("by length: busiest"), s => s.ByLength.Steps), (Ratio("fullest"), s => s.ByLength.Memory)).ToText());

        static Column Ratio(string name) => new(name) { Format = "0.00", Align = Alignment.Right };
    }
}

using System.CommandLine;
using System.Globalization;
using HeadKvLab.Models;
using Spectre.Console;

namespace HeadKvLab.Cli;

/// <summary><c>lab model show</c>: what a model folder holds and what its cache costs.</summary>
internal static class ModelShowCommand
{
    internal static Command Create()
    {
        var folder = new Argument<string>("dir") { Description = "Folder with config.json and model.safetensors (or shards with an index)." };
        var command = new Command("show", """
            Prints architecture, parameters and KV-cache cost of a model folder. Reads headers only, so it answers at once
            for a model of any size (an output matrix beside a tied embedding is compared with it), and refuses a folder whose weights do not fit its config.

            Cache bytes per token are given twice: stored once for each KV head (what the model needs), and once for each query
            head (what a method costs that lets every query head keep its own selection).

            Example:  lab model show ~/models/Meta-Llama-3-8B-Instruct
            """) { folder };
        command.SetAction(result => Run(result.GetRequiredValue(folder)));
        return command;
    }

    private static int Run(string directory)
    {
        using var folder = ModelFolder.Open(directory);
        var config = folder.Config;
        var stored = string.Join(", ", folder.Tensors.Values.Select(tensor => tensor.Type).Distinct().Order());
        var bytes = folder.Tensors[ModelTensors.Embedding].ElementSize;
        var table = new Table().Border(TableBorder.None).HideHeaders().AddColumn("").AddColumn("");
        Row("architecture", config.Architecture);
        Row("parameters", Number(ModelTensors.ParameterCount(config)));
        Row("weights", $"{Number(folder.WeightBytes)} bytes as {stored}");
        Row("layers", Number(config.Layers));
        Row("heads", $"{config.QueryHeads} query, {config.KvHeads} KV ({config.Group} queries each), dimension {config.HeadDim}");
        Row("hidden, feed-forward", $"{Number(config.HiddenSize)}, {Number(config.IntermediateSize)}");
        Row("vocabulary", Number(config.VocabSize) + (config.TieEmbeddings ? ", output tied to the embedding" : folder.IsUntiedByWeights ? ", output not tied: config.json ties it, but the weights hold another lm_head" : ""));
        Row("context", $"{Number(config.MaxPositions)} tokens{Sliding(config)}");
        Row("rope", string.Create(CultureInfo.InvariantCulture, $"base {config.RopeTheta:N0}{Scaling(config.RopeScaling)}"));
        Row("stop ids", config.EosIds.Count == 0 ? "none" : string.Join(", ", config.EosIds));
        Row("KV cache, per token", $"{Number(config.KvBytesPerToken(bytes))} bytes by KV head, {Number(config.KvBytesPerTokenByQueryHead(bytes))} by query head");
        Row("KV cache, full context", $"{Number((Int128)config.KvBytesPerToken(bytes) * config.MaxPositions)} bytes by KV head ({bytes} bytes a number)");
        AnsiConsole.Write(table);
        return 0;

        void Row(string name, string value) => table.AddRow(new Spectre.Console.Text(name), new Spectre.Console.Text(value));
    }

    private static string Number(Int128 value) => value.ToString("N0", CultureInfo.InvariantCulture);

    private static string Sliding(ModelConfig config)
    {
        if (config.SlidingWindow is not { } window) return "";
        var layers = Enumerable.Range(0, config.Layers).Count(layer => config.WindowOf(layer) is not null);
        return $", sliding window {Number(window)} in {(layers == config.Layers ? "every layer" : $"{layers} of {config.Layers} layers")}";
    }

    private static string Scaling(RopeScaling? scaling) => scaling switch
    {
        LinearRopeScaling linear => FormattableString.Invariant($", stretched {linear.Factor} times"),
        Llama3RopeScaling llama3 => FormattableString.Invariant($", long wavelengths stretched {llama3.Factor} times (Llama 3.1's rule, trained at {llama3.OriginalMaxPositions:N0})"),
        _ => "",
    };
}

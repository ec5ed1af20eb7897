using System.CommandLine;
using System.Globalization;
using HeadKvLab.Models;
using HeadKvLab.Tables;

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
        Terminal.Write(Table.Facts(
            ("architecture", config.Architecture),
            ("parameters", Number(ModelTensors.ParameterCount(config))),
            ("weights", $"{Number(folder.WeightBytes)} bytes as {stored}"),
            ("layers", Number(config.Layers)),
            ("heads", $"{config.QueryHeads} query, {config.KvHeads} KV ({config.Group} queries each), dimension {config.HeadDim}"),
            ("hidden, feed-forward", $"{Number(config.HiddenSize)}, {Number(config.IntermediateSize)}"),
            ("vocabulary", Number(config.VocabSize) + (config.TieEmbeddings ? ", output tied to the embedding" : folder.IsUntiedByWeights ? ", output not tied: config.json ties it, but the weights hold another lm_head" : "")),
            ("context", $"{Number(config.MaxPositions)} tokens{Sliding(config)}"),
            ("rope", string.Create(CultureInfo.InvariantCulture, $"base {config.RopeTheta:N0}{Scaling(config.RopeScaling)}")),
            ("stop ids", config.EosIds.Count == 0 ? "none" : string.Join(", ", config.EosIds)),
            ("KV cache, per token", $"{Number(config.KvBytesPerToken(bytes))} bytes by KV head, {Number(config.KvBytesPerTokenByQueryHead(bytes))} by query head"),
            ("KV cache, full context", $"{Number((Int128)config.KvBytesPerToken(bytes) * config.MaxPositions)} bytes by KV head ({bytes} bytes a number)")));
        return 0;
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

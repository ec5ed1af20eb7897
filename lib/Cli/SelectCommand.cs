using System.CommandLine;
using System.Text.Json;
using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Allocators;
using HeadKvLab.Compression.Scorers;
using HeadKvLab.Calibration;
using HeadKvLab.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Cli;

/// <summary><c>lab select</c>: what a method keeps of one layer's tensors.</summary>
internal static class SelectCommand
{
    /// <summary>The command.</summary>
    public static Command Create()
    {
        var tensors = new Option<string>("--tensors") { Description = "safetensors file with query, key and value.", Required = true };
        var method = new Option<string>("--method") { Description = "Name from `lab methods`.", Required = true };
        var kvSize = new Option<int>("--kv-size") { Description = "Nominal entries per head, window included.", Required = true };
        var window = Options.Window("Last tokens always kept, whose queries vote.");
        var kernel = new Option<int>("--kernel") { Description = "Positions pooled together, odd.", DefaultValueFactory = _ => 7 };
        var pooling = new Option<string>("--pooling") { Description = "max or avg.", DefaultValueFactory = _ => "max" };
        var reduction = new Option<string>("--reduction") { Description = "How query heads of a KV head vote: mean, max or sum.", DefaultValueFactory = _ => "mean" };
        var granularity = Options.Heads();
        var rule = Options.Rule(BudgetRule.AsPublished);
        var scores = new Option<string?>("--scores") { Description = "Head-score file, for HeadKV and RazorAttention; or gates (.tsv), for DuoAttention, or PrefixKV's shares of the layers." };
        var beta = new Option<double>("--beta") { Description = "HeadKV's pool divisor, above 1.", DefaultValueFactory = _ => HeadKv.PaperBeta };
        var layer = new Option<int>("--layer") { Description = "Which layer of the model the tensors are.", DefaultValueFactory = _ => 0 };
        var layers = new Option<int?>("--layers") { Description = "Layers of the model, for PyramidKV; by default those of --scores, else 1." };
        var json = Options.Json("Print {\"kept\": [[ascending positions, window included], one list a head]}.");
        pooling.CompletionSources.Add([.. Names<PoolingKind>.All]);
        reduction.CompletionSources.Add([.. Names<GroupReduction>.All]);
        var command = new Command("select", """
            Prints the positions a method keeps of one layer, from tensors that any program wrote:
            query [queryHead, n, dim], key [kvHead, n, dim], value [kvHead, n, dim], after RoPE, of any float type.
            Computed in float32. Of equal scores the later position is kept. A prompt that fits into the budget is kept whole.

            Example:  lab select --tensors layer12.safetensors --method SnapKV --kv-size 128 --json
            """) { tensors, method, kvSize, window, kernel, pooling, reduction, granularity, rule, scores, beta, layer, layers, json };
        command.SetAction(parse =>
        {
            var budget = new Budget(parse.GetValue(kvSize), parse.GetValue(window),
                parse.Read(rule), parse.Read(granularity));
            var chosen = Catalogue.Find(parse.GetValue(method)!);
            (string Name, object Value)[] settings = [("kernel", parse.GetValue(kernel)), ("pooling", parse.GetValue(pooling)!), ("reduction", parse.GetValue(reduction)!), ("beta", parse.GetValue(beta))];
            using var scope = NewDisposeScope();
            var prompt = Read(parse.GetValue(tensors)!, parse.GetValue(layer));
            var (table, tables) = parse.GetValue(scores) is { } file
                ? CalibrationFolder.OpenFile(file, new TableSizes(parse.GetValue(layers), (int)prompt.Keys.shape[0], (int)prompt.Queries.shape[0])) : (null, CalibrationTables.None);
            parse.Note(chosen.IsTaken("beta"), $"{chosen.Name} has no beta", beta);
            parse.Note(chosen.Needs.Count > 0 || parse.GetValue(layers) is null, $"{chosen.Name} looks at no head scores, and --layers tells the layers", scores);
            parse.Note(chosen.IsTaken("kernel"), $"{chosen.Name} pools nothing", kernel, pooling);
            parse.Note(chosen.IsTaken("reduction") && budget.Granularity == Granularity.KvHead, "no query heads vote together; that is for --granularity kv-head and methods whose heads vote", reduction);
            var created = chosen.Create(new([.. settings.Where(one => chosen.IsTaken(one.Name))]), tables);
            Print(Kept(created, budget, prompt, parse.GetValue(layers) ?? table?.Layers ?? parse.GetValue(layer) + 1), parse.GetValue(json));
        });
        return command;
    }

    private static int[][] Kept(Method method, Budget budget, in LayerView prompt, int layers)
    {
        if (prompt.Layer < 0 || prompt.Layer >= layers)
            throw new LabException($"--layer {prompt.Layer}: the model has {layers} layers, counted from 0");
        if (method.Share is IBidder && layers > 1)
            throw new LabException($"{method.Name}: all layers of the model compete, and the tensors are those of one: give --layers 1 to see it compete inside this layer alone");
        var selector = new PromptAllocation(method, budget, layers, (int)prompt.Keys.shape[0], (int)prompt.Queries.shape[0], prompt.Length);
        var scores = new HeadRows<float>(selector.KeepsAll ? [] : new float[selector.Heads * prompt.Length], selector.KeepsAll ? 0 : selector.Heads, prompt.Length);
        if (selector.KeepsAll && !method.KeepsAll)
            Console.Error.WriteLine($"the prompt of {prompt.Length} tokens fits into the budget of {budget.Entries} (window {budget.ObservationWindow}): it passes through uncompressed");
        if (!selector.KeepsAll) method.Score(prompt, budget.ObservationWindow, scores);
        for (var head = 0; head < scores.Heads; head++)
            foreach (var score in scores[head])
                if (float.IsNaN(score)) throw new ModelOverflow($"method {method.Name}: head {head} scores positions NaN: a query, key or value overflowed; write them from a run in float32 or bfloat16");
        return selector.Select(prompt, scores);
    }

    private static LayerView Read(string path, int layer)
    {
        using var file = SafetensorsFile.Open(path);
        var (query, key, value) = (file.Load("query", ScalarType.Float32), file.Load("key", ScalarType.Float32), file.Load("value", ScalarType.Float32));
        foreach (var (name, tensor) in new[] { ("query", query), ("key", key), ("value", value) })
            if (tensor.ndim != 3 || tensor.shape.Contains(0))
                throw new LabException($"{path}: '{name}' has shape {Shape(tensor)}; it must be [head, position, dim]");
        if (!key.shape.SequenceEqual(value.shape))
            throw new LabException($"{path}: 'key' {Shape(key)} and 'value' {Shape(value)} must have one shape");
        if (query.shape[1] != key.shape[1] || query.shape[2] != key.shape[2] || query.shape[0] % key.shape[0] != 0)
            throw new LabException($"{path}: 'query' {Shape(query)} does not fit 'key' {Shape(key)}: positions and dimensions must agree, query heads be a multiple of KV heads");
        return new LayerView(layer, key, value, query, 1 / MathF.Sqrt(key.shape[2]));
    }

    private static string Shape(Tensor tensor) => $"[{string.Join(", ", tensor.shape)}]";

    private static void Print(int[][] kept, bool json)
    {
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(new { kept }));
            return;
        }
        for (var head = 0; head < kept.Length; head++)
            Console.WriteLine($"head {head,3}: {kept[head].Length} kept: {string.Join(' ', kept[head])}");
    }
}

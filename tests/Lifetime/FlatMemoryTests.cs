using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using HeadKvLab.Cache;
using HeadKvLab.Cli;
using HeadKvLab.Evaluation.Protocols;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Compression;
using HeadKvLab.Kernels;
using HeadKvLab.Models;
using HeadKvLab.Profiling.Runs;
using HeadKvLab.Training;
using HeadKvLab.World;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Lifetime;

/// <summary>
/// Nothing is left behind by what runs for hours: in a process of its own, after a warm-up, no tensor lives longer than its work, and the memory
/// that belongs to the process alone does not grow. One tensor left by each prompt, or a model by each change of type, would exceed the bound several times.
/// </summary>
public sealed class FlatMemoryTests(ITestOutputHelper output)
{
    /// <summary>Room for what the collector and the allocator keep by chance, MiB.</summary>
    private const int Allowed = 40;

    /// <summary>What a child, or a notebook, says in the end.</summary>
    internal readonly record struct Growth(long Bytes, long Tensors, long TensorsOfThread);

    [Theory]
    [InlineData("prompts"), InlineData("evaluation"), InlineData("training"), InlineData("sweep")]
    public void Long_runs_leave_nothing(string work)
    {
        Assert.SkipUnless(ProcessMemory.CanWatch, "this system does not tell a process's memory");
        var (code, said) = Child.Start("memory", work).End();
        Assert.True(code == 0, said);
        Check(JsonSerializer.Deserialize<Growth>(said), work == "sweep" ? null : 0);
    }

    [Fact]
    public void A_notebook_leaves_nothing()
    {
        Assert.SkipUnless(ProcessMemory.CanWatch, "this system does not tell a process's memory");
        using var folder = new TemporaryFolder();
        var (path, result) = (Path.Combine(folder.Path, "n.ipynb"), Path.Combine(folder.Path, "out.ipynb"));
        string[] cells =
        [
            $"#r \"{Repository.Path("bin", "HeadKvLab.dll")}\"",
            """
            using HeadKvLab.Cache; using HeadKvLab.Evaluation.Runs; using HeadKvLab.Compression; using HeadKvLab.Models; using HeadKvLab.Profiling.Runs;
            """ + $"\nvar model = LanguageModel.Load(\"{Repository.Path("data", "models", "world-4m")}\");",
            """
            int[] Prompt(int i) => [.. Enumerable.Range(0, 256).Select(t => 1 + (t * 37 + i) % 1900)];
            var methods = new[] { Catalogue.Find("SnapKV").Create(null, null), Catalogue.Find("FullKV").Create(null, null) };
            void Ask(int i) => PromptTrial.Run(model, Prompt(i), methods, new Budget(64), most: 4);
            for (var i = 0; i < 40; i++) Ask(i);
            """,
            """
            ProcessMemory.Reset();
            var (own, tensors) = (ProcessMemory.Own, TorchSharp.torch.Tensor.TotalCount);
            for (var i = 0; i < 200; i++) Ask(i);
            ProcessMemory.Reset();
            Console.Write($"{ProcessMemory.Own - own} {TorchSharp.torch.Tensor.TotalCount - tensors}");
            """,
        ];
        File.WriteAllText(path, new JsonObject
        {
            ["cells"] = new JsonArray([.. cells.Select((code, i) => new JsonObject
            {
                ["cell_type"] = "code", ["execution_count"] = null, ["id"] = $"c{i}", ["metadata"] = new JsonObject(), ["outputs"] = new JsonArray(), ["source"] = code,
            })]),
            ["metadata"] = new JsonObject(), ["nbformat"] = 4, ["nbformat_minor"] = 5,
        }.ToJsonString());
        var (exit, said) = Child.Start("dotnet", [Repository.Path("bin", "notebook", "HeadKvLab.Notebook.dll"), "run", path, "-o", result]).End();
        Assert.True(exit == 0, said);
        var last = JsonNode.Parse(File.ReadAllText(result))!["cells"]!.AsArray()[^1]!["outputs"]![0]!["text"]!;
        var words = string.Concat(last is JsonArray lines ? lines.Select(line => (string)line!) : [(string)last!]).Split(' ');
        Check(new Growth(long.Parse(words[0], CultureInfo.InvariantCulture), long.Parse(words[1], CultureInfo.InvariantCulture), 0), 0);
    }

    private void Check(Growth growth, long? tensors)
    {
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{growth.Bytes / 1048576.0:F1} MiB, {growth.Tensors} tensors, {growth.TensorsOfThread} of the thread"));
        Assert.InRange(growth.Bytes / 1048576.0, double.MinValue, Allowed);
        if (tensors is { } expected) Assert.Equal((expected, expected), (growth.Tensors, growth.TensorsOfThread));
    }

    /// <summary>The child's part.</summary>
    internal static int Measure(string work)
    {
        using var folder = new TemporaryFolder();
        var growth = work switch
        {
            "prompts" => Prompts(),
            "evaluation" => Evaluation(),
            "training" => Training(folder.Path),
            _ => Sweep(),
        };
        Console.Error.Write(JsonSerializer.Serialize(growth));
        return 0;
    }

    private static Growth Watched(Action warmUp, Action work)
    {
        warmUp();
        ProcessMemory.Reset();
        var (own, tensors, ofThread) = (ProcessMemory.Own, Tensor.TotalCount, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        work();
        var (left, leftOfThread) = (Tensor.TotalCount - tensors, DisposeScopeManager.Statistics.ThreadTotalLiveCount - ofThread); // before the collector helps
        ProcessMemory.Reset();
        return new(ProcessMemory.Own - own, left, leftOfThread);
    }

    private static Growth Prompts()
    {
        using var model = LanguageModel.Load(Repository.Path("data", "models", "world-4m"));
        Method[] methods = [Catalogue.Find("SnapKV").Create(null, null), Catalogue.Find("H2O").Create(null, null), Catalogue.Find("FullKV").Create(null, null)];
        return Watched(() => Run(30), () => Run(200));

        void Run(int prompts)
        {
            for (var i = 0; i < prompts; i++)
            {
                int[] prompt = [.. Enumerable.Range(0, 256).Select(t => 1 + (t * 37 + i) % 1900)];
                using (var cache = new RaggedCache(model.CacheShape()))
                {
                    var logits = model.Engine.Prefill(prompt, cache);
                    using var continuation = model.Engine.Continue(cache, 8);
                    Generation.Run(continuation.Run, logits, 8, [], Generation.Greedy);
                }
                PromptTrial.Run(model, prompt, methods, new Budget(64), most: 4);
            }
        }
    }

    private static Growth Evaluation()
    {
        using var model = LanguageModel.Load(Repository.Path("data", "models", "world-4m"));
        var plan = new EvaluationPlan([Catalogue.Find("SnapKV").Create(null, null), Catalogue.Find("Knorm").Create(null, null)], [0.2]);
        return Watched(() => Run(2), () => Run(12));

        void Run(int perFamily)
        {
            foreach (var protocol in new[] { Protocol.Standard, Protocol.Agnostic })
                SuiteEvaluation.Run(model, WorldSuite.Make(WorldSplit.Test, 512, perFamily, seed: 1, perContext: 2).ToSamples(), plan with { Protocol = protocol });
        }
    }

    private static Growth Training(string folder)
    {
        const string text = """
            {
              "name": "flat", "seed": 3, "workers": 2, "compute": "float32",
              "model": { "hidden": 64, "intermediate": 128, "layers": 2, "queryHeads": 4, "kvHeads": 2, "headDim": 16, "ropeTheta": 10000, "maxPositions": 512 },
              "optimizer": { "warmUp": 2 },
              "phases": [ { "name": "a", "steps": 130, "tokens": 256, "documents": 4, "fillerFrom": 0.1, "fillerTo": 0.3, "rateStart": 3e-3, "rateEnd": 3e-3 } ]
            }
            """;
        using var trainer = new Trainer(TrainingRecipe.Parse(text, "recipe"), text, new BatchSource(), folder);
        return Watched(() => Run(30), () => Run(130));

        void Run(int upTo) => trainer.Run(_ => { }, every: 10, TimeSpan.FromHours(1), upTo, CancellationToken.None);
    }

    /// <summary>A sweep over protocols of two number types, tasks laid out on the first model and kept, as `lab sweep` does; each turn loads anew.</summary>
    private static Growth Sweep()
    {
        using var models = EvalModels.Of(new SweepPlan { Model = Repository.Path("data", "models", "world-4m"), Suites = ["s"], Methods = [Variant.Full.Method] }, CPU);
        var suite = WorldSuite.Make(WorldSplit.Test, 512, 1).ToSamples();
        var sets = new List<EvalSet>();
        return Watched(() => Run(2), () => Run(12));

        void Run(int turns)
        {
            for (var turn = 0; turn < turns; turn++)
            {
                var model = models.In(new EvalSet("s", Protocol.Standard.Name, [], []) { Type = turn % 2 == 0 ? NumberFormat.Float32 : NumberFormat.BFloat16 });
                sets.Add(SuiteTasks.Lay(suite, Protocol.Standard, model, [Variant.Full]));
                using var cache = new RaggedCache(model.CacheShape());
                model.Step.Run(5, cache);
            }
        }
    }
}

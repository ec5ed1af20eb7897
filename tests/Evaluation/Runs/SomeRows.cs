using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Compression;

namespace HeadKvLab.Tests.Evaluation.Runs;

/// <summary>Rows and folders that no model is needed for.</summary>
internal static class SomeRows
{
    internal static readonly Variant Snap = new() { Method = "SnapKV", KvSize = 64, Settings = Catalogue.Find("SnapKV").Resolve() };
    internal static readonly Variant HeadKv = new() { Method = "HeadKV-R2", KvSize = 64, Settings = Catalogue.Find("HeadKV-R2").Resolve() };

    internal static FolderCard Card(string model = "m") => new() { ModelFolder = "models/m", Model = model, Data = new() { ["s/d"] = "h" }, Samples = 0 };

    internal static EvalRow Row(int question, double score = 0, Variant? variant = null, string dataset = "d", string? context = null) => new()
    {
        Suite = "s", Dataset = dataset, Context = context ?? $"c{question}", Question = $"q{question:00}", Protocol = "standard", Variant = variant ?? Snap, Seed = 0,
        Model = "m", Data = "h", FirstToken = "recompute-last", PromptTokens = 100, Heads = 4, Entries = 256, Bytes = 1024, Prediction = "Wörter, \"mehr\"\n字", Answers = ["a"],
        Metric = "exact_match", Score = score, NewTokens = 3, PrefillSeconds = 0.1 * question, DecodeSeconds = 0.01,
    };

    internal static ResultFolder Open(string path) => ResultFolder.Open(path, Card());
}

/// <summary>A process that works on a folder others work on as well: takes it when it can, adds a few of the missing samples, gives it back, until all are there.</summary>
internal static class JournalChild
{
    internal static int Run(string path, int samples, int seed)
    {
        var random = new Random(seed);
        for (var refused = 0; refused < 5000;)
        {
            try
            {
                using var folder = SomeRows.Open(path);
                var missing = Enumerable.Range(0, samples).Where(i => !folder.Has(SomeRows.Row(i).Key)).ToArray();
                if (missing.Length == 0) return 0;
                foreach (var i in missing.Take(1 + random.Next(4)))
                {
                    Thread.Sleep(random.Next(4));
                    folder.Add(SomeRows.Row(i, 1));
                }
            }
            catch (LabException e) when (e.Message.Contains("in use by", StringComparison.Ordinal))
            {
                refused++;
                Thread.Sleep(1 + random.Next(4));
            }
        }
        return 3;
    }
}

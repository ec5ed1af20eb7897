using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using HeadKvLab.Cache;
using HeadKvLab.Calibration;
using HeadKvLab.Compression;
using HeadKvLab.Evaluation.Protocols;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Kernels;
using HeadKvLab.Models;
using HeadKvLab.World;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Frozen;

/// <summary>
/// What every method keeps of one prompt of the bundled model, the rows that an evaluation writes of it, and logits of tokens decoded after it at one and two
/// threads. The last bits of products are a processor's own: on another one than the file names this is skipped.
/// </summary>
[Collection("torch threads")]
public sealed class FrozenModelTests
{
    private const string Processor = "processor";

    private static readonly FrozenFile File = new("frozen-model.txt");
    private static readonly int[] Continuation = [5, 700, 41];

    [Fact]
    public void The_bundled_model_answers_as_it_answered()
    {
        Assert.SkipWhen(Environment.ProcessorCount < 2, "one core: nothing can be decoded at two threads");
        if (!FrozenFile.Writing && File[Processor] is var written && written != ThisProcessor())
            Assert.Skip($"frozen-model.txt was written on '{written}', this is '{ThisProcessor()}': the last bits of its products may differ");
        var (tensorThreads, kernelThreads) = (get_num_threads(), KernelThreads.Count);
        try
        {
            File.Compare([(Processor, ThisProcessor()), .. Of(Repository.Model), .. OfNarrow()]);
        }
        finally
        {
            set_num_threads(tensorThreads);
            KernelThreads.Count = kernelThreads;
        }
    }

    private static List<(string, string)> OfNarrow()
    {
        using var model = LanguageModel.Load(Repository.Model.DirectoryName, ScalarType.BFloat16);
        return Of(model);
    }

    private static List<(string, string)> Of(LanguageModel model)
    {
        var type = model.Type.Scalar();
        var scores = CalibrationFolder.Load(model.DirectoryName, model.Config);
        FrozenCase[] cases = [.. FrozenCase.All(type).Where(one => one.Entry.IsReady(scores))];
        var suite = WorldSuite.Make(WorldSplit.Validation, 384, 1).ToSamples();
        suite = suite with { Sets = [suite.Sets[0]] };
        var variants = cases.ToDictionary(one => one, one => one.VariantWith(scores));
        var set = SuiteTasks.Lay(suite, Protocol.Standard, model, [.. variants.Values.Distinct()]);
        var prompt = set.Tasks.Single().Prepare().Ids;

        List<(string, string)> lines = [($"prompt {type.ToString().ToLowerInvariant()}", $"{prompt.Length} tokens, {FrozenFile.Hash(MemoryMarshal.AsBytes<int>(prompt))}")];
        foreach (var threads in new[] { 2, 1 })
        {
            set_num_threads(threads);
            KernelThreads.Count = threads;
            lines.AddRange(Logits(model, prompt, scores, threads));
        }
        lines.AddRange(Kept(model, prompt, scores, cases));
        var rows = new Rows();
        new EvalRunner(model, rows, seed: 0).Run([set with { Tables = [scores] }]);
        lines.AddRange(cases.Select(one => ($"{one} row", Row(rows.Of(variants[one]), whole: one is { Rule: BudgetRule.EqualEntries, Owners: Granularity.KvHead }))));
        return lines;
    }

    private static IEnumerable<(string, string)> Logits(LanguageModel model, int[] prompt, CalibrationTables scores, int threads)
    {
        foreach (var method in new[] { "FullKV", "HeadKV-R2" })
        {
            using var compressor = new Compressor(Catalogue.Find(method).Create(null, scores), new Budget(48), model.CacheShape(model.Type.Scalar()), model.Config.QueryHeads);
            List<float> all = [.. model.Engine.Prefill(prompt, null, compressor)];
            using var cache = compressor.TakeCache();
            var last = all;
            foreach (var id in Continuation)
            {
                last = [.. model.Step.Run(id, cache)];
                all.AddRange(last);
            }
            yield return ($"{method} {model.Type.Scalar().ToString().ToLowerInvariant()} logits at {threads}", $"{FrozenFile.Hash(MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(all)))}, the last begin {string.Join(' ', last.Take(8).Select(value => value.ToString(CultureInfo.InvariantCulture)))}");
        }
    }

    private static List<(string, string)> Kept(LanguageModel model, int[] prompt, CalibrationTables scores, FrozenCase[] cases)
    {
        var compressors = cases.Select(one => new Compressor(one.Entry.Create(null, scores), one.Budget, model.CacheShape(one.Type), model.Config.QueryHeads)).ToArray();
        try
        {
            model.Engine.Prefill(prompt, null, PromptSinks.Combine(compressors));
            return [.. cases.Zip(compressors, (one, compressor) =>
            {
                using var cache = compressor.TakeCache();
                return ($"{one} kept", FrozenFile.Describe(cache));
            })];
        }
        finally
        {
            foreach (var compressor in compressors) compressor.Dispose();
        }
    }

    /// <summary>A row without what differs from build to build and run to run, and without the bytes touched, which follow from entries and tokens: whole, or its sizes and answer and the hash of the whole.</summary>
    private static string Row(EvalRow row, bool whole)
    {
        var text = (row with { Program = "-", Commit = "-", Built = "-", PrefillSeconds = 0, DecodeSeconds = 0, TouchedBytes = null }).ToLine().TrimEnd();
        return whole ? text : string.Create(CultureInfo.InvariantCulture, $"{row.Entries} entries, {row.Bytes} bytes, '{row.Prediction}', score {row.Score}, {FrozenFile.Hash(System.Text.Encoding.UTF8.GetBytes(text))}");
    }

    /// <summary>The processor, and what of it decides how sums are rounded: its vector instructions.</summary>
    private static string ThisProcessor()
    {
        const string file = "/proc/cpuinfo";
        var width = Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128;
        if (!System.IO.File.Exists(file)) return $"{RuntimeInformation.OSDescription} {RuntimeInformation.ProcessArchitecture}, {width} bits";
        var fields = System.IO.File.ReadLines(file).TakeWhile(line => line.Length > 0).Select(line => line.Split(':', 2, StringSplitOptions.TrimEntries)).ToLookup(parts => parts[0], parts => parts[^1]);
        var vectors = fields["flags"].Concat(fields["Features"]).SelectMany(flags => flags.Split(' ')).Where(flag => flag.StartsWith("avx", StringComparison.Ordinal) || flag.StartsWith("amx", StringComparison.Ordinal) || flag is "fma" or "asimd" or "sve" or "bf16").Order(StringComparer.Ordinal);
        return $"{string.Join(", ", new[] { "model name", "cpu family", "model" }.SelectMany(name => fields[name]))}, {width} bits, {FrozenFile.Hash(System.Text.Encoding.UTF8.GetBytes(string.Join(' ', vectors)))}";
    }

    private sealed class Rows : IRowStore
    {
        private readonly List<EvalRow> _rows = [];

        public bool Has(string key) => false;

        public void Add(EvalRow row) => _rows.Add(row);

        internal EvalRow Of(Variant variant) => _rows.Single(row => row.Variant == variant);
    }
}

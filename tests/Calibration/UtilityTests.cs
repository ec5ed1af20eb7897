using System.Text;
using HeadKvLab.Calibration;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Scorers;
using HeadKvLab.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Calibration;

/// <summary>Utility curves measured on the bundled model, and both kinds of files.</summary>
public sealed class UtilityTests : FolderTests
{
    /// <summary>Four entries by score 3 (.1), 1 (.4), 0 (.2), 2 (.3): 0 .1 .5 .7 1 at quarters, and half-way between in the middle.</summary>
    [Fact]
    public void A_curve_by_hand()
    {
        var curve = UtilityProfile.Curve([2, 3, 1, 4], [.2f, .4f, .3f, .1f]);
        Assert.All(((int, double)[])[(0, 0), (25, .1), (50, .5), (75, .7), (100, 1), (30, .18), (88, .856)], point => Assert.Equal(point.Item2, curve[point.Item1], 1e-6));
        var ties = UtilityProfile.Curve([1, float.NaN, 1], [.1f, .2f, .4f]);
        Assert.Equal([.4, .5, .7], ((double[])[100 / 3.0, 200 / 3.0, 100]).Select(k => Math.Round(Between(ties, k), 2)));      // the later first, what is no number last

        static double Between(double[] curve, double k) => (int)k == 100 ? curve[100] : curve[(int)k] + (k - (int)k) * (curve[(int)k + 1] - curve[(int)k]);
    }

    /// <summary>The whole curve's end is the attention of the answer's steps on the prompt before the window, computed densely from one long text; between, heads hold it in the order of the scorer.</summary>
    [Fact]
    public void Curves_of_a_test_are_those_of_the_long_text()
    {
        var model = Repository.Model;
        var set = NeedleSet.Load(Repository.Path("data", "suites", "needles"));
        var prompt = HaystackPrompt.Build(model.Tokenizer, set, set.Reasoning[0], 256, 0.3);
        int[] answer = prompt.Ids[prompt.AnswerStart..(prompt.AnswerStart + prompt.AnswerLength)];
        var (n, steps) = (prompt.Ids.Length, answer.Length);
        var held = UtilityProfile.Test(model, prompt.Ids, answer, [new(new SnapKv()), new(new SinksAndRecent(4), 1)]);
        Assert.NotNull(held);
        using var scope = NewDisposeScope();
        var seen = new Layers();
        model.Decoder.Prefill([.. prompt.Ids, .. answer[..^1]], null, seen).Dispose();
        for (var layer = 0; layer < 6; layer++)
            for (var head = 0; head < 4; head++)
            {
                var (keys, queries) = seen.Seen[layer];
                var logits = queries.narrow(0, 2 * head, 2).narrow(1, n - 1, steps).bmm(keys[head].t().unsqueeze(0).expand(2, -1, -1)).mul(model.Config.AttentionScale);
                for (var t = 0; t < steps; t++) if (t + 1 < steps) logits.narrow(1, t, 1).narrow(2, n + t, steps - 1 - t).fill_(float.NegativeInfinity);
                var attention = logits.softmax(2).mean([0, 1]);
                Assert.Equal(attention.narrow(0, 0, n - 8).sum().item<float>(), held[0][(layer * 4 + head) * 101 + 100], 1e-4);
                var ends = held[1].AsSpan((layer * 4 + head) * 101, 101);                     // four sinks, then from the end
                var rank = (int)Math.Floor(0.5 * (n - 1));
                var best = attention.narrow(0, 0, 4).sum().item<float>() + attention.narrow(0, n - 1 - (rank - 4), rank - 4).sum().item<float>();
                var next = attention[n - 1 - (rank - 3)].item<float>();
                Assert.Equal(best + (0.5 * (n - 1) - rank) * next, ends[50], 1e-4);
            }
        Assert.Null(UtilityProfile.Test(model, prompt.Ids, [.. answer.Reverse()], [new(new SnapKv())]));   // not what the model answers
    }

    private static UtilityCurves Some => new(2, 3, [.. Enumerable.Range(0, 6).SelectMany(i => Enumerable.Range(0, 101).Select(k => Math.Round(Math.Sqrt(k) / (i + 11), 4)))]);

    [Fact]
    public void Files_come_back_as_they_were_and_are_found_by_their_names_and_contents()
    {
        UtilityFile.Write(Inside("utility.json"), Some, new HeadScoreCard("abc", "attention", "needles", "clean", 3, 2, 0));
        var read = UtilityFile.Read(Inside("utility.json"), 2, 3);
        Assert.Equal((Some.Hash, Inside("utility.json")), (read.Hash, read.Source));
        var removed = RemovalCurves.Of(Some);
        UtilityFile.Write(Inside("lukv.npy"), removed);
        Assert.All(removed.Removed.ToArray().Zip(UtilityFile.ReadRemoval(Inside("lukv.npy"), 2, 3).Removed.ToArray()), pair => Assert.Equal(pair.First, pair.Second, 1e-7));
        var sizes = new TableSizes(2, 3, 6);
        Assert.IsType<UtilityCurves>(CalibrationFolder.OpenFile(Inside("utility.json"), sizes).Tables.Get(TableKinds.Utility));
        Assert.IsType<RemovalCurves>(CalibrationFolder.OpenFile(Inside("lukv.npy"), sizes).Tables.Get(TableKinds.LuKv));
        Assert.Contains("measured on model abc", Assert.Throws<LabException>(() => CalibrationFolder.OpenFile(Inside("utility.json"), sizes, () => "abd")).Message);
    }

    /// <summary>A file as numpy.save writes it: version 1, a header padded to 64 bytes, then float64; more rows than 99 are left out.</summary>
    [Fact]
    public void Files_of_numpy_are_read()
    {
        var header = "{'descr': '<f8', 'fortran_order': False, 'shape': (100, 1, 2), }".PadRight(117) + "\n";
        var numbers = Enumerable.Range(0, 200).Select(i => i / 2 / 100.0).ToArray();
        File.WriteAllBytes(Inside("theirs.npy"), [0x93, .. "NUMPY"u8, 1, 0, 118, 0, .. Encoding.Latin1.GetBytes(header), .. numbers.SelectMany(BitConverter.GetBytes)]);
        Assert.Equal(numbers[..198], UtilityFile.ReadRemoval(Inside("theirs.npy")).Removed.ToArray());

        string Refused(string old, string changed) => Told(() => File.WriteAllBytes(Inside("odd.npy"), [0x93, .. "NUMPY"u8, 1, 0, 118, 0, .. Encoding.Latin1.GetBytes(header.Replace(old, changed, StringComparison.Ordinal)), .. numbers.SelectMany(BitConverter.GetBytes)]), "odd.npy");
        Assert.Contains("float32 or float64 in C order is read", Refused("<f8", ">f8"));
        Assert.Contains("float32 or float64 in C order is read", Refused("False", "True "));
        Assert.Contains("has 1600 bytes of numbers, its shape (100, 1, 3) wants 2400", Refused("1, 2)", "1, 3)"));
        Assert.Contains("LU-KV's curves have (99, layers, KV heads)", Refused("(100, 1, 2)", "(50, 2, 2) "));
        Assert.Contains("the model has 2 of 2: the file is another model's", Assert.Throws<LabException>(() => UtilityFile.ReadRemoval(Inside("theirs.npy"), 2, 2)).Message);
        Assert.Contains("ends inside its header", Told(() => File.WriteAllBytes(Inside("odd.npy"), [0x93, .. "NUMPY"u8, 1, 0, 118, 0, 1]), "odd.npy"));
        Assert.Contains("does not begin with numpy's mark", Told(() => File.WriteAllText(Inside("odd.npy"), "{}{}{}{}{}"), "odd.npy"));
        numbers[3] = double.NaN;
        Assert.Contains("head 0-1 loses NaN at 2 %: shares are numbers from 0 to 1; measure it again", Refused("x", "x"));
    }

    private string Told(Action write, string name)
    {
        write();
        return Assert.Throws<LabException>(() => UtilityFile.ReadRemoval(Inside(name))).Message;
    }

    [Theory]
    [InlineData("{\"utility\": {}}", "must hold"), InlineData("{\"utility\": {\"0-0\": [1, 2]}}", "0-0 must have a list of 100 numbers"), InlineData("{\"utility\": {\"x\": []}}", "'x'")]
    public void Broken_curves_are_refused_by_place(string text, string named)
    {
        File.WriteAllText(Inside("utility.json"), text);
        Assert.Contains(named, Assert.Throws<LabException>(() => UtilityFile.Read(Inside("utility.json"))).Message);
    }

    private sealed class Layers : HeadKvLab.Cache.IPromptSink
    {
        internal List<(Tensor Keys, Tensor Queries)> Seen { get; } = [];

        public HeadKvLab.Cache.ScorerNeeds Needs { get; } = new() { AllQueries = true };

        public void Accept(in HeadKvLab.Cache.LayerView layer) => Seen.Add((layer.Keys.clone().DetachFromDisposeScope(), layer.Queries.clone().DetachFromDisposeScope()));
    }
}

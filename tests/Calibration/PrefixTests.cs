using HeadKvLab.Cache;
using HeadKvLab.Calibration;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Allocators;
using HeadKvLab.Compression.Bidders;
using HeadKvLab.Compression.Scorers;
using HeadKvLab.Tests.Compression;
using HeadKvLab.Tests.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Calibration;

/// <summary>PrefixKV's shares of the layers: solved by hand, measured against the definition, and as its authors publish them.</summary>
public sealed class PrefixTests : IDisposable
{
    /// <summary>Shares in binary fractions, so that ties are exact: one layer's attention halves from position to position, the other's is even.</summary>
    private static readonly double[] Halves = [.5, .25, .125, 1 / 16.0, 1 / 32.0, 1 / 64.0, 1 / 128.0, 1 / 128.0], Even = [.125, .125, .125, .125, .125, .125, .125, .125];

    private readonly TestFiles _files = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _files.Dispose();
    }

    private static PrefixCurves Curves(params double[][] scores) => new([.. scores.Select(layer => PrefixCurves.Of([.. layer]))]);

    private static Method Method(LayerShares shares) => Catalogue.Find("PrefixKV-offline").Create(null, CalibrationTables.None.With(TableKinds.Prefix, shares));

    /// <summary>A frame of one head a layer and a window of 1, beside which there are so many candidates.</summary>
    private static BudgetFrame Frame(int layers, int candidates, int total) => new(layers, 1, candidates + 1, 1, total / layers, total + layers);

    [Theory]
    [InlineData(0.5, 1, 4), InlineData(0.75, 2, 6), InlineData(0.875, 3, 7), InlineData(0.8125, 2.5, 6.5), InlineData(0, 0, 0), InlineData(1, 8, 8)]
    public void A_share_of_the_attention_is_held_by_so_many_positions(double p, double first, double second)
    {
        var curves = Curves(Halves, Even);
        Assert.Equal(first, 8 * curves.At(0, p), 1e-12);
        Assert.Equal(second, 8 * curves.At(1, p), 1e-12);
    }

    /// <summary>Total 8: p = 3/4. Total 10: p = 7/8.</summary>
    [Theory]
    [InlineData(8, 2, 6), InlineData(10, 3, 7), InlineData(16, 8, 8), InlineData(0, 0, 0)]
    public void One_share_of_all_layers_spends_the_budget(int total, int first, int second)
    {
        foreach (var rule in (BudgetRule[])[BudgetRule.EqualEntries, BudgetRule.AsPublished])
            Assert.Equal([first, second], PromptAllocation.OfModel(Method(Curves(Halves, Even)), rule, Frame(2, 8, total)));
    }

    /// <summary>Total 9 lies between: p = 0.8125, (2.5, 6.5). A budget of whole entries a head has it from the allocator's own numbers.</summary>
    [Fact]
    public void Of_equal_remainders_the_later_layer_gets_the_odd_entry()
    {
        int[] entries = [0, 0];
        BudgetRules.Resolve(BudgetRule.EqualEntries, new Allotment([2.5, 6.5], [2.5, 6.5]), 8, 9, entries);
        Assert.Equal([2, 7], entries);
        var four = Curves(Halves, Halves, Even, Even).Keep(Frame(4, 8, 16));
        Assert.Equal([2, 2, 6, 6], four.Select(kept => Math.Round(kept, 9)));
    }

    [Fact]
    public void Layers_that_attend_alike_keep_alike_and_so_do_layers_without_attention()
    {
        foreach (var one in (double[])[0.3, 0])
            Assert.Equal([7, 7, 7], PromptAllocation.OfModel(Method(Curves([.. Enumerable.Repeat(Enumerable.Repeat(one, 20).ToArray(), 3)])), BudgetRule.EqualEntries, Frame(3, 20, 21)));
        Assert.Equal([5], PromptAllocation.OfModel(Method(Curves(Halves)), BudgetRule.EqualEntries, Frame(1, 8, 5)));         // one layer gets all
        Assert.Equal([7, 7, 7], PromptAllocation.OfModel(Method(PrefixCurves.Alike(3)), BudgetRule.EqualEntries, Frame(3, 20, 21)));
    }

    [Fact]
    public void A_layer_with_all_its_attention_on_one_token_needs_one_until_the_others_have_all()
    {
        var method = Method(Curves([1, 0, 0, 0, 0, 0, 0, 0], Even));
        Assert.Equal([1, 7], PromptAllocation.OfModel(method, BudgetRule.EqualEntries, Frame(2, 8, 8)));
        Assert.Equal([8, 8], PromptAllocation.OfModel(method, BudgetRule.EqualEntries, Frame(2, 8, 16)));
    }

    [Fact]
    public void Shares_of_random_layers_sum_to_the_budget_and_grow_with_it()
    {
        var random = new Random(5);
        var curves = Curves([.. Enumerable.Range(0, 12).Select(layer => Enumerable.Range(0, 300).Select(_ => Math.Pow(random.NextDouble(), 1 + layer)).ToArray())]);
        var before = new double[12];
        for (var size = 0; size <= 300; size += 7)
        {
            var frame = new BudgetFrame(12, 4, 308, 8, size, 12 * 4 * (size + 8));
            var kept = curves.Keep(frame);
            Assert.Equal(12.0 * size, kept.Sum(), 1e-6);
            for (var layer = 0; layer < 12; layer++) Assert.True(kept[layer] >= before[layer] - 1e-9 && kept[layer] <= 300, $"layer {layer} at {size}");
            Assert.Equal(12 * 4 * size, PromptAllocation.OfModel(Method(curves), BudgetRule.EqualEntries, frame).Sum());
            before = kept;
        }
    }

    /// <summary>With the prompt's own curves the allocator keeps what the bidder buys, up to the linear steps of the table.</summary>
    [Fact]
    public void A_prompt_s_own_curves_give_what_the_online_form_gives()
    {
        var random = new Random(2);
        var scores = Enumerable.Range(0, 6).Select(layer => Enumerable.Range(0, 400).Select(_ => MathF.Pow(random.NextSingle(), 1 + layer)).ToArray()).ToArray();
        var offline = PromptAllocation.OfModel(Method(Curves([.. scores.Select(layer => layer.Select(score => (double)score).ToArray())])), BudgetRule.EqualEntries, Frame(6, 400, 600));
        var waterline = new Waterline(1, 600);
        foreach (var layer in scores)
        {
            var bids = new Bids(1, waterline.Floor);
            new EqualShare().Bid(new BudgetFrame(6, 1, 401, 1, 100, 606), default, new HeadRows<float>([.. layer], 1, 400), bids);
            waterline.Admit(bids);
        }
        for (var layer = 0; layer < 6; layer++) Assert.InRange(offline[layer] - waterline.Entries[layer][0], -2, 2);
        Assert.True(offline.Max() - offline.Min() > 50, string.Join(' ', offline));
    }

    [Fact]
    public void The_authors_shares_are_kept_whatever_the_budget_and_scaled_only_under_an_equal_total()
    {
        var method = Method(new DroppedShares(0.25, 0.75));
        var frame = new BudgetFrame(2, 1, 101, 1, 20, 42);
        Assert.Equal([101 - 25 - 1, 101 - 76 - 1], PromptAllocation.OfModel(method, BudgetRule.AsPublished, frame));    // round(101 * 0.25), round(101 * 0.75)
        Assert.Equal([30, 10], PromptAllocation.OfModel(method, BudgetRule.EqualEntries, frame));                       // 75 : 24 of 40, by largest remainder
        Assert.False(method.Share.FollowsBudget);
        Assert.True(Method(PrefixCurves.Alike(2)).Share.FollowsBudget);
        Assert.False(new PromptAllocation(method, new Budget(500, 8, BudgetRule.AsPublished), 2, 1, 1, 100).KeepsAll);
        Assert.True(new PromptAllocation(method, new Budget(500, 8), 2, 1, 1, 100).KeepsAll);
        Assert.Equal([0], PromptAllocation.OfModel(Method(new DroppedShares(1)), BudgetRule.AsPublished, Frame(1, 8, 4)));  // less than the window: the window stays
    }

    [Fact]
    public void The_first_token_and_the_last_are_protected_as_in_the_published_runs()
    {
        float[] scores = [0, 5, 4, 3, 2, 1, 0, 9];
        var method = Method(new DroppedShares(0.5));
        Assert.Equal(new KeepFirst(new Attended(), 1), method.Scorer);
        Assert.Contains("-1 first tokens", Assert.Throws<LabException>(() => new KeepFirst(new Attended(), -1)).Message);
        var rows = new HeadRows<float>([.. scores], 1, 8);
        using var keys = torch.zeros(1, 8, 2);
        var layer = new LayerView(0, keys, keys, keys, 1);
        new KeepFirst(new Given(scores)).Score(layer, 1, rows);
        Assert.Equal([0, 1, 2, 7], new PromptAllocation(method, new Budget(2, 1, BudgetRule.AsPublished), 1, 1, 1, 8).Select(default, rows)[0]);
        new KeepFirst(new Given(scores), 0).Score(layer, 1, rows);
        Assert.Equal([1, 2, 3, 7], new PromptAllocation(method, new Budget(2, 1, BudgetRule.AsPublished), 1, 1, 1, 8).Select(default, rows)[0]);
        new KeepFirst(new Given(scores[..5]), 2).Score(layer with { Positions = [new int[] { 1, 2, 4, 6, 7 }] }, 1, rows = new HeadRows<float>(new float[5], 1, 5));
        Assert.Equal([float.PositiveInfinity, 5, 4, 3, 2], rows[0].ToArray());     // of the text, of which token 0 is gone
    }

    private sealed record Given(float[] Scores) : IScorer
    {
        public ScorerNeeds Needs(int window) => ScorerNeeds.None;

        public void Score(in LayerView layer, int window, HeadRows<float> scores) => Scores.CopyTo(scores.All);
    }

    /// <summary>Published: the mean of every file equals its ratio to 0.0011; layers keep as the paper shows at one half.</summary>
    [Fact]
    public void A_file_of_the_authors_is_read_as_it_is()
    {
        var path = Repository.Path("tests", "fixtures", "head-scores", "prefixkv-llava-v1.5-7b-ratio0.5.json");
        Assert.True(PrefixFile.IsOne(path));
        var shares = Assert.IsType<DroppedShares>(PrefixFile.Read(path, 32));
        Assert.Equal(0.5, shares.Dropped.ToArray().Average(), 0.0011);
        Assert.Equal(0.11433945133085736, shares.Dropped[0]);
        Assert.Equal(path, shares.Source);
        var kept = PromptAllocation.OfModel(Method(shares), BudgetRule.AsPublished, new BudgetFrame(32, 4, 1000, 1, 63, 64 * 128));
        Assert.Equal(1000 - 114 - 1, kept[3]);
        Assert.Equal(0.5 * 128_000, kept.Sum() + 128, 0.0011 * 128_000);
        Assert.Contains("shares of 32 layers, the model has 6: the file is another model's", Assert.Throws<LabException>(() => PrefixFile.Read(path, 6)).Message);
        Assert.Contains("shares of 32 layers, the model has 6", Assert.Throws<LabException>(() => CalibrationFolder.Open(path, Repository.Model.Config)).Message);
        Assert.Contains($"{path}: describes 32 layers, the model has 6", Assert.Throws<LabException>(() => shares.Keep(Frame(6, 8, 12))).Message);
    }

    [Theory]
    [InlineData("[0.5, 1.5]", "layer 1 drops 1.5"), InlineData("[0.5, -0.1]", "layer 1 drops -0.1"), InlineData("[]", "the list is empty"), InlineData("[0.5, \"x\"]", "layer 1: \"x\" is no share"), InlineData("[0.5, 1e999]", "layer 1: 1e999 is no share")]
    [InlineData("[[0.5]]", "layer 0: [0.5] is no share"), InlineData("{\"curves\": []}", "there is none"), InlineData("{\"curves\": [[0, 1]]}", "layer 0 has 2 points"), InlineData("{\"curves\": [3]}", "a list of numbers is expected")]
    [InlineData("{\"curves\": 3}", "must hold"), InlineData("[0.5", "broken JSON at line 1")]
    public void What_is_no_share_is_refused_with_its_place(string text, string named)
    {
        var path = _files.Write("prefix.json", text);
        var message = Assert.Throws<LabException>(() => PrefixFile.Read(path)).Message;
        Assert.StartsWith(path, message);
        Assert.Contains(named, message);
    }

    [Fact]
    public void Curves_that_fall_or_do_not_run_from_0_to_1_are_refused()
    {
        string Refused(Action<double[]> change)
        {
            double[] curve = [.. PrefixCurves.Alike(1)[0]];
            change(curve);
            return Assert.Throws<LabException>(() => new PrefixCurves([curve])).Message;
        }
        Assert.Contains("at point 7: a curve does not fall", Refused(curve => curve[7] = 0.001));
        Assert.Contains("at point 7", Refused(curve => curve[7] = double.NaN));
        Assert.Contains("layer 0 runs from 0.1", Refused(curve => curve[0] = 0.1));
        Assert.Contains("to 0.9", Refused(curve => curve[^1] = 0.9));
    }

    [Fact]
    public void Written_curves_come_back_to_five_digits_with_their_card_and_their_name()
    {
        var curves = Curves(Halves, Even);
        var heads = Directory.CreateDirectory(Path.Combine(_files.Folder, "heads")).FullName;
        var path = Path.Combine(heads, "prefix.json");
        PrefixFile.Write(path, curves, new ProfileCard("abc", "prefix curves", "texts", 1, 8, 8, 0, "0"));
        var read = Assert.IsType<PrefixCurves>(PrefixFile.Read(path, 2));
        for (var layer = 0; layer < 2; layer++)
            for (var i = 0; i <= PrefixCurves.Steps; i++) Assert.Equal(curves[layer][i], read[layer][i], 1e-5);
        Assert.NotEqual(read.Hash, Curves(Even, Halves).Hash);
        Assert.Equal(read.Hash, Assert.IsType<PrefixCurves>(PrefixFile.Read(path)).Hash);
        var config = Repository.Model.Config with { Layers = 2 };
        Assert.Contains("measured on model abc, this model is xyz", Assert.Throws<LabException>(() => CalibrationFolder.Load(_files.Folder, config, () => "xyz").Get(TableKinds.Prefix)).Message);
        foreach (var tables in (CalibrationTables[])[CalibrationFolder.Load(_files.Folder, config, () => "abc"), CalibrationFolder.Open(heads, config), CalibrationFolder.Open(path, config)])
        {
            Assert.Equal(read.Hash, tables.Get(TableKinds.Prefix).Hash);
            Assert.Null(tables.Find(TableKinds.Retrieval));
        }
    }

    /// <summary>Heads are averaged before positions are ordered: (3, 1) and (1, 3) make an even layer.</summary>
    [Fact]
    public void A_layer_s_curve_is_that_of_all_its_heads_together_measured_by_the_definition()
    {
        var model = Repository.Model;
        int[][] prompts = [[.. Enumerable.Range(0, 120).Select(i => i * 37 % 1900)], [.. Enumerable.Range(0, 75).Select(i => i * 11 % 1900)]];
        var curves = PrefixProfile.Measure(model.Decoder, prompts);
        var expected = Enumerable.Range(0, model.Config.Layers).Select(_ => new double[PrefixCurves.Steps + 1]).ToArray();
        foreach (var prompt in prompts)
        {
            var layers = new Queries();
            model.Decoder.Prefill(prompt, null, layers);
            foreach (var (layer, received) in layers.Received.Index())
            {
                var scores = received.OrderDescending().ToArray();
                for (var i = 1; i < PrefixCurves.Steps; i++)
                {
                    double wanted = (double)i / PrefixCurves.Steps * scores.Sum(), held = 0;
                    var k = 0;
                    while (held + scores[k] < wanted) held += scores[k++];
                    expected[layer][i] += (k + (wanted - held) / scores[k]) / scores.Length / prompts.Length;
                }
                expected[layer][^1] = 1;
            }
        }
        for (var layer = 0; layer < expected.Length; layer++)
            for (var i = 0; i <= PrefixCurves.Steps; i++) Assert.Equal(expected[layer][i], curves[layer][i], 1e-4);
        Assert.True(expected.Max(curve => curve[256]) > 1.2 * expected.Min(curve => curve[256]), string.Join(' ', expected.Select(curve => curve[256])));   // layers do differ
    }

    /// <summary>What each position receives by the definition, from the whole map of every head.</summary>
    private sealed class Queries : IPromptSink
    {
        public List<double[]> Received { get; } = [];

        public ScorerNeeds Needs => new(int.MaxValue);

        public void Accept(in LayerView layer)
        {
            var keys = layer.Keys.repeat_interleave(layer.Queries.shape[0] / layer.Keys.shape[0], 0);
            var logits = (layer.Queries * layer.Scale).bmm(keys.transpose(1, 2));
            var map = logits.masked_fill(ones(layer.Length, layer.Length, ScalarType.Bool).triu(1), float.NegativeInfinity).softmax(-1);   // [queryHead, query, position]
            Received.Add(map.mean([0]).sum(dim: 0).to(float64).data<double>().ToArray());
        }
    }

    [Fact]
    public void The_shipped_curves_are_this_model_s_and_let_the_method_run_out_of_the_box()
    {
        var model = Repository.Model;
        var tables = CalibrationFolder.Load(model.DirectoryName, model.Config, () => model.Hash);
        Assert.True(Catalogue.Find("PrefixKV-offline").IsReady(tables));
        using var compressor = new Compressor(Catalogue.Find("PrefixKV-offline").Create(null, tables), new Budget(32), model.CacheShape(), model.Config.QueryHeads);
        model.Decoder.Prefill([.. Enumerable.Range(0, 300).Select(i => i * 37 % 1900)], null, compressor);
        using var cache = compressor.TakeCache();
        Assert.Equal(32L * model.Config.Layers * model.Config.KvHeads, cache.Entries);
        var counts = Enumerable.Range(0, model.Config.Layers).Select(layer => cache[layer].Counts.ToArray()).ToArray();
        Assert.All(counts, layer => Assert.InRange(layer.Max() - layer.Min(), 0, 1));       // a layer's heads differ by rounding alone
        Assert.True(counts.Max(layer => layer[0]) > counts.Min(layer => layer[0]) + 4, string.Join(' ', counts.Select(layer => layer[0])));
    }

    [Fact]
    public void Prompts_are_cut_from_a_text_at_drawn_places_and_have_the_lengths_asked_for()
    {
        var path = _files.Write("text.txt", string.Join(' ', Enumerable.Repeat("the holiday plan of Eva is a week in the mountains.", 40)));
        var (tokenizer, lengths) = (Repository.Model.Tokenizer, CalibrationTexts.Lengths(3, 20, 60));
        Assert.Equal([20, 40, 60], lengths);
        var texts = CalibrationTexts.Cut(path, 4, lengths, tokenizer);
        Assert.Equal(lengths, texts.Prompts.Select(p => p.Length));
        Assert.All(texts.Prompts, p => Assert.Equal(tokenizer.Encode("")[0], p[0]));
        Assert.Equal(texts.Prompts, CalibrationTexts.Cut(path, 4, lengths, tokenizer).Prompts);
        Assert.NotEqual(texts.Prompts, CalibrationTexts.Cut(path, 5, lengths, tokenizer).Prompts);
        Assert.Contains("does not fit", Assert.Throws<LabException>(() => CalibrationTexts.Cut(path, 4, [100_000], tokenizer)).Message);
        Assert.Contains("cannot be read", Assert.Throws<LabException>(() => CalibrationTexts.Cut(path + ".not", 4, lengths, tokenizer)).Message);
        Assert.Contains("give --prompts", Assert.Throws<LabException>(() => CalibrationTexts.Lengths(0, 20, 60)).Message);
        Assert.Contains("--longest", Assert.Throws<LabException>(() => CalibrationTexts.Lengths(3, 60, 20)).Message);
    }
}

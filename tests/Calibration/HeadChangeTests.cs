using HeadKvLab.Cache;
using HeadKvLab.Calibration;
using HeadKvLab.Compression;
using HeadKvLab.Models;
using HeadKvLab.Tests.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Calibration;

/// <summary>BaKlaVa's profile: by hand, against the definition on the shipped model, and as a file.</summary>
public sealed class HeadChangeTests : IDisposable
{
    private readonly TestFiles _files = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _files.Dispose();
    }

    private static readonly int[] Prompt = [.. Enumerable.Range(0, 90).Select(i => i * 37 % 1900)];

    private static double[] Measured(float[,,] values, float[,,] mixed) => ChangeProfile.Of(new LayerView(0, tensor(values), tensor(values), tensor(mixed), 1, Mixed: tensor(mixed)));

    /// <summary>v = (1,0), (0,1); row 2 of the attention is (.5, .5): outputs (1,0), (.5,.5), cosines 1 and 0.70711.</summary>
    [Fact]
    public void Change_is_one_minus_the_mean_cosine_of_value_and_output() =>
        Assert.Equal(0.14645, Measured(new float[,,] { { { 1, 0 }, { 0, 1 } } }, new float[,,] { { { 1, 0 }, { .5f, .5f } } })[0], 1e-5);

    [Fact]
    public void A_head_that_attends_to_itself_changes_nothing_and_one_that_attends_to_an_orthogonal_first_token_all_but_that()
    {
        float[,,] values = { { { 3, 0 }, { 0, 2 }, { 0, 1 }, { 0, -1 } } };
        Assert.Equal(0, Measured(values, values)[0], 1e-6);
        Assert.Equal(0.75, Measured(values, new float[,,] { { { 3, 0 }, { 3, 0 }, { 3, 0 }, { 3, 0 } } })[0], 1e-6);
    }

    [Fact]
    public void Values_of_nothing_have_cosine_0_and_opposite_ones_are_not_clipped()
    {
        Assert.Equal(1, Measured(new float[,,] { { { 0, 0 }, { 1, 0 } } }, new float[,,] { { { 1, 1 }, { 0, 0 } } })[0], 1e-6);
        Assert.Equal(2, Measured(new float[,,] { { { 1, 0 } } }, new float[,,] { { { -2, 0 } } })[0], 1e-6);
        Assert.Equal([0, 1], Measured(new float[,,] { { { 1, 0 } } }, new float[,,] { { { 2, 0 } }, { { 0, 1 } } }).Select(c => Math.Round(c, 6)));    // two query heads of a KV head
    }

    [Fact]
    public void On_the_shipped_model_it_is_the_definition()
    {
        var model = Repository.Model;
        var changes = ChangeProfile.Measure(model.Decoder, [Prompt]);
        var (layers, stream) = (new Definition(), new double[model.Config.Layers]);
        model.Decoder.Prefill(Prompt, null, layers);
        for (var i = 0; i < layers.Heads.Count; i++) Assert.Equal(layers.Heads[i], changes.Heads[0][i], 1e-5);
        Assert.Equal(model.Config.Layers * model.Config.QueryHeads, layers.Heads.Count);

        // the stream by the textbook: attention of a layer, then its feed-forward
        using var quiet = no_grad();
        var x = model.Decoder.Model.embed_tokens.forward(tensor(Prompt.Select(id => (long)id).ToArray(), 1, Prompt.Length));
        var rotation = model.Decoder.Rotary.At(arange(0, Prompt.Length, ScalarType.Int64).unsqueeze(0));
        foreach (var (l, layer) in model.Decoder.Model.layers.Index())
        {
            var after = x + layer.self_attn.Forward(layer.input_layernorm.forward(x), rotation);
            stream[l] = 1 - nn.functional.cosine_similarity(x[0], after[0], 1, 1e-12).to(float64).mean().item<double>();
            x = after + layer.mlp.forward(layer.post_attention_layernorm.forward(after));
        }
        for (var l = 0; l < stream.Length; l++) Assert.Equal(stream[l], changes.Stream[0][l], 1e-5);
        Assert.True(changes.Heads[0].Max() > 2 * changes.Heads[0].Min(), string.Join(' ', changes.Heads[0]));
    }

    /// <summary>Change of the heads, from whole attention maps.</summary>
    private sealed class Definition : IPromptSink
    {
        public List<double> Heads { get; } = [];

        public ScorerNeeds Needs => new(int.MaxValue);

        public void Accept(in LayerView layer)
        {
            var group = layer.Queries.shape[0] / layer.Keys.shape[0];
            var values = layer.Values.repeat_interleave(group, 0);
            var logits = (layer.Queries * layer.Scale).bmm(layer.Keys.repeat_interleave(group, 0).transpose(1, 2));
            var outputs = logits.masked_fill(ones(layer.Length, layer.Length, ScalarType.Bool).triu(1), float.NegativeInfinity).softmax(-1).bmm(values);
            Heads.AddRange((1 - nn.functional.cosine_similarity(outputs, values, 2, 1e-12).to(float64).mean([1])).data<double>().ToArray());
        }
    }

    /// <summary>The old path runs as it ran: what is asked for beside it changes no bit, in blocks of rows and in the last layer, which else computes few rows.</summary>
    [Theory]
    [InlineData(90), InlineData(1500)]
    public void Whoever_looks_at_outputs_and_stream_changes_no_bit_of_the_prefill(int tokens)
    {
        var (model, prompt) = (Repository.Model, Enumerable.Range(0, tokens).Select(i => i * 37 % 1900).ToArray());
        var watched = new Watching();
        var plain = model.Decoder.Prefill(prompt).data<float>().ToArray();
        Assert.Equal(plain, model.Decoder.Prefill(prompt, null, watched).data<float>().ToArray());
        Assert.Equal([.. Enumerable.Repeat((long)tokens, model.Config.Layers)], watched.Rows);
        Assert.Equal([model.Config.QueryHeads, tokens, model.Config.HeadDim], watched.Shape);
        model.Decoder.Prefill(prompt, null, new Blind());
    }

    [Fact]
    public void Sinks_around_a_sink_hand_it_outputs_and_stream()
    {
        var model = Repository.Model;
        foreach (var around in (Func<IPromptSink, IPromptSink>[])[sink => new HostSink(sink), sink => new KindsSink(sink, new TokenKind[90], _ => TokenKind.Ordinary), sink => PromptSinks.Combine(sink, new Blinded())])
        {
            var watched = new Watching();
            model.Decoder.Prefill(Prompt, null, around(watched));
            Assert.Equal([.. Enumerable.Repeat(90L, model.Config.Layers)], watched.Rows);
            Assert.Equal([model.Config.QueryHeads, 90, model.Config.HeadDim], watched.Shape);
        }
    }

    /// <summary>A neighbour that asks for nothing.</summary>
    private sealed class Blinded : IPromptSink
    {
        public ScorerNeeds Needs => ScorerNeeds.None;

        public void Accept(in LayerView layer) { }
    }

    private sealed class Watching : IPromptSink
    {
        public long[] Rows { get; } = new long[Repository.Model.Config.Layers];

        public long[] Shape { get; private set; } = [];

        public ScorerNeeds Needs { get; } = new() { Mixed = true, Stream = true };

        public void Accept(in LayerView layer) => Shape = layer.Mixed!.shape;

        public void Attended(int layer, Tensor before, Tensor after)
        {
            Assert.Equal(before.shape, after.shape);
            Assert.False(before.equal(after).all().item<bool>());
            Rows[layer] += before.shape[0];
        }
    }

    /// <summary>Asks for nothing, and is handed nothing.</summary>
    private sealed class Blind : IPromptSink
    {
        public ScorerNeeds Needs => ScorerNeeds.None;

        public void Accept(in LayerView layer) => Assert.Null(layer.Mixed);

        public void Attended(int layer, Tensor before, Tensor after) => Assert.Fail("it did not ask for the stream");
    }

    [Fact]
    public void Needs_are_joined_and_a_piece_of_a_prompt_cannot_give_them()
    {
        var joined = new ScorerNeeds(3) { Mixed = true }.Or(new() { Stream = true });
        Assert.Equal(new ScorerNeeds(3) { Mixed = true, Stream = true }, joined);
        Assert.NotEqual(new ScorerNeeds(3) { Mixed = true }, joined);
        var model = Repository.Model;
        using var cache = new RaggedCache(model.CacheShape());
        model.Decoder.Prefill([1, 2, 3], cache);
        Assert.Contains("the method looks at all queries", Assert.Throws<LabException>(() => model.Decoder.Prefill([4, 5], cache, new Watching())).Message);
    }

    private static HeadChanges Changes(params double[][] prompts) => new(1, prompts, [.. prompts.Select(_ => (double[])[0.5])]);

    [Fact]
    public void A_profile_whose_halves_rank_the_heads_differently_is_refused()
    {
        Assert.Equal(1, Changes([.1, .2, .3, .4], [.2, .3, .5, .9]).Agreement, 1e-12);
        var odd = Changes([.1, .2, .3, .4], [.4, .3, .2, .1]);
        Assert.Equal(-1, odd.Agreement, 1e-12);
        Assert.Contains("a correlation of -1.000, below 0.9", Assert.Throws<LabException>(() => odd.Table()).Message);
        Assert.Equal(0.8, Changes([.1, .2, .3, .4], [.1, .3, .2, .4]).Agreement, 1e-12);      // 1 - 6 · 2 / (4 · 15)
        Assert.Contains("below 0.9", Assert.Throws<LabException>(() => Changes([.1, .2, .3, .4], [.1, .3, .2, .4]).Table()).Message);
        Assert.Contains("measure two or more", Assert.Throws<LabException>(() => Changes([.1, .2]).Table()).Message);
        Assert.Contains("NaN", Assert.Throws<LabException>(() => Changes([.1, .1], [.1, .1]).Table()).Message);       // heads that are all alike cannot be ranked
        Assert.Equal([.15, .25], Changes([.1, .2], [.2, .3]).Table().OfHeads.ToArray().Select(c => Math.Round(c, 9)));
    }

    [Fact]
    public void Equal_values_share_the_mean_of_their_ranks()
    {
        // ranks 0.5 0.5 2 3 and 0 1 2 3: covariance 4.5, sums of squares 4.5 and 5
        Assert.Equal(4.5 / Math.Sqrt(4.5 * 5), RankCorrelation.Of([1, 1, 2, 3], [5, 6, 7, 8]), 1e-12);
    }

    private const string File2 = """{"layer-0": [0.5, 0.25], "layer-1": [0.1, 0.1], "0-0": [0.1, 0.2], "0-1": [0.3, 0.4], "1-0": [0.5, 0.5], "1-1": [1.5, 1.25]}""";

    [Fact]
    public void A_file_is_read_by_its_keys_and_written_back()
    {
        var path = _files.Write("change.json", File2);
        Assert.True(HeadChangeFile.IsOne(path));
        var changes = HeadChangeFile.Read(path, 2, 2);
        Assert.Equal([0.1, 0.3, 0.5, 1.5], changes.Heads[0]);
        Assert.Equal([0.25, 0.1], changes.Stream[1]);
        var again = Path.Combine(_files.Folder, "again.json");
        HeadChangeFile.Write(again, changes, new ProfileCard("abc", "head change", "texts", 2, 8, 8, 0, "0"));
        Assert.Equal(File2, File.ReadAllText(again).Replace("\n", " ", StringComparison.Ordinal).TrimEnd());
        var config = Repository.Model.Config with { Layers = 2, QueryHeads = 2, KvHeads = 1 };
        Assert.Equal(changes.Table().Hash, CalibrationFolder.Open(again, config, () => "abc").Get(TableKinds.Change).Hash);
        Assert.Contains("measured on model abc, this model is xyz", Assert.Throws<LabException>(() => CalibrationFolder.Open(again, config, () => "xyz")).Message);
        Assert.Contains("`lab heads change`", Assert.Throws<LabException>(() => Catalogue.Find("BaKlaVa").Create(null, CalibrationTables.None)).Message);
    }

    [Theory]
    [InlineData("\"0-1\": [0.3, 0.4], ", "", "0-1 is missing"), InlineData("\"layer-1\": [0.1, 0.1], ", "", "layer-1 is missing"), InlineData("0.25]", "0.25, 1]", "layer-0 has 3 numbers, others have 2")]
    [InlineData("1.25", "2.25", "1-1, prompt 1: 2.25 is no change"), InlineData("1.25", "-0.1", "-0.1 is no change"), InlineData("1.25", "\"x\"", "is no change"), InlineData("[1.5, 1.25]", "[]", "1-1 must have a list"), InlineData("1.25", "NaN", "NaN")]
    [InlineData("\"1-1\"", "\"1-0\"", "1-0 appears twice"), InlineData("\"1-1\"", "\"head\"", "'head' does not name a head"), InlineData("1.25]}", "1.25]", "broken JSON")]
    public void Broken_files_say_what_is_wrong(string old, string now, string named)
    {
        var path = _files.Write("change.json", File2.Replace(old, now, StringComparison.Ordinal));
        var message = Assert.Throws<LabException>(() => HeadChangeFile.Read(path)).Message;
        Assert.StartsWith(path, message);
        Assert.Contains(named, message);
    }

    [Fact]
    public void Another_model_s_file_is_refused()
    {
        var path = _files.Write("change.json", File2);
        Assert.Contains("change of 2 layers of 2 query heads, the model has 6 of 8: the file is another model's", Assert.Throws<LabException>(() => CalibrationFolder.Open(path, Repository.Model.Config)).Message);
        Assert.Contains("cannot be read", Assert.Throws<LabException>(() => HeadChangeFile.Read(path + ".not")).Message);
        Assert.Contains("must hold a list for every layer", Assert.Throws<LabException>(() => HeadChangeFile.Read(_files.Write("none.json", "{}"))).Message);
    }

    [Fact]
    public void The_shipped_profile_is_this_model_s_and_agrees_with_itself()
    {
        var model = Repository.Model;
        var path = Path.Combine(model.DirectoryName, "heads", "change.json");
        Assert.InRange(HeadChangeFile.Read(path, model.Config.Layers, model.Config.QueryHeads).Agreement, HeadChanges.LeastAgreement, 1);
        Assert.True(Catalogue.Find("BaKlaVa").IsReady(CalibrationFolder.Load(model.DirectoryName, model.Config, () => model.Hash)));
    }
}

using HeadKvLab.Cache;
using HeadKvLab.Calibration;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Scorers;
using HeadKvLab.Tests.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Calibration;

/// <summary>Filters and moments of queries, and the scores that are made of them: by hand, on the shipped model, and as files.</summary>
public sealed class QueryProfileTests : IDisposable
{
    private readonly TestFiles _files = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _files.Dispose();
    }

    private static float[] Filter(params float[] queries) => QueryProfile.Filters(tensor(queries, 1, queries.Length / 2, 2));

    private static void Close(float[] wanted, float[] found) => Assert.Equal(wanted, found, (a, b) => Math.Abs(a - b) <= 1e-3);

    private static float[] Score(IScorer scorer, LayerView layer, int heads = 1)
    {
        var scores = new float[heads * layer.Length];
        scorer.Score(layer, 1, new HeadRows<float>(scores, heads, layer.Length));
        return scores;
    }

    [Fact]
    public void A_filter_points_where_most_queries_point()
    {
        Close([1, 0], Filter(2, 0, 1, 0, -.1f, 0));
        Close([-1, 0], Filter(-2, 0, -1, 0, .1f, 0));
        Close([0, -1], Filter(0, -1, 0, -1, 0, 1.9f));             // two against a longer one
        Close([1, 0], Filter(2, 0, -1, 0));                         // as many on both sides: the larger sum
        Close([1, 0], Filter(1, 0, -1, 0));                         // equal sums: the first number is above 0
        Close([0, 1], Filter(0, 1, 0, -1));
        Assert.Equal(1, Filter(0, 0, 0, 0).Sum(x => x * x), 1e-6);
        Assert.Throws<ModelOverflow>(() => Filter(float.NaN, 0));
    }

    /// <summary>Keys (3, 1) and (-1, 5) by the filter (1, 0): 3 and -1; of a group the mean.</summary>
    [Fact]
    public void Q_Filters_by_hand()
    {
        var layer = new LayerView(1, tensor(new[] { 3f, 1, -1, 5 }, 1, 2, 2), zeros(1, 2, 2), zeros(1, 0, 2), 1);
        Close([3, -1], Score(new QFilters(new HeadVectors(2, 1, [9, 9, 1, 0])), layer));
        var group = new QFilters(new HeadVectors(2, 2, [9, 9, 9, 9, 1, 0, 0, 1]));
        Close([2, 2], Score(group, layer with { Queries = zeros(2, 0, 2) }));
        Close([3, -1, 1, 5], Score(group, layer with { Queries = zeros(2, 0, 2) }, 2));
        Close([1, 5], Score(group, layer with { FirstHead = 1 }));  // a head that is seen alone, where query heads own entries
        Assert.Contains("2 layers of 2 query heads with 2 numbers each, the model asks for layer 2, head 1, 2 numbers", Assert.Throws<LabException>(() => Score(group, layer with { Layer = 2, Queries = zeros(2, 0, 2) })).Message);
        Assert.Contains("head 0, 1 numbers", Assert.Throws<LabException>(() => Score(group, layer with { Keys = zeros(1, 2, 1) })).Message);
    }

    /// <summary>One frequency of 1, E q = 2, E|q| = 3, k = i, distance 4, offsets 1 and 2: 2 sin 5 + 1 and 2 sin 6 + 1, of which the mean.</summary>
    [Fact]
    public void TriAttention_by_hand()
    {
        LayerView At(params int[] positions)
        {
            var keys = tensor(positions.SelectMany(p => (float[])[-MathF.Sin(p), MathF.Cos(p)]).ToArray(), 1, positions.Length, 2);
            return new(0, keys, keys, zeros(1, 0, 2), 1) { Frequencies = new[] { 1f }, Positions = [positions], Tokens = 14 };
        }
        float[] Raw(TriAttention scorer, LayerView layer) => scorer.Raw(layer).data<float>().ToArray();
        var moments = new HeadVectors(1, 1, [2, 0, 3]);
        Close([-.918f], Raw(new(moments, 1), At(10)));
        Close([-.238f], Raw(new(moments, 2), At(10)));
        Close([-.238f], Raw(new(moments, 3), At(10)));              // offsets double
        Close([1], Raw(new(new HeadVectors(1, 1, [0, 0, 1]), 4), At(10)));
        var scores = Score(new TriAttention(moments, 2), At(1, 3, 7, 10));
        Assert.Equal((0, 1), (scores.Average(), Math.Round(scores.Average(x => x * x), 4)), (a, b) => Math.Abs(a.Item1 - b.Item1) < 1e-6 && a.Item2 == b.Item2);
        Assert.All(Score(new TriAttention(moments, 2), At(10)), score => Assert.Equal(0, score));     // a key alone
        Assert.Contains("give 1 or more", Assert.Throws<LabException>(() => new TriAttention(moments, 0)).Message);
        Assert.Contains("rotary frequencies", Assert.Throws<LabException>(() => Score(new TriAttention(moments), At(10) with { Frequencies = null })).Message);
    }

    private static readonly int[][] Prompts = [[.. Enumerable.Range(0, 90).Select(i => i * 37 % 1900)], [.. Enumerable.Range(0, 60).Select(i => i * 41 % 1900)]];

    [Fact]
    public void On_the_shipped_model_they_are_the_queries_own()
    {
        var model = Repository.Model;
        var (whole, few, again) = (QueryProfile.Filters(model.Decoder, Prompts, 1000), QueryProfile.Filters(model.Decoder, Prompts, 40, 5), QueryProfile.Filters(model.Decoder, Prompts, 40, 5));
        Assert.Equal(few.Hash, again.Hash);
        Assert.NotEqual(few.Hash, QueryProfile.Filters(model.Decoder, Prompts, 40, 6).Hash);
        var (queries, moments, config) = (new All(), QueryProfile.Moments(model.Decoder, Prompts), model.Config);
        foreach (var prompt in Prompts) model.Decoder.Prefill(prompt, null, queries);
        for (var layer = 0; layer < config.Layers; layer++)
        {
            for (var head = 0; head < config.QueryHeads; head++)
            {
                var mine = cat([queries.Layers[layer], queries.Layers[config.Layers + layer]], 1)[head].matmul(tensor(whole.Of(layer, head, 1, config.HeadDim).ToArray()));
                Assert.True(mine.gt(0).sum().item<long>() * 2 >= mine.shape[0]);
                Assert.True(mine.square().sum().item<float>() >= 0.9999f * queries.Longest(layer, head, config.Layers));      // no channel alone has more
                var own = moments.Of(layer, head, 1, 48);
                for (var f = 0; f < 16; f++) Assert.True(own[f + 32] >= Math.Sqrt(own[f] * own[f] + own[f + 16] * own[f + 16]) - 1e-5);
            }
        }
        Assert.Contains("give longer ones", Assert.Throws<LabException>(() => QueryProfile.Moments(model.Decoder, [[1, 2, 3, 4]])).Message);
        Assert.Contains("give 1 or more", Assert.Throws<LabException>(() => QueryProfile.Filters(model.Decoder, Prompts, 0)).Message);
    }

    /// <summary>All queries of the prompts, layer after layer.</summary>
    private sealed class All : IPromptSink
    {
        internal List<Tensor> Layers { get; } = [];

        public ScorerNeeds Needs => new() { AllQueries = true };

        public void Accept(in LayerView layer) => Layers.Add(layer.Queries.clone().DetachFromDisposeScope());

        internal float Longest(int layer, int head, int layers) => (Layers[layer][head].square().sum(dim: 0) + Layers[layers + layer][head].square().sum(dim: 0)).max().item<float>();
    }

    private const string File2 = """{"filters": {"0-0": [0.5, -0.25], "0-1": [1, 0], "1-0": [0, 1], "1-1": [0.125, 2]}}""";

    [Fact]
    public void A_file_is_read_by_its_keys_and_written_back()
    {
        var path = _files.Write("filters.json", File2);
        Assert.True(HeadVectorFile.IsOne(path, TableKinds.Filters));
        Assert.False(HeadVectorFile.IsOne(path, TableKinds.Moments));
        var table = HeadVectorFile.Read(path, TableKinds.Filters, 2, 2);
        Assert.Equal([0, 1, .125f, 2], table.Of(1, 0, 2, 2));
        var again = Path.Combine(_files.Folder, "again.json");
        HeadVectorFile.Write(again, TableKinds.Filters, table, new ProfileCard("abc", "filters", "texts", 2, 8, 8, 0, "0"));
        Assert.Equal(File2, File.ReadAllText(again).ReplaceLineEndings(" ").Replace("{ ", "{", StringComparison.Ordinal).Replace(" }}", "}}", StringComparison.Ordinal).TrimEnd());
        var config = Repository.Model.Config with { Layers = 2, QueryHeads = 2, KvHeads = 1 };
        Assert.Equal(table.Hash, CalibrationFolder.Open(again, config, () => "abc").Get(TableKinds.Filters).Hash);
        Assert.Contains("measured on model abc, this model is xyz", Assert.Throws<LabException>(() => CalibrationFolder.Open(again, config, () => "xyz")).Message);
        Assert.Contains("the model has 6 of 8: the file is another model's; measure them with `lab heads qfilters`", Assert.Throws<LabException>(() => CalibrationFolder.Open(again, Repository.Model.Config)).Message);
        Assert.Contains("`lab heads moments`", Assert.Throws<LabException>(() => Catalogue.Find("TriAttention").Create(null, CalibrationTables.None)).Message);
    }

    [Theory]
    [InlineData("\"0-1\": [1, 0], ", "", "0-1 is missing"), InlineData("[1, 0]", "[1, 0, 3]", "0-1 has 3 numbers, the first head has 2"), InlineData("[1, 0]", "[]", "0-1 must have a list"), InlineData("[1, 0]", "[1, null]", "0-1, number 1: null is no number")]
    [InlineData("[1, 0]", "[1, 1e99]", "1e99 is no number"), InlineData("\"1-1\"", "\"1-0\"", "1-0 appears twice"), InlineData("\"1-1\"", "\"head\"", "'head' does not name a head"), InlineData("}}", "}", "broken JSON"), InlineData("filters", "other", "must hold {\"filters\"")]
    public void Broken_files_say_what_is_wrong(string old, string now, string named)
    {
        var path = _files.Write("filters.json", File2.Replace(old, now, StringComparison.Ordinal));
        var message = Assert.Throws<LabException>(() => HeadVectorFile.Read(path, TableKinds.Filters)).Message;
        Assert.StartsWith(path, message);
        Assert.Contains(named, message);
    }

    [Fact]
    public void Tables_refuse_what_is_no_number_and_what_does_not_fit()
    {
        Assert.Contains("head 1-0 has NaN", Assert.Throws<LabException>(() => new HeadVectors(2, 1, [1, float.NaN])).Message);
        Assert.Contains("3 numbers do not fill 2 layers of 1", Assert.Throws<LabException>(() => new HeadVectors(2, 1, [1, 2, 3])).Message);
        Assert.NotEqual(new HeadVectors(2, 1, [1, 2]).Hash, new HeadVectors(1, 2, [1, 2]).Hash);
    }

    [Fact]
    public void The_shipped_tables_are_this_model_s()
    {
        var model = Repository.Model;
        var tables = CalibrationFolder.Load(model.DirectoryName, model.Config, () => model.Hash);
        Assert.True(Catalogue.Find("Q-Filters").IsReady(tables) && Catalogue.Find("TriAttention").IsReady(tables));
        Assert.Equal((32, 48), (tables.Get(TableKinds.Filters).Width, tables.Get(TableKinds.Moments).Width));
    }
}

using System.Globalization;
using HeadKvLab.Evaluation.Reports;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Evaluation.Statistics;
using HeadKvLab.Evaluation.Suites;
using HeadKvLab.Models;
using HeadKvLab.Tests.Evaluation.Runs;

namespace HeadKvLab.Tests.Evaluation.Reports;

/// <summary>The published scores are those of their tables, and stand beside ours where model and suite are the same, nowhere else.</summary>
public sealed class PublishedScoreTests : IDisposable
{
    private const string Llama = "Llama-3-8B-Instruct", Mistral = "Mistral-7B-Instruct-v0.2";

    private static readonly string[] Six = ["narrativeqa", "qasper", "multifieldqa_en", "hotpotqa", "2wikimqa", "musique"];

    private readonly TemporaryFolder _temporary = new();

    public void Dispose() => _temporary.Dispose();

    private static PublishedScore Find(string table, string model, string method, int? size, string dataset, string granularity = "query-head", string note = "") => Assert.Single(PublishedScore.All, p =>
        p.Table.Name == table && p.Model == model && p.Method == method && p.KvSize == size && p.Dataset == dataset && p.Granularity == granularity && p.Note.Contains(note, StringComparison.Ordinal));

    [Theory]
    [InlineData("HeadKV Table 1", Llama, "FullKV", 0, "2wikimqa", "35.28"), InlineData("HeadKV Table 1", Llama, "HeadKV-R2", 128, "qasper", "29.19"), InlineData("HeadKV Table 1", Llama, "Ada-SnapKV", 128, "multiple_information_retrieval", "10.3")]
    [InlineData("HeadKV Table 1", Llama, "HeadKV-R2", 1024, "average of 4", "7.21"), InlineData("HeadKV Table 1", Mistral, "PyramidKV", 1024, "musique", "18.80"), InlineData("HeadKV Table 1", Mistral, "HeadKV-R2", 128, "computation", "10.20")]
    [InlineData("HeadKV figure", Llama, "PyramidKV", 64, "average of 6", "23.1"), InlineData("HeadKV figure", Llama, "HeadKV-R2", 256, "average of 6", "32.51"), InlineData("HeadKV figure", Mistral, "HeadKV-R", 512, "average of 6", "32.1")]
    [InlineData("HeadKV review, summaries", Llama, "FullKV", 0, "multi_news", "26.64"), InlineData("HeadKV review, summaries", Llama, "HeadKV-R2", null, "qmsum", "22.16")]
    [InlineData("AdaKV", Mistral, "FullKV", 0, "average of 16", "42.51"), InlineData("AdaKV", Mistral, "H2O", 256, "average of 16", "36.03"), InlineData("AdaKV", Mistral, "Ada-SnapKV", 1024, "average of 16", "41.54")]
    [InlineData("AdaKV, KV heads", Mistral, "SnapKV", 512, "average of 16", "40.51"), InlineData("KVCF", Llama, "StreamingLLM", 2048, "average of 16", "37.82"), InlineData("KVCF", Mistral, "PyramidKV", 128, "average of 16", "35.72")]
    public void A_sample_of_cells(string table, string model, string method, int? size, string dataset, string text) => Assert.Equal(text, Find(table, model, method, size, dataset).Text);

    [Fact]
    public void Cells_that_differ_in_granularity_note_or_protocol_alone()
    {
        Assert.Equal(("34.55", "35.06"), (Find("AdaKV, KV heads", Mistral, "SnapKV", 128, "average of 16", "kv-head").Text, Find("AdaKV, KV heads", Mistral, "SnapKV", 128, "average of 16").Text));
        Assert.Equal(("7.76", "7.28"), (Find("HeadKV review, RazorAttention", Llama, "RazorAttention", 128, "qasper", note: "5 full").Text, Find("HeadKV review, RazorAttention", Llama, "RazorAttention", 128, "qasper", note: "10 full").Text));
        Assert.Equal("11.2", Find("HeadKV review, RazorAttention", Llama, "RazorAttention", 1024, "musique", note: "100 full").Text);
        double Gap(string protocol) => Protocol(protocol, "FullKV") - Protocol(protocol, "SnapKV");
        double Protocol(string protocol, string method) => PublishedScore.All.Single(p => p.Table.Name == "KVCF, protocols" && p.Protocol == protocol && p.Method == method && p.Dataset == "multifieldqa_en").Value;
        Assert.Equal((9.85, 2.70), (Gap("KVCF before its fixes"), Gap("KVCF")), (a, b) => Math.Abs(a.Item1 - b.Item1) + Math.Abs(a.Item2 - b.Item2) < 1e-9);
    }

    /// <summary>Sums of the files, added up apart from this program.</summary>
    [Theory]
    [InlineData("HeadKV Table 1", 264, 5595.25), InlineData("HeadKV figure", 30, 883.95), InlineData("HeadKV review, summaries", 15, 340.12), InlineData("HeadKV review, RazorAttention", 35, 583.06)]
    [InlineData("AdaKV", 25, 932.6), InlineData("AdaKV, KV heads", 13, 509.12), InlineData("KVCF", 18, 668.8), InlineData("KVCF, protocols", 24, 1204.9)]
    public void No_number_was_lost_or_changed(string table, int count, double sum)
    {
        var scores = PublishedScore.All.Where(p => p.Table.Name == table).ToArray();
        Assert.Equal(count, scores.Length);
        Assert.Equal(sum, scores.Sum(p => p.Value), 6);
        Assert.All(scores, p => Assert.InRange(p.Value, 0.4, 100));
    }

    [Fact]
    public void Averages_are_the_means_of_their_rows()
    {
        var rows = PublishedScore.All.GroupBy(p => (p.Table, p.Model, p.Method, p.KvSize, p.Granularity, p.Protocol, p.Note)).ToArray();
        var checkedRows = 0;
        foreach (var (row, average) in from row in rows from average in PaperAverage.All select (row, average))
        {
            var (parts, printed) = (row.Where(p => average.Datasets.Contains(p.Dataset)).ToArray(), row.SingleOrDefault(p => p.Dataset == average.Name));
            if (printed is null || parts.Length == 0) continue;
            Assert.Equal(average.Datasets.Count, parts.Length);
            Assert.True(Math.Abs(printed.Value - parts.Average(p => p.Value)) <= 0.01, $"{printed} is not {parts.Average(p => p.Value)}");
            checkedRows++;
        }
        Assert.Equal(22 + 22 + 5, checkedRows);
    }

    [Fact]
    public void The_papers_two_claims_are_those_of_its_table()
    {
        double Score(string table, string model, string method, int size) => Find(table, model, method, size, "average of 6").Value;
        Assert.Equal(97.3, 100 * Score("HeadKV Table 1", Llama, "HeadKV-R2", 128) / Score("HeadKV Table 1", Llama, "FullKV", 0), 1);
        foreach (var model in (string[])[Llama, Mistral]) Assert.True(Score("HeadKV figure", model, "HeadKV-R2", 256) > Score("HeadKV Table 1", model, "Ada-SnapKV", 1024));
    }

    private static EvalRow[] Rows(string suite, IEnumerable<string> datasets, string protocol = "standard", params Variant[] variants) =>
    [
        .. from variant in variants.Length > 0 ? variants : [Variant.Full, SomeRows.Snap with { KvSize = 128 }, SomeRows.HeadKv with { KvSize = 128 }]
           from dataset in datasets
           from i in Enumerable.Range(0, 4)
           select SomeRows.Row(i, i % 2, variant, dataset, $"{dataset}{i}") with { Suite = suite, Protocol = protocol },
    ];

    private static string Beside(EvalRow[] rows, string? model = Llama) => PublishedFigures.Beside(ScoreCells.Of(rows), model);

    [Fact]
    public void They_stand_beside_ours_with_their_source_and_what_differs()
    {
        var beside = Beside(Rows("longbench", ["qasper", "hotpotqa"]));
        Assert.Contains("| standard | qasper | 128 | SnapKV | 50.00 [0.0, 100.0] | 15.79 | yes | HeadKV Table 1 | protocol paper, budget per query head |", beside);
        Assert.Contains("| standard | hotpotqa | 128 | HeadKV-R2 | 50.00 [0.0, 100.0] | 43.73 | yes | HeadKV Table 1 |", beside);
        Assert.Contains("| standard | hotpotqa | full | FullKV | 50.00 [0.0, 100.0] | 47.32 | yes | KVCF, protocols | protocol KVCF |", beside);
        Assert.Contains("\n- HeadKV Table 1: FYYFU/HeadKV: performance_table.png; beta was chosen on the test data", beside);
        Assert.DoesNotContain("average", beside[..beside.IndexOf("\n- ", StringComparison.Ordinal)]);      // of two sets only: nobody printed that
        var theirs = Beside(Rows("longbench", ["qasper"], "paper", SomeRows.Snap with { KvSize = 128, Granularity = "query-head" }));
        Assert.Contains("| 15.79 | yes | HeadKV Table 1 | – |", theirs);
        Assert.Contains("| 21.80 | – | HeadKV review, summaries | protocol paper, budget per query head, KV size not stated |", Beside(Rows("longbench", ["qmsum"])));
        var razor = Beside(Rows("longbench", ["qasper"], "paper", new Variant { Method = "RazorAttention", KvSize = 128, Granularity = "query-head" }));
        Assert.Contains("| 7.34 | yes | HeadKV review, RazorAttention | 20 full heads |", razor);
    }

    [Fact]
    public void Averages_stand_beside_those_of_the_same_sets()
    {
        Assert.Contains("| standard | average of 6 | 128 | HeadKV-R2 |", Beside(Rows("longbench", Six)));
        Assert.Contains("| 32.00 | ", Beside(Rows("longbench", Six)));
        Assert.DoesNotContain("average of 6 | 128", Beside(Rows("longbench", Six[1..])));
        Assert.Contains("| standard | average of 4 | 128 | SnapKV | 50.00 ", Beside(Rows("loogle", KnownDatasets.LooGle.Select(d => d.Name))));
        var all = ScoreCells.Of(Rows("longbench", LongBench.Datasets.Select(d => d.Name)));
        Assert.Equal(["average of 6", "average of 16", "average"], all.Where(c => c.IsAverage && c.Variant.IsFull).Select(c => c.Dataset));
        Assert.Equal([24, 64, 84], all.Where(c => c.IsAverage && c.Variant.IsFull).Select(c => c.Score.Samples));
        var beside = PublishedFigures.Beside(all, Llama);
        Assert.Contains("| standard | average of 6 | full | FullKV |", beside);
        Assert.Contains("| standard | average of 16 | 128 | SnapKV | 50.00 [", beside);
        Assert.Contains("| 35.50 | ", beside);
        Assert.Contains("| average of 16 | average of 6 | average | entries kept", ResultReport.Markdown(all));
        Assert.Contains(", 84 questions", ResultReport.Markdown(all));
    }

    [Fact]
    public void Other_models_suites_and_budgets_have_nothing_beside_them()
    {
        Assert.Equal("", Beside(Rows("longbench", Six), null));
        Assert.Equal("", Beside(Rows("longbench-e", Six)));                        // the same names, other samples
        Assert.Equal("", Beside(Rows("mine", Six)));
        Assert.Equal("", Beside(Rows("loogle", Six)));
        Assert.Equal("", Beside(Rows("longbench", Six, "paper", new Variant { Method = "SnapKV", Share = 0.03 }, new Variant { Method = "SnapKV", KvSize = 96 }, new Variant { Method = "TOVA", KvSize = 128 })));
        Assert.Equal(Llama, PublishedFigures.Recognise(Config(128256, 500_000)));
        Assert.Equal(Mistral, PublishedFigures.Recognise(Config(32000, 1_000_000)));
        Assert.Null(PublishedFigures.Recognise(Config(32000, 10_000)));            // Mistral v0.1
        Assert.Null(PublishedFigures.Recognise(Repository.Model.Config));
    }

    /// <summary>A results folder as a run of Llama-3-8B would leave it, and `lab report` called from another directory.</summary>
    [Fact]
    public void The_report_of_a_folder_prints_them_from_any_directory()
    {
        string Report(string name, string? knownAs)
        {
            var path = Path.Combine(_temporary.Path, name);
            using (var folder = ResultFolder.Open(path, SomeRows.Card() with { KnownAs = knownAs }))
                foreach (var row in Rows("longbench", Six)) folder.Add(row);
            return Child.Output(_temporary.Path, "dotnet", Repository.Path("bin", "HeadKvLab.dll"), "report", path);
        }
        var report = Report("llama", Llama);
        Assert.Contains($"### Beside published scores of {Llama}", report);
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"| standard | average of 6 | full | FullKV | 50.00 "), report);
        Assert.Contains("| 32.90 | ", report);
        Assert.DoesNotContain("published", Report("another", null));
        var lab = Repository.Path("bin", "HeadKvLab.dll");
        var pairs = Child.Output(_temporary.Path, "dotnet", lab, "report", Path.Combine(_temporary.Path, "llama"), "--as", "comparisons", "--compare", "SnapKV,HeadKV-R2");
        Assert.Equal(2, pairs.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);            // the head and the one pair
        Assert.Throws<InvalidOperationException>(() => Child.Output(_temporary.Path, "dotnet", lab, "report", Path.Combine(_temporary.Path, "llama"), "--compare", "TOVA"));
    }

    private static ModelConfig Config(int vocabulary, double theta) => new()
    {
        Architecture = "LlamaForCausalLM", VocabSize = vocabulary, HiddenSize = 4096, IntermediateSize = 14336, Layers = 32, QueryHeads = 32, KvHeads = 8, HeadDim = 128, MaxPositions = 8192, RopeTheta = theta,
    };
}

using System.Text.Json;
using HeadKvLab.Evaluation.Metrics;

namespace HeadKvLab.Tests.Evaluation;

/// <summary>tests/reference/make_segments.py made the tables (invented) and cut the texts by jieba's algorithm.</summary>
public class SegmenterTests
{
    private sealed record Segments(string Text, string[] Plain, string[] Shapes);

    private static readonly string Folder = Repository.Path("tests", "fixtures", "metrics", "jieba");

    private static readonly Segments[] All = JsonSerializer.Deserialize<Segments[]>(File.ReadAllText(Path.Combine(Folder, "segments.json")), new JsonSerializerOptions { PropertyNameCaseInsensitive = true })!;

    [Fact]
    public void CutsAsTheDictionaryAlone() => Same(Segmenter.Load(Path.Combine(Folder, "dict.txt")), s => s.Plain);

    [Fact]
    public void CutsAsTheDictionaryWithTheMarkovModel() => Same(Segmenter.Load(Folder), s => s.Shapes);

    private static void Same(Segmenter segmenter, Func<Segments, string[]> wanted)
    {
        Assert.True(All.Length > 100);
        Assert.Contains(All, s => !s.Plain.SequenceEqual(s.Shapes));
        foreach (var segments in All) Assert.Equal(wanted(segments), segmenter.Cut(segments.Text).ToArray());
    }

    [Fact]
    public void TheMetricsNameSaysWhatCutTheWords()
    {
        Segmenter plain = Segmenter.Load(Path.Combine(Folder, "dict.txt")), jieba = Segmenter.Load(Folder);
        Assert.Equal(["qa_f1_zh_characters", "qa_f1_zh_dictionary", "qa_f1_zh_jieba"], new[] { null, plain, jieba }.Select(d => TextMetric.Named("qa_f1_zh", d).Name));
        Assert.Equal("rouge_l_any_length_zh_jieba", TextMetric.Named("rouge_l_zh", jieba).Name);
        Assert.Contains("installed package jieba", Assert.Throws<LabException>(() => TextMetric.Named("rouge_l_zh_jieba", plain)).Message, StringComparison.Ordinal);
        Assert.Throws<LabException>(() => TextMetric.Named("qa_f1_zh_dictionary", jieba));
        var reference = new Reference(["北京大学"], []);
        Assert.Equal(1, TextMetric.Named("qa_f1_zh", plain).Score("北京大学。", reference));
        Assert.Equal(0, TextMetric.Named("qa_f1_zh", plain).Score("北京", reference));                       // one word against another
        Assert.Equal(2 * 1 * 0.5 / 1.5, TextMetric.Named("qa_f1_zh").Score("北京", reference), 12);          // two of four characters
    }

    [Fact]
    public void BrokenPackagesAreNamed()
    {
        using var folder = new TemporaryFolder();
        Assert.Contains("prob_start.py: missing", Assert.Throws<LabException>(() => Segmenter.Load(folder.Path)).Message, StringComparison.Ordinal);
        Directory.CreateDirectory(Path.Combine(folder.Path, "finalseg"));
        foreach (var name in (string[])["start", "trans", "emit"]) File.WriteAllText(Path.Combine(folder.Path, "finalseg", $"prob_{name}.py"), "import os\nP = os.listdir()");
        Assert.Contains("prob_start.py: not a Python literal", Assert.Throws<LabException>(() => Segmenter.Load(folder.Path)).Message, StringComparison.Ordinal);
    }
}

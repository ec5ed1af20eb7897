using HeadKvLab.Evaluation.Protocols;
using HeadKvLab.Evaluation.Suites;
using HeadKvLab.Kernels;
using HeadKvLab.Models;

namespace HeadKvLab.Tests.Evaluation;

/// <summary>The bundled model's tokenizer and context (8,192), its folder given a chat template where a test needs one.</summary>
public class ProtocolTests
{
    private static readonly LanguageModel Model = Repository.Model;

    private static SampleSet Set(string dataset, string template, string context, string input) =>
        new(KnownDatasets.Find(dataset), template, [new Sample("s", context, input, ["x"])]);

    private static PromptTokens Prompt(Protocol protocol, SampleSet set, LanguageModel? model = null) => protocol.Prompt(model ?? Model, set, set.Samples[0]);

    private static string Words(int count) => string.Concat(Enumerable.Range(0, count).Select(i => $"{(i % 9 == 0 ? "The" : "and")} maid chose {i} nuts. "));

    [Fact]
    public void NamesAndSettingsAreThoseOfTheSpecification()
    {
        Assert.Equal(["paper", "standard", "agnostic", "turns-golden", "turns-own", "requests"], Protocol.All.Select(p => p.Name));
        Assert.Equal([(7950, false, false, CompressionPoint.QueryAware), (7500, true, true, CompressionPoint.QueryAware), (7500, true, true, CompressionPoint.QueryAgnostic), (7500, true, true, CompressionPoint.QueryAware), (7500, true, true, CompressionPoint.QueryAware), (7500, true, true, CompressionPoint.QueryAgnostic)],
            Protocol.All.Select(p => (p.MostPromptTokens, p.Chat, p.AllStopIds, p.Point)));
        Assert.Equal((FirstToken.FullFirst, true), (Protocol.Paper.FirstToken, Protocol.Paper.NoEmptyAnswers));
        Assert.Equal([NumberFormat.Float16, .. Enumerable.Repeat(NumberFormat.BFloat16, 5)], Protocol.All.Select(p => p.Type));
        Assert.Contains("paper, standard, agnostic", Assert.Throws<LabException>(() => Protocol.Find("papr")).Message, StringComparison.Ordinal);
        Assert.Same(Protocol.Standard, Protocol.Find("repaired"));     // as earlier versions called it
    }

    [Theory]
    [InlineData("paper", 8192, 512, 7950), InlineData("paper", 32768, 64, 31500), InlineData("standard", 8192, 512, 7500), InlineData("standard", 131072, 512, 31500), InlineData("standard", 4096, 512, 4096 - 512 - 64), InlineData("agnostic", 256, 32, 256 - 32 - 32)]
    public void PromptsAreAsLongAsThePapersWhereTheModelIs(string protocol, int context, int answer, int most) => Assert.Equal(most, Protocol.Find(protocol).PromptLimit(context, answer));

    [Fact]
    public void ShortPromptsAreTheFilledTemplateWithOneBeginOfText()
    {
        var set = Set("qasper", "Read: {context}\nQuestion: {input}\nAnswer:", "In Tampa the maid chose nuts.", "who chose nuts?");
        foreach (var protocol in Protocol.All)
        {
            var prompt = Prompt(protocol, set);
            Assert.False(prompt.Truncated);
            Assert.Equal(Model.Tokenizer.Encode("Read: In Tampa the maid chose nuts.\nQuestion: who chose nuts?\nAnswer:"), prompt.Ids);
            Assert.Equal("\nQuestion: who chose nuts?\nAnswer:", Model.Tokenizer.Decode(prompt.Question));
            Assert.Equal(Model.Tokenizer.BosId, prompt.Ids[0]);
            Assert.DoesNotContain(Model.Tokenizer.BosId!.Value, prompt.Ids[1..]);
        }
    }

    /// <summary>As the official script: half = int(M / 2), both ends decoded without special tokens, joined without a separator, encoded again.</summary>
    [Fact]
    public void LongPromptsLoseTheirMiddleAndSayIt()
    {
        var set = Set("gov_report", "Report:\n{context}\nSummary:", Words(3000), "");
        var whole = Model.Tokenizer.Encode("Report:\n" + set.Samples[0].Context + "\nSummary:");
        Assert.True(whole.Length > 2 * 7950);
        foreach (var (protocol, half) in ((Protocol, int)[])[(Protocol.Paper, 3975), (Protocol.Standard, 3750)])
        {
            var prompt = Prompt(protocol, set);
            Assert.True(prompt.Truncated);
            Assert.Equal(Model.Tokenizer.Encode(Model.Tokenizer.Decode(whole.AsSpan(0, half)) + Model.Tokenizer.Decode(whole.AsSpan(whole.Length - half))), prompt.Ids);
            Assert.InRange(prompt.Ids.Length, 2 * half - 8, 2 * half + 8);
        }
    }

    [Fact]
    public void TheQuestionOfAnAgnosticPromptStaysWholeAndOutsideTheContext()
    {
        var input = string.Concat(Enumerable.Repeat("who chose nuts and ", 1500)) + "when?";         // longer than half of the limit
        var set = Set("qasper", "{context}\nQuestion: {input}\nAnswer:", Words(3000), input);
        var prompt = Prompt(Protocol.Agnostic, set);
        Assert.True(prompt.Truncated);
        Assert.InRange(prompt.Ids.Length, 7500 - 8, 7500 + 8);
        Assert.Equal("\nQuestion: " + input + "\nAnswer:", Model.Tokenizer.Decode(prompt.Question));
        Assert.True(prompt.ContextLength > 100);
        var another = Set("qasper", "{context}\nQuestion: {input}\nAnswer:", set.Samples[0].Context, input[..^5] + "why??");
        Assert.Equal(prompt.Context, Prompt(Protocol.Agnostic, another).Context);
        var endless = Set("qasper", "{context}\nQuestion: {input}\nAnswer:", "x", Words(3000));
        Assert.Contains("'s'", Assert.Throws<LabException>(() => Prompt(Protocol.Agnostic, endless)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void TheChatTemplateWrapsAfterTruncationExceptWhereThePromptIsAPattern()
    {
        using var folder = new TemporaryFolder();
        foreach (var file in Directory.EnumerateFiles(Repository.Path("data", "models", "world-4m"))) File.Copy(file, Path.Combine(folder.Path, Path.GetFileName(file)));
        File.WriteAllText(Path.Combine(folder.Path, "chat_template.jinja"), "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] | trim }}</{{ m['role'] }}>{% endfor %}<assistant>");
        var model = LanguageModel.Load(folder.Path);
        string Text(Protocol protocol, SampleSet set) => model.Tokenizer.Decode(Prompt(protocol, set, model).Ids);
        var qa = Set("qasper", "{context}\nQuestion: {input}\nAnswer: ", "Nuts.", "who?");
        Assert.Equal("<user>Nuts.\nQuestion: who?\nAnswer:</user><assistant>", Text(Protocol.Standard, qa));
        Assert.Equal("Nuts.\nQuestion: who?\nAnswer: ", Text(Protocol.Paper, qa));
        Assert.Equal("\nQuestion: who?\nAnswer:</user><assistant>", model.Tokenizer.Decode(Prompt(Protocol.Agnostic, qa, model).Question));
        foreach (var name in (string[])["trec", "triviaqa", "samsum", "lsht", "lcc", "repobench-p"]) Assert.Equal("Nuts.\nwho?", Text(Protocol.Standard, Set(name, "{context}\n{input}", "Nuts.", "who?")));
        Assert.Equal(15, LongBench.Datasets.Count(d => d.Chat));
        Assert.StartsWith("<user>", Text(Protocol.Paper, Set("qa1_4k", "{context} {input}", "Nuts.", "who?")), StringComparison.Ordinal);
        var cut = Text(Protocol.Standard, Set("gov_report", "{context}", Words(3000), ""));
        Assert.StartsWith("<user>The maid", cut, StringComparison.Ordinal);
        Assert.EndsWith("</user><assistant>", cut, StringComparison.Ordinal);
    }

    [Fact]
    public void StopIds()
    {
        int Newline() => Model.Tokenizer.Encode("\n", addSpecial: false)[^1];
        int[] Of(Protocol protocol, SampleSet set) => protocol.StopIds(Model, set);
        Assert.Equal([1990], Of(Protocol.Paper, Set("qasper", "{context}", "", "")));
        Assert.Equal([1990], Of(Protocol.Paper, Set("samsum", "{context}", "", "")));
        Assert.Equal([1990, Newline()], Of(Protocol.Standard, Set("samsum", "{context}", "", "")));
        Assert.Equal([1990, Newline()], Of(Protocol.Paper, Set("needle", "{context}", "", "") with { StopToken = "\n" }));
        Assert.Equal([1990, Model.Tokenizer.IdOf(".")], Of(Protocol.Standard, Set("world_single", "{context}", "", "") with { StopToken = "." }));
    }
}

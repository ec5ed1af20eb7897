using System.Text.Json.Nodes;
using HeadKvLab.Text;
using HeadKvLab.Training;
using HeadKvLab.World;

namespace HeadKvLab.Tests.Training;

public sealed class WorldSuiteTests(ITestOutputHelper output) : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("suite").FullName;

    public void Dispose() => Directory.Delete(folder, true);

    [Fact]
    public void LinesHaveLongBenchsShape()
    {
        var path = Path.Combine(folder, "suite.jsonl");
        WorldSuite.Make(WorldSplit.Test, 512, 3).Save(path);
        var lines = File.ReadAllLines(path);
        Assert.Equal(18, lines.Length);
        foreach (var record in lines.Select(l => JsonNode.Parse(l)!.AsObject()))
        {
            Assert.Equal(["input", "context", "answers", "length", "dataset", "language", "all_classes", "_id", "evidence"], record.Select(p => p.Key));
            Assert.Equal("en", (string)record["language"]!);
            Assert.Equal(((string)record["context"]!).Split(' ').Length, (int)record["length"]!);
            Assert.Equal((string)record["dataset"]! == "world_fewshot", record["all_classes"] is not null);
            Assert.EndsWith("?", (string)record["input"]!);
        }
        Assert.Equal(lines.Length, lines.Select(l => (string)JsonNode.Parse(l)!["_id"]!).Distinct().Count());
    }

    [Fact]
    public void LoadingGivesBackWhatWasSaved()
    {
        var path = Path.Combine(folder, "world-512-test.jsonl");
        var suite = WorldSuite.Make(WorldSplit.Test, 512, 5);
        suite.Save(path);
        var loaded = WorldSuite.Load(path);
        Assert.Equal(suite.Name, loaded.Name);
        Assert.Equal(suite.Contexts.Select(c => (c.Id, c.Text)), loaded.Contexts.Select(c => (c.Id, c.Text)));
        Assert.Equal(suite.Questions.Select(q => q.Question with { Evidence = [] }), loaded.Questions.Select(q => q.Question with { Evidence = [] }));
        Assert.Equal(suite.Questions.SelectMany(q => q.Question.Evidence), loaded.Questions.SelectMany(q => q.Question.Evidence));
    }

    [Theory]
    [InlineData(384)]
    [InlineData(512)]
    [InlineData(2048)]
    [InlineData(8000)]
    public void PromptsFillTheLengthAndAnswersStandInTheContext(int length)
    {
        var naive = NaiveBpe.World;
        var suite = WorldSuite.Make(WorldSplit.Test, length, 6);
        foreach (var (context, question) in suite.Questions)
        {
            var prompt = 1 + naive.Encode(context.Prompt(question)).Length;
            var answer = naive.Encode($" {question.Answer}.").Length;
            Assert.InRange(prompt + answer, length - 32, length);
            Assert.Contains($" {question.Answer}.", context.Text);
            Assert.EndsWith($" {question.Answer}.", context.Text[context.Needle(question)]);
            Assert.DoesNotContain(". ", context.Text[context.Needle(question)].TrimEnd('.'));
            var (start, count) = context.AnswerTokens(question, text => [0, .. naive.Encode(text)]);
            Assert.Equal($" {question.Answer}", naive.Decode(naive.Encode(context.Text)[(start - 1)..(start - 1 + count)]));
        }
    }

    [Fact]
    public void EveryContextHoldsAllFamiliesAndTheSuiteItsNumberOfQuestions()
    {
        var suite = WorldSuite.Make(WorldSplit.Test, 2048, 40);
        Assert.All(WorldFamilies.Reported, family => Assert.Equal(40, suite.Questions.Count(q => q.Question.Family == family)));
        foreach (var context in suite.Contexts)
            foreach (var mark in new[] { " is ", " def ", " Passage ", " The room of ", "The " }) Assert.Contains(mark, context.Text);
        output.WriteLine($"{suite.Contexts.Count} contexts, {suite.Contexts[0].Questions.Count} questions in the first");
        Assert.Equal(suite.Questions.Count(), WorldFamilies.Reported.Sum(f => suite.Only(f).Questions.Count()));
    }

    [Fact]
    public void FewerQuestionsOnAContextMakeMoreContexts()
    {
        var (many, one) = (WorldSuite.Make(WorldSplit.Test, 512, 6), WorldSuite.Make(WorldSplit.Test, 512, 6, perContext: 1));
        Assert.All(one.Contexts, c => Assert.Equal(c.Questions.Count, c.Questions.Select(q => q.Family).Distinct().Count()));
        Assert.All(WorldFamilies.Reported, family => Assert.Equal(6, one.Questions.Count(q => q.Question.Family == family)));
        Assert.True(one.Contexts.Count > many.Contexts.Count, $"{one.Contexts.Count} contexts, {many.Contexts.Count} without the limit");
        Assert.Equal(many.Contexts[0].Text, one.Contexts[0].Text);
        Assert.Equal(2, one.Take(2, 3).Contexts.Count);
        Assert.All(one.Take(2, 3, WorldFamily.Hop, WorldFamily.Code).Questions, q => Assert.True(q.Question.Family is WorldFamily.Hop or WorldFamily.Code));
    }

    [Fact]
    public void ChangingTheFactChangesTheAnswerAndNothingElse()
    {
        var suite = WorldSuite.Make(WorldSplit.Test, 512, 20);
        foreach (var (context, question) in suite.Questions)
        {
            var (other, asked) = context.WithOtherAnswer(question, WorldRandom.For(WorldSplit.Test, 1, 1));
            Assert.NotEqual(question.Answer, asked.Answer);
            Assert.Equal(question.Input, asked.Input);
            Assert.Contains($" {asked.Answer}.", other.Text);
            Assert.Equal(context.Text.Split(' ').Length, other.Text.Split(' ').Length);
            Assert.Equal(asked.Answer, other.Text[other.Needle(asked)][^(asked.Answer.Length + 1)..^1]);
            if (question.Family == WorldFamily.FewShot) continue;
            Assert.DoesNotContain($" {question.Answer}.", other.Text);
            Assert.Equal(context.Text[..context.Needle(question).Start.Value], other.Text[..context.Needle(question).Start.Value]);
        }
    }

    [Fact]
    public void SplitsSeedsAndLengthsShareNoContext()
    {
        var suites = from split in new[] { WorldSplit.Validation, WorldSplit.Test }
                     from seed in new[] { 0, 1 }
                     from length in new[] { 400, 512 }
                     select WorldSuite.Make(split, length, 6, seed);
        var texts = suites.SelectMany(s => s.Contexts).Select(c => c.Text).ToArray();
        Assert.Equal(texts.Length, texts.Distinct().Count());
    }

    [Theory]
    [InlineData("world-2048-test", 2048, 24, WorldSplit.Test)]
    [InlineData("world-1024-validation", 1024, 16, WorldSplit.Validation)]
    public void TheCommittedSuitesAreWhatTheGeneratorMakes(string name, int length, int questions, WorldSplit split)
    {
        var committed = Path.Combine(Root(), "data", "suites", name + ".jsonl");
        var made = Path.Combine(folder, name + ".jsonl");
        WorldSuite.Make(split, length, questions, perContext: 1).Save(made);
        Assert.True(File.ReadAllBytes(committed).AsSpan().SequenceEqual(File.ReadAllBytes(made)), $"{committed} differs: see data/suites/README.md for its command");
        Assert.True(WorldSuite.Load(committed).Questions.Count(q => q.Question.Answer.Contains(' ')) >= 5 * questions);
    }

    [Fact]
    public void TheCommittedNeedlesAreWhatTheGeneratorMakes()
    {
        WorldNeedles.Make().Save(folder);
        foreach (var name in new[] { "needles-r.jsonl", "needles-r2.jsonl", "haystack.txt" })
            Assert.Equal(File.ReadAllText(Path.Combine(Root(), "data", "suites", "needles", name)), File.ReadAllText(Path.Combine(folder, name)));
    }

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "HeadKvLab.csproj"))) folder = folder.Parent!;
        return folder.FullName;
    }

    [Fact]
    public void UnusableFilesAreNamedWithTheirLine()
    {
        var path = Path.Combine(folder, "bad.jsonl");
        Assert.Contains("lab world make", Assert.Throws<LabException>(() => WorldSuite.Load(path)).Message);
        File.WriteAllText(path, "");
        Assert.Contains("no question", Assert.Throws<LabException>(() => WorldSuite.Load(path)).Message);
        File.WriteAllText(path, "\n{\"input\": \"torn");
        Assert.Contains("line 2", Assert.Throws<LabException>(() => WorldSuite.Load(path)).Message);
        File.WriteAllText(path, "{\"input\": \"x\", \"context\": \"y\", \"answers\": [], \"dataset\": \"world_single\", \"_id\": \"1\"}");
        Assert.Contains("line 1", Assert.Throws<LabException>(() => WorldSuite.Load(path)).Message);
        File.WriteAllText(path, "{\"input\": \"x\", \"context\": \"y\", \"answers\": [\"z\"], \"dataset\": \"world_nothing\", \"_id\": \"1\"}");
        Assert.Contains("world_single, world_r2attr", Assert.Throws<LabException>(() => WorldSuite.Load(path)).Message);
        Assert.Throws<LabException>(() => WorldSuite.Make(WorldSplit.Test, 100, 1));
    }

    [Fact]
    public void TheOrdinaryLoaderReadsTheWorldsTokenizer()
    {
        HuggingFaceTokenizerFiles.Write(folder, WorldTokenizer.Shared.Vocabulary, WorldTokenizer.Specials, WorldTokenizer.SplitPattern, 8192);
        var ordinary = TextTokenizer.Load(folder);
        Assert.Equal(WorldTokenizer.Shared.BeginOfText, ordinary.BosId);
        Assert.Equal(WorldTokenizer.Shared.EndOfText, ordinary.EosId);
        Assert.Equal(WorldTokenizer.Shared.Size, ordinary.VocabSize);
        var generator = new WorldGenerator();
        for (var i = 0; i < 20; i++)
        {
            var document = generator.Document(new() { Tokens = 512 }, WorldSplit.Train, 5, i);
            Assert.Equal(document.Ids, ordinary.Encode(document.Text));
            Assert.Equal(document.Text, ordinary.Decode(document.Ids));
        }
    }

    [Fact]
    public void NeedlesHaveThePublishedFieldsAndUniqueKeys()
    {
        var set = WorldNeedles.Make();
        set.Save(folder);
        Assert.Throws<LabException>(() => WorldNeedles.Make(retrieval: 200));
        Assert.Equal((12, 8), (set.Retrieval.Count, set.Reasoning.Count));
        foreach (var needle in set.Retrieval.Concat(set.Reasoning))
        {
            Assert.Contains($" {needle.RealNeedle}.", needle.Needle);
            var key = needle.Question.TrimEnd('?').Split(' ')[^1];
            Assert.Contains($" {key} is ", needle.Needle);
            Assert.DoesNotContain($" {key} is ", set.Haystack);
        }
        Assert.All(set.Retrieval, n => Assert.Single(n.Needle.Split(". ")));
        foreach (var needle in set.Reasoning)
        {
            var sentences = needle.Needle.TrimEnd('.').Split(". ");
            Assert.Equal(4, sentences.Length);
            var key = needle.Question.TrimEnd('?').Split(' ')[^1];
            var who = sentences.Single(s => s.Contains($" {key} is ")).Split(' ')[^1];
            Assert.EndsWith($" of {who} is {needle.Answer}", sentences[0]);
        }
        var record = JsonNode.Parse(File.ReadLines(Path.Combine(folder, "needles-r2.jsonl")).First())!.AsObject();
        Assert.Equal(["needle", "question", "real_needle", "answer"], record.Select(p => p.Key));
        Assert.Equal(set.Haystack + "\n", File.ReadAllText(Path.Combine(folder, "haystack.txt")));
    }
}

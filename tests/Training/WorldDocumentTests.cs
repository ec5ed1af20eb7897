using System.Diagnostics;
using System.Security.Cryptography;
using HeadKvLab.Training;
using HeadKvLab.World;

namespace HeadKvLab.Tests.Training;

public class WorldDocumentTests(ITestOutputHelper output)
{
    private static readonly WorldTokenizer Tokenizer = WorldTokenizer.Shared;
    private static readonly WorldOptions Options = new() { Tokens = 512, PositionSpan = 4096 };

    private static readonly string[] Relations = ["holiday plan", "secret wish", "weekend hobby", "birthday treat", "childhood memory", "evening habit"];

    private static IEnumerable<WorldDocument> Documents(int count, WorldOptions options)
    {
        var generator = new WorldGenerator();
        for (var i = 0; i < count; i++) yield return generator.Document(options, WorldSplit.Train, 7, i);
    }

    [Fact]
    public void TheSameNameGivesTheSameDocumentForEver()
    {
        var document = new WorldGenerator().Document(Options, WorldSplit.Train, 1, 0);
        var bytes = document.Ids.Concat(document.Positions).SelectMany(BitConverter.GetBytes).ToArray();
        output.WriteLine(document.Text);
        Assert.Equal("c4cd8700f3068f5b", Convert.ToHexStringLower(SHA256.HashData(bytes))[..16]);
    }

    [Fact]
    public void DocumentsDoNotDependOnWhatWasWrittenBefore()
    {
        var used = new WorldGenerator();
        for (var i = 0; i < 5; i++) used.Document(Options, WorldSplit.Train, 3, i);
        Assert.Equal(new WorldGenerator().Document(Options, WorldSplit.Train, 1, 9).Ids, used.Document(Options, WorldSplit.Train, 1, 9).Ids);
    }

    [Theory]
    [InlineData(96)]
    [InlineData(128)]
    [InlineData(160)]
    [InlineData(257)]
    [InlineData(2048)]
    public void DocumentsHaveExactlyTheLengthAskedFor(int tokens)
    {
        foreach (var document in Documents(40, Options with { Tokens = tokens }))
        {
            Assert.Equal(tokens, document.Ids.Length);
            Assert.Equal(tokens, document.Positions.Length);
            Assert.NotEmpty(document.Answers);
            Assert.Equal(Tokenizer.BeginOfText, document.Ids[0]);
            Assert.DoesNotContain(Tokenizer.BeginOfText, document.Ids[1..]);
        }
    }

    [Fact]
    public void EveryWordWithItsBlankIsOneToken()
    {
        foreach (var word in WorldTokenizer.PreTokens()) Assert.True(Tokenizer.Id(word) >= 0);
        Assert.All(Enumerable.Range(0, 100), n => Tokenizer.Id($" {n}"));
        Assert.All([".", "?", ":", ";", ",", " ="], mark => Tokenizer.Id(mark));
        output.WriteLine($"{Tokenizer.Size} tokens for {WorldTokenizer.PreTokens().Count()} words");
        Assert.True(Tokenizer.Size < 2100);
    }

    [Fact]
    public void TheWrittenTokenizerReadsEveryDocumentBackAsItsIds()
    {
        var naive = NaiveBpe.World;
        foreach (var document in Documents(30, Options))
            Assert.Equal(document.Ids[1..], naive.Encode(document.Text));
    }

    [Fact]
    public void TheForwardRuleHoldsForEveryQuestion()
    {
        foreach (var document in Documents(120, Options))
        {
            var context = document.Ids[..FirstQuestion(document)];
            foreach (var answer in document.Answers)
            {
                Assert.Equal([Tokenizer.Id("?"), Tokenizer.Id(" Answer"), Tokenizer.Id(":")], document.Ids[(answer.Start - 3)..answer.Start]);
                Assert.Equal(Tokenizer.Stop, document.Ids[answer.Start + answer.Length - 1]);
                // The value with its full stop stands in the context, two tokens after the key; the key is the question's last word,
                // except where another fact must be looked up first (reasoning, two hops) or the class of the word (few-shot).
                var value = document.Ids.AsSpan(answer.Start, answer.Length);
                var places = Places(context, value);
                Assert.NotEmpty(places);
                var key = document.Ids[answer.Start - 4];
                var direct = answer.Family is not (WorldFamily.R2Attr or WorldFamily.Hop or WorldFamily.FewShot);
                if (direct) Assert.Contains(places, p => document.Ids[p - 2] == key);
                if (answer.Family is WorldFamily.R2Attr or WorldFamily.Hop)
                    Assert.Contains(places, p => Places(context, [key]).Any(k => document.Ids[k + 2] == document.Ids[p - 2]));
            }
        }
    }

    [Fact]
    public void NoWordRepeatsInsideAnAnswer()
    {
        foreach (var document in Documents(120, Options with { FillerFrom = 0.3, FillerTo = 0.7 }))
            foreach (var answer in document.Answers)
            {
                var words = document.Ids[answer.Start..(answer.Start + answer.Length)];
                Assert.Equal(words.Length, words.Distinct().Count());
            }
    }

    [Fact]
    public void AKeyIsNeverUsedForTwoFacts()
    {
        foreach (var document in Documents(40, Options with { Tokens = 2048, FillerFrom = 0, FillerTo = 0.1 }))
        {
            var facts = Sentences(document).Where(s => s.Contains(" is ") && (s.StartsWith(" The room of") || Relations.Any(r => s.StartsWith($" The {r} of"))));
            var keys = facts.Select(s => s[..s.IndexOf(" is ")].Split(' ')[^1]).ToArray();
            Assert.Equal(keys.Length, keys.Distinct().Count());
            var codes = Sentences(document).Where(s => s.StartsWith(" def")).Select(s => s.Split(' ')[3]).ToArray();
            Assert.Equal(codes.Length, codes.Distinct().Count());
        }
    }

    [Fact]
    public void AnswersAreRandomPerDocument()
    {
        // Over many documents the same key has many first answer words: nothing about an answer can be learned by heart.
        var answers = new Dictionary<int, List<int>>();
        foreach (var document in Documents(2000, Options))
            foreach (var answer in document.Answers.Where(a => a.Family == WorldFamily.Attr))
                (answers.TryGetValue(document.Ids[answer.Start - 4], out var list) ? list : answers[document.Ids[answer.Start - 4]] = []).Add(document.Ids[answer.Start]);
        var often = answers.Values.Where(a => a.Count >= 20).ToArray();
        Assert.NotEmpty(often);
        Assert.All(often, a => Assert.True(a.GroupBy(x => x).Max(g => g.Count()) <= Math.Max(6, a.Count / 5)));
    }

    [Fact]
    public void SplitsAndSeedsGiveDifferentNumbers()
    {
        var firsts = new HashSet<ulong>();
        foreach (var split in Enum.GetValues<WorldSplit>())
            for (var seed = 0; seed < 20; seed++)
                for (var index = 0; index < 50; index++)
                    Assert.True(firsts.Add(WorldRandom.For(split, seed, index).Bits()));
        Assert.Throws<LabException>(() => WorldRandom.For(WorldSplit.Train, 1 << 22, 0));
    }

    [Fact]
    public void PositionsAreContiguousInsideSentencesAndReachFar()
    {
        var far = 0;
        foreach (var document in Documents(200, Options))
        {
            Assert.Equal(0, document.Positions[0]);
            var starts = document.SentenceStarts.ToHashSet();
            for (var i = 1; i < document.Ids.Length; i++)
            {
                if (starts.Contains(i)) Assert.True(document.Positions[i] > document.Positions[i - 1]);
                else Assert.Equal(document.Positions[i - 1] + 1, document.Positions[i]);
            }
            Assert.True(document.Positions[^1] < Options.PositionSpan);
            if (document.Positions[^1] > 2048) far++;
        }
        Assert.InRange(far, 20, 120);
    }

    [Fact]
    public void LabelsMarkTheAnswersAndNothingElse()
    {
        foreach (var document in Documents(50, Options))
        {
            Assert.Equal(document.Answers.Sum(a => a.Length), document.Family.Count(f => f >= 0));
            Assert.Equal(document.Answers.Length, document.FirstAnswerToken.Sum(f => f));
            foreach (var answer in document.Answers)
            {
                Assert.Equal(1, document.FirstAnswerToken[answer.Start]);
                Assert.All(document.Family[answer.Start..(answer.Start + answer.Length)], f => Assert.Equal((sbyte)answer.Family, f));
            }
        }
    }

    [Fact]
    public void EveryFamilyAppearsAndTheGeneratorIsFast()
    {
        var generator = new WorldGenerator();
        var seen = new Dictionary<WorldFamily, int>();
        var full = Options with { Mix = new() { Pair = 1, List = 1, Age = 1, Count = 1 }, Echo = 0.1 };
        var clock = Stopwatch.StartNew();
        for (var i = 0; i < 1000; i++)
            foreach (var answer in generator.Document(full, WorldSplit.Train, 1, i).Answers)
                seen[answer.Family] = seen.GetValueOrDefault(answer.Family) + 1;
        output.WriteLine($"{1000 * 512 / clock.Elapsed.TotalSeconds / 1e6:F2} M tokens/s; {string.Join(", ", seen.Select(p => $"{p.Key} {p.Value}"))}");
        Assert.DoesNotContain(WorldFamily.CodeAffix, seen.Keys);   // of suites alone
        Assert.All(WorldFamilies.All.Where(family => family != WorldFamily.CodeAffix), family => Assert.True(seen.GetValueOrDefault(family) > 50, family.Name()));
    }

    [Fact]
    public void HarderFamiliesAnswerFromTheirOwnSentences()
    {
        var mix = new WorldMix { Single = 0, R2Attr = 0, Hop = 0, FewShot = 0, Passage = 0, Code = 0, Pair = 1, List = 1, Age = 1, Count = 1 };
        foreach (var document in Documents(200, Options with { Mix = mix }))
        {
            var sentences = Sentences(document).ToArray();
            foreach (var answer in document.Answers)
            {
                var text = Tokenizer.Decode(document.Ids.AsSpan(answer.Start, answer.Length - 1)).Trim();
                var asked = sentences[Array.FindLastIndex(document.SentenceStarts, start => start < answer.Start)];
                var question = asked[..asked.IndexOf('?')].Split(' ');
                if (answer.Family == WorldFamily.List)
                    Assert.Equal(text, string.Join(", ", sentences.Where(s => s.StartsWith($" The gift for {question[^1]} ")).Select(s => s.Split(' ')[^1].TrimEnd('.'))));
                if (answer.Family == WorldFamily.Count)
                    Assert.Equal(text, $"{sentences.Count(s => s.StartsWith($" {question[6]} went to the {question[^1]} "))} times");
                if (answer.Family == WorldFamily.R2Age)
                {
                    int Age(string name) => int.Parse(sentences.Single(s => s.StartsWith($" {name} is ") && s.EndsWith("years old.")).Split(' ')[3]);
                    var (one, two, wantsOlder) = (question[^3], question[^1], question.Contains("older"));
                    var who = Age(one) > Age(two) == wantsOlder ? one : two;
                    Assert.Contains($" The {question[5]} {question[6]} of {who} is {text}.", sentences);
                }
            }
        }
    }

    [Fact]
    public void OptionsOutOfRangeAreRefused()
    {
        var generator = new WorldGenerator();
        Assert.Contains("at least 96", Assert.Throws<LabException>(() => generator.Document(new() { Tokens = 20 }, WorldSplit.Train, 1, 0)).Message);
        Assert.Throws<LabException>(() => generator.Document(new() { FillerFrom = 0.9, FillerTo = 0.1 }, WorldSplit.Train, 1, 0));
    }

    private static int FirstQuestion(WorldDocument document) =>
        Array.IndexOf(document.Ids, Tokenizer.Id(" Question"));

    private static IEnumerable<string> Sentences(WorldDocument document) =>
        document.SentenceStarts.Zip(document.SentenceStarts.Skip(1).Append(document.Ids.Length), (a, b) => Tokenizer.Decode(document.Ids.AsSpan(a..b)));

    private static List<int> Places(ReadOnlySpan<int> text, ReadOnlySpan<int> part)
    {
        var places = new List<int>();
        for (var i = 2; i + part.Length <= text.Length; i++)
            if (text.Slice(i, part.Length).SequenceEqual(part)) places.Add(i);
        return places;
    }
}

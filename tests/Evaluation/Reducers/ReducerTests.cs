using HeadKvLab.Evaluation.Reducers;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Evaluation.Reducers;

/// <summary>What each reducer keeps.</summary>
public sealed class ReducerTests
{
    private static ReducibleContext Context(string text, int seed = 1) => new(Repository.Model, [Repository.Model.Tokenizer.BosId!.Value], Repository.Model.Tokenizer.Encode(text, addSpecial: false), seed);

    private static ReducerQuestion Question(string text, params string[] evidence) => new(Repository.Model.Tokenizer.Encode(text, addSpecial: false), evidence);

    /// <summary>The segments from the best to the worst, as text.</summary>
    private static string[] Ranked(string reducer, string context, ReducerQuestion question)
    {
        var seen = Context(context);
        var index = ReducerCatalogue.Parse(reducer)!.Index(seen);
        var scores = index.Score(question);
        return [.. Enumerable.Range(0, scores.Length).OrderByDescending(i => scores[i]).Select(i => Repository.Model.Tokenizer.Decode(seen.Tokens.AsSpan(index.Segments[i].Start, index.Segments[i].Length)).Trim())];
    }

    /// <summary>Three segments of four words; the word in one: ln(1 + 2.5 / 1.5) = 0.981, in all: ln(1 + 0.5 / 3.5) = 0.134.</summary>
    [Fact]
    public void Bm25_by_hand()
    {
        string[][] one = [["a", "b", "c", "d"], ["e", "f", "g", "h"], ["i", "j", "k", "l"]];
        Assert.Equal([0, 0.981, 0], Bm25.Score(one, ["f"]).Select(s => Math.Round(s, 3)));
        string[][] all = [["f", "b", "c", "d"], ["e", "f", "g", "h"], ["i", "j", "f", "l"]];
        Assert.All(Bm25.Score(all, ["f", "f"]), s => Assert.Equal(0.134, Math.Round(s, 3)));
        // twice in a segment of four among 4, 4, 1 words, mean 3: 0.981 * 2 * 2.2 / (2 + 1.2 (0.25 + 0.75 * 4 / 3)) = 1.233
        Assert.Equal(1.233, Math.Round(Bm25.Score([["f", "f", "c", "d"], ["e", "x", "g", "h"], ["i"]], ["f"])[0], 3));
    }

    [Fact]
    public void Words_have_no_case_and_no_marks() => Assert.Equal(["what", "is", "k7", "été"], Bm25.Words("What is, K7? Été."));

    [Fact]
    public void Expansion_finds_the_second_hop()
    {
        const string context = " Eva went to the mine. The room of yul is quaint cabin below the jetty. The old fox slept in the barn. The token of Inga is yul.";
        var question = Question(" Question: what is the token of Inga? Answer:");
        Assert.Equal("The token of Inga is yul.", Ranked("BM25", context, question)[0]);
        // "yul" joins the question, and the room's sentence holds it
        Assert.Equal(["The token of Inga is yul.", "The room of yul is quaint cabin below the jetty."], Ranked("BM25-expand", context, question)[..2]);
    }

    [Fact]
    public void Where_no_word_is_known_the_beginning_stays()
    {
        const string context = " Eva went to the mine. The old fox slept in the barn.";
        foreach (var reducer in (string[])["BM25", "BM25-expand"]) Assert.Equal("Eva went to the mine.", Ranked(reducer, context, Question(" pilot pilot"))[0]);
    }

    [Fact]
    public void Bm25_can_take_pieces_of_the_same_length()
    {
        var context = Context(" Eva went to the mine. The old fox slept in the barn.");
        Assert.Equal([2, 2, 1], ReducerCatalogue.Parse("BM25 segment=2")!.Index(context with { Tokens = context.Tokens[..5] }).Segments.Select(s => s.Length));
    }

    [Fact]
    public void The_oracle_takes_the_evidence_wherever_it_stands()
    {
        const string context = " Eva went to the mine. The pilot is Ada. The old fox slept in the barn. The holiday plan of Ada is fixing flat tiles.";
        var ranked = Ranked("Oracle", context, Question(" Question: what is the holiday plan of the pilot? Answer:", "The holiday plan of Ada is fixing flat tiles.", "The pilot is Ada."));
        Assert.Equal(["The pilot is Ada.", "The holiday plan of Ada is fixing flat tiles.", "Eva went to the mine."], ranked[..3]);
        Assert.Contains("do not tell the evidence", Assert.Throws<LabException>(() => Ranked("Oracle", context, Question(" who?"))).Message, StringComparison.Ordinal);
        Assert.Contains("'The cat sat.' does not stand in the context", Assert.Throws<LabException>(() => Ranked("Oracle", context, Question(" who?", "The cat sat."))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Controls_look_at_places_only()
    {
        var context = Context(" Eva went to the mine. The old fox slept in the barn.");
        int[] Kept(string reducer, int tokens, int seed = 1)
        {
            var index = ReducerCatalogue.Parse(reducer)!.Index(context with { Seed = seed });
            return Segmentation.Best(index.Segments, index.Score(Question(" who?")), tokens);
        }
        var n = context.Tokens.Length;
        Assert.Equal([0, 1, 2], Kept("Lead", 3));
        Assert.Equal([0, 1, n - 1], Kept("Middle-out", 3));
        Assert.Equal([0, 1, n - 2, n - 1], Kept("Middle-out", 4));
        Assert.Equal(Kept("Random", 4, seed: 5), Kept("Random", 4, seed: 5));
        Assert.True(Enumerable.Range(0, 20).Select(seed => string.Join(' ', Kept("Random", 4, seed))).Distinct().Count() > 1);
    }

    /// <summary>-log p from the logits of the last token of ever longer prompts.</summary>
    [Fact]
    public void Self_information_is_that_of_single_steps()
    {
        var context = Context(" Eva went to the mine. The old fox slept in the barn.");
        var information = SelectiveContext.Information(context);
        int[] ids = [.. context.Before, .. context.Tokens];
        for (var t = 1; t < ids.Length; t++)
        {
            var logits = Repository.Model.Engine.Prefill(ids.AsSpan(0, t)).Select(x => (double)x).ToArray();
            var top = logits.Max();
            Assert.Equal(top + Math.Log(logits.Sum(x => Math.Exp(x - top))) - logits[ids[t]], information[t - 1], 3);
        }
        var index = ReducerCatalogue.Parse("Selective-Context")!.Index(context);
        Assert.Equal(index.Segments.Select(s => information[s.Start..(s.Start + s.Length)].Average()), index.Score(Question(" who?")));
        Assert.Equal(information, ReducerCatalogue.Parse("Selective-Context unit=token")!.Index(context).Score(Question(" who?")));
        Assert.Equal([0.0], SelectiveContext.Information(context with { Before = [], Tokens = context.Tokens[..1] }));
    }

    /// <summary>Against the training forward, in float64.</summary>
    [Fact]
    public void Dense_scores_are_cosines_of_mean_states()
    {
        using var scope = NewDisposeScope();
        using var quiet = no_grad();
        var (context, question) = (Context(" Eva went to the mine. The old fox slept in the barn."), Question(" Question: where did the fox sleep? Answer:"));
        var index = ReducerCatalogue.Parse("Dense")!.Index(context);
        var asked = States(question.Tokens).mean([0]);
        var states = States(context.Tokens);
        var expected = index.Segments.Select(s => nn.functional.cosine_similarity(states.narrow(0, s.Start, s.Length).mean([0]), asked, 0).item<double>()).ToArray();
        Assert.Equal(2, expected.Length);
        Assert.All(index.Score(question).Zip(expected), pair => Assert.Equal(pair.Second, pair.First, 4));

        Tensor States(int[] tokens)
        {
            long[] ids = [.. context.Before, .. tokens];
            return Repository.Model.Decoder.Hidden(tensor(ids).unsqueeze(0), arange(ids.Length, ScalarType.Int64).unsqueeze(0))[0].narrow(0, 1, tokens.Length).to(ScalarType.Float64);
        }
    }

    [Fact]
    public void Names_are_read_back_and_wrong_ones_refused()
    {
        foreach (var entry in ReducerCatalogue.All)
        {
            var made = entry.Create();
            Assert.Equal(made.Name, ReducerCatalogue.Parse(made.Name)!.Name);
            Assert.Equal(entry.Name, ReducerCatalogue.Short(made.Name));
            Assert.Equal(entry.Name + " keep=0.5", ReducerCatalogue.Short(ReducerCatalogue.Parse(entry.Name + " keep=0.5")!.Name));
        }
        Assert.Null(ReducerCatalogue.Parse("none"));
        foreach (var wrong in (string[])["BM26", "BM25 keep=0", "BM25 keep=1.5", "Lead segment=4", "BM25 segment=0", "BM25 half"]) Assert.Throws<LabException>(() => ReducerCatalogue.Parse(wrong));
    }
}

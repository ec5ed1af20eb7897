using HeadKvLab.Evaluation.Metrics;
using HeadKvLab.Calibration;
using HeadKvLab.Models;
using HeadKvLab.Text;

namespace HeadKvLab.Tests.Calibration;

/// <summary>The published haystack protocol, on the shipped model and on the published needles with a real tokenizer.</summary>
public class ReferenceHaystackTests
{
    private static readonly Needle Hidden = new(" Mary likes walks. John likes games.", "What does Mary like?", "Mary likes walks.");

    [Fact]
    public void The_grid_is_the_published_one()
    {
        var grid = HaystackGrid.Even(0, 10_000);
        Assert.Equal([0, 2500, 5000, 7500, 10_000], grid.Lengths);
        Assert.Equal([0, 11, 22, 33, 44, 56, 67, 78, 89, 100], grid.Depths.Select(d => (int)Math.Round(100 * d, MidpointRounding.ToEven)));
        Assert.Throws<LabException>(() => HaystackGrid.Even(100, 50));
        Assert.Throws<LabException>(() => HaystackGrid.Even(-1, 50));
    }

    [Fact]
    public void A_prompt_has_the_published_marks_length_and_boundaries()
    {
        var (set, tokenizer) = (NeedleSet.Load(SharedData.At("haystack")), TextTokenizer.Load(SharedData.At("tokenizers/mistral-v0.3-tokenizer.json")));
        Assert.Equal((3, 2), (set.Retrieval.Count, set.Reasoning.Count));
        var (needle, bos) = (set.Reasoning[0], tokenizer.Encode("")[0]);
        var haystack = new ReferenceHaystack(tokenizer, 2000);
        var dots = new[] { tokenizer.IdOf("."), tokenizer.IdOf("▁.") };
        foreach (var depth in new[] { 0, 11, 56, 100 })
        {
            var prompt = haystack.Build(needle.Haystack!, needle, 1000, depth);
            var question = tokenizer.Encode($"Based on the content of the book, Question: {needle.Question}\nAnswer:", addSpecial: false).Length;
            Assert.InRange(prompt.Length, 800 + question - 8, 800 + question + 8);  // 200 tokens stay free, the question comes on top
            var (start, length) = haystack.FindAnswer(prompt, needle.Copied);
            Assert.Equal(bos, prompt[start - 1]);                                    // the mark right before the needle
            Assert.Equal(tokenizer.Encode(needle.Copied, addSpecial: false).Length, length);
            Assert.Contains("Mary's favorite thing is to take a walk", tokenizer.Decode(prompt.AsSpan(start, length)));
            if (depth == 56) Assert.Contains(prompt[start - 2], dots);               // behind a sentence; at 11 there is none before it
            Assert.Equal(depth >= 56 ? 3 : 2, prompt.TakeWhile(id => id == bos).Count()); // encoded three times; at the beginning the needle goes before the context's
        }
        // length 0: no haystack at all, the needle and the question
        var bare = haystack.Build(needle.Haystack!, needle, 0, 50);
        Assert.DoesNotContain("Paul", tokenizer.Decode(bare));
        Assert.True(bare.Length < 130);
        Assert.True(haystack.FindAnswer(bare, needle.Copied).Start is 1 or 2);
    }

    [Fact]
    public void Needles_are_found_by_their_token_sets()
    {
        var tokenizer = Repository.Model.Tokenizer;
        var haystack = new ReferenceHaystack(tokenizer, 100);
        var needle = tokenizer.Encode(" grey lamps near the tower", addSpecial: false);
        int[] prompt = [7, 7, .. needle, 8, .. needle];
        Assert.Equal((2, needle.Length), haystack.FindNeedle(prompt, " grey lamps near the tower"));   // Eq. 1: the first
        Assert.Equal((-1, 0), haystack.FindNeedle([1, 2, 3], " grey lamps near the tower"));
        var bos = tokenizer.Encode("")[0];
        Assert.Equal((3, needle.Length), haystack.FindAnswer([7, 7, bos, .. needle, 8, .. needle], " grey lamps near the tower"));   // Eq. 2: behind a mark
        Assert.Equal((4 + needle.Length, needle.Length), haystack.FindAnswer([7, 7, bos, .. needle, bos, .. needle], " grey lamps near the tower"));   // the later of equals
        Assert.Equal((-1, 0), haystack.FindAnswer([7, .. needle], " grey lamps near the tower"));
    }

    [Fact]
    public void Scoring_goes_on_after_it_was_ended_and_gives_the_same_scores()
    {
        using var folder = new TemporaryFolder();
        var (model, set) = (LanguageModel.Load(Repository.Path("data", "models", "world-4m")), NeedleSet.Load(Repository.Path("data", "suites", "needles")));
        var grid = new HaystackGrid([200], [0, 0.5, 1]);
        var needles = set.Reasoning.Take(2).ToArray();
        var whole = HeadScoring.Run(model, set, needles, grid);
        var plan = new ScoringPlan { Journal = Path.Combine(folder.Path, "journal") };

        using var stop = new CancellationTokenSource();
        Assert.Throws<OperationCanceledException>(() => HeadScoring.Run(model, set, needles, grid, plan, (done, _, _) => { if (done == 4) stop.Cancel(); }, stop.Token));
        File.AppendAllText(plan.Journal, "{\"Test\":4,\"Retr");                          // killed in the middle of a line
        var tests = new List<int>();
        var resumed = HeadScoring.Run(model, set, needles, grid, plan, (done, _, _) => tests.Add(done));
        Assert.Equal([5, 6], tests);
        Assert.Equal(whole.Reasoning.Tests, resumed.Reasoning.Tests);
        Assert.Equal(whole.Reasoning.Means().Values.ToArray(), resumed.Reasoning.Means().Values.ToArray());
        Assert.Equal(whole.Retrieval.Means().Values.ToArray(), resumed.Retrieval.Means().Values.ToArray());
        var other = new HaystackGrid([220], [0, 0.5, 1]);
        Assert.Contains("another measurement", Assert.Throws<LabException>(() => HeadScoring.Run(model, set, needles, other, plan)).Message);
    }

    [Fact]
    public void Both_forms_and_protocols_score_the_shipped_model()
    {
        var (model, set) = (LanguageModel.Load(Repository.Path("data", "models", "world-4m")), NeedleSet.Load(Repository.Path("data", "suites", "needles")));
        var (grid, needles) = (new HaystackGrid([300], [0.5]), set.Retrieval.Take(2).ToArray());
        var paper = HeadScoring.Run(model, set, needles, grid, new ScoringPlan());
        var code = HeadScoring.Run(model, set, needles, grid, new ScoringPlan(Form: ScoreForm.Code) { Recall = Rouge1.Recall });
        Assert.True(paper.Retrieval.Tests > 0 && code.Retrieval.Tests > 0);
        Assert.All(paper.Retrieval.Means().Values.ToArray(), mean => Assert.InRange(mean, 0, 1));      // over N steps nothing exceeds 1
        Assert.All(paper.Reasoning.Means().Values.ToArray(), mean => Assert.InRange(mean, 0, 1 + 1e-6));
        var published = HeadScoring.Run(model, set, [Hidden], grid, new ScoringPlan(HaystackProtocol.Reference, ScoreForm.Code) { Recall = (_, _) => 1 });
        Assert.Equal((1, 1), (published.Retrieval.Tests, published.TestsRun));
    }
}

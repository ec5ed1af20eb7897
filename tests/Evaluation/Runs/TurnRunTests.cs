using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Evaluation.Protocols;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Evaluation.Suites;
using HeadKvLab.Models;
using HeadKvLab.World;

namespace HeadKvLab.Tests.Evaluation.Runs;

/// <summary>Conversations on the bundled model.</summary>
public sealed class TurnRunTests
{
    private static readonly LanguageModel Model = Repository.Model;
    private static readonly WorldSuite World = WorldSessions.Make(WorldSplit.Validation, 512, contexts: 2, turns: 3);

    private static Variant[] Variants(params string[] methods) => [.. (new SweepPlan { Suites = ["s"], Methods = methods, Shares = [0.15] }).Checked("test").Variants(Protocol.Standard)];

    private static readonly Variant[] Some = Variants("FullKV", "SnapKV", "H2O", "SnapKV every 4", "SnapKV @int4", "FullKV +Quest budget=48", "FullKV /share(4>3)");

    private static Rows Run(Protocol protocol, Variant[] variants, SampleSuite? suite = null, Rows? into = null, int limit = 0)
    {
        into ??= new Rows();
        new EvalRunner(Model, into, 0).Run([SuiteTasks.Lay(suite ?? World.ToSessions(), protocol, Model, variants, limit)]);
        return into;
    }

    private static (string, string, int?, string, double, long, long, long?, long?, int) Told(EvalRow r) => (r.Question, r.Variant.Key, r.Turn, r.Prediction, r.Score, r.Entries, r.Bytes, r.EntriesAtEnd, r.TouchedBytes, r.PromptTokens);

    /// <summary>
    /// Context + Q1 + A1 + Q2, once as a conversation whose answers are made on clones, once as one text. Read the same way the logits are the same bits; read in one piece, by other
    /// products of matrices, they agree to 1e-4 of float32.
    /// </summary>
    [Fact]
    public void The_second_golden_turn_is_one_flat_prompt()
    {
        foreach (var context in World.Contexts)
        {
            var (q1, q2) = (context.Questions[0], context.Questions[1]);
            var first = Model.Tokenizer.Encode(context.Prompt(q1));
            var flat = Model.Tokenizer.Encode($"{context.Prompt(q1)} {q1.Answer}.{q2.Text}");
            Assert.Equal(first, flat[..first.Length]);
            using var talk = new RaggedCache(Model.CacheShape());
            var logits = Model.Engine.Prefill(first, talk);
            using (var clone = talk.Clone()) Answer.Run(Model.Engine, clone, first, logits, recomputeLast: true, 8, [], Generation.Greedy);
            SessionRun.Read(Model.Engine, talk, flat);
            using var text = new RaggedCache(Model.CacheShape());
            Model.Engine.Prefill(first, text);

            var told = First(talk.Clone(), flat);
            Assert.Equal(First(text, flat), told);
            Assert.Equal(told, First(talk, flat));
            var whole = Model.Engine.Prefill(flat);
            var range = whole.Max() - whole.Min();
            Assert.All(whole.Zip(told), pair => Assert.InRange(Math.Abs(pair.First - pair.Second), 0, 1e-4 * range));
        }

        static float[] First(RaggedCache cache, int[] ids)
        {
            using var _ = cache;
            float[] seen = [];
            Answer.Run(Model.Engine, cache, ids, [], recomputeLast: true, 1, [], scores =>
            {
                seen = scores.ToArray();
                return 0;
            });
            return seen;
        }
    }

    /// <summary>Whatever compresses turn 1: every later golden turn answers as one flat prompt that is compressed after its first question.</summary>
    [Fact]
    public void Golden_turns_are_flat_prompts_compressed_after_the_first_question()
    {
        var rows = Run(Protocol.GoldenTurns, Some);
        var flat = new List<EvalTask>();
        foreach (var context in World.Contexts)
            for (var turn = 1; turn < 3; turn++)
            {
                var question = context.Questions[turn];
                var text = context.Prompt(context.Questions[0]) + string.Concat(Enumerable.Range(1, turn).Select(t => $" {context.Questions[t - 1].Answer}.{context.Questions[t].Text}"));
                var (ids, at) = (Model.Tokenizer.Encode(text), Model.Tokenizer.Encode(context.Prompt(context.Questions[0])).Length);
                flat.Add(new("flat", "d", "h", context.Id, question.Id, () => new(ids, at) { MaxNewTokens = 12, StopIds = [Model.Tokenizer.IdOf("."), .. Model.Config.EosIds], Answers = [question.Answer], Metric = "exact_match", Score = p => p.Trim() == question.Answer ? 1 : 0 }));
            }
        var expected = new Rows();
        new EvalRunner(Model, expected, 0).Run([new EvalSet("flat", "p", flat, Some)]);
        var later = rows.All.Where(r => r.Turn > 1).ToArray();
        Assert.Equal(2 * 2 * Some.Length, later.Length);
        foreach (var row in later)
        {
            var same = expected.All.Single(r => r.Question == row.Question && r.Variant == row.Variant);
            Assert.Equal((same.Prediction, same.Score, same.PromptTokens, same.EntriesAtEnd), (row.Prediction, row.Score, row.PromptTokens, row.EntriesAtEnd));
            if (row.Variant.Schedule == Catalogue.Never) Assert.True(row.Entries > same.Entries);   // what was appended since is counted
        }
        Assert.Contains(later, r => r.Score == 1);
        Assert.Contains(later, r => r.Score == 0);
    }

    [Fact]
    public void The_first_turn_is_the_question_asked_alone()
    {
        var alone = World.ToSessions();
        alone = alone with { Sets = [.. alone.Sets.Select(set => set with { Samples = [.. set.Samples.Where(s => s.Turn == 1)] }).Where(set => set.Samples.Count > 0)] };
        var expected = Run(Protocol.Standard, Some, alone).All.Select(Told).Order().ToArray();
        Assert.Equal(2 * Some.Length, expected.Length);
        Assert.Equal(expected, Run(Protocol.GoldenTurns, Some).All.Where(r => r.Turn == 1).Select(Told).Order());
        Assert.Equal(expected, Run(Protocol.OwnTurns, Some).All.Where(r => r.Turn == 1).Select(Told).Order());
    }

    [Fact]
    public void Requests_in_any_order_give_the_same_rows()
    {
        var suite = World.ToSessions();
        var rows = Run(Protocol.Requests, Some, suite);
        var other = suite with { Sets = [.. suite.Sets.Reverse().Select(set => set with { Samples = [.. set.Samples.Reverse()] })] };
        Assert.Equal(rows.All.Select(Told).Order(), Run(Protocol.Requests, Some, other).All.Select(Told).Order());
        Assert.Equal(rows.All.Select(Told).Order(), Run(Protocol.Agnostic, Some, suite).All.Select(Told).Order());
        Assert.Equal([1, 2, 3], rows.All.Select(r => r.Turn!.Value).Distinct().Order());
    }

    /// <summary>Killed after any row: what is there stays, the rest comes out as in one go. The model's own answers are made again for it.</summary>
    [Theory, InlineData("turns-golden"), InlineData("turns-own"), InlineData("requests")]
    public void A_run_that_was_stopped_ends_like_an_unbroken_one(string protocol)
    {
        var variants = Some[..4];
        var whole = Run(Protocol.Find(protocol), variants);
        Assert.Equal(2 * 3 * variants.Length, whole.All.Count);
        for (var done = 1; done < whole.All.Count; done += 5)
        {
            var rest = new Rows();
            foreach (var row in whole.All.Take(done)) rest.Add(row);
            Assert.Equal(whole.All.Select(Told).Order(), Run(Protocol.Find(protocol), variants, into: rest).All.Select(Told).Order());
        }
        var last = new Rows();
        foreach (var row in whole.All.Where(r => r.Turn != 2)) last.Add(row);   // the one in the middle alone
        Assert.Equal(whole.All.Select(Told).Order(), Run(Protocol.Find(protocol), variants, into: last).All.Select(Told).Order());
    }

    [Theory, InlineData("turns-golden"), InlineData("turns-own")]
    public void A_budget_for_everything_changes_nothing(string protocol)
    {
        Variant[] variants = [Variant.Full, .. Variants("SnapKV", "HeadKV-R2", "KeyDiff").Where(v => !v.IsFull).Select(v => v with { Share = 1 })];
        var rows = new Rows();
        var set = SuiteTasks.Lay(World.ToSessions(), Protocol.Find(protocol), Model, [Variant.Full, .. variants.Skip(1).SelectMany(v => v.With([HeadKvLab.Calibration.CalibrationFolder.Load(Model.DirectoryName, Model.Config)]))]);
        new EvalRunner(Model, rows, 0).Run([set with { Tables = [HeadKvLab.Calibration.CalibrationFolder.Load(Model.DirectoryName, Model.Config)] }]);
        foreach (var question in rows.All.GroupBy(r => r.Question))
            Assert.Single(question.Select(r => (r.Prediction, r.Entries, r.EntriesAtEnd, r.PromptTokens)).Distinct());
    }

    /// <summary>A method that answers nothing right: its own wrong words stand before the next question, with the full stop that ended them.</summary>
    [Fact]
    public void Own_answers_stand_in_the_conversation()
    {
        var poor = Variants("StreamingLLM").Single(v => !v.IsFull) with { Share = 0.03 };
        var own = Run(Protocol.OwnTurns, [poor]).All;
        var golden = Run(Protocol.GoldenTurns, [poor]).All;
        foreach (var context in World.Contexts)
        {
            EvalRow At(List<EvalRow> rows, int turn) => rows.Single(r => r.Session == context.Id && r.Turn == turn);
            var question = Model.Tokenizer.Encode(context.Questions[1].Text, addSpecial: false).Length;
            var ended = At(own, 1).NewTokens < 12 ? 1 : 0;
            Assert.Equal(At(own, 1).PromptTokens + At(own, 1).NewTokens + ended + question, At(own, 2).PromptTokens);
            Assert.Equal(At(golden, 1).PromptTokens + Model.Tokenizer.Encode($" {context.Questions[0].Answer}.", addSpecial: false).Length + question, At(golden, 2).PromptTokens);
            Assert.NotEqual(context.Questions[0].Answer, At(own, 1).Prediction.Trim());
        }
        Assert.Equal(own.Where(r => r.Turn == 1).Select(r => r.Prediction), golden.Where(r => r.Turn == 1).Select(r => r.Prediction));
        Assert.NotEqual(own.Where(r => r.Turn > 1).Select(r => r.Prediction), golden.Where(r => r.Turn > 1).Select(r => r.Prediction));
    }

    /// <summary>A schedule counts the tokens of answers and questions that are appended: entries stay near the budget.</summary>
    [Fact]
    public void A_schedule_is_due_while_turns_are_appended()
    {
        var rows = Run(Protocol.GoldenTurns, Variants("SnapKV", "SnapKV every 4")).All;
        foreach (var session in rows.GroupBy(r => r.Session))
        {
            long Entries(string name, int turn) => session.Single(r => r.Variant.Name == name && r.Turn == turn).Entries / session.First().Heads;
            Assert.Equal(Entries("SnapKV", 1), Entries("SnapKV every 4", 1));
            Assert.InRange(Entries("SnapKV every 4", 3) - Entries("SnapKV every 4", 1), 0, 4);
            Assert.True(Entries("SnapKV", 3) - Entries("SnapKV", 1) > 30);
        }
    }

    /// <summary>The path of GPUs, on the CPU: a copy on the device grows, so that every turn reads all tokens since the first prompt.</summary>
    [Theory, InlineData("turns-golden"), InlineData("turns-own"), InlineData("requests")]
    public void Decoding_by_tensors_gives_the_same_rows(string protocol)
    {
        var byTensors = LanguageModel.Load(Model.DirectoryName);
        byTensors.Engine = new Engine(byTensors.Decoder, byTensors: true);
        var found = new Rows();
        new EvalRunner(byTensors, found, 0).Run([SuiteTasks.Lay(World.ToSessions(), Protocol.Find(protocol), byTensors, Some[..3])]);
        var expected = Run(Protocol.Find(protocol), Some[..3]).All;
        Assert.Equal(18, expected.Count);
        Assert.Equal(expected.Select(r => (r.Key, r.Prediction, r.PromptTokens, r.Entries, r.Bytes, r.NewTokens)), found.All.Select(r => (r.Key, r.Prediction, r.PromptTokens, r.Entries, r.Bytes, r.NewTokens)));
    }

    /// <summary>A chat template stands around every question of a conversation; what ends an answer stands there once, whoever wrote it.</summary>
    [Fact]
    public void A_chat_template_goes_on_with_the_conversation()
    {
        using var folder = new TemporaryFolder();
        foreach (var file in Directory.EnumerateFiles(Model.DirectoryName)) File.Copy(file, Path.Combine(folder.Path, Path.GetFileName(file)));
        File.WriteAllText(Path.Combine(folder.Path, "chat_template.jinja"), "{% for m in messages %}{% if m['role'] == 'user' %} Question: {{ m['content'] | trim }} Answer:{% else %} {{ m['content'] | trim }}.{% endif %}{% endfor %}");
        var model = LanguageModel.Load(folder.Path);
        var set = new SampleSet(KnownDatasets.Find("scbench_kv"), "{context}\n\n{input}", [Turn(1, "what is red?", "one house"), Turn(2, "what is blue?", "two ships")]) { StopToken = "." };
        Assert.Equal(". Question: what is blue? Answer:", model.Tokenizer.Decode(Protocol.GoldenTurns.Next(model, set, set.Samples[1])));
        Assert.Equal("\n\nwhat is blue?", Model.Tokenizer.Decode(Protocol.GoldenTurns.Next(Model, set, set.Samples[1])));
        foreach (var protocol in (Protocol[])[Protocol.GoldenTurns, Protocol.OwnTurns])
        {
            var rows = new Rows();
            new EvalRunner(model, rows, 0).Run([SuiteTasks.Lay(new("s", [set]), protocol, model, [Variant.Full])]);
            var (first, second) = (rows.All.Single(r => r.Turn == 1), rows.All.Single(r => r.Turn == 2));
            var answer = protocol.Turns == TurnAnswers.Golden ? model.Tokenizer.Encode("one house", addSpecial: false).Length : first.NewTokens;
            Assert.InRange(first.NewTokens, 1, 149);   // it ended with its stop token, which the template writes
            Assert.Equal(first.PromptTokens + answer + model.Tokenizer.Encode(". Question: what is blue? Answer:", addSpecial: false).Length, second.PromptTokens);
        }

        static Sample Turn(int turn, string input, string answer) => new($"c-t{turn}", "The red thing of Eva is one house. The blue thing of Gus is two ships.", input, [answer]) { Session = "c", Turn = turn };
    }

    [Fact]
    public void A_limit_takes_whole_conversations()
    {
        var rows = Run(Protocol.GoldenTurns, [Variant.Full], limit: 1).All;
        Assert.Equal([(World.Contexts[0].Id, 1), (World.Contexts[0].Id, 2), (World.Contexts[0].Id, 3)], rows.Select(r => (r.Session!, r.Turn!.Value)));
    }

    [Fact]
    public void What_cannot_be_a_conversation_is_refused()
    {
        var flat = WorldSuite.Make(WorldSplit.Validation, 384, 1).ToSamples();
        foreach (var protocol in (Protocol[])[Protocol.GoldenTurns, Protocol.OwnTurns, Protocol.Requests])
            Assert.Contains("these stand alone", Assert.Throws<LabException>(() => Run(protocol, [Variant.Full], flat)).Message);
        var endless = World.ToSessions();
        endless = endless with { Sets = [.. endless.Sets.Select(set => set with { Dataset = set.Dataset with { MaxNewTokens = 3000 } })] };
        Assert.Contains("leave no room for a prompt", Assert.Throws<LabException>(() => Run(Protocol.GoldenTurns, [Variant.Full], endless)).Message);
    }

    private sealed class Rows : IRowStore
    {
        internal List<EvalRow> All { get; } = [];

        public bool Has(string key) => All.Exists(row => row.Key == key);

        public void Add(EvalRow row) => All.Add(row);
    }
}

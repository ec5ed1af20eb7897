using System.Security.Cryptography;
using HeadKvLab.Evaluation;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Models;
using HeadKvLab.Training.World;

namespace HeadKvLab.Cli;

/// <summary>Finds the suites that commands name and lays them out for one model.</summary>
internal static class SuiteSource
{
    /// <summary>The sets of a plan: every suite under every protocol.</summary>
    /// <exception cref="LabException">A suite or protocol is unknown, or its data are missing or broken.</exception>
    internal static IReadOnlyList<EvalSet> Open(SweepPlan plan, LanguageModel model) =>
        [.. from suite in plan.Suites
            from protocol in plan.Protocols.Count > 0 ? plan.Protocols : ["repaired"]
            select World(suite, protocol, plan, model)];

    private static EvalSet World(string path, string protocol, SweepPlan plan, LanguageModel model)
    {
        if (protocol is not ("paper" or "repaired" or "agnostic")) throw new LabException($"protocol '{protocol}' is unknown: use paper, repaired or agnostic");
        var suite = WorldSuite.Load(path).ToQuestions().Take(plan.Limit > 0 ? plan.Limit : int.MaxValue);
        var first = plan.FirstToken == "full-first" || (plan.FirstToken is null && protocol == "paper") ? FirstToken.FullFirst : FirstToken.RecomputeLast;
        return new EvalSet(suite.Name, protocol, HashOf(path),
        [
            .. from context in suite.Contexts
               from question in context.Questions
               select new EvalTask(suite.Name, question.Family, context.Id, question.Id, () => Prepare(model, context, question, protocol, first)),
        ]);
    }

    private static PreparedPrompt Prepare(LanguageModel model, QuestionContext context, Evaluation.Question question, string protocol, FirstToken first)
    {
        var (before, after) = (model.Tokenizer.Encode(context.Text), model.Tokenizer.Encode(question.Text, addSpecial: false));
        var expected = model.Tokenizer.Encode(" " + question.Answer, addSpecial: false);
        return new PreparedPrompt([.. before, .. after], protocol == "agnostic" ? before.Length : before.Length + after.Length)
        {
            MaxNewTokens = expected.Length + 2,
            StopIds = [model.Tokenizer.IdOf("."), .. model.Config.EosIds],
            FirstToken = first,
            Answers = [question.Answer],
            Metric = "exact-match",
            Score = prediction => prediction.Trim() == question.Answer ? 1 : 0,
        };
    }

    private static string HashOf(string path)
    {
        using var file = File.OpenRead(path);
        return Convert.ToHexStringLower(SHA256.HashData(file))[..16];
    }
}

using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Compression;
using HeadKvLab.Calibration;
using HeadKvLab.World;

namespace HeadKvLab.Tests.Evaluation;

public sealed class PromptTrialTests
{
    [Fact]
    public void Masks_are_counted_by_hand()
    {
        // 1 layer, 2 heads, 4 positions: head 0 keeps 0 and 3, head 1 keeps 2 and 3.
        var kept = new bool[1, 2, 4];
        kept[0, 0, 0] = kept[0, 0, 3] = kept[0, 1, 2] = kept[0, 1, 3] = true;
        var trial = new PromptTrial("m", kept, "", 4, 0);
        Assert.Equal([0.5, 0, 0.5, 1], trial.Shares());
        Assert.Equal(1, trial.HeadsHolding(2, 2));
        Assert.Equal(2, trial.HeadsHolding(3, 1));
        Assert.Equal(new[,] { { 0.5, 1 } }, trial.ShareKept(2, 2));
        Assert.Equal(new[,] { { 2, 2 } }, trial.Counts());
        Assert.Equal(0.25 * 0.5 + 0.75, trial.ImportanceHolding(new HeadImportance(1, 2, [1, 3]), 2, 2), 12);
    }

    [Fact]
    public void On_the_bundled_model_masks_have_the_entries_and_the_full_budget_gives_the_full_answer()
    {
        var model = Repository.Model;
        var importances = CalibrationFolder.Load(Repository.Path("data", "models", "world-4m"), model.Config);
        var context = WorldSuite.Make(WorldSplit.Validation, 384, 2).Contexts[0];
        var prompt = model.Tokenizer.Encode(context.Prompt(context.Questions[0]));
        Method[] methods = [.. new[] { "FullKV", "SnapKV", "HeadKV-R2", "RazorAttention" }.Select(name => Catalogue.Find(name).Create(null, importances))];
        var small = PromptTrial.Run(model, prompt, methods, new Budget(24));
        Assert.Equal(methods.Select(m => m.Name), small.Select(t => t.Method));
        var heads = model.Config.Layers * model.Config.KvHeads;
        Assert.Equal([(long)heads * prompt.Length, heads * 24L, heads * 24L, heads * 24L], small.Select(t => t.Entries));
        Assert.All(small.Where(t => t.Method != "RazorAttention"), t => Assert.Equal(t.Entries, t.Counts().Cast<int>().Sum()));
        Assert.True(small[3].Counts().Cast<int>().Sum() < small[3].Entries); // summaries stand at no position
        Assert.All(small, t => Assert.Equal(heads, t.HeadsHolding(prompt.Length - 8, 8)));
        var all = PromptTrial.Run(model, prompt, methods, new Budget(prompt.Length));
        Assert.Single(all.Select(t => t.Answer).Distinct());
        Assert.Throws<LabException>(() => PromptTrial.Run(model, prompt, methods, new Budget(24, Granularity: Granularity.QueryHead)));
    }
}

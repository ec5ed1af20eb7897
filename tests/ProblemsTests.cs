using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Tests.Models;

namespace HeadKvLab.Tests;

/// <summary>All that is wrong with a plan is told at once, before anything runs.</summary>
public sealed class ProblemsTests
{
    [Fact]
    public void One_problem_is_a_sentence_and_several_are_a_list()
    {
        var problems = new Problems();
        problems.Throw("here");
        problems.Check(() => throw new LabException("a"));
        Assert.Equal("here: a", Told(problems, "here"));
        problems.Add("b");
        problems.Add("a");
        Assert.Equal("here: 2 problems:\n- a\n- b", Told(problems, "here"));
        Assert.Equal("2 problems:\n- a\n- b", Told(problems, null));
    }

    [Fact]
    public void Problems_of_a_part_stand_among_those_of_the_whole()
    {
        var (part, whole) = (new Problems(), new Problems());
        part.Add("b");
        part.Add("c");
        whole.Add("a");
        whole.Check(() => part.Throw("part"));
        whole.Check(() => part.Throw());
        Assert.Equal("whole: 5 problems:\n- a\n- part: b\n- part: c\n- b\n- c", Told(whole, "whole"));
        Assert.Equal([2, 4], new Problems().Each([1, 2], i => 2 * i));
        Assert.Equal([1, 3], whole.Each([1, 2, 3], i => i != 2 ? i : throw new LabException("two")));
        Assert.Contains("\n- two", Told(whole, null), StringComparison.Ordinal);
    }

    [Fact]
    public void A_failure_that_is_no_input_s_is_not_collected() =>
        Assert.Throws<InvalidOperationException>(() => new Problems().Check(() => throw new InvalidOperationException()));

    [Fact]
    public void A_plan_names_every_fault_it_has_before_a_model_is_loaded()
    {
        var plan = new SweepPlan { Suites = [], Methods = ["SnapVK", "SnapKV beta=2", "HeadKV-R2"], Protocols = ["standard", "nosuch"], Lengths = [3], Limit = -1, Type = "float8" };
        var told = Assert.ThrowsAny<LabException>(() => plan.Checked("sweep.json")).Message;
        string[] wanted = ["sweep.json: 7 problems:", "- no suite is named", "- lengths of generated prompts", "- limit -1", "'nosuch'", "'float8'", "- method 'SnapVK' is unknown", "- SnapKV takes no setting 'beta'"];
        foreach (var one in wanted) Assert.Contains(one, told, StringComparison.Ordinal);
        Assert.Equal(8, told.Split('\n').Length);
    }

    [Fact]
    public void Budgets_too_small_are_all_told()
    {
        var plan = new SweepPlan { Suites = ["ruler"], Methods = ["SnapKV"], KvSizes = [4, 64, 6] };
        var told = Assert.ThrowsAny<LabException>(() => plan.Checked("sweep.json")).Message;
        Assert.Contains("2 problems:", told, StringComparison.Ordinal);
        Assert.Contains("KV size 4:", told, StringComparison.Ordinal);
        Assert.Contains("KV size 6:", told, StringComparison.Ordinal);
    }

    [Fact]
    public void Suites_and_tables_that_are_not_there_are_told_together_with_the_model()
    {
        using var files = new TestFiles();
        var plan = new SweepPlan { Suites = ["nosuch.jsonl", "data/suites/gone.jsonl"], Methods = ["SnapKV", "DuoAttention", "HeadKV-R2"], KvSizes = [64], Model = files.Folder };
        var told = Assert.ThrowsAny<LabException>(() => SuiteTasks.Open(plan, Repository.Model, null)).Message;
        Assert.StartsWith("4 problems:", told, StringComparison.Ordinal);
        foreach (var one in (string[])["nosuch.jsonl", "gone.jsonl", "DuoAttention needs DuoAttention's gates", "HeadKV-R2 needs head scores"]) Assert.Contains(one, told, StringComparison.Ordinal);
    }

    private static string Told(Problems problems, string? origin) => Assert.ThrowsAny<LabException>(() => problems.Throw(origin)).Message;
}

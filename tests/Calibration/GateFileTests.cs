using HeadKvLab.Calibration;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Allocators;
using HeadKvLab.Compression.Scorers;
using HeadKvLab.Tests.Models;

namespace HeadKvLab.Tests.Calibration;

/// <summary>DuoAttention's gates in the file format of its authors, and what they make heads keep.</summary>
public sealed class GateFileTests : IDisposable
{
    private readonly TestFiles _files = new();

    public void Dispose() => _files.Dispose();

    private string Write(string text) => _files.Write("full_attention_heads.tsv", text);

    private string Refused(string text, int? layers = null, int? kvHeads = null) => Assert.Throws<LabException>(() => GateFile.Read(Write(text), layers, kvHeads)).Message;

    [Fact]
    public void A_line_is_a_layer_and_what_training_left_outside_of_0_to_1_is_clipped()
    {
        var gates = GateFile.Read(Write("9.5e-01\t-2.25e-05\r\n1.25\t0.5\n"), 2, 2);
        Assert.Equal([0.95, 0, 1, 0.5], gates.Values.ToArray());
        Assert.EndsWith("full_attention_heads.tsv", gates.Source, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_no_gate_is_refused_with_its_place()
    {
        Assert.Contains("line 2, KV head 1: 'x' is no gate", Refused("1\t0\n1\tx\n"));
        Assert.Contains("line 1, KV head 0: 'nan' is no gate", Refused("nan\t0\n"));
        Assert.Contains("line 1, KV head 0: '0.5 0.5' is no gate", Refused("0.5 0.5\n"));
        Assert.Contains("line 2 has 1 gates, line 1 has 2", Refused("1\t0\n1\n"));
        Assert.Contains("gates of 1 layers of 2 KV heads, the model has 2 of 2", Refused("1\t0\n", 2, 2));
        Assert.Contains("gates of 1 layers of 2 KV heads, the model has 1 of 4", Refused("1\t0\n", 1, 4));
        Assert.Contains("all gates are zero", Refused("0\t-1e-6\n"));
        Assert.Contains("holds no gates", Refused("\n"));
        Assert.Contains("cannot be read", Assert.Throws<LabException>(() => GateFile.Read(Path.Combine(_files.Folder, "none.tsv"))).Message);
    }

    [Fact]
    public void The_published_gates_of_two_models_split_their_heads_in_half()
    {
        var shared = SharedData.At("head-scores");
        foreach (var name in (string[])["Llama-3-8B-Instruct-Gradient-1048k", "Mistral-7B-Instruct-v0.2"])
        {
            var gates = GateFile.Read(Path.Combine(shared, $"duo-{name}-full_attention_heads.tsv"), 32, 8);
            var method = Catalogue.Find("DuoAttention").Create(null, CalibrationTables.None.With(TableKinds.DuoGates, gates));
            var entries = PromptAllocation.OfModel(method, BudgetRule.AsPublished, new BudgetFrame(32, 8, 10_000, 8, 120, 128 * 256));
            Assert.Equal(256, entries.Count(kept => kept is 9992 or 64 + 248));
            Assert.Equal(130, entries.Count(kept => kept == 9992));   // half of 256, and two gates equal to the quantile
        }
    }

    [Fact]
    public void A_folder_s_gates_are_found_by_the_authors_name_and_a_missing_file_is_told_with_the_cure()
    {
        var heads = Directory.CreateDirectory(Path.Combine(_files.Folder, "heads")).FullName;
        var config = Repository.Model.Config;
        var duo = Catalogue.Find("DuoAttention");
        Assert.False(duo.IsReady(CalibrationFolder.Load(_files.Folder, config)));
        Assert.Contains("DuoAttention needs DuoAttention's gates: put the file full_attention_heads.tsv", Assert.Throws<LabException>(() => duo.Create(null, CalibrationFolder.Load(_files.Folder, config))).Message);

        var row = string.Join('\t', Enumerable.Range(1, config.KvHeads).Select(i => $"0.{i}"));
        File.WriteAllText(Path.Combine(heads, "full_attention_heads.tsv"), string.Join('\n', Enumerable.Repeat(row, config.Layers)));
        foreach (var tables in (CalibrationTables[])[CalibrationFolder.Load(_files.Folder, config), CalibrationFolder.Open(heads, config), CalibrationFolder.Open(Path.Combine(heads, "full_attention_heads.tsv"), config)])
        {
            Assert.Equal(0.2, tables.Get(TableKinds.DuoGates)[config.Layers - 1, 1]);
            Assert.Null(tables.Find(TableKinds.Retrieval));
            Assert.Equal(tables.Get(TableKinds.DuoGates).Hash, duo.TablesOf(tables)["duo-gates"]);
        }
    }

    /// <summary>The published form knows no budget: a prompt that would fit into one is cut all the same; under an equal total it is kept whole, and so it is where streaming heads hold all of it.</summary>
    [Fact]
    public void A_budget_larger_than_the_prompt_saves_it_only_under_an_equal_total()
    {
        var method = Catalogue.Find("DuoAttention").Create(new(("sinks", 2), ("recent", 11)), CalibrationTables.None.With(TableKinds.DuoGates, new HeadImportance(1, 2, [0.9, 0.1])));
        var published = new PromptAllocation(method, new Budget(500, 8, BudgetRule.AsPublished), 1, 2, 2, 100);
        Assert.False(published.KeepsAll);
        Assert.Equal([100, 13], published.Select(default, new HeadRows<float>(new float[200], 2, 100)).Select(kept => kept.Length));
        Assert.True(new PromptAllocation(method, new Budget(500, 8, BudgetRule.EqualEntries), 1, 2, 2, 100).KeepsAll);
        Assert.True(new PromptAllocation(method, new Budget(500, 8, BudgetRule.AsPublished), 1, 2, 2, 13).KeepsAll);
        Assert.False(new PromptAllocation(method, new Budget(500, 8, BudgetRule.AsPublished), 1, 2, 2, 14).KeepsAll);
    }

    [Fact]
    public void Heads_of_low_gate_keep_sinks_and_recent_tokens()
    {
        var gates = new HeadImportance(1, 2, [0.9, 0.1]);
        var method = Catalogue.Find("DuoAttention").Create(new(("sinks", 2), ("recent", 11)), CalibrationTables.None.With(TableKinds.DuoGates, gates));
        Assert.Equal(new Duo(gates, 0.5, 2, 11), method.Share);
        Assert.Equal(new SinksAndRecent(2), method.Scorer);
        Assert.Equal([92, 5], PromptAllocation.OfModel(method, BudgetRule.AsPublished, new BudgetFrame(1, 2, 100, 8, 12, 40)));   // 2 sinks, 11 recent, 8 of them the window
    }
}

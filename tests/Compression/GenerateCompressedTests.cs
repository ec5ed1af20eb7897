using HeadKvLab.Cache;
using HeadKvLab.Calibration;
using HeadKvLab.Compression;
using HeadKvLab.Evaluation.Runs;
using HeadKvLab.Models;
using HeadKvLab.World;

namespace HeadKvLab.Tests.Compression;

/// <summary><c>lab generate --method</c>: one's own prompt on a compressed cache, as an evaluation would answer it.</summary>
[Collection("console")]
public sealed class GenerateCompressedTests
{
    private static readonly WorldContext Context = WorldSuite.Make(WorldSplit.Validation, 384, 4).Contexts[0];

    private static (string Prompt, int[] Ids) Asked()
    {
        var prompt = Context.Prompt(Context.Questions.First(q => q.Answer.Contains(' ')));
        return (prompt, Repository.Model.Tokenizer.Encode(prompt));
    }

    [Theory]
    [InlineData("HeadKV-R2"), InlineData("KV-Compress every 3"), InlineData("FastGen every 2"), InlineData("SnapKV kernel=5 grown 4")]
    public void It_writes_what_the_method_answers(string text)
    {
        var model = Repository.Model;
        var policy = CachePolicy.Parse(text, CalibrationFolder.Load(model.DirectoryName, model.Config));
        var (budget, ids) = (new Budget(40), Asked().Ids);
        using var writer = new TextGenerator(model.DirectoryName);
        Compressor Compress(CacheShape shape) => new(policy, budget, shape, model.Config.QueryHeads);
        var written = writer.Write(ids, writer.Settings with { Sample = false, MaxNewTokens = 8 }, compress: Compress);
        using var compressor = Compress(model.CacheShape());
        model.Engine.Prefill(ids, null, compressor);
        using var cache = compressor.TakeCache();
        Assert.Equal((cache.Entries, cache.StoredBytes), (written.Entries, written.Bytes));
        Assert.Equal(Answer.Run(model.Engine, cache, ids, [], recomputeLast: true, 8, [.. writer.Settings.StopIds], Generation.Greedy).Ids, written.Ids);
        Assert.Equal(cache.Entries, written.EntriesAtEnd);
    }

    [Fact]
    public void A_budget_for_the_whole_prompt_writes_what_the_full_cache_does()
    {
        using var writer = new TextGenerator(Repository.Model.DirectoryName);
        var ids = Asked().Ids;
        var settings = writer.Settings with { Sample = false, MaxNewTokens = 12 };
        var full = writer.Write(ids, settings);
        var kept = writer.Write(ids, settings, compress: shape => new Compressor(Catalogue.Find("SnapKV").Create(), new Budget(ids.Length), shape, writer.Config.QueryHeads));
        Assert.Equal(full.Ids, kept.Ids);
        Assert.Equal((full.Entries, full.Bytes, full.EntriesAtEnd), (kept.Entries, kept.Bytes, kept.EntriesAtEnd));
    }

    [Fact]
    public void The_program_says_what_was_kept()
    {
        var (prompt, ids) = Asked();
        var heads = Repository.Model.Config.Layers * Repository.Model.Config.KvHeads;
        var (code, _, figures) = CommandTests.Lab("generate", "--model", Repository.Model.DirectoryName, "--prompt", prompt, "--greedy", "-n", "5", "--method", "SnapKV every 1", "--kv-size", "32");
        Assert.Equal(0, code);
        Assert.Contains(FormattableString.Invariant($"{32 * heads:N0} entries kept of the prompt, {32 * heads * 256 / 1024:N0} KiB, {32.0 / ids.Length:P1} of the full cache; {32 * heads:N0} at the end; "), figures);
        (code, _, figures) = CommandTests.Lab("generate", "--model", Repository.Model.DirectoryName, "--prompt", prompt, "--greedy", "-n", "5", "--method", "FullKV +Quest budget=48 full-layers=0");
        Assert.Equal(0, code);
        Assert.Contains(FormattableString.Invariant($"{ids.Length * heads:N0} entries kept of the prompt"), figures);
        Assert.Matches(@"; \d+ KiB read for a token", figures);
    }

    [Theory]
    [InlineData("give it, for example --kv-size 128", "--method", "SnapKV"), InlineData("--kv-size does nothing here", "--kv-size", "64"), InlineData("it keeps and reads everything", "--method", "FullKV"), InlineData("--kv-size does nothing here: FullKV keeps everything", "--method", "FullKV +Quest budget=48", "--kv-size", "64"), InlineData("method 'Snap' is unknown", "--method", "Snap", "--kv-size", "64"),
        InlineData("use as-published, or a schedule", "--method", "FastGen published", "--kv-size", "64"), InlineData("window 8 is larger than KV size 4", "--method", "SnapKV", "--kv-size", "4"), InlineData("needs DuoAttention's gates", "--method", "DuoAttention", "--kv-size", "64")]
    public void What_cannot_be_compressed_is_refused(string words, params string[] arguments)
    {
        var (code, _, error) = CommandTests.Lab(["generate", "--model", Repository.Model.DirectoryName, "--prompt", "Anna", "-n", "1", .. arguments]);
        Assert.Equal(2, code);
        Assert.Contains(words, error);
    }
}

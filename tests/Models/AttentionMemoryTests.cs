using HeadKvLab.Cache;
using HeadKvLab.Compression;
using HeadKvLab.Compression.Scorers;
using HeadKvLab.Models;
using HeadKvLab.Profiling.Runs;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Models;

/// <summary>
/// Attention never holds its n x n matrices: the peak memory of a process that attends over 8,192 tokens grows by less than one head's (256 MiB), whichever
/// way it is computed. H2O's scoring, to which all queries contribute, takes a fixed number of probabilities at a time: less than the four heads' (1 GiB).
/// </summary>
public sealed class AttentionMemoryTests(ITestOutputHelper output)
{
    private const int QueryHeads = 4, Dim = 16;

    [Theory]
    [InlineData("kernel", 1), InlineData("fused", 1), InlineData("sums", 1), InlineData("tensors", 1), InlineData("window", 1), InlineData("H2O", QueryHeads)]
    public void NothingGrowsWithTheSquareOfThePrompt(string path, int heads)
    {
        Assert.SkipUnless(ProcessMemory.CanWatch, "this system does not tell a process's peak memory");
        var (code, said) = Child.Start("attention", path, "8192").End();
        Assert.True(code == 0, said);
        var grown = long.Parse(said);
        output.WriteLine($"{path}: {grown >> 20} MiB");
        Assert.InRange(grown, 1L << 20, heads * 4L * 8192 * 8192 - 1);
    }

    /// <summary>In a process of its own: attends once over a short prompt, so that everything is loaded, then over the long one; says how much the peak grew, bytes.</summary>
    internal static int Measure(string path, int tokens)
    {
        using var quiet = no_grad();
        Attend(path, 256);
        ProcessMemory.Reset();
        var before = ProcessMemory.Resident;
        Attend(path, tokens);
        Console.Error.Write(ProcessMemory.Peak - before);
        return 0;
    }

    private static void Attend(string path, int n)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(1);
        var (queryHeads, kvHeads) = path == "H2O" ? (QueryHeads, 2) : (2, 1);
        var (q, k, v) = (randn([1, queryHeads, n, Dim], generator: generator), randn([1, kvHeads, n, Dim], generator: generator), randn([1, kvHeads, n, Dim], generator: generator));
        if (path == "H2O") new H2O().Score(new LayerView(0, k[0], v[0], q[0], 0.18f), 8, new HeadRows<float>(new float[kvHeads * n], kvHeads, n));
        else if (path is "kernel" or "sums") PromptAttention.Causal(q, k, v, 0.18f, null, path == "sums" ? [AttentionSum.Received] : []);
        else if (path == "fused") PromptAttention.Fused(q, k, v, 0.18f);
        else PromptAttention.ByTensors(q, k, v, 0.18f, path == "window" ? n / 2 : null);
    }
}

using System.Runtime.InteropServices;
using HeadKvLab.Cache;
using HeadKvLab.Models;

namespace HeadKvLab.Tests.Models;

/// <summary>What is refused before a model runs: prompts that it cannot take, and numbers that are none.</summary>
public sealed class PromptCheckTests
{
    private static readonly ModelConfig Config = new()
    {
        Architecture = "LlamaForCausalLM", VocabSize = 97, HiddenSize = 8, IntermediateSize = 12, Layers = 1, QueryHeads = 2, KvHeads = 1, HeadDim = 4, MaxPositions = 10,
    };

    private static string Refused(int[] ids, int start, ScorerNeeds needs) => Assert.Throws<LabException>(() => PromptChecks.Check(Config, ids, start, needs)).Message;

    [Fact]
    public void APromptMayFillTheContextAndNoMore()
    {
        PromptChecks.Check(Config, new int[10], 0, ScorerNeeds.None);
        PromptChecks.Check(Config, new int[7], 3, ScorerNeeds.None);
        Assert.StartsWith("prompt: 11 tokens exceed the model's context of 10", Refused(new int[11], 0, ScorerNeeds.None));
        Assert.StartsWith("prompt: 12 tokens exceed the model's context of 10", Refused(new int[7], 5, ScorerNeeds.None));
        Assert.StartsWith("prompt: it holds 0 tokens", Refused([], 5, ScorerNeeds.None));
    }

    [Fact]
    public void IdsLieInTheVocabulary()
    {
        PromptChecks.Check(Config, [0, 96], 3, ScorerNeeds.None);
        Assert.StartsWith("prompt: id 97 at token 4 is outside the vocabulary of 97", Refused([1, 97], 3, ScorerNeeds.None));
        Assert.StartsWith("prompt: id -1 at token 0 is outside", Refused([-1], 0, ScorerNeeds.None));
        Assert.Equal([3L, -1], PromptChecks.Widen([3, -1]));
    }

    /// <summary>The queries of a cached beginning are gone: what follows must hold all that a method looks at.</summary>
    [Fact]
    public void ALastPieceHoldsTheQueriesThatAreWanted()
    {
        PromptChecks.Check(Config, new int[3], 0, new ScorerNeeds(8) { Sums = [AttentionSum.Received], Kinds = true });       // a whole prompt has what it has
        PromptChecks.Check(Config, new int[3], 5, new ScorerNeeds(3));
        Assert.StartsWith("prompt: the method looks at 4 queries, but the prompt continues a cached one by only 3 tokens", Refused(new int[3], 5, new ScorerNeeds(4)));
        Assert.StartsWith("prompt: the method looks at all queries, but", Refused(new int[3], 5, new ScorerNeeds(4) { Sums = [AttentionSum.Received] }));
        Assert.StartsWith("prompt: the method looks at the kinds of all tokens, but", Refused(new int[3], 5, new ScorerNeeds(3) { Kinds = true }));
    }

    /// <summary>One number in many that is not finite is found wherever it lies among the lanes of a vector; large, tiny and negative ones are finite.</summary>
    [Theory]
    [InlineData("F32"), InlineData("BF16"), InlineData("F16"), InlineData("F64")]
    public void TheFirstNumberThatIsNotFiniteIsFound(string type)
    {
        foreach (var wrong in (double[])[double.NaN, double.PositiveInfinity, double.NegativeInfinity])
            for (var at = 0; at < 70; at++)
            {
                double[] numbers = [.. Enumerable.Range(0, 70).Select(i => i % 3 == 0 ? 60000.0 : i % 3 == 1 ? -1e-7 : 0)];
                Assert.Equal(-1, NonFinite.First(Bytes(numbers, type), type));
                (numbers[at], numbers[69]) = (wrong, at % 2 == 0 || at == 69 ? wrong : numbers[69]);
                Assert.Equal(at, NonFinite.First(Bytes(numbers, type), type));
            }
        Assert.Equal(-1, NonFinite.First(Bytes([double.NaN], type), "I32"));
    }

    private static byte[] Bytes(double[] numbers, string type) => type switch
    {
        "F32" => MemoryMarshal.AsBytes<float>(numbers.Select(n => (float)n).ToArray()).ToArray(),
        "F16" => MemoryMarshal.AsBytes<Half>(numbers.Select(n => (Half)n).ToArray()).ToArray(),
        "BF16" => MemoryMarshal.AsBytes<ushort>(numbers.Select(n => (ushort)(BitConverter.SingleToUInt32Bits((float)n) >> 16)).ToArray()).ToArray(),
        _ => MemoryMarshal.AsBytes<double>(numbers).ToArray(),
    };
}

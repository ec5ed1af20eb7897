using System.Text.Json;
using HeadKvLab.Cache;
using HeadKvLab.Models;
using HeadKvLab.Tests.Models.Llama2c;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Models;

/// <summary>Real trained weights, imported from llama2.c form, must generate the ids and the text published with them.</summary>
public sealed class GoldenModelTests : IDisposable
{
    private readonly TestFiles files = new();
    private readonly DisposeScope scope = torch.NewDisposeScope();

    public void Dispose()
    {
        scope.Dispose();
        files.Dispose();
    }

    [Theory]
    [InlineData(0)] // stories260K: grouped queries
    [InlineData(1)] // aidreams260K: multi-head
    public void TinyModelsGenerateTheirPublishedText(int index)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Repository.Path("tests", "fixtures", "golden", "greedy-tiny-models.json")));
        var model = json.RootElement[index];
        var ids = model.GetProperty("greedyIds").EnumerateArray().Select(id => id.GetInt32()).ToArray();
        Llama2cImport.Run(SharedData.At(model.GetProperty("weights").GetString()!), SharedData.FixtureOr(model.GetProperty("tokenizer").GetString()!), files.Folder);

        using var writer = new TextGenerator(files.Folder);
        var streamed = "";
        var found = writer.Write(writer.Encode(""), writer.Settings with { MaxNewTokens = ids.Length }, piece => streamed += piece);
        Assert.Equal(ids, found.Ids);
        Assert.Equal(model.GetProperty("text").GetString()!.TrimStart(), found.Text.TrimStart());
        Assert.Equal(found.Text, streamed);
    }

    /// <summary>A thousand whole prompts: half by the kernel, half as tensor operators with their gradients.</summary>
    [Fact]
    public void AThousandForwardStepsLeaveNoTensorBehind()
    {
        using var folder = ModelFolder.Open(TestFiles.Fixture("models", "qwen3"));
        using var decoder = folder.LoadDecoder();
        Run(2);
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        Run(500);
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);

        void Run(int steps)
        {
            for (var i = 0; i < steps; i++) decoder.Prefill([1, 2, 3, 4], allLogits: true).Dispose();
            using var recording = enable_grad();
            for (var i = 0; i < steps; i++)
            {
                using var scope = NewDisposeScope();
                Tensor ids = tensor(new long[] { 1, 2, 3, 4 }, 1, 4), places = arange(0, 4, ScalarType.Int64).view(1, 4);
                decoder.Logits(decoder.Hidden(ids, places)).sum().requires_grad_().backward();
            }
        }
    }

    /// <summary>The same through 1,000 decode steps: the live-tensor count does not move.</summary>
    [Fact]
    public void DecodingLeavesNoTensorBehind()
    {
        using var folder = ModelFolder.Open(TestFiles.Fixture("models", "qwen3"));
        using var decoder = folder.LoadDecoder();
        var step = new DecodeStep(decoder);
        var shape = new CacheShape(folder.Config.Layers, folder.Config.KvHeads, folder.Config.HeadDim);
        Run(2);
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (var i = 0; i < 10; i++) Run(100);
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);

        void Run(int tokens)
        {
            using var cache = new RaggedCache(shape);
            decoder.Prefill([1, 2, 3], cache).Dispose();
            for (var i = 0; i < tokens; i++) step.Run(i % 64, cache);
        }
    }

    [Fact]
    public void RefusesPromptsAModelCannotRun()
    {
        using var folder = ModelFolder.Open(TestFiles.Fixture("models", "llama"));
        using var decoder = folder.LoadDecoder();
        Assert.Contains("0 tokens", Refusal([]));
        Assert.Contains("129 tokens exceed the model's context of 128", Refusal(new int[129]));
        Assert.Contains("id 64 at token 1 is outside the vocabulary of 64", Refusal([1, 64]));

        string Refusal(int[] ids) => Assert.Throws<LabException>(() => decoder.Prefill(ids)).Message;
    }
}

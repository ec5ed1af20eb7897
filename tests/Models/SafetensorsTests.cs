using HeadKvLab.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Models;

public sealed class SafetensorsTests : IDisposable
{
    private readonly TestFiles files = new();
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose()
    {
        scope.Dispose();
        files.Dispose();
    }

    [Theory]
    [InlineData(ScalarType.Float64)]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.Float16)]
    [InlineData(ScalarType.BFloat16)]
    [InlineData(ScalarType.Int64)]
    [InlineData(ScalarType.Int32)]
    [InlineData(ScalarType.Int16)]
    [InlineData(ScalarType.Int8)]
    [InlineData(ScalarType.Byte)]
    [InlineData(ScalarType.Bool)]
    public void WritesAndReadsEveryType(ScalarType type)
    {
        var values = arange(0, 24).reshape(2, 3, 4).to_type(type);
        SafetensorsWriter.Write(files.Path("a.safetensors"), [("x", values)], new Dictionary<string, string> { ["why"] = "a test" });
        using var file = SafetensorsFile.Open(files.Path("a.safetensors"));
        var read = file.Load("x");
        Assert.Equal(type, read.dtype);
        Assert.Equal([2, 3, 4], read.shape);
        Assert.True(values.bytes.SequenceEqual(read.bytes));
        Assert.Equal("a test", file.Metadata["why"]);
        using var mapped = file.Map("x");
        Assert.True(values.bytes.SequenceEqual(mapped.Slice<byte>(0, (int)mapped.Length)));
    }

    [Fact]
    public void ConvertsWhileLoading()
    {
        SafetensorsWriter.Write(files.Path("a.safetensors"), [("x", tensor(new float[] { 1, -2.5f, 3 }).to_type(ScalarType.BFloat16))]);
        using var file = SafetensorsFile.Open(files.Path("a.safetensors"));
        Assert.Equal([1f, -2.5f, 3f], file.Load("x", ScalarType.Float32).data<float>().ToArray());
    }

    /// <summary>Strided tensors are written in row-major order; wider types come first, then names; the header ends on a multiple of 8.</summary>
    [Fact]
    public void WritesTheReferenceLayout()
    {
        var strided = arange(0, 6).to_type(ScalarType.Float32).reshape(2, 3).t();
        SafetensorsWriter.Write(files.Path("a.safetensors"), [("b", ones(3, dtype: ScalarType.Float16)), ("c", strided), ("a", strided)]);
        using var file = SafetensorsFile.Open(files.Path("a.safetensors"));
        Assert.Equal(["a", "c", "b"], file.Tensors.Values.OrderBy(t => t.Begin).Select(t => t.Name));
        Assert.Equal([0f, 3f, 1f, 4f, 2f, 5f], file.Load("c").data<float>().ToArray());
        Assert.Equal(0, BitConverter.ToInt64(File.ReadAllBytes(files.Path("a.safetensors"))) % 8);
        Assert.Equal("pt", file.Metadata["format"]);
        Assert.False(File.Exists(files.Path("a.safetensors.partial")));
    }

    [Fact]
    public void ReadsTensorsLargerThanOneBlock()
    {
        var values = arange(0, 3_000_001).to_type(ScalarType.Float32); // 12 MB, not a multiple of the block
        SafetensorsWriter.Write(files.Path("a.safetensors"), [("x", values)]);
        using var file = SafetensorsFile.Open(files.Path("a.safetensors"));
        Assert.True(values.bytes.SequenceEqual(file.Load("x").bytes));
    }

    [Theory]
    [InlineData(ScalarType.Float32, float.NaN)]
    [InlineData(ScalarType.Float16, float.PositiveInfinity)]
    [InlineData(ScalarType.BFloat16, float.NaN)]
    [InlineData(ScalarType.Float64, float.NegativeInfinity)]
    public void NamesWeightsThatAreNotFinite(ScalarType type, float value)
    {
        var values = zeros(3_000_000, dtype: type);
        values[2_999_998] = tensor(value).to_type(type);
        SafetensorsWriter.Write(files.Path("a.safetensors"), [("model.norm.weight", values)]);
        using var file = SafetensorsFile.Open(files.Path("a.safetensors"));
        var message = Assert.Throws<LabException>(() => file.Load("model.norm.weight")).Message;
        Assert.Contains("'model.norm.weight' holds NaN or infinity at element 2,999,998", message);
    }

    [Fact]
    public void RefusesToWriteOneNameTwice() =>
        Assert.Contains("'x'", Assert.Throws<LabException>(() => SafetensorsWriter.Write(files.Path("a.safetensors"), [("x", ones(1)), ("x", ones(1))])).Message);

    [Fact]
    public void LoadingLeavesNoTensorBehind()
    {
        SafetensorsWriter.Write(files.Path("a.safetensors"), [("x", ones(8))]);
        using var file = SafetensorsFile.Open(files.Path("a.safetensors"));
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        file.Load("x", ScalarType.BFloat16).Dispose();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }
}

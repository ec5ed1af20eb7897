using HeadKvLab.Cache;
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

    /// <summary>Which file the operating system maps at a tensor's memory; empty where it is memory of the process.</summary>
    private static string FileUnder(Tensor values)
    {
        var address = (ulong)TensorMemory.Address(values);
        foreach (var line in File.ReadLines("/proc/self/maps"))
        {
            var range = line[..line.IndexOf(' ', StringComparison.Ordinal)].Split('-');
            if (address < Convert.ToUInt64(range[0], 16) || address >= Convert.ToUInt64(range[1], 16)) continue;
            return line.Contains('/', StringComparison.Ordinal) ? Path.GetFileName(line) : "";
        }
        return "";
    }

    [Fact]
    public void ABigTensorOfTheStoredTypeStandsOnTheFilesOwnPages()
    {
        Requires.Linux("no other system tells which file is behind an address");
        var values = arange(0, 600_000).to_type(ScalarType.Float32);
        SafetensorsWriter.Write(files.Path("a.safetensors"), [("big", values), ("second", values.add(1).reshape(2, 300_000)), ("small", ones(1000))]);
        Tensor big, second;
        using (var file = SafetensorsFile.Open(files.Path("a.safetensors")))
        {
            (big, second) = (file.Load("big"), file.Load("second", ScalarType.Float32));
            Assert.Equal(("a.safetensors", "a.safetensors"), (FileUnder(big), FileUnder(second)));
            Assert.Equal("", FileUnder(file.Load("small")));
            Assert.Equal("", FileUnder(file.Load("big", ScalarType.BFloat16)));
        }
        Assert.True(values.bytes.SequenceEqual(big.bytes)); // the file is closed
        Assert.Equal([2, 300_000], second.shape);
        Assert.Equal(600_000f, second[1, 299_999].ToSingle());
    }

    [Fact]
    public void WritingToALoadedTensorLeavesTheFileAloneAndReplacingTheFileLeavesTheTensor()
    {
        SafetensorsWriter.Write(files.Path("a.safetensors"), [("x", ones(600_000))]);
        var before = File.ReadAllBytes(files.Path("a.safetensors"));
        using var file = SafetensorsFile.Open(files.Path("a.safetensors"));
        var x = file.Load("x");
        x.fill_(7);
        Assert.Equal(before, File.ReadAllBytes(files.Path("a.safetensors")));
        SafetensorsWriter.Write(files.Path("a.safetensors"), [("x", zeros(600_000))]);
        Assert.Equal((7f, 7f), (x[0].ToSingle(), x[599_999].ToSingle()));
        Assert.Equal(1f, file.Load("x", ScalarType.Float64)[0].ToSingle()); // from the file that was opened, not the one that has its name now
    }

    [Fact]
    public void NumbersAstrideOfTheirSizeAreCopied()
    {
        Requires.Linux("no other system tells which file is behind an address");
        var values = arange(0, 600_000).to_type(ScalarType.Float32);
        var header = System.Text.Encoding.UTF8.GetBytes("""{"x":{"dtype":"F32","shape":[600000],"data_offsets":[0,2400000]}}""" + " ");
        Assert.NotEqual(0, header.Length % 4);
        File.WriteAllBytes(files.Path("a.safetensors"), [.. BitConverter.GetBytes((long)header.Length), .. header, .. values.bytes]);
        using var file = SafetensorsFile.Open(files.Path("a.safetensors"));
        Assert.Equal("", FileUnder(file.Load("x")));
        Assert.True(values.bytes.SequenceEqual(file.Load("x").bytes));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AFileThatShrinksIsAnErrorInWords(bool mappedBefore)
    {
        SafetensorsWriter.Write(files.Path("a.safetensors"), [("x", ones(600_000)), ("y", ones(600_000))]);
        using var file = SafetensorsFile.Open(files.Path("a.safetensors"));
        if (mappedBefore) file.Load("x");
        using (var shrinking = new FileStream(files.Path("a.safetensors"), FileMode.Open, FileAccess.Write, FileShare.ReadWrite)) shrinking.SetLength(3_000_000);
        Assert.Contains("tensor 'y' ends early, at byte 3,000,000", Assert.Throws<LabException>(() => file.Load("y")).Message);
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

using System.Text;
using HeadKvLab.Models;

namespace HeadKvLab.Tests.Models;

/// <summary>Every way a safetensors file can lie: a typed error that names file, place and cure, before anything large is allocated.</summary>
public sealed class SafetensorsRefusalTests : IDisposable
{
    private readonly TestFiles files = new();

    public void Dispose() => files.Dispose();

    private static string Refusal(string path)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        var message = Assert.Throws<LabException>(() => SafetensorsFile.Open(path).Dispose()).Message;
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 8 << 20, "refused only after a large allocation");
        Assert.StartsWith(path, message);
        return message;
    }

    private static string Tensor(string dtype = "F32", string shape = "[2]", string offsets = "[0,8]", string more = "") =>
        $$"""{"dtype":"{{dtype}}","shape":{{shape}},"data_offsets":{{offsets}}{{more}}}""";

    [Theory]
    [InlineData(0, "0 bytes, too short")]
    [InlineData(7, "7 bytes, too short")]
    public void TooShortForAHeader(int length, string named) => Assert.Contains(named, Refusal(files.Write("model.safetensors", new byte[length])));

    [Theory]
    [InlineData(0ul, "length at byte 0 is 0")]
    [InlineData(1ul, "length at byte 0 is 1")]
    [InlineData(1ul << 63, "9223372036854775808")]
    [InlineData(ulong.MaxValue, "18446744073709551615")]
    [InlineData(100_000_001ul, "beyond the format's limit")]
    [InlineData(15ul, "ends at byte 23, the file has 22: the download is incomplete")] // file length + 1
    [InlineData(23ul, "ends at byte 31, the file has 22")]
    public void HeaderLengthLies(ulong length, string named) => Assert.Contains(named, Refusal(files.Safetensors("{}            ", 0, length: length)));

    [Theory]
    [InlineData("[]", "not an object")]
    [InlineData("\"ab\"", "not an object")]
    [InlineData("{\"a\":1}", "'a' has a JSON Number where an object")]
    [InlineData("{\"a\"", "not the JSON")]
    [InlineData("{} {}", "not the JSON")]
    [InlineData("{\"__metadata__\":{\"a\":1}}", "texts only")]
    [InlineData("{\"__metadata__\":{},\"__metadata__\":{}}", "twice")]
    [InlineData("{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", "'a' stands twice")]
    [InlineData("{\"a\\ud800\":{}}", "not the JSON")]
    public void HeaderIsNotWhatItShouldBe(string header, string named) => Assert.Contains(named, Refusal(files.Safetensors(header, 0)));

    [Fact]
    public void HeaderIsNotUtf8()
    {
        var bytes = new byte[8 + 6];
        bytes[0] = 6;
        "{\"?\":1"u8.CopyTo(bytes.AsSpan(8));
        bytes[10] = 0xff;
        Assert.Contains("not valid UTF-8 (first bad byte at 10)", Refusal(files.Write("model.safetensors", bytes)));
    }

    [Theory]
    [InlineData("[")]
    [InlineData("{\"a\":")]
    [InlineData("{\"a\":[")]
    public void HeaderIsNestedDeeply(string opening) => Refusal(files.Safetensors(string.Concat(Enumerable.Repeat(opening, 100_000)), 0));

    [Fact]
    public void KeysStandTwice()
    {
        Assert.Contains("'a' stands twice", Refusal(files.Safetensors($$"""{"a":{{Tensor()}},"a":{{Tensor()}}}""", 8)));
        Assert.Contains("'a' stands twice", Refusal(files.Safetensors($$"""{"a":{{Tensor()}},"\u0061":{{Tensor(offsets: "[8,16]")}}}""", 16)));
        Assert.Contains("'a' has 'dtype' twice", Refusal(files.Safetensors($$"""{"a":{{Tensor(more: ",\"dtype\":\"F32\"")}}}""", 8)));
    }

    [Theory]
    [InlineData("F32", "[2]", "[-8,0]", 8, "-8 in data_offsets")]
    [InlineData("F32", "[2]", "[8,0]", 8, "reversed data_offsets")]
    [InlineData("F32", "[2]", "[0,8]", 7, "ends at byte 8 of the data, the file has 7: the download is incomplete")]
    [InlineData("F32", "[2]", "[0,8]", 9, "1 bytes follow the last tensor")]
    [InlineData("F32", "[2]", "[4,12]", 12, "leaves a hole after byte 0")]
    [InlineData("F32", "[2]", "[0,4]", 4, "takes 8 bytes, its data_offsets span 4")]
    [InlineData("F16", "[2]", "[0,8]", 8, "takes 4 bytes")]
    [InlineData("F32", "[2]", "[0,8,16]", 16, "3 data_offsets")]
    [InlineData("F32", "[2]", "[0,1e3]", 8, "1e3 in data_offsets")]
    [InlineData("F32", "[2]", "[0,99999999999999999999]", 8, "in data_offsets")]
    [InlineData("F32", "[2]", "{}", 8, "an array as data_offsets")]
    [InlineData("F32", "[-2]", "[0,8]", 8, "-2 in shape")]
    [InlineData("F32", "[9223372036854775807,2]", "[0,8]", 8, "overflows 2^63")]
    [InlineData("F32", "[4294967296,4294967296,4294967296]", "[0,8]", 8, "overflows 2^63")]
    [InlineData("F32", "[4611686018427387904]", "[0,0]", 0, "overflows 2^63")] // 4 x 2^62 = 2^64: zero if it wrapped around
    [InlineData("F128", "[2]", "[0,8]", 8, "dtype 'F128'")]
    [InlineData("F8_E4M3", "[8]", "[0,8]", 8, "dtype 'F8_E4M3'")]
    [InlineData("f32", "[2]", "[0,8]", 8, "dtype 'f32'")]
    public void TensorLies(string dtype, string shape, string offsets, int dataBytes, string named)
    {
        var message = Refusal(files.Safetensors($$"""{"layer.weight":{{Tensor(dtype, shape, offsets)}}}""", dataBytes));
        Assert.Contains(named, message);
        Assert.Contains(dataBytes == 9 ? "" : "layer.weight", message);
    }

    [Fact]
    public void TensorsOverlapOrLeaveHoles()
    {
        Assert.Contains("'b' begins at byte 4 of the data and overlaps", Refusal(files.Safetensors($$"""{"a":{{Tensor()}},"b":{{Tensor(offsets: "[4,12]")}}}""", 12)));
        Assert.Contains("overlaps", Refusal(files.Safetensors($$"""{"a":{{Tensor()}},"b":{{Tensor()}}}""", 8)));
        Assert.Contains("'b' begins at byte 12 of the data and leaves a hole after byte 8", Refusal(files.Safetensors($$"""{"b":{{Tensor(offsets: "[12,20]")}},"a":{{Tensor()}}}""", 20)));
    }

    [Theory]
    [InlineData("""{"a":{"shape":[2],"data_offsets":[0,8]}}""", "no dtype")]
    [InlineData("""{"a":{"dtype":"F32","data_offsets":[0,8]}}""", "no shape")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2]}}""", "no data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"extra":1}}""", "key 'extra'")]
    [InlineData("""{"a":{"dtype":32,"shape":[2],"data_offsets":[0,8]}}""", "a text as dtype")]
    public void TensorIsIncomplete(string header, string named) => Assert.Contains(named, Refusal(files.Safetensors(header, 8)));

    [Fact]
    public void EmptyTensorsAndScalarsAreFine()
    {
        var path = files.Safetensors($$"""{"none":{{Tensor(shape: "[0,9223372036854775807]", offsets: "[0,0]")}},"one":{{Tensor(shape: "[]", offsets: "[0,4]")}}}   """, 4);
        using var file = SafetensorsFile.Open(path);
        Assert.Equal((0, 1), (file.Tensors["none"].Count, file.Tensors["one"].Count));
    }

    [Fact]
    public void NamesThatAreNotThere()
    {
        Assert.Contains("cannot be opened", Refusal(files.Path("absent.safetensors")));
        using var file = SafetensorsFile.Open(files.Safetensors("{}", 0));
        Assert.Contains("has no tensor 'x'", Assert.Throws<LabException>(() => file.Load("x")).Message);
    }
}

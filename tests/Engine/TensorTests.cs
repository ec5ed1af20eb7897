using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace HeadKvLab.Tests.Engine;

/// <summary>Factories, operations, element access and text, worked by hand.</summary>
public sealed class TensorTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    private static float[] Floats(Tensor t) => t.data<float>().ToArray();

    private static long[] Longs(Tensor t) => t.data<long>().ToArray();

    [Fact]
    public void Element_types_come_from_the_arguments()
    {
        Assert.Equal(ScalarType.Int32, tensor(new[] { 1 }).dtype);
        Assert.Equal(ScalarType.Int64, tensor(new[] { 1L }).dtype);
        Assert.Equal(ScalarType.Float64, tensor(new[] { 1.0 }).dtype);
        Assert.Equal(ScalarType.Int64, arange(5).dtype);
        Assert.Equal(ScalarType.Float32, arange(0.0, 1.0, 0.25).dtype);
        Assert.Equal(ScalarType.BFloat16, zeros([2], bfloat16).dtype);
        Assert.Equal(ScalarType.Float32, full(2, 3, 0.5).dtype);
        Assert.Equal([2, 3], tensor(new[,] { { 1f, 2, 3 }, { 4, 5, 6 } }).shape);
        Assert.Equal(0, tensor(2.5f).ndim);
        Assert.Equal([0f, 0.5f, 1f], Floats(linspace(0, 1, 3)));
        Assert.Equal(3, eye(3).sum().ToInt32());
    }

    [Fact]
    public void Tensor_copies_and_from_array_shares()
    {
        float[] source = [1, 2, 3];
        Tensor copy = tensor(source), shared = from_array(source), also = as_tensor(source);
        source[0] = 9;
        Assert.Equal(1f, copy[0].item<float>());
        Assert.Equal(9f, shared[0].item<float>());
        also.add_(1);
        Assert.Equal([10f, 3f, 4f], source);
        Assert.Equal([2.0, 3.0], frombuffer(new byte[] { 1, 2, 3 }, float64, count: 2, offset: 1).data<double>().ToArray());
    }

    [Fact]
    public void Orderings_and_reductions()
    {
        Tensor x = tensor(new[] { 3f, 1, 2, 5, 4, 0 }, 2, 3);
        (Tensor values, Tensor indexes) = x.topk(2);
        Assert.Equal([3f, 2f, 5f, 4f], Floats(values));
        Assert.Equal([0, 2, 0, 1], Longs(indexes));
        Assert.Equal([1, 2, 0, 2, 1, 0], Longs(x.argsort()));
        Assert.Equal([2, 0, 1], Longs(sort(tensor(new[] { 1f, 1, 0 }), stable: true).Indices));
        Assert.Equal([0, 0], Longs(x.argmax(1)));
        Assert.Equal(3, argmax(x).ToInt32());
        Assert.Equal(4f, x.kthvalue(2, 1).values[1].item<float>());
        Assert.Equal([3f, 4f, 6f], Floats(x.cumsum(1)[0]));
        Assert.Equal([8f, 5f, 2f], Floats(x.sum(0L)));   // a bare 0 would be taken for the element type, here as in the package
        Assert.Equal(2.5, x.mean().ToDouble(), 6);
        Assert.Equal([2f, 3f], Floats(x.mean([1])));
        Assert.Equal(7.416198f, x.norm().item<float>(), 1e-5f);
        Assert.Equal(2f, x.median().item<float>());
        Assert.Equal(2.5f, x.flatten().quantile(tensor(0.5f), 0).item<float>());
        (Tensor kinds, _, Tensor? counts) = tensor(new[] { 7L, 2, 7 }).unique(return_counts: true);
        Assert.Equal([2, 7], Longs(kinds));
        Assert.Equal([1, 2], Longs(counts!));
        Assert.Equal([1, 0, 2], Longs(bincount(tensor(new[] { 0L, 2, 2 }))));
        Assert.Throws<ExternalException>(() => tensor(new[] { 1L, 2 }).mean());
    }

    [Fact]
    public void Gathers_scatters_and_masks()
    {
        Tensor x = arange(6).to(float32).view(2, 3);
        Assert.Equal([2f, 3f], Floats(x.gather(1, tensor(new long[] { 2, 0 }, 2, 1))));
        Assert.Equal([3f, 4f, 5f, 0f, 1f, 2f], Floats(index_select(x, 0, tensor(new long[] { 1, 0 }))));
        Assert.Equal([0f, 9f, 9f], Floats(zeros(3).scatter(0, tensor(new long[] { 1, 2 }), full(2, 9.0))));
        Assert.Equal([0f, 3f], Floats(zeros(2).scatter_add(0, tensor(new long[] { 1, 1 }), tensor(new[] { 1f, 2f }))));
        Assert.Equal([3f, 4f, 5f], Floats(masked_select(x, x > 2)));
        Assert.Equal([0f, 1f, 2f, -1f, -1f, -1f], Floats(x.masked_fill(x.ge(3), -1)));
        Assert.Equal([[0, 1], [1, 2]], where(tensor(new[,] { { false, true, false }, { false, false, true } })).Select(Longs));
        Assert.True(isin(tensor(new[] { 3L }), tensor(new[] { 1L, 3 })).all().item<bool>());
        Tensor y = zeros(3);
        y.index_add_(0, tensor(new long[] { 0, 0 }), ones(2), 2);
        y.index_copy_(0, tensor(new long[] { 2 }), full(1, 5.0));
        y.index_put_(tensor(new[] { 7f }), new TensorIndex[] { tensor(new long[] { 1 }) }, accumulate: true);
        Assert.Equal([4f, 7f, 5f], Floats(y));
    }

    [Fact]
    public void Parts_and_joins()
    {
        Tensor x = arange(10);
        Assert.Equal([4, 4, 2], x.split(4).Select(t => t.numel()));
        Assert.Equal([1, 9], x.split([1, 9]).Select(t => t.numel()));
        Assert.Equal([4, 4, 2], x.chunk(3).Select(t => t.numel()));
        Assert.Equal(10, x.unbind().Length);
        Assert.Equal([0, 3, 6, 9], Longs(x[TensorIndex.Slice(step: 3)]));
        Assert.Equal([8, 9], Longs(x[^2..]));
        Assert.Equal([9], Longs(x[-1].reshape(1)));
        Assert.Equal([2, 5], stack([x[..5], x[5..]]).shape);
        Assert.Equal([3, 2], meshgrid([arange(3), arange(2)])[0].shape);
        Assert.Equal([0, 0, 2, 3], Longs(x[..4].view(2, 2).tril()));
    }

    [Fact]
    public void Conversions_round_as_the_type_does()
    {
        Tensor x = tensor(new[] { 1.00390625f, 3.0078125f, float.NaN });   // halfway between two bfloat16: to even
        BFloat16[] narrow = x.to(bfloat16).data<BFloat16>().ToArray();
        Assert.Equal([1f, 3f, float.NaN], narrow.Select(v => v.ToSingle()));
        Assert.Equal(narrow.Select(v => v.ToSingle()), Floats(x).Select(v => new BFloat16(v).ToSingle()));
        Assert.Equal(2.5f, tensor(new[] { 2.5f }).to(bfloat16).ToSingle());
        Assert.Throws<ArgumentException>(() => tensor(2.5).item<float>());
        Assert.Same(x, x.to(float32));
        Assert.NotSame(x, x.to(float32, copy: true));
        Tensor temporary = ones(2);
        temporary.to(float64, disposeAfter: true);
        Assert.True(temporary.IsInvalid);
    }

    [Fact]
    public void Bytes_and_accessors_follow_strides()
    {
        Tensor x = tensor(new[] { 1f, 2, 3, 4, 5, 6 }, 2, 3).t();
        Assert.Equal([1f, 4f, 2f, 5f, 3f, 6f], Floats(x));
        Assert.Equal(5f, x.data<float>()[1, 1]);
        Assert.Throws<IndexOutOfRangeException>(() => x.data<float>()[3, 0]);
        Assert.Equal(24, x.contiguous().bytes.Length);
#if STANDIN
        Assert.Contains("call contiguous() first", Assert.Throws<InvalidOperationException>(() => x.bytes.Length).Message, StringComparison.Ordinal);
#endif
        Tensor y = zeros(2);
        y.bytes = MemoryMarshal.AsBytes<float>(new[] { 1.5f, 2.5f }.AsSpan());
        Assert.Equal([1.5f, 2.5f], Floats(y));
        y.data<float>().CopyFrom([9f], 0, 1);
        Assert.Equal([1.5f, 9f], Floats(y));
        Assert.Throws<EndOfStreamException>(() => zeros(8).ReadBytesFromStream(new MemoryStream(new byte[31])));
    }

    [Fact]
    public void Text_shows_what_the_style_says()
    {
        Tensor x = tensor(new[] { 1f, 2.5f, 3, 4 }, 2, 2);
        Assert.Equal("[2x2], type = Float32, device = cpu", x.ToString());
        Assert.Equal("[[1, 2.5],\n [3, 4]]", x.ToString(TorchSharp.TensorStringStyle.Numpy, newLine: "\n"));
        Assert.StartsWith("[2x2], type = Float32", x.str(), StringComparison.Ordinal);
    }

    [Fact]
    public void Files_of_tensors_and_modules_come_back()
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            Tensor x = randn(3, 4).to(bfloat16);
            save(x, path);
            Assert.True(load(path).eq(x).all().item<bool>());
            using var one = nn.Linear(3, 2);
            using var two = nn.Linear(3, 2);
            one.save(path);
            two.load(path);
            Assert.True(two.weight.allclose(one.weight));
            Assert.True(two.bias!.allclose(one.bias!));
        }
        finally { File.Delete(path); }
    }
}

using HeadKvLab.Kernels;
using HeadKvLab.Models;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Models;

/// <summary>The kernels between the products of a prompt's layer, against the chains of tensor operators that training uses.</summary>
public sealed unsafe class FusedRowsTests
{
    [Theory]
    [InlineData(1, 16)]
    [InlineData(5, 37)]         // a part of a vector at the end of each row
    [InlineData(700, 96)]       // more rows than one part takes
    public void NormalisedRowsAreTheTensors(int rows, int columns)
    {
        manual_seed(1);
        using var none = no_grad();
        var (x, gains) = (randn(1, rows, columns) * 3, randn(columns));
        Assert.True(FusedRows.Suit(x));
        var expected = x * rsqrt(x.mul(x).mean([-1L], keepdim: true) + 1e-5) * gains;
        Close(expected, FusedRows.Normalise(x, gains, 1e-5), 2e-6);
    }

    /// <summary>The type of the weights, or the one asked for; on the CPU float16 weights are multiplied as float32 numbers. To the bit.</summary>
    [Fact]
    public void ProductsRunInTheirType()
    {
        manual_seed(1);
        using var none = no_grad();
        Tensor x = randn(3, 64), weights = randn(32, 64), bias = randn(32);
        foreach (var (held, asked, multiplied) in new (ScalarType, ScalarType?, ScalarType)[]
        {
            (ScalarType.Float32, null, ScalarType.Float32), (ScalarType.BFloat16, null, ScalarType.BFloat16), (ScalarType.Float16, null, ScalarType.Float32),
            (ScalarType.Float32, ScalarType.BFloat16, ScalarType.BFloat16), (ScalarType.BFloat16, ScalarType.Float16, ScalarType.Float32),
        })
        {
            using Parameter w = nn.Parameter(weights.to(held), requires_grad: false), b = nn.Parameter(bias.to(held), requires_grad: false);
            var expected = nn.functional.linear(x.to(multiplied), w.to(multiplied), b.to(multiplied)).to(ScalarType.Float32);
            Assert.Equal(expected.data<float>().ToArray(), Projection.Multiply(x, w, b, asked).data<float>().ToArray());
        }
    }

    /// <summary>Rows so small that epsilon decides, through the module: the kernel of a prompt, and the tensors that training follows. A row of zeros stays zero.</summary>
    [Fact]
    public void EpsilonHoldsInBothPaths()
    {
        using var norm = new RootMeanSquare((_, shape) => nn.Parameter(full(shape, 2f)), "norm", 4, 1e-5);
        var x = tensor([1e-4f, -1e-4f, 1e-4f, -1e-4f, 0, 0, 0, 0], 1, 2, 4);
        var one = 2 * 1e-4f / MathF.Sqrt(1e-8f + 1e-5f);   // 0.0632; without epsilon it would be 2
        float[] expected = [one, -one, one, -one, 0, 0, 0, 0];
        Close(tensor(expected, 1, 2, 4), norm.forward(x).detach(), 1e-6);
        using var none = no_grad();
        Assert.True(FusedRows.Suit(x));
        Close(tensor(expected, 1, 2, 4), norm.forward(x), 1e-6);
    }

    [Theory]
    [InlineData(3, 2, 8)]
    [InlineData(600, 3, 32)]
    [InlineData(40, 1, 80)]     // 40 pairs: two vectors and a half
    public void TurnedHeadsAreTheTensorsToTheLastBit(int tokens, int heads, int dim)
    {
        manual_seed(2);
        using var none = no_grad();
        var x = randn(1, tokens, heads, dim);
        var angles = randn(1, tokens, 1, dim / 2) * 100;
        var rotation = new Rotation(angles.cos(), angles.sin());
        var expected = rotation.Apply(x);
        Close(expected, FusedRows.Rotate(x, rotation), 0);
    }

    [Theory]
    [InlineData(2, 19)]
    [InlineData(900, 48)]
    public void GatedRowsAreTheTensors(int rows, int columns)
    {
        manual_seed(3);
        using var none = no_grad();
        var (gate, up) = (randn(1, rows, columns) * 8, randn(1, rows, columns));
        var expected = nn.functional.silu(gate) * up;
        Close(expected, FusedRows.SwiGlu(gate, up), 1e-5);
    }

    [Fact]
    public void WhatAutogradFollowsIsLeftToTensors()
    {
        var x = randn(1, 4, 16);
        Assert.False(FusedRows.Suit(x));
        using var none = no_grad();
        Assert.True(FusedRows.Suit(x));
        Assert.False(FusedRows.Suit(x.transpose(1, 2)));
        Assert.False(FusedRows.Suit(x.to(ScalarType.BFloat16)));
    }

    [Fact]
    public void OneThreadAndSeveralGiveTheSameNumbers()
    {
        using var none = no_grad();
        var (x, gains) = (randn(1, 3000, 64), randn(64));
        var together = FusedRows.Normalise(x, gains, 1e-6);
        var threads = KernelThreads.Count;
        try
        {
            KernelThreads.Count = 1;
            Close(together, FusedRows.Normalise(x, gains, 1e-6), 0);
        }
        finally
        {
            KernelThreads.Count = threads;
        }
    }

    private static void Close(Tensor expected, Tensor found, double tolerance)
    {
        Assert.Equal(expected.shape, found.shape);
        float[] a = [.. expected.contiguous().data<float>()], b = [.. found.contiguous().data<float>()];
        for (var i = 0; i < a.Length; i++) Assert.InRange(Math.Abs(a[i] - b[i]), 0, tolerance * Math.Max(1, Math.Abs(a[i])));
    }
}

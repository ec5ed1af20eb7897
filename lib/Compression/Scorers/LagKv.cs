using System.Runtime.InteropServices;
using HeadKvLab.Cache;
using static TorchSharp.torch;

namespace HeadKvLab.Compression.Scorers;

/// <summary>
/// LagKV: keeps the tokens whose keys and values stand out, measured by what comes after them.
/// Behind the first <paramref name="Sinks"/> positions the prompt is cut into parts of <paramref name="Lag"/>. In each part, with the next one as reference:
/// s[j] = softmax over the part of the standard deviation over channels of (x[j] - min) / (max - min), min and max of the reference's rows; of keys and values the mean.
/// score[j] = rank of s[j] in its part / lag, so that every part loses the same share; the first positions, the last whole part and what follows it get 1.
/// Paper: LagKV (arXiv 2504.04704); formula and defaults (4, 128) of kvpress. A prompt of fewer than sinks + 2 lag tokens has no part with a reference: the latest tokens come
/// first there. A channel that is constant in the reference is divided by 1. Needs no attention weights. Cost: 2 n d per head.
/// </summary>
/// <param name="Lag">Tokens of a part.</param>
/// <param name="Sinks">First tokens kept.</param>
public sealed record LagKv(int Lag = 128, int Sinks = 4) : IScorer
{
    private const float SmallestRange = 1e-6f;

    /// <summary>Tokens of a part.</summary>
    public int Lag { get; } = Lag >= 2 ? Lag : throw new LabException($"LagKV's parts of {Lag} tokens: give 2 or more; kvpress takes 128");

    /// <summary>First tokens kept.</summary>
    public int Sinks { get; } = Sinks >= 0 ? Sinks : throw new LabException($"sinks {Sinks}: give 0 or more; kvpress keeps 4");

    /// <inheritdoc/>
    public ScorerNeeds Needs(int window) => ScorerNeeds.None;

    /// <inheritdoc/>
    public void Score(in LayerView layer, int window, HeadRows<float> scores)
    {
        var (n, dim) = (scores.Length, (int)layer.Keys.shape[2]);
        using var nograd = no_grad();
        using var scope = NewDisposeScope();
        Tensor keyRows = layer.Keys.contiguous(), valueRows = layer.Values.contiguous();
        ReadOnlySpan<float> keys = MemoryMarshal.Cast<byte, float>(keyRows.bytes), values = MemoryMarshal.Cast<byte, float>(valueRows.bytes);
        var (ofKeys, ofValues, ranks) = (new double[Lag], new double[Lag], new int[Lag]);
        for (var h = 0; h < scores.Heads; h++)
        {
            var row = scores[h];
            var (first, sinks) = (scores.KvHead(h, layer) * n * dim, 0);
            while (sinks < n && layer.Position(scores.KvHead(h, layer), sinks) < Sinks) sinks++;
            var whole = (n - sinks) / Lag;
            for (var j = 0; j < n; j++) row[j] = whole >= 2 || j < sinks ? 1 : (float)(j - sinks) / n;
            for (var part = 0; part + 1 < whole; part++)
            {
                var at = sinks + part * Lag;
                Distinct(keys.Slice(first + at * dim, 2 * Lag * dim), dim, ofKeys);
                Distinct(values.Slice(first + at * dim, 2 * Lag * dim), dim, ofValues);
                for (var j = 0; j < Lag; j++) (ofKeys[j], ranks[j]) = (ofKeys[j] + ofValues[j], j);
                Array.Sort(ofKeys, ranks);   // of equal ones the order is the sort's: nothing here is drawn
                for (var rank = 0; rank < Lag; rank++) row[at + ranks[rank]] = (float)rank / Lag;
            }
        }
    }

    /// <summary>How much each row of a part stands out, measured by the rows of the next one; sums to 1.</summary>
    /// <param name="rows">Both parts, <c>[row, dim]</c>.</param>
    /// <param name="dim">Numbers of a row.</param>
    /// <param name="result"><c>[row]</c> of the first part.</param>
    internal static void Distinct(ReadOnlySpan<float> rows, int dim, double[] result)
    {
        var lag = result.Length;
        var (low, range) = (new float[dim], new float[dim]);
        for (var i = 0; i < dim; i++)
        {
            var (min, max) = (float.PositiveInfinity, float.NegativeInfinity);
            for (var j = lag; j < 2 * lag; j++) (min, max) = (Math.Min(min, rows[j * dim + i]), Math.Max(max, rows[j * dim + i]));
            (low[i], range[i]) = (min, max - min < SmallestRange ? 1 : max - min);
        }
        double top = 0, sum = 0;
        for (var j = 0; j < lag; j++)
        {
            double mean = 0, squares = 0;
            for (var i = 0; i < dim; i++)
            {
                double x = (rows[j * dim + i] - low[i]) / range[i];
                mean += x;
                squares += x * x;
            }
            result[j] = dim == 1 ? 0 : Math.Sqrt(Math.Max(0, (squares - mean * mean / dim) / (dim - 1)));
            top = Math.Max(top, result[j]);
        }
        for (var j = 0; j < lag; j++) sum += result[j] = Math.Exp(result[j] - top);
        for (var j = 0; j < lag; j++) result[j] /= sum;
    }
}

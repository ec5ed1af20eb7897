using HeadKvLab.Profiling.Forecast;
using Microsoft.Data.Analysis;

namespace HeadKvLab.Charts;

/// <summary>
/// Forecasts of decoding as a table to read: the bytes that one step reads, its time with the full and with the compressed cache, the
/// speed-up, and from which context length compression pays. Speed-up = (weights + full) / (weights + compressed), in read bytes.
/// </summary>
public static class ForecastTable
{
    /// <summary>One row for each forecast.</summary>
    /// <param name="cases">Name of the model, sequences decoded together, forecast; all of one context length and size.</param>
    /// <exception cref="ArgumentException">There are none, or they are of several context lengths.</exception>
    public static ResultTable Of(IReadOnlyList<(string Model, int Batch, DecodeForecast Forecast)> cases)
    {
        if (cases.Count == 0) throw new ArgumentException("there is no forecast to show", nameof(cases));
        var one = cases[0].Forecast;
        if (cases.Any(c => c.Forecast.Context != one.Context)) throw new ArgumentException("the forecasts are of several context lengths: give each length a table of its own", nameof(cases));
        var frame = new DataFrame(
            new StringDataFrameColumn("model", cases.Select(c => c.Model)), new Int32DataFrameColumn("batch", cases.Select(c => c.Batch)),
            Column("weights", f => f.WeightBytesRead / 1e9), Column("cache", f => f.FullBytes / 1e9), Column("kept", f => f.CompressedBytes / 1e9),
            Column("full", f => f.FullSeconds * 1e3), Column("compressed", f => f.CompressedSeconds * 1e3), Column("speedUp", f => f.SpeedUp),
            Column("tenth", f => f.PaysFrom(1.1) ?? double.NaN), Column("twice", f => f.PaysFrom(2) ?? double.NaN));
        return new ResultTable(frame, $"Forecast at {Format.Fixed(one.Context, 0)} tokens, {Format.Fixed(one.KvSize, 0)} entries kept per KV head: GB read in a step, and its time")
            .Number("weights", 2, "weights, GB").Number("cache", 2, "full cache, GB").Number("kept", 3, "compressed, GB")
            .Number("full", 2, "full, ms").Number("compressed", 2, "compressed, ms").Number("speedUp", 2, "speed-up")
            .Number("tenth", 0, "10 % faster from, tokens").Number("twice", 0, "twice as fast from, tokens");

        DoubleDataFrameColumn Column(string name, Func<DecodeForecast, double> value) => new(name, cases.Select(c => value(c.Forecast)));
    }
}

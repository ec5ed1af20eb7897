using System.Globalization;
using System.Text.Json;
using HeadKvLab.Profiling;

namespace HeadKvLab.Cli;

/// <summary>How <c>lab bench</c> prints figures: each as soon as it is measured, or all as JSON.</summary>
internal static class MeasurementTable
{
    /// <summary>Prints the figures.</summary>
    internal static void Print(IEnumerable<Measurement> figures, bool json)
    {
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(figures, BenchCommand.JsonOptions));
            return;
        }
        var last = "";
        foreach (var f in figures)
        {
            if (f.Case != last) Console.WriteLine(f.Case);
            last = f.Case;
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {f.Metric,-52} {f.Value,10:G4} {(f.Unit == "1" ? "" : f.Unit)}"));
        }
    }
}

namespace Plotly.NET;

/// <summary>One trace of a chart: a series of points, a set of bars, a grid of cells.</summary>
/// <param name="traceTypeName">plotly.js's name of the kind of trace: <c>scatter</c>, <c>bar</c>, <c>heatmap</c>.</param>
public class Trace(string traceTypeName) : DynamicObj.DynamicObj
{
    /// <summary>plotly.js's name of the kind of trace.</summary>
    public string type { get; set; } = traceTypeName;

    internal override IEnumerable<KeyValuePair<string, object?>> Members() =>
        base.Members().Prepend(KeyValuePair.Create("type", (object?)type));
}

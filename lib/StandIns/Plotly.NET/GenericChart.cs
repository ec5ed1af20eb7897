namespace Plotly.NET;

/// <summary>A chart: traces, the layout they share and the settings of its page. Immutable; the setters give a new chart.</summary>
public sealed class GenericChart
{
    private readonly IReadOnlyList<Trace> traces;
    private readonly Layout layout;
    private readonly Config config;

    private GenericChart(IReadOnlyList<Trace> traces, Layout layout, Config config) =>
        (this.traces, this.layout, this.config) = (traces, layout, config);

    /// <summary>A chart of one trace.</summary>
    /// <param name="useDefaults">Must be false here: the package's default template is not part of this subset.</param>
    /// <param name="trace">The trace.</param>
    /// <exception cref="NotSupportedException"><paramref name="useDefaults"/> is true.</exception>
    public static GenericChart ofTraceObject(bool useDefaults, Trace trace) => ofTraceObjects(useDefaults, [trace]);

    /// <summary>A chart of several traces.</summary>
    /// <param name="useDefaults">Must be false here: the package's default template is not part of this subset.</param>
    /// <param name="traces">The traces, drawn in this order.</param>
    /// <exception cref="NotSupportedException"><paramref name="useDefaults"/> is true.</exception>
    public static GenericChart ofTraceObjects(bool useDefaults, IEnumerable<Trace> traces)
    {
        if (useDefaults)
            throw new NotSupportedException("This build has no default chart template: pass useDefaults = false and set the layout.");
        return new GenericChart([.. traces], new Layout(), new Config());
    }

    /// <summary>The same chart with another layout.</summary>
    public static GenericChart setLayout(Layout layout, GenericChart gChart) => new(gChart.traces, layout, gChart.config);

    /// <summary>The chart's layout.</summary>
    public static Layout getLayout(GenericChart gChart) => gChart.layout;

    /// <summary>The same chart with other page settings.</summary>
    public static GenericChart setConfig(Config config, GenericChart gChart) => new(gChart.traces, gChart.layout, config);

    /// <summary>The chart as plotly.js reads it: an object of <c>data</c>, <c>layout</c> and <c>config</c>.</summary>
    public static string toJson(GenericChart gChart) => JsonText.Write(Object(
        ("data", gChart.traces), ("layout", gChart.layout), ("config", gChart.config)));

    /// <summary>The chart as a Plotly figure: an object of <c>data</c>, <c>layout</c> and empty <c>frames</c>.</summary>
    public static string toFigureJson(GenericChart gChart) => JsonText.Write(Object(
        ("data", gChart.traces), ("layout", gChart.layout), ("frames", Array.Empty<object>())));

    private static KeyValuePair<string, object?>[] Object(params (string Name, object? Value)[] members) =>
        [.. members.Select(member => KeyValuePair.Create(member.Name, member.Value))];
}

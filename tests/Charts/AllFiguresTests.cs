using System.Text.Json;
using HeadKvLab.Charts;
using HeadKvLab.Charts.Sketches;

namespace HeadKvLab.Tests.Charts;

/// <summary>What holds of every figure, small and large: well-formed XML, no text over another, none outside the image.</summary>
public sealed class AllFiguresTests
{
    private static readonly string[] Methods = ["FullKV", "HeadKV-R2", "Ada-SnapKV", "SnapKV", "PyramidKV", "H2O", "TOVA", "StreamingLLM"];

    public static TheoryData<string> Names => [.. Figures().Select(figure => figure.Name)];

    private static IEnumerable<(string Name, Func<Figure> Draw)> Figures()
    {
        yield return ("heads, small", () => HeadMap.Draw(Grid(2, 2)));
        yield return ("heads, Llama-3-70B", () => HeadMap.Draw(Grid(80, 64), "Query head"));
        yield return ("scores", () => BudgetScores.Draw([.. Methods.SelectMany(method => new[] { 0.015, 0.03, 0.06, 0.12, 0.25 }.Select(budget => new BudgetScore(method, budget, Math.Sqrt(budget), budget, 1)))]));
        yield return ("bars, one method", () => BudgetBars.Draw([new("HeadKV-R2", Entries(6, 4))]));
        yield return ("bars, three methods", () => BudgetBars.Draw([new("HeadKV-R2", Entries(32, 8)), new("SnapKV", Entries(32, 8)), new("PyramidKV", Entries(32, 8))]));
        yield return ("beta", () => AllocationCurves.Draw([.. new[] { 1.005, 1.01, 1.1, 1.2, 1.5, 2, 5, 10 }.Select(beta => new BetaAllocation(beta, [.. Enumerable.Range(1, 256).Select(rank => 128 + 4000 / beta / rank)]))]));
        yield return ("beta, all alike", () => AllocationCurves.Draw([.. new[] { 1.005, 2, 10 }.Select(beta => new BetaAllocation(beta, [64, 64]))]));
        yield return ("needle, one method", () => NeedleMap.Draw([512, 1024], [0, 0.5, 1], [new("SnapKV", Grid(3, 2))]));
        yield return ("needle, three methods", () => NeedleMap.Draw([.. Enumerable.Range(1, 32).Select(step => step * 1024)], [.. Enumerable.Range(0, 11).Select(step => step / 10.0)],
            [.. Methods.Take(3).Select(method => new NeedleScores(method, Grid(11, 32)))]));
        yield return ("dots, all alike", () => MethodDots.Draw(["3 %", "12 %"], [.. Methods.Select(method => new MethodScores(method, [0.5, 0.5]) { Low = [0.4, 0.4], High = [0.6, 0.6] })]));
        yield return ("dots, one condition, gaps", () => MethodDots.Draw(["Retrieval"], [.. Methods.Select((method, index) => new MethodScores(method, [index == 0 ? double.NaN : index]))]));
        yield return ("dots, many conditions", () => MethodDots.Draw(["single", "r2attr", "hop", "passage", "code", "fewshot"], [.. Methods.Select((method, index) => new MethodScores(method, [.. Enumerable.Repeat(index / 7.0, 6)]))], conditionTitle: "Kind of question"));
        yield return ("costs", () => ContextCosts.Draw([.. Methods.SelectMany(method => new[] { 512, 1024, 2048, 4096, 131072 }.Select(length => new ContextCost(method, length, 20 + length / 1000.0, 19, 170, length * 131072.0)))]));
        yield return ("tokens", () => KeptTokenMap.Draw(Tokens(300), Kept(300)));
        yield return ("positions", () => KeptPositions.Draw([.. Methods.Select(method => new KeptShare(method, [.. Enumerable.Range(0, 999).Select(position => position % 7 / 7.0)]))], [(500, "needle")]));
        yield return ("curves, crowded ticks", () => Curves.Draw([new("β", [1, 1.005, 1.01, 1.1, 2, 1000, 100000], [1, 2, 3, 4, 5, 6, 7])], "Ablation", "β", "Score", spacing: Spacing.Logarithmic));
        yield return ("curves, ordinal", () => Curves.Draw([new("β", [1.005, 1.01, 1.1, 2], [1, 2, double.NaN, 4])], "Ablation", "β", "Score", spacing: Spacing.Ordinal));
        yield return ("curves, ratios, levels, samples", () => Curves.Draw([new("one", [1024, 2048], [1.01, 9]) { Samples = [2, 2000] }, new("two", [1024, 2048], [1.02, 3]) { Samples = [7, 8] }], "Speed-up", "x", "y", spacing: Spacing.Logarithmic, ySpacing: Spacing.Logarithmic, levels: [(2, "twice")]));
        yield return ("curves, one point at zero", () => Curves.Draw([new("one", [0], [0])], "", "x", "y"));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Texts_stand_apart_and_inside_the_image(string name) => Assert.Empty(Svgs.Collisions(Figures().Single(figure => figure.Name == name).Draw()));

    [Theory]
    [MemberData(nameof(Names))]
    public void No_number_is_lost_on_the_way_to_the_page(string name)
    {
        var figure = Figures().Single(known => known.Name == name).Draw();
        Assert.DoesNotContain("NaN", figure.Svg);
        Assert.DoesNotContain("NaN", figure.ToPlotlyJson());
        Assert.DoesNotContain("Infinity", figure.Svg + figure.ToPlotlyJson());
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Nothing_is_offered_to_a_server_and_every_tool_does_something(string name)
    {
        using var figure = JsonDocument.Parse(Figures().Single(known => known.Name == name).Draw().ToPlotlyJson());
        Assert.Empty(ChartTools.Faults(figure.RootElement));
    }

    [Fact]
    public void The_check_itself_sees_tools_that_should_not_be_there()
    {
        using var bare = JsonDocument.Parse("""{"config":{"responsive":false}}""");
        Assert.Equal(6, ChartTools.Faults(bare.RootElement).Count);
        using var lasso = JsonDocument.Parse("""{"config":{"displayModeBar":true,"modeBarButtons":[["toImage","lasso2d","sendChartToCloud"]],"showSendToCloud":true,"showEditInChartStudio":true,"showLink":true,"plotlyServerURL":"https://chart.example"}}""");
        Assert.Equal(6, ChartTools.Faults(lasso.RootElement).Count);
    }

    [Fact]
    public void The_check_itself_sees_texts_that_collide()
    {
        // Two long names at the two ends of a short axis of categories, forced into one place by a figure that is too small.
        var sketch = new Sketch("T", "", [new Panel("",
            Axis.Linear("x", [0, 1]), Axis.Linear("y", [0, 1]),
            [new TextMark(0.5, 0.5, "one", Anchor.Middle), new TextMark(0.51, 0.51, "two", Anchor.Middle)])]);
        Assert.Equal(["'one' covers 'two'"], Svgs.Collisions(sketch.ToFigure()));
    }

    private static double[,] Grid(int rows, int columns)
    {
        var grid = new double[rows, columns];
        for (var row = 0; row < rows; row++)
            for (var column = 0; column < columns; column++) grid[row, column] = (row * 7 + column * 3) % 11 / 10.0;
        return grid;
    }

    private static int[,] Entries(int layers, int heads)
    {
        var entries = new int[layers, heads];
        for (var layer = 0; layer < layers; layer++)
            for (var head = 0; head < heads; head++) entries[layer, head] = 16 + (layer * 37 + head * 91) % 1200;
        return entries;
    }

    private static string[] Tokens(int count) => [.. Enumerable.Range(0, count).Select(position => position % 40 == 39 ? ".\n" : $" word{position}")];

    private static bool[,,] Kept(int count)
    {
        var kept = new bool[4, 2, count];
        for (var position = 0; position < count; position++)
            for (var head = 0; head < 8; head++) kept[head / 2, head % 2, position] = position < 4 || position > count - 9 || (position % 60 < 5 && head < 3);
        return kept;
    }
}

using HeadKvLab.Text;
using HeadKvLab.Text.Jinja;

namespace HeadKvLab.Tests.Text;

/// <summary>What a rendering costs, counted by hand: each statement, expression and compared item is a step, each character made and each item of a list a character.</summary>
public sealed class JinjaLimitTests
{
    private static string Render(string template, JinjaLimits limits) =>
        new JinjaRenderer(new JinjaRun("t", limits, TimeProvider.System)).Render(JinjaParser.Parse("t", template), new Dictionary<string, object?> { ["x"] = 1L });

    private static string Refused(Func<object?> render) => Assert.Throws<LabException>(render).Message;

    private static void Counted(string template, long count, Func<long, JinjaLimits> limit, string what)
    {
        Render(template, limit(count));
        Assert.Equal($"t: line 1: the template {what}. Correct the template, or do without it.", Refused(() => Render(template, limit(count - 1))));
    }

    [Theory]
    [InlineData("{{ 1 }}", 2), InlineData("ab", 1), InlineData("{{ 1 + 2 }}", 4), InlineData("{{ x if x else 2 }}", 4), InlineData("{% if x %}a{% else %}b{% endif %}", 3), InlineData("{% set y = 1 %}", 2)]
    [InlineData("{% for i in [1, 2] %}a{% endfor %}", 8)]              // the statement, the list and its two numbers, then a round and a text twice
    [InlineData("{% for i in [1, 2] if i %}a{% endfor %}", 10)]
    [InlineData("{{ [1, 2]|sum }}", 7), InlineData("{{ [1, 2]|min }}", 8), InlineData("{{ [1, 2]|unique|list }}", 7), InlineData("{{ [1, 2]|map('abs')|list }}", 9), InlineData("{{ [1, 2]|select|list }}", 8), InlineData("{{ [1, 2]|tojson }}", 8)]
    [InlineData("{% macro m() %}a{% endmacro %}{{ m() }}", 5)]         // the macro, the statement, the call, the name, its text
    public void Steps(string template, long steps) => Counted(template, steps, count => new(Steps: count), $"takes more than {steps - 1} steps: it loops without end or its input is far too large");

    [Theory]
    [InlineData("abc", 3), InlineData("{{ 'abc' }}", 3), InlineData("{{ 'ab' ~ 'c' }}", 6), InlineData("{{ 'ab' + 'c' }}", 6), InlineData("{{ [1] + [2] }}", 8), InlineData("{{ 'ab' * 3 }}", 12), InlineData("{{ 'abc'[:2] }}", 4)]
    [InlineData("{{ ['a', 'b']|join('-') }}", 6), InlineData("{{ 'aa'|replace('a', 'bc') }}", 10), InlineData("{{ range(3)|length }}", 4), InlineData("{{ 'a'|indent(2) }}", 4)]
    [InlineData("{{ 1|tojson }}", 2), InlineData("{{ [1]|tojson(indent=2) }}", 12), InlineData("{{ 'ab'.upper() }}", 4), InlineData("{{ 'a\\nb'.splitlines()|length }}", 3), InlineData("{{ 'a,b'.split(',')|length }}", 4)]
    public void Characters(string template, long characters) => Counted(template, characters, count => new(Characters: count), $"makes more than {characters - 1} characters");

    [Fact]
    public void Time_is_looked_at_every_1024_steps()
    {
        var late = new JinjaRun("t", new(Seconds: 0), TimeProvider.System);
        for (var i = 0; i < 1023; i++) late.Step(1);
        Assert.Equal("t: line 5: the template takes longer than 0 s: it loops without end or its input is far too large. Correct the template, or do without it.", Assert.Throws<LabException>(() => late.Step(5)).Message);
        var early = new JinjaRun("t", new(Seconds: 1e9), TimeProvider.System);
        for (var i = 0; i < 5000; i++) early.Step(1);
    }

    [Fact]
    public void Depth_is_counted_down_again()
    {
        var run = new JinjaRun("t", new(Depth: 1), TimeProvider.System);
        for (var i = 0; i < 10; i++) run.Enter(1);
        Assert.Equal("t: line 3: macros call each other without end. Correct the template, or do without it.", Assert.Throws<LabException>(() => run.Enter(3)).Message);
        for (var i = 0; i < 11; i++) run.Exit();
        for (var i = 0; i < 10; i++) run.Enter(1);
        Assert.Equal("11111", Render("{% macro m() %}1{% endmacro %}{{ m() }}{{ m() }}{{ m() }}{{ m() }}{{ m() }}", new(Depth: 1)));
        Assert.Contains("without end", Refused(() => Render("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", new())));
    }

    [Fact]
    public void Brackets_are_a_hundred_deep_at_most()
    {
        static string Deep(int brackets) => ChatTemplate.Parse("{{ " + new string('(', brackets) + "1" + new string(')', brackets) + " }}").Render([]);
        Assert.Equal("1", Deep(99));
        Assert.Equal("chat template: line 1: nesting deeper than 100. Correct the template, or do without it.", Refused(() => Deep(100)));
        Assert.Equal("151", ChatTemplate.Parse("{{ 1" + string.Concat(Enumerable.Repeat(" + (1)", 150)) + " }}").Render([]));
    }
}

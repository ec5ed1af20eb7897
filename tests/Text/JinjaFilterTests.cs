using System.Text.Json;
using HeadKvLab.Text;

namespace HeadKvLab.Tests.Text;

/// <summary>Filters, tests and methods on awkward values against Jinja2's own output (tests/reference/make_filter_fixtures.py).</summary>
public sealed class JinjaFilterTests
{
    private static readonly JsonElement Expected =
        JsonDocument.Parse(File.ReadAllBytes(Repository.Path("tests", "reference", "filters-expected.json"))).RootElement;

    /// <summary>What Jinja2 renders and is refused here by name: never rendered differently.</summary>
    private static readonly string[] Refused = ["{{ (-8) ** 0.5 }}", "{{ '%s' % 'a' }}", "{{ 'abc'.find('c', 1) }}", "{{ (-1e300)|int }}"];

    private static string? Render(string template, string? x = null)
    {
        try
        {
            return ChatTemplate.Parse(template, x is null ? null : new Dictionary<string, object?> { ["x"] = x }).Render([]);
        }
        catch (LabException)
        {
            return null;
        }
    }

    [Fact]
    public void TextsRenderAsInJinja2()
    {
        string[] texts = [.. Expected.GetProperty("texts").EnumerateArray().Select(t => t.GetString()!)];
        var different = new List<string>();
        int seen = 0;
        foreach (JsonProperty template in Expected.GetProperty("on_texts").EnumerateObject())
        {
            string?[] wanted = [.. template.Value.EnumerateArray().Select(v => v.GetString())];
            for (int i = 0; i < wanted.Length; i++, seen++)
                if (Render(template.Name, texts[i]) is var found && found != wanted[i])
                    different.Add($"{template.Name} of {JsonSerializer.Serialize(texts[i])}: {JsonSerializer.Serialize(wanted[i])} but {JsonSerializer.Serialize(found)}");
        }
        Assert.True(different.Count == 0, $"{different.Count} of {seen} differ:\n{string.Join('\n', different)}");
        Assert.Equal(2054, seen);
    }

    [Fact]
    public void ValuesRenderAsInJinja2()
    {
        var different = new List<string>();
        int seen = 0;
        foreach (JsonElement row in Expected.GetProperty("plain").EnumerateArray())
        {
            string template = row[0].GetString()!;
            string? wanted = Refused.Contains(template) ? null : row[1].GetString(), found = Render(template);
            if (found != wanted) different.Add($"{template}: {JsonSerializer.Serialize(wanted)} but {JsonSerializer.Serialize(found)}");
            seen++;
        }
        Assert.True(different.Count == 0, $"{different.Count} of {seen} differ:\n{string.Join('\n', different)}");
        Assert.Equal(2080, seen);
    }
}

using System.Text.Json;
using HeadKvLab.Text;

namespace HeadKvLab.Tests.Text;

/// <summary>Chat templates against Jinja2's own output (tests/reference/make_chat_fixtures.py).</summary>
public sealed class ChatTemplateTests
{
    private static readonly JsonElement Expected =
        JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Repository.Root, "tests", "reference", "chat-expected.json"))).RootElement;

    private static readonly Dictionary<string, object?> Tokens = new() { ["bos_token"] = "<s>", ["eos_token"] = "</s>" };
    private static readonly ChatMessage[] Hello = [new("user", "u"), new("assistant", "a")];

    private sealed class FixedClock : TimeProvider
    {
        public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

        public override DateTimeOffset GetUtcNow() => new(2026, 1, 2, 15, 4, 5, TimeSpan.Zero);
    }

    private static string Render(string template, params ChatMessage[] messages) =>
        ChatTemplate.Parse(template, Tokens).Render(messages.Length == 0 ? Hello : messages);

    private static ChatTemplate Timed(string template)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder.File("chat_template.jinja"), template);
        File.WriteAllText(folder.File("tokenizer_config.json"), """{"bos_token":{"content":"<s>"},"eos_token":"</s>","pad_token":null}""");
        return ChatTemplate.Load(folder.Path, clock: new FixedClock());
    }

    public static TheoryData<int> Expressions => new(Enumerable.Range(0, Expected.GetProperty("expressions").GetArrayLength()));

    [Theory]
    [MemberData(nameof(Expressions))]
    public void EveryConstructRendersAsJinja2Does(int index)
    {
        JsonElement one = Expected.GetProperty("expressions")[index];
        Assert.Equal(one.GetProperty("expected").GetString(), Timed(one.GetProperty("template").GetString()!).Render(Hello));
    }

    [Theory]
    [InlineData("llama3.jinja")]
    [InlineData("mistral.jinja")]
    [InlineData("chatml.jinja")]
    [InlineData("thinking.jinja")]
    public void FamiliesRenderAsJinja2Does(string name)
    {
        ChatTemplate template = Timed(File.ReadAllText(Path.Combine(Repository.Root, "tests", "reference", "chat", name)));
        int seen = 0;
        foreach (JsonElement one in Expected.GetProperty("chats").EnumerateArray().Where(c => c.GetProperty("template").GetString() == name))
        {
            ChatMessage[] messages = one.GetProperty("messages").EnumerateArray()
                .Select(m => new ChatMessage(m.GetProperty("role").GetString()!, m.GetProperty("content").GetString()!)).ToArray();
            Dictionary<string, object?> names = one.GetProperty("names").EnumerateObject().ToDictionary(n => n.Name,
                n => n.Value.ValueKind == JsonValueKind.String ? (object?)n.Value.GetString() : n.Value.GetBoolean());
            bool prompt = (bool)names["add_generation_prompt"]!;
            names.Remove("add_generation_prompt");
            JsonElement expected = one.GetProperty("expected");
            if (expected.ValueKind == JsonValueKind.String) Assert.Equal(expected.GetString(), template.Render(messages, prompt, names));
            else Assert.EndsWith(expected.GetProperty("refused").GetString()!, Assert.Throws<LabException>(() => template.Render(messages, prompt, names)).Message);
            seen++;
        }
        Assert.True(seen > 10);
    }

    [Theory]
    [InlineData("ok\n{% include 'x' %}", "line 2", "include")]
    [InlineData("{% block b %}{% endblock %}", "line 1", "block")]
    [InlineData("\n\n{{ 'a' | frobnicate }}", "line 3", "frobnicate")]
    [InlineData("{{ 1 is prime }}", "line 1", "prime")]
    [InlineData("{{ 'a'.encode() }}", "line 1", "encode")]
    [InlineData("{{ lipsum() }}", "line 1", "lipsum")]
    [InlineData("{% for x in y recursive %}{% endfor %}", "line 1", "recursive")]
    [InlineData("{{ f(*a) }}", "line 1", "'*'")]
    [InlineData("{{ missing.member }}", "line 1", "missing")]
    [InlineData("{{ none + 'x' }}", "line 1", "none")]
    [InlineData("{{ [1].append(2) }}", "line 1", "append")]
    [InlineData("{% set messages.x = 1 %}", "line 1", "namespace")]
    [InlineData("{% if true %}x", "line 1", "endif")]
    [InlineData("{% endfor %}", "line 1", "endfor")]
    [InlineData("{{ 'open }}", "line 1", "closed")]
    [InlineData("{{ 1 ", "line 1", "}}")]
    [InlineData("{# never", "line 1", "#}")]
    [InlineData("{{ 1 ? 2 }}", "line 1", "?")]
    [InlineData("{{ 9223372036854775807 + 1 }}", "line 1", "64 bits")]
    [InlineData("{{ 1 // 0 }}", "line 1", "zero")]
    [InlineData("{{ {1: 2} }}", "line 1", "keys")]
    public void WhatIsNotSupportedIsRefusedByNameAndLine(string template, string line, string name)
    {
        LabException error = Assert.Throws<LabException>(() => Render(template));
        Assert.Contains(line, error.Message);
        Assert.Contains(name, error.Message);
    }

    [Theory]
    [InlineData("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}")]
    [InlineData("{% for i in range(100000) %}{% for j in messages %}{% for k in 'aaaaaaaaaaaaaaaaaaaaaaaaa' %}{% endfor %}{% endfor %}{% endfor %}")]
    [InlineData("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}")]
    [InlineData("{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}")]
    [InlineData("{{ 'x' * 9000000000 }}")]
    [InlineData("{{ range(1000000000) }}")]
    [InlineData("{{ 'aaaaaaaaaa' | replace('a', 'b' * 20000000) }}")]
    [InlineData("{{ 2 ** 1000000000000 }}")]
    [InlineData("{{ ('x' * 1000000) | indent(1000000000) | list | join('y' * 1000000) }}")]
    public void NothingRunsWithoutEnd(string template)
    {
        var watch = System.Diagnostics.Stopwatch.StartNew();
        Assert.Throws<LabException>(() => Render(template));
        Assert.True(watch.Elapsed.TotalSeconds < 60);
    }

    [Fact]
    public void DeepNestingIsRefused()
    {
        Assert.Throws<LabException>(() => Render($"{{{{ {new string('(', 5000)}1{new string(')', 5000)} }}}}"));
        Assert.Throws<LabException>(() => Render($"{{{{ {string.Concat(Enumerable.Repeat("not ", 5000))}1 }}}}"));
        Assert.Throws<LabException>(() => Render(string.Concat(Enumerable.Repeat("{% if true %}", 5000)) + string.Concat(Enumerable.Repeat("{% endif %}", 5000))));
        Assert.Throws<LabException>(() => Render($"{{{{ {string.Concat(Enumerable.Repeat("1 + ", 50_000))}1 }}}}"));
    }

    [Fact]
    public void NamedTemplatesAndMissingOnes()
    {
        using var folder = new TempFolder();
        Assert.False(ChatTemplate.Exists(folder.Path));
        Assert.Equal($"{folder.Path}: no chat_template.jinja and no 'chat_template' in tokenizer_config.json: it is not a chat model; leave out --chat.",
            Assert.Throws<LabException>(() => ChatTemplate.Load(folder.Path)).Message);
        File.WriteAllText(folder.File("tokenizer_config.json"),
            """{"chat_template":[{"name":"default","template":"D{{ bos_token }}"},{"name":"tool_use","template":"T"}],"bos_token":"<s>"}""");
        Assert.True(ChatTemplate.Exists(folder.Path));
        Assert.Equal("D<s>", ChatTemplate.Load(folder.Path).Render(Hello));
        Assert.Equal("T", ChatTemplate.Load(folder.Path, "tool_use").Render(Hello));
        Assert.Equal($"{folder.File("tokenizer_config.json")}: 'chat_template' has no template 'rag'; it has 'default', 'tool_use'", Assert.Throws<LabException>(() => ChatTemplate.Load(folder.Path, "rag")).Message);
        File.WriteAllText(folder.File("tokenizer_config.json"), """{"chat_template":[{"name":"broken","template":"{{"}]}""");
        Assert.StartsWith($"{folder.File("tokenizer_config.json")}: chat_template 'broken': line 1: ", Assert.Throws<LabException>(() => ChatTemplate.Load(folder.Path, "broken")).Message);
        File.WriteAllText(folder.File("tokenizer_config.json"), """{"chat_template":"{{"}""");
        Assert.StartsWith($"{folder.File("tokenizer_config.json")}: chat_template: line 1: ", Assert.Throws<LabException>(() => ChatTemplate.Load(folder.Path)).Message);
        File.WriteAllText(folder.File("tokenizer_config.json"), """{"chat_template":"S"}""");
        Assert.Equal("S", ChatTemplate.Load(folder.Path).Render(Hello));
        File.WriteAllText(folder.File("chat_template.jinja"), "J");
        Assert.Equal("J", ChatTemplate.Load(folder.Path).Render(Hello));
    }

    [Fact]
    public void NamesAreTextNumbersFlagsOrNone()
    {
        var names = new Dictionary<string, object?> { ["i"] = 1, ["l"] = 2L, ["f"] = 0.5f, ["d"] = 1.5, ["s"] = "x", ["b"] = true, ["n"] = null };
        Assert.Equal("3 2.0 x True None", ChatTemplate.Parse("{{ i + l }} {{ f + d }} {{ s }} {{ b }} {{ n }}", names).Render(Hello));
        Assert.Equal("True True True False", ChatTemplate.Parse("{{ tools is none }} {{ documents is none }} {{ add_generation_prompt }} {{ other is defined }}").Render(Hello));
        Assert.Equal("2", ChatTemplate.Parse("{{ i }}", names).Render(Hello, names: new Dictionary<string, object?> { ["i"] = 2 }));       // the nearer name wins
        Assert.StartsWith("'when' is a DateTime; text, numbers, flags and null are allowed",
            Assert.Throws<ArgumentException>(() => ChatTemplate.Parse("").Render(Hello, names: new Dictionary<string, object?> { ["when"] = DateTime.UnixEpoch })).Message);
    }

    [Fact]
    public void DatesAreWrittenAsInPython()
    {
        Assert.Equal("02 01 2026 26 January Jan Jan Friday Fri 15 03 04 05 PM 2026-01-02 15:04:05 01/02/26 002 % 100%",
            Timed("{{ strftime_now('%d %m %Y %y %B %b %h %A %a %H %I %M %S %p %F %T %D %j %% 100%') }}").Render(Hello));
    }
}

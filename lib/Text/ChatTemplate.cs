using System.Text.Json;
using HeadKvLab.Text.Jinja;

namespace HeadKvLab.Text;

/// <summary>One message of a conversation.</summary>
/// <param name="Role">Who speaks: system, user, assistant, tool.</param>
/// <param name="Content">What is said.</param>
public sealed record ChatMessage(string Role, string Content);

/// <summary>
/// A model's own chat template, rendered as Hugging Face renders it (Jinja with trim_blocks and lstrip_blocks, no
/// autoescape). A subset of Jinja: for, if, set, macro, break, continue, generation; filters, tests, loop variables,
/// namespace, raise_exception, strftime_now. What is not in it is refused with its name and line; steps, characters,
/// depth and time are bounded, so that no template runs without end. Safe for concurrent use.
/// </summary>
public sealed class ChatTemplate
{
    private readonly string _source;
    private readonly IReadOnlyList<JinjaStatement> _template;
    private readonly IReadOnlyDictionary<string, object?> _names;

    private readonly TimeProvider _clock;

    private ChatTemplate(string source, string template, IReadOnlyDictionary<string, object?> names, TimeProvider? clock)
    {
        _clock = clock ?? TimeProvider.System;
        _source = source;
        _template = JinjaParser.Parse(source, template);
        _names = names;
    }

    /// <summary>Parses a template given as text.</summary>
    /// <param name="template">The Jinja source.</param>
    /// <param name="names">Further names the template may use, such as <c>bos_token</c>; values are text, numbers, flags or null.</param>
    /// <param name="clock">Clock that <c>strftime_now</c> reads; the system's by default.</param>
    /// <exception cref="LabException">The template holds a construct that is not supported.</exception>
    public static ChatTemplate Parse(string template, IReadOnlyDictionary<string, object?>? names = null, TimeProvider? clock = null) =>
        new("chat template", template, names ?? new Dictionary<string, object?>(), clock);

    /// <summary>
    /// Reads the template of a model folder: <c>chat_template.jinja</c>, else <c>chat_template</c> of
    /// <c>tokenizer_config.json</c> (a string, or a list of named templates). Its special tokens become names.
    /// </summary>
    /// <param name="modelDirectory">A Hugging Face model folder.</param>
    /// <param name="name">Which of several named templates.</param>
    /// <param name="clock">Clock that <c>strftime_now</c> reads; the system's by default.</param>
    /// <exception cref="LabException">There is no template, or none of that name, or it is not supported.</exception>
    public static ChatTemplate Load(string modelDirectory, string name = "default", TimeProvider? clock = null)
    {
        string file = Path.Combine(modelDirectory, "chat_template.jinja");
        TokenizerSettings settings = TokenizerSettings.Beside(Path.Combine(modelDirectory, "tokenizer.json"));
        JsonPlace config = settings.Config;
        Dictionary<string, object?> names = settings.Named.ToDictionary(n => n.Name, n => (object?)n.Text, StringComparer.Ordinal);
        if (File.Exists(file)) return new ChatTemplate(file, File.ReadAllText(file), names, clock);
        JsonPlace template = config["chat_template"];
        if (!template.Exists)
            throw new LabException($"{modelDirectory}: no chat_template.jinja and no 'chat_template' in tokenizer_config.json: it is not a chat model; leave out --chat.");
        if (template.Value.ValueKind == JsonValueKind.String) return new ChatTemplate($"{config.File}: chat_template", template.Text(), names, clock);
        foreach (JsonPlace one in template.Items())
            if (one["name"].Text() == name) return new ChatTemplate($"{config.File}: chat_template '{name}'", one["template"].Text(), names, clock);
        throw template.Bad($"has no template '{name}'; it has {string.Join(", ", template.Items().Select(t => $"'{t["name"].Text()}'"))}");
    }

    /// <summary>Whether a model folder has a chat template.</summary>
    /// <param name="modelDirectory">A Hugging Face model folder.</param>
    public static bool Exists(string modelDirectory) => File.Exists(Path.Combine(modelDirectory, "chat_template.jinja"))
        || TokenizerFiles.Config(Path.Combine(modelDirectory, "tokenizer.json"))["chat_template"].Exists;

    /// <summary>
    /// Renders a conversation. The text holds the special tokens, BOS included where the template writes it: encode it
    /// with <c>addSpecial: false</c>.
    /// </summary>
    /// <param name="messages">The conversation.</param>
    /// <param name="addGenerationPrompt">Whether the text ends with the beginning of the assistant's answer.</param>
    /// <param name="names">Further names for the template (<c>enable_thinking</c>, <c>date_string</c>); text, numbers, flags or null.</param>
    /// <exception cref="LabException">The template refuses the messages or exceeds its limits.</exception>
    public string Render(IEnumerable<ChatMessage> messages, bool addGenerationPrompt = true, IReadOnlyDictionary<string, object?>? names = null)
    {
        var all = new Dictionary<string, object?>(StringComparer.Ordinal) { ["tools"] = null, ["documents"] = null };
        foreach ((string name, object? value) in _names) all[name] = Value(name, value);
        all["messages"] = messages.Select(m => (object?)new Dictionary<string, object?>(StringComparer.Ordinal) { ["role"] = m.Role, ["content"] = m.Content }).ToList();
        all["add_generation_prompt"] = addGenerationPrompt;
        foreach ((string name, object? value) in names ?? new Dictionary<string, object?>()) all[name] = Value(name, value);
        try
        {
            return new JinjaRenderer(new JinjaRun(_source, new JinjaLimits(), _clock)).Render(_template, all);
        }
        catch (InsufficientExecutionStackException error)
        {
            throw new LabException($"{_source}: the template nests too deeply.", error);
        }
    }

    private static object? Value(string name, object? value) => value switch
    {
        null or bool or long or double or string => value,
        int number => (long)number,
        float number => (double)number,
        _ => throw new ArgumentException($"'{name}' is a {value.GetType().Name}; text, numbers, flags and null are allowed", nameof(value)),
    };
}

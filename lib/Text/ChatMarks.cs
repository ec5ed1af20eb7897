using System.Text.RegularExpressions;

namespace HeadKvLab.Text;

/// <summary>
/// The marks that a chat template writes around messages: its own words in brackets, such as [INST], &lt;&lt;SYS&gt;&gt; or &lt;|user|&gt;. They are found in a
/// conversation that it renders; roles in plain words (USER:, ### Response:) cannot be told from text and are no marks.
/// </summary>
public static partial class ChatMarks
{
    private static readonly ChatMessage[] Probe = [new("system", "x"), new("user", "x"), new("assistant", "x"), new("user", "x")];

    /// <summary>The marks, each once.</summary>
    /// <param name="template">A model's chat template.</param>
    /// <exception cref="LabException">The template renders no conversation, neither with a system message nor without.</exception>
    public static IReadOnlyList<string> Of(ChatTemplate template) => [.. Brackets().Matches(Render(template)).Select(m => m.Value).Distinct()];

    private static string Render(ChatTemplate template)
    {
        try
        {
            return template.Render(Probe);
        }
        catch (LabException)
        {
            return template.Render(Probe[1..]);   // some refuse a system message
        }
    }

    [GeneratedRegex(@"\[[^\s\[\]]+\]|<{1,2}[^\s<>]+>{1,2}")]
    private static partial Regex Brackets();
}

using Microsoft.AspNetCore.Html;
using Microsoft.DotNet.Interactive.Formatting;

namespace HeadKvLab.Notebook.Engine;

/// <summary>A value's representations as an output holds them.</summary>
internal static class Bundle
{
    const string Text = "text/plain";
    const int LengthBesideOthers = 4000;

    /// <summary>The value of a cell's last expression in the types its formatters prefer.</summary>
    internal static IReadOnlyList<FormattedValue> Of(object value) => WithText(value, FormattedValue.CreateManyFromObject(value));

    /// <summary>Adds text for front ends that show nothing else; a value that is HTML already would double the output's size.</summary>
    internal static IReadOnlyList<FormattedValue> WithText(object? value, IReadOnlyCollection<FormattedValue> bundle)
    {
        if (value is string || bundle.Any(one => one.MimeType == Text))
        {
            return [.. bundle];
        }
        var text = value is IHtmlContent ? "[HTML]" : SpeaksForItself(value?.GetType()) ? value!.ToString() ?? "" : value.ToDisplayString(Text);
        return [.. bundle, new FormattedValue(Text, text.Length <= LengthBesideOthers ? text : text[..LengthBesideOthers] + " ...")];
    }

    /// <summary>Whether a type has a text of its own and nobody registered another; the package would write out all its properties.</summary>
    static bool SpeaksForItself(Type? type) =>
        type?.GetMethod(nameof(ToString), Type.EmptyTypes)?.DeclaringType is { } declaring && declaring != typeof(object) && declaring != typeof(ValueType)
        && !Formatter.RegisteredFormatters(includeDefaults: false).Any(one => one.MimeType == Text && one.Type.IsAssignableFrom(type));

    /// <summary>One word or number is shown as text, not as a block of HTML with a style sheet; a cell may say otherwise.</summary>
    internal static void PreferTextForScalars()
    {
        foreach (var type in (Type[])[typeof(IFormattable), typeof(bool), typeof(Type), typeof(Uri)])
        {
            Formatter.SetPreferredMimeTypesFor(type, Text);
        }
    }
}

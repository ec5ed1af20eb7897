using System;
using System.Collections.Generic;
using System.Linq;

namespace Microsoft.DotNet.Interactive.Formatting;

/// <summary>One representation of a value.</summary>
/// <param name="mimeType">For example <c>text/html</c>.</param>
/// <param name="value">The text; JSON text for types that end in json.</param>
public class FormattedValue(string mimeType, string value)
{
    /// <summary>For example <c>text/html</c>.</summary>
    public string MimeType { get; } = mimeType;

    /// <summary>The text; JSON text for types that end in json.</summary>
    public string Value { get; } = value;

    /// <summary>Formats a value once for each type; <c>text/plain</c> is always among the results.</summary>
    /// <param name="value">Any value.</param>
    /// <param name="mimeTypes">The types wanted; none: those the value's formatters prefer.</param>
    public static IReadOnlyList<FormattedValue> CreateManyFromObject(object? value, params string[] mimeTypes)
    {
        var wanted = mimeTypes is { Length: > 0 } ? mimeTypes : Formatter.GetPreferredMimeTypesFor(value?.GetType());
        var bundle = wanted.Distinct().Select(type => new FormattedValue(type, value.ToDisplayString(type))).ToList();
        if (bundle.All(one => one.MimeType != TextFormat.MimeType))
        {
            bundle.Add(new FormattedValue(TextFormat.MimeType, TextFormat.Beside(value)));
        }
        return bundle;
    }
}

/// <summary>An output that can be replaced in place.</summary>
public class DisplayedValue
{
    /// <summary>Initializes a handle for an output.</summary>
    /// <param name="value">What is shown.</param>
    /// <param name="formattedValues">Its representations.</param>
    public DisplayedValue(object? value, IReadOnlyList<FormattedValue> formattedValues)
    {
        Value = value;
        FormattedValues = formattedValues ?? throw new ArgumentNullException(nameof(formattedValues));
    }

    /// <summary>Names the output between this process and the page.</summary>
    public string DisplayId { get; } = Guid.NewGuid().ToString("N");

    /// <summary>What is shown at the moment.</summary>
    public object? Value { get; private set; }

    /// <summary>Whether it was replaced since it was first shown.</summary>
    public bool IsUpdated { get; private set; }

    /// <summary>The representations shown at the moment.</summary>
    public IReadOnlyList<FormattedValue> FormattedValues { get; private set; }

    /// <summary>Replaces the output in place, also from a later cell or another thread.</summary>
    /// <param name="updatedValue">The new value.</param>
    public void Update(object? updatedValue)
    {
        Value = updatedValue;
        IsUpdated = true;
        FormattedValues = FormattedValue.CreateManyFromObject(updatedValue);
        CellOutput.Current?.Update(DisplayId, FormattedValues);
    }
}

using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Reflection;
using Microsoft.AspNetCore.Html;

namespace Microsoft.DotNet.Interactive.Formatting;

/// <summary>Plain text for any value: scalars in the invariant culture, sequences in brackets, objects by their properties.</summary>
internal static class TextFormat
{
    internal const string MimeType = "text/plain";
    const int DepthLimit = 3;
    const int LengthBesideHtml = 4000;

    /// <summary>Whether a value of the type is one word or text, better shown as text than as HTML.</summary>
    internal static bool IsScalar(Type type)
    {
        var plain = Nullable.GetUnderlyingType(type) ?? type;
        return plain.IsPrimitive || plain.IsEnum || plain == typeof(string) || plain == typeof(decimal) || plain == typeof(Half)
            || plain == typeof(DateTime) || plain == typeof(DateTimeOffset) || plain == typeof(DateOnly) || plain == typeof(TimeOnly)
            || plain == typeof(TimeSpan) || plain == typeof(Guid) || typeof(Type).IsAssignableFrom(plain) || plain == typeof(Uri)
            || plain == typeof(System.Numerics.BigInteger) || plain == typeof(Int128) || plain == typeof(UInt128);
    }

    /// <summary>Short text to stand beside a richer form: an HTML value's text would double the output's size.</summary>
    internal static string Beside(object? value)
    {
        if (value is IHtmlContent)
        {
            return "[HTML]";
        }
        var text = value.ToDisplayString(MimeType);
        return text.Length <= LengthBesideHtml ? text : text[..LengthBesideHtml] + " ...";
    }

    internal static void Default(object? value, TextWriter writer, int depth)
    {
        switch (value)
        {
            case null:
                writer.Write("<null>");
                break;
            case string text:
                writer.Write(text);
                break;
            case IFormattable formattable when IsScalar(value.GetType()):
                writer.Write(formattable.ToString(null, CultureInfo.InvariantCulture));
                break;
            case Exception or IHtmlContent or Type:
                writer.Write(value.ToString());
                break;
            case IDictionary map when depth < DepthLimit:
                Sequence(map.Keys.Cast<object>().Select(key => (object?)$"[{Inner(key, depth)}] = {Inner(map[key], depth)}"), "{ ", " }", writer, depth);
                break;
            case IEnumerable items when depth < DepthLimit && (value is ICollection || !OverridesToString(value.GetType())):
                Sequence(items.Cast<object?>(), "[ ", " ]", writer, depth, HtmlFormat.CountOf(items));
                break;
            default:
                Object(value, writer, depth);
                break;
        }
    }

    internal static bool OverridesToString(Type type) =>
        type.GetMethod(nameof(ToString), Type.EmptyTypes)?.DeclaringType is { } declaring && declaring != typeof(object) && declaring != typeof(ValueType);

    /// <summary>Public properties without parameters, then public fields, with their values; a getter that throws gives its exception.</summary>
    internal static IEnumerable<(string Name, object? Value)> Members(object value)
    {
        foreach (var property in value.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            if (property.GetIndexParameters().Length == 0 && property.GetMethod is { IsPublic: true } && !property.PropertyType.IsByRefLike)
            {
                yield return (property.Name, Get(() => property.GetValue(value)));
            }
        }
        foreach (var field in value.GetType().GetFields(BindingFlags.Public | BindingFlags.Instance))
        {
            yield return (field.Name, field.GetValue(value));
        }
    }

    static object? Get(Func<object?> getter)
    {
        try
        {
            return getter();
        }
        catch (TargetInvocationException thrown)
        {
            return $"({thrown.InnerException?.GetType().Name}: {thrown.InnerException?.Message})";
        }
    }

    static void Sequence(IEnumerable<object?> items, string open, string close, TextWriter writer, int depth, long? total = null)
    {
        writer.Write(open);
        var count = 0;
        foreach (var item in items)
        {
            if (count == Formatter.ListExpansionLimit)
            {
                writer.Write((total ?? HtmlFormat.CountOrNull(items)) is { } all ? $", ... ({all - count} more)" : ", ... (more)");
                break;
            }
            writer.Write(count++ == 0 ? "" : ", ");
            writer.Write(Inner(item, depth));
        }
        writer.Write(close);
    }

    static void Object(object value, TextWriter writer, int depth)
    {
        var members = OverridesToString(value.GetType()) || depth >= DepthLimit ? [] : Members(value).Take(20).ToArray();
        if (members.Length == 0)
        {
            writer.Write(value.ToString());
            return;
        }
        writer.Write($"{value.GetType().Name} {{ ");
        writer.Write(string.Join(", ", members.Select(member => $"{member.Name}: {Inner(member.Value, depth)}")));
        writer.Write(" }");
    }

    static string Inner(object? value, int depth)
    {
        if (value is not null && Formatter.HasOwnText(value.GetType()))
        {
            return value.ToDisplayString(MimeType);
        }
        using var writer = new StringWriter(CultureInfo.InvariantCulture);
        Default(value, writer, depth + 1);
        return writer.ToString();
    }
}

using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;

namespace Microsoft.DotNet.Interactive.Formatting;

/// <summary>
/// Chooses how a value is shown. In order: what a cell registered; what the value's type declares (see
/// <see cref="TypeFormatterSourceAttribute"/>); what this kernel knows of well-known types; the default for any object.
/// Within each step the most specific type wins, then the newest registration.
/// </summary>
public static class Formatter
{
    static readonly Lock gate = new();
    static readonly List<Formatting> registered = [];
    static readonly List<(Type Type, string[] MimeTypes)> preferred = [];
    static int listExpansionLimit = 20;

    /// <summary>How many items of a sequence are written out before the rest is counted; default 20.</summary>
    public static int ListExpansionLimit
    {
        get => listExpansionLimit;
        set => listExpansionLimit = value >= 0 ? value : throw new ArgumentException($"ListExpansionLimit must be at least 0, not {value}.");
    }

    /// <summary>The type of values nobody declared a preference for: <c>text/html</c>.</summary>
    public static string DefaultMimeType { get; set; } = HtmlFormat.MimeType;

    /// <summary>Formats every <typeparamref name="T"/> with an action that writes.</summary>
    /// <param name="formatter">Writes the value.</param>
    /// <param name="mimeType">What it writes.</param>
    public static void Register<T>(Action<T, TextWriter> formatter, string mimeType = TextFormat.MimeType) =>
        Add(new Formatting(typeof(T), mimeType, (value, writer) => { formatter((T)value, writer); return true; }));

    /// <summary>Formats every <typeparamref name="T"/> with a function.</summary>
    /// <param name="formatter">Gives the text.</param>
    /// <param name="mimeType">What the text is.</param>
    public static void Register<T>(Func<T, string> formatter, string mimeType = TextFormat.MimeType) =>
        Add(new Formatting(typeof(T), mimeType, (value, writer) => { writer.Write(formatter((T)value)); return true; }));

    /// <summary>Formats every value of a type, or of any construction of an open generic type.</summary>
    /// <param name="type">For example <c>typeof(List&lt;&gt;)</c>.</param>
    /// <param name="formatter">Writes the value.</param>
    /// <param name="mimeType">What it writes.</param>
    public static void Register(Type type, Action<object, TextWriter> formatter, string mimeType = TextFormat.MimeType) =>
        Add(new Formatting(type, mimeType, (value, writer) => { formatter(value, writer); return true; }));

    /// <summary>Says as what a type is shown when the cell does not say it.</summary>
    /// <param name="type">The type; its subtypes follow.</param>
    /// <param name="preferredMimeTypes">All of these are produced, the first is the favourite.</param>
    public static void SetPreferredMimeTypesFor(Type type, params string[] preferredMimeTypes)
    {
        ArgumentNullException.ThrowIfNull(type);
        if (preferredMimeTypes is not { Length: > 0 } || preferredMimeTypes.Any(string.IsNullOrWhiteSpace))
        {
            throw new ArgumentException($"The preferred MIME types of {type.Name} must be one or more non-empty names.");
        }
        lock (gate)
        {
            preferred.Insert(0, (type, preferredMimeTypes));
        }
    }

    /// <summary>As what a type is shown when the cell does not say it.</summary>
    /// <param name="type">The type, or null for a null value.</param>
    public static IReadOnlyCollection<string> GetPreferredMimeTypesFor(Type? type)
    {
        if (type is null)
        {
            return [TextFormat.MimeType];
        }
        (Type Type, string[] MimeTypes)[] spoken;
        lock (gate)
        {
            spoken = [.. preferred];
        }
        if (MostSpecific(spoken, one => one.Type, type) is { MimeTypes: { } chosen })
        {
            return chosen;
        }
        return FormatterSources.PreferredMimeTypes(type)
            ?? WellKnownTypes.PreferredMimeTypes(type)
            ?? (TextFormat.IsScalar(type) ? [TextFormat.MimeType] : [DefaultMimeType]);
    }

    /// <summary>The value as text of the given type.</summary>
    /// <param name="obj">Any value.</param>
    /// <param name="mimeType">The type wanted.</param>
    /// <exception cref="ArgumentException">No formatter gives that type.</exception>
    public static string ToDisplayString(this object? obj, string mimeType = TextFormat.MimeType)
    {
        using var writer = new StringWriter(CultureInfo.InvariantCulture);
        FormatTo(obj, writer, mimeType);
        return writer.ToString();
    }

    /// <summary>Writes the value as text of the given type.</summary>
    /// <param name="obj">Any value.</param>
    /// <param name="writer">Where to.</param>
    /// <param name="mimeType">The type wanted.</param>
    /// <exception cref="ArgumentException">No formatter gives that type.</exception>
    public static void FormatTo<T>(this T obj, TextWriter writer, string mimeType = TextFormat.MimeType)
    {
        if (obj is null)
        {
            TextFormat.Default(null, writer, 0);
            return;
        }
        foreach (var formatting in Candidates(obj.GetType(), mimeType))
        {
            if (formatting.Write(obj, writer))
            {
                return;
            }
        }
        throw new ArgumentException($"No formatter of {obj.GetType().Name} gives {mimeType}; Formatter.Register<{obj.GetType().Name}>(..., \"{mimeType}\") adds one.");
    }

    /// <summary>Forgets everything registered or preferred by cells and returns to the defaults.</summary>
    public static void ResetToDefault()
    {
        lock (gate)
        {
            registered.Clear();
            preferred.Clear();
        }
        ListExpansionLimit = 20;
        DefaultMimeType = HtmlFormat.MimeType;
    }

    /// <summary>Whether something more particular than the default for any object writes this type as text.</summary>
    internal static bool HasOwnText(Type type) => Declared(type).Any(one => one.MimeType == TextFormat.MimeType);

    static IEnumerable<Formatting> Candidates(Type type, string mimeType)
    {
        foreach (var formatting in Declared(type).Where(one => one.MimeType == mimeType))
        {
            yield return formatting;
        }
        if (HtmlFormat.ForAnyObject(type, mimeType) is { } fallback)
        {
            yield return fallback;
        }
    }

    static IEnumerable<Formatting> Declared(Type type)
    {
        Formatting[] byCells;
        lock (gate)
        {
            byCells = [.. registered];
        }
        return BySpecificity(byCells, one => one.Type, type)
            .Concat(FormatterSources.Formattings(type))
            .Concat(WellKnownTypes.Formattings(type));
    }

    static void Add(Formatting formatting)
    {
        lock (gate)
        {
            registered.Insert(0, formatting);
        }
    }

    static TItem? MostSpecific<TItem>(IEnumerable<TItem> items, Func<TItem, Type> typeOf, Type actual) =>
        BySpecificity(items, typeOf, actual).FirstOrDefault();

    /// <summary>Those that apply to the type: the distance of their own type from it, nearest first; ties keep their order.</summary>
    static IEnumerable<TItem> BySpecificity<TItem>(IEnumerable<TItem> items, Func<TItem, Type> typeOf, Type actual) =>
        items.Select(item => (item, distance: Distance(typeOf(item), actual)))
            .Where(pair => pair.distance is not null)
            .OrderBy(pair => pair.distance)
            .Select(pair => pair.item);

    static int? Distance(Type declared, Type actual)
    {
        var steps = 0;
        for (var type = actual; type is not null; type = type.BaseType, steps++)
        {
            if (type == declared || (type.IsGenericType && type.GetGenericTypeDefinition() == declared))
            {
                return declared == typeof(object) ? int.MaxValue : steps;
            }
        }
        var isInterfaceOf = actual.GetInterfaces().Any(one => one == declared || (one.IsGenericType && one.GetGenericTypeDefinition() == declared));
        return isInterfaceOf ? 1000 : null;
    }
}

/// <summary>One way to write one kind of value.</summary>
/// <param name="Type">The kind of value.</param>
/// <param name="MimeType">What is written.</param>
/// <param name="Write">Writes it; false: this value is not for me, ask the next.</param>
internal sealed record Formatting(Type Type, string MimeType, Func<object, TextWriter, bool> Write);

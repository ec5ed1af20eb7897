using System;
using System.Collections;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;

namespace Microsoft.DotNet.Interactive.Formatting;

/// <summary>
/// Declares on a type how notebooks show it. Both .NET Interactive and this kernel find the attribute by its NAME, so a library
/// declares an attribute class of its own, called TypeFormatterSourceAttribute, and depends on neither kernel:
/// the source has a public constructor without parameters and a public method <c>CreateTypeFormatters()</c> giving objects with
/// <c>string MimeType { get; }</c>, <c>bool Format(object instance, TextWriter writer)</c> and, if wanted, <c>Type Type { get; }</c>.
/// </summary>
/// <param name="formatterSourceType">The source.</param>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Struct | AttributeTargets.Interface, AllowMultiple = true)]
public class TypeFormatterSourceAttribute(Type formatterSourceType) : Attribute
{
    /// <summary>The source.</summary>
    public Type FormatterSourceType { get; } = formatterSourceType;

    /// <summary>As what the type is shown when the cell does not say it; null: HTML.</summary>
    public string[]? PreferredMimeTypes { get; set; }
}

/// <summary>Reads what types declare through <see cref="TypeFormatterSourceAttribute"/> or a namesake of it.</summary>
internal static class FormatterSources
{
    static readonly ConcurrentDictionary<Type, (Formatting[] Formattings, string[]? Preferred)> known = new();

    internal static IEnumerable<Formatting> Formattings(Type type) => known.GetOrAdd(type, Read).Formattings;

    internal static string[]? PreferredMimeTypes(Type type) => known.GetOrAdd(type, Read).Preferred;

    static (Formatting[], string[]?) Read(Type type)
    {
        var formattings = new List<Formatting>();
        string[]? preferred = null;
        foreach (var attribute in type.GetCustomAttributes(inherit: true))
        {
            if (attribute.GetType().Name != nameof(TypeFormatterSourceAttribute))
            {
                continue;
            }
            if (Property<Type>(attribute, nameof(TypeFormatterSourceAttribute.FormatterSourceType)) is { } sourceType)
            {
                formattings.AddRange(FromSource(type, sourceType));
            }
            preferred = Property<string[]>(attribute, nameof(TypeFormatterSourceAttribute.PreferredMimeTypes)) ?? preferred;
        }
        return ([.. formattings], preferred);
    }

    static IEnumerable<Formatting> FromSource(Type type, Type sourceType)
    {
        var source = Activator.CreateInstance(sourceType)!;
        var create = sourceType.GetMethod("CreateTypeFormatters", Type.EmptyTypes)
            ?? throw new InvalidOperationException($"{sourceType} is named as the formatter source of {type} and has no public method CreateTypeFormatters().");
        foreach (var formatter in (IEnumerable)create.Invoke(source, null)!)
        {
            var mimeType = Property<string>(formatter, "MimeType")
                ?? throw new InvalidOperationException($"{formatter.GetType()}, a formatter of {type}, has no public string MimeType.");
            var format = formatter.GetType().GetMethod("Format", [typeof(object), typeof(TextWriter)])
                ?? throw new InvalidOperationException($"{formatter.GetType()}, a formatter of {type}, has no public method bool Format(object, TextWriter).");
            var write = format.CreateDelegate<Func<object, TextWriter, bool>>(formatter);
            yield return new Formatting(Property<Type>(formatter, "Type") ?? type, mimeType, write);
        }
    }

    static T? Property<T>(object of, string name) where T : class =>
        of.GetType().GetProperty(name, BindingFlags.Public | BindingFlags.Instance)?.GetValue(of) as T;
}

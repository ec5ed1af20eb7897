namespace HeadKvLab.Charts;

/// <summary>
/// Names the class that makes a type's notebook formatters. Notebook kernels that follow .NET Interactive look for an attribute of
/// this name on a value's type, whatever library it comes from, so figures and tables need no reference to any kernel.
/// </summary>
/// <param name="formatterSourceType">A class with a public method <c>CreateTypeFormatters()</c> that yields <see cref="TypeFormatter"/>s.</param>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class TypeFormatterSourceAttribute(Type formatterSourceType) : Attribute
{
    /// <summary>The class that makes the formatters.</summary>
    public Type FormatterSourceType { get; } = formatterSourceType;

    /// <summary>The kinds of content a notebook shows when the value is a cell's result.</summary>
    public string[] PreferredMimeTypes { get; set; } = [];
}

/// <summary>Writes a value as one kind of content; found by the names of its members.</summary>
/// <param name="mimeType">The kind of content.</param>
/// <param name="write">Gives the content, or null when the value is of another type.</param>
internal sealed class TypeFormatter(string mimeType, Func<object, string?> write)
{
    /// <summary>The kind of content.</summary>
    public string MimeType { get; } = mimeType;

    /// <summary>Writes the value.</summary>
    /// <returns>False when the value is not one that this formatter knows.</returns>
    public bool Format(object instance, TextWriter writer)
    {
        if (write(instance) is not { } content) return false;
        writer.Write(content);
        return true;
    }
}

namespace HeadKvLab;

/// <summary>The name of an enum's value where it is not its identifier in kebab case.</summary>
/// <param name="name">Written to files and shown.</param>
/// <param name="aliases">Read as well.</param>
[AttributeUsage(AttributeTargets.Field)]
internal sealed class NamedAttribute(string name, params string[] aliases) : Attribute
{
    public string Name { get; } = name;

    public IReadOnlyList<string> Aliases { get; } = aliases;
}

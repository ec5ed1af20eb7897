using System.Dynamic;

namespace DynamicObj;

/// <summary>
/// An object whose members are set by name, the base of every Plotly object.
/// Members keep the order in which they were first set; that order is the order of the JSON.
/// </summary>
public class DynamicObj : DynamicObject
{
    private readonly List<KeyValuePair<string, object?>> members = [];

    /// <summary>Sets the member <paramref name="name"/>, replacing an earlier value.</summary>
    /// <param name="name">The member's name as plotly.js spells it, such as <c>xaxis</c>.</param>
    /// <param name="value">A number, a text, a truth value, a sequence, a string-keyed dictionary, another object of this kind, or null.</param>
    public void SetValue(string name, object? value)
    {
        ArgumentNullException.ThrowIfNull(name);
        var member = KeyValuePair.Create(name, value);
        var at = members.FindIndex(known => known.Key == name);
        if (at < 0) members.Add(member);
        else members[at] = member;
    }

    /// <inheritdoc/>
    public override bool TrySetMember(SetMemberBinder binder, object? value)
    {
        SetValue(binder.Name, value);
        return true;
    }

    /// <inheritdoc/>
    public override bool TryGetMember(GetMemberBinder binder, out object? result)
    {
        var at = members.FindIndex(known => known.Key == binder.Name);
        result = at < 0 ? null : members[at].Value;
        return at >= 0;
    }

    /// <inheritdoc/>
    public override IEnumerable<string> GetDynamicMemberNames() => Members().Select(member => member.Key);

    /// <summary>What the JSON holds, in order.</summary>
    internal virtual IEnumerable<KeyValuePair<string, object?>> Members() => members;
}

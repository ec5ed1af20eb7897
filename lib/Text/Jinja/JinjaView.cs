namespace HeadKvLab.Text.Jinja;

/// <summary>What keys(), values() and items() of a mapping give: looped over and counted, but without places.</summary>
/// <param name="Name">dict_keys, dict_values or dict_items.</param>
/// <param name="Items">The items.</param>
internal sealed record JinjaView(string Name, List<object?> Items);

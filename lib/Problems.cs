namespace HeadKvLab;

/// <summary>What is wrong with something that is about to run: all of it is told at once, before a long run and not one by one.</summary>
public sealed class Problems
{
    private readonly List<string> _all = [];

    /// <summary>Adds a problem; one that is there already is told once.</summary>
    public void Add(string problem)
    {
        if (!_all.Contains(problem)) _all.Add(problem);
    }

    /// <summary>Checks something, and adds what it refuses.</summary>
    public void Check(Action check)
    {
        try { check(); }
        catch (SeveralProblems several) { foreach (var problem in several.All) Add(problem); }
        catch (LabException one) { Add(one.Message); }
    }

    /// <summary>Makes something of each element, and adds what is refused.</summary>
    /// <returns>What was made.</returns>
    public List<TResult> Each<T, TResult>(IEnumerable<T> all, Func<T, TResult> make)
    {
        var made = new List<TResult>();
        foreach (var one in all) Check(() => made.Add(make(one)));
        return made;
    }

    /// <summary>Ends here if there are problems.</summary>
    /// <param name="origin">Where the plan came from, for the message; null where problems say it themselves.</param>
    /// <exception cref="LabException">There are; the message lists all of them.</exception>
    public void Throw(string? origin = null)
    {
        if (_all.Count == 1) throw new LabException(origin is null ? _all[0] : $"{origin}: {_all[0]}");
        if (_all.Count > 1) throw new SeveralProblems(_all, origin);
    }

    /// <summary>Problems that can be put among others.</summary>
    private sealed class SeveralProblems(List<string> all, string? origin)
        : LabException($"{(origin is null ? "" : $"{origin}: ")}{all.Count} problems:{string.Concat(all.Select(problem => $"\n- {problem}"))}")
    {
        internal IReadOnlyList<string> All { get; } = origin is null ? all : [.. all.Select(problem => $"{origin}: {problem}")];
    }
}

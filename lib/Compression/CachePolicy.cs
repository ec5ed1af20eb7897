using HeadKvLab.Cache;

namespace HeadKvLab.Compression;

/// <summary>
/// What happens to a cache: a method that compresses the prompt, and, where there is one, a schedule by which entries are dropped again while text is generated, and a recall
/// that chooses which of the stored entries each token reads.
/// </summary>
/// <param name="Method">What is kept of a prompt.</param>
/// <param name="Schedule">When and what is dropped later; null: nothing.</param>
/// <param name="Recall">What each token reads; null: all.</param>
public sealed record CachePolicy(Method Method, ISchedule? Schedule = null, IRecall? Recall = null)
{
    /// <summary>How tables write it: <c>SnapKV every 128 +Quest budget=64</c>.</summary>
    public string Name => $"{Method.Name}{(Schedule is null ? "" : " " + Schedule.Name)}{(Recall is null ? "" : " +" + RecallCatalogue.Short(Recall.Name))}";

    /// <summary>Whether nothing is ever dropped, nor passed over: the reference of every comparison.</summary>
    public bool IsReference => Method.KeepsAll && Schedule is null && Recall is null;

    /// <summary>A method that decides once.</summary>
    public static implicit operator CachePolicy(Method method) => new(method);

    /// <summary>What is called by a text such as <c>SnapKV kernel=5 every 128 +Quest budget=64</c>.</summary>
    /// <param name="text">A method of the catalogue, settings, a schedule, a recall.</param>
    /// <param name="tables">Calibration tables of the model; null for none.</param>
    /// <exception cref="LabException">A name is unknown, a value out of range, a table missing, or the method cannot decide again.</exception>
    public static CachePolicy Parse(string text, CalibrationTables? tables = null)
    {
        var parts = Catalogue.Parse(text);
        return new(parts.Entry.Create(parts.Given, tables), parts.Entry.ScheduleOf(parts.Schedule ?? Catalogue.Never, parts.Given), parts.Recall);
    }

    /// <summary>What must be seen of a prompt beside keys and values.</summary>
    /// <param name="window">Last positions, which are kept anyway.</param>
    /// <exception cref="LabException">The scorer failed.</exception>
    internal ScorerNeeds Needs(int window) => Schedule is null ? Method.Needs(window) : Method.Needs(window).Or(Schedule.Needs(Method, window));
}
